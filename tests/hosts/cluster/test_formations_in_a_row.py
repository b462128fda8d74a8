"""Bare hosts become one cluster, seen the same by every member, as often as it is tried."""

from __future__ import annotations

import os

import hosts
import pytest
from clusters import INVENTORY, NAME, Cluster

pytestmark = pytest.mark.soak

TIMES = int(os.environ.get("FORMATIONS", "20"))


@pytest.mark.parametrize("version", ["3-8", "3-10", "4-0", "4-3"])
def test_every_formation_ends_as_one_cluster(version: str, controller: hosts.Controller) -> None:
    family = "cm" if version == "4-0" else "cf"
    names = [f"{family}-{version}-{letter}" for letter in "abc"]
    with hosts.fresh(*names, inventory=INVENTORY) as three:
        for number in range(TIMES):
            if number:
                hosts.testbed("reset", *names, inventory=INVENTORY)
            cluster = Cluster(three, controller, hosts.settings())
            cluster.run("site.yml", "--tags", "provision").succeeded()
            seen = (NAME, sorted(cluster.nodes), sorted(cluster.nodes))
            assert cluster.views() == [seen] * 3, f"formation {number + 1} of {TIMES}"
