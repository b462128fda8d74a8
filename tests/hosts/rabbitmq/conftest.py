"""Fixtures: a controller for each file of tests, and hosts with a clean start."""

from rabbitmq_fixtures import controller, fresh

__all__ = ["controller", "fresh"]
