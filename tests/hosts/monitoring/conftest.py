"""What the tests of monitoring have in common: a host with Prometheus, of the oldest version that rules are for."""

from __future__ import annotations

from collections.abc import Iterator

import hosts
import pytest

INVENTORY = "tests/hosts/monitoring/inventory"


@pytest.fixture(scope="module")
def inventory() -> str:
    """Where this folder's hosts stand."""
    return INVENTORY


@pytest.fixture(scope="session")
def watch() -> Iterator[hosts.Host]:
    """A host with Prometheus and node_exporter from Debian's archive, the same one for all files."""
    packages = "prometheus prometheus-node-exporter"
    with hosts.fresh("mo-watch", inventory=INVENTORY) as (found,):
        found.run(
            "apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "
            f"{packages} >/dev/null",
            timeout=600,
        )
        yield found
