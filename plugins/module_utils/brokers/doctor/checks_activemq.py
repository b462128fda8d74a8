"""Checks of an ActiveMQ broker and its files. Pure; they run on the controller."""

from __future__ import annotations

from collections.abc import Iterator

from . import checks_machine as machine
from .judging import ACTIVEMQ, Finding, Reading, amount, of_logs

_PORTS = [61616, 61613, 8161, 5672, 1883, 61614]


def instance(host: str, found: Reading, system: Reading, recent: float) -> list[Finding]:
    """Return what is wrong with an instance. `system` is the machine's reading."""
    name, version = found["instance"], found["version"]
    findings = list(machine.unit(host, ACTIVEMQ, name, found, found["unit_name"], version))
    findings += _limits(host, found, system)
    findings += _use(host, found)
    details = {
        "file": found["file"],
        "heap": amount(found["heap"]),
        "store": found["settings"].get("store", "(not known)"),
        "unit": found["unit_name"],
        "what": "memory",
    }
    told = list(of_logs(host, ACTIVEMQ, found["log"], details, version, name, recent))
    findings += [
        machine.port_held(host, system["listeners"], one, _PORTS) if one.row == "port-held" else one
        for one in told
    ]
    return findings


_DEAD_LETTERS = 1000  # as scripts/smoke.py counts them
_NEAR = 0.8
_ROOM = {"store": "store", "memory": "memory", "temp": "temporary store"}


def _use(host: str, found: Reading) -> Iterator[Finding]:
    """Yield what the metrics of the broker say, where it serves any."""
    name, version = found["instance"], found["version"]
    for which, share in found["usage"].items():
        if share > _NEAR:
            details = {"which": _ROOM[which], "used": f"{share:.0%}"}
            saw = f"{details['used']} of the limit of the {details['which']} are in use."
            yield Finding("activemq-limit-near", host, saw, details, ACTIVEMQ, name, version)
    deep = {queue: count for queue, count in found["dead_letters"].items() if count > _DEAD_LETTERS}
    if deep:
        longest = max(deep, key=lambda queue: deep[queue])
        details = {"queue": longest, "messages": str(deep[longest])}
        saw = f"{len(deep)} queue(s) of dead letters with more than {_DEAD_LETTERS}; {longest} has {deep[longest]}."
        yield Finding("activemq-dead-letters", host, saw, details, ACTIVEMQ, name, version)


def _limits(host: str, found: Reading, system: Reading) -> Iterator[Finding]:
    name, version, settings = found["instance"], found["version"], found["settings"]
    total = system["memory"]["MemTotal"]
    if found["heap"] > total > 0:
        details = {"heap": amount(found["heap"]), "memory": amount(total)}
        saw = f"-Xmx is {details['heap']}, and the host has {details['memory']}."
        yield Finding("activemq-heap-over-memory", host, saw, details, ACTIVEMQ, name, version)
    store = settings.get("store", "")
    disk = found["disks"].get(store)
    limit = settings.get("storeUsage", 0)
    if disk and "error" not in disk and limit > disk["free"] + found["store_size"]:
        details = {"limit": amount(limit), "free": amount(disk["free"])}
        saw = f"storeUsage is {details['limit']}, and {details['free']} are free in {store}."
        yield Finding("activemq-limit-over-disk", host, saw, details, ACTIVEMQ, name, version)
