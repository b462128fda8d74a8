"""Fixtures: those of the RabbitMQ hosts, whose inventory has the test bed's own host too."""

from rabbitmq_fixtures import controller, fresh

__all__ = ["controller", "fresh"]
