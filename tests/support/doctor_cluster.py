"""A cluster that is ill, and what the doctor says of each of its members."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import hosts
from clusters import Cluster
from doctor_site import INVENTORY

START = "systemctl start rabbitmq-server"


def made(members: list[hosts.Host], controller: hosts.Controller) -> Cluster:
    """Hosts that become one cluster, with a quorum queue and a classic one."""
    found = Cluster(members, controller, hosts.settings(), inventory=INVENTORY)
    found.run("site.yml").succeeded()
    found.declare("replicated", "quorum", found.hosts[0])
    found.declare("single", "classic", found.hosts[2])
    return found


def findings(cluster: Cluster, since: float, *flags: str) -> dict[str, list[dict[str, Any]]]:
    """What the doctor finds on each host; lines of logs count from a moment on."""
    directory = cluster.controller.directory / "doctor"
    run = cluster.run("playbooks/doctor.yml", *flags, doctor_dir=str(directory), doctor_since=since)
    assert (directory / "report.json").exists(), run.output
    report = json.loads((directory / "report.json").read_text(encoding="utf-8"))
    return {one["host"]: one["findings"] for one in report["hosts"]}


def rows(found: dict[str, list[dict[str, Any]]]) -> list[list[str]]:
    """The names of the rows, host by host."""
    return [[one["id"] for one in each] for each in found.values()]


@contextmanager
def healed(cluster: Cluster) -> Iterator[float]:
    """A state that is over when the block is: nothing is found of it after that."""
    yield time.time() - 1
    hosts.wait_for("the cluster to be whole", cluster.is_whole, 240, 3)
    assert rows(findings(cluster, time.time())) == [[], [], []]
