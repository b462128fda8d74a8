"""The diagnosis of all hosts of a run: what was found, host by host. Pure; on the controller."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import checks_activemq, checks_machine, checks_rabbitmq
from .judging import Explained, Finding, Reading, explained, ordered


@dataclass(frozen=True)
class Patient:
    """A host, what runs on it, and what is wrong with it, the most telling first."""

    host: str
    brokers: tuple[str, ...]
    findings: tuple[Explained, ...]
    read: bool = True


def diagnose(
    readings: Mapping[str, Reading | None],
    skew: Mapping[str, float],
    clusters: Mapping[str, str],
    recent: float,
    accepted: Collection[str] = (),
    erlang: Sequence[Mapping[str, Any]] = (),
) -> list[Patient]:
    """Return the hosts in the order of `readings`, each with its findings.

    A reading is what the module broker_doctor_info returned; None where the host could not be reached. `skew` is by how
    many seconds its clock is ahead, `clusters` the rabbitmq_cluster_name of each, `recent` for how long a line counted.
    Rows that are `accepted` are no findings. `erlang` is the table of versions of the role of that name.
    """
    found: list[Finding] = []
    nodes: dict[str, Reading] = {}
    for host, reading in readings.items():
        if reading is None:
            found.append(Finding("host-unreachable", host, "Ansible could not log in, or run Python there."))
            continue
        system, node = reading["machine"], reading["rabbitmq"]
        found += checks_machine.machine(host, system, skew.get(host, 0.0))
        if node:
            nodes[host] = node
            found += checks_rabbitmq.node(host, node, system, recent, erlang)
        for one in reading["activemq"]:
            found += checks_activemq.instance(host, one, system, recent)
        if not node and not reading["activemq"]:
            found.append(Finding("no-broker", host, "Neither RabbitMQ nor ActiveMQ is installed."))
    found += checks_rabbitmq.cluster(nodes, clusters)
    kept = [one for one in ordered(found) if one.row not in accepted]
    return [
        Patient(
            host,
            tuple(_brokers(reading)) if reading else (),
            tuple(explained(one) for one in kept if one.host == host),
            reading is not None,
        )
        for host, reading in readings.items()
    ]


def _brokers(reading: Reading) -> list[str]:
    names = []
    node: Any = reading["rabbitmq"]
    if node:
        names.append(f"RabbitMQ {checks_rabbitmq.version_of(node)}".strip())
    for one in reading["activemq"]:
        names.append(f"ActiveMQ {one['version']} ({one['instance']})".replace("  ", " "))
    return names
