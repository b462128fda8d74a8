"""The host that gets both brokers is one of ActiveMQ's inventory."""

from __future__ import annotations

import activemq_hosts
import pytest


@pytest.fixture(scope="session")
def inventory() -> str:
    """Where the hosts of these tests stand."""
    return activemq_hosts.INVENTORY
