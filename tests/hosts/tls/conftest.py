"""Fixtures: a broker with TLS listeners for each file of tests that wants one."""

from __future__ import annotations

import pytest
import tls_hosts


@pytest.fixture(scope="session")
def inventory() -> str:
    """Where the hosts of this folder stand."""
    return tls_hosts.INVENTORY
