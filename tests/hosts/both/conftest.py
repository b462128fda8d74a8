"""Fixtures: those of ActiveMQ's hosts, whose inventory has the host that gets both brokers."""

from activemq_fixtures import controller, fresh

__all__ = ["controller", "fresh"]
