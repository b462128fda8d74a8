"""What the tests of monitoring have in common: a host with Prometheus, of the oldest version that rules are for."""

from __future__ import annotations

from collections.abc import Callable

import hosts
import pytest

INVENTORY = "tests/hosts/monitoring/inventory"


@pytest.fixture(scope="module")
def inventory() -> str:
    """Where this folder's hosts stand."""
    return INVENTORY


@pytest.fixture(scope="module")
def watch(fresh: Callable[..., list[hosts.Host]]) -> hosts.Host:
    """A host with Prometheus and node_exporter from Debian's archive."""
    (found,) = fresh("mo-watch")
    packages = "prometheus prometheus-node-exporter"
    found.run(
        "apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "
        f"{packages} >/dev/null",
        timeout=600,
    )
    return found
