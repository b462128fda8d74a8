"""Checks of the machine, and of what the units and processes of all brokers have in common. Pure; on the controller."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

from ..host import firewalld
from .judging import Finding, Reading, amount

FULL = 0.01  # of a file system
FULL_BYTES = 100_000_000
FILES = 0.8  # of the limit of file descriptors
EXPIRES_DAYS = 14
SKEW = 5.0  # seconds; less may be the time that the answer took
_RESTARTS = 3
_OOM_AGE = 86_400.0
DAY = 86_400.0
# Processes whose listeners are for clients, and ports that are for other nodes: nobody outside is to reach these.
_CLIENTS_LISTENERS = ("beam.smp", "beam", "java")
_BETWEEN_NODES = (4369, 25672)


def machine(host: str, found: Reading, skew: float) -> Iterator[Finding]:
    """Yield what is wrong with a host, whatever runs there."""
    yield from _disks(host, found["disks"])
    yield from _oom(host, found)
    if found["interrupted"]:
        yield Finding(
            "package-half-installed",
            host,
            "The package manager has packages that are unpacked and not set up.",
            {"package": "a package"},
        )
    yield from _barred(host, found)
    if found["clock"] is False:
        yield Finding("clock-not-synchronised", host, "timedatectl says that the clock is not synchronised.")
    if abs(skew) > SKEW:
        direction = "ahead of" if skew > 0 else "behind"
        yield Finding(
            "clock-skew",
            host,
            f"It is {abs(skew):.0f} s {direction} the controller's.",
            {"skew": f"{abs(skew):.0f}", "direction": direction},
        )


def _disks(host: str, disks: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    full: set[tuple[Any, Any]] = set()
    for path, one in disks.items():
        if "error" in one or (one["free"], one["total"]) in full:
            continue
        details = {"path": path, "free": amount(one["free"]), "total": amount(one["total"])}
        no_room = one["total"] and one["free"] < min(FULL * one["total"], FULL_BYTES)
        no_inode = one["inodes"] and one["inodes_free"] < 10
        if no_room or no_inode:
            full.add((one["free"], one["total"]))
            what = f"{amount(one['free'])} are free" if no_room else "no inode is free"
            yield Finding("disk-full", host, f"Of the file system of {path} {what}.", details)
        if one["read_only"]:
            yield Finding("disk-read-only", host, f"{path} is mounted read-only.", details)


def _barred(host: str, found: Reading) -> Iterator[Finding]:
    """Yield what firewalld and SELinux keep from clients and brokers."""
    open_to_clients = [one for one in found["listeners"] if one["process"] in _CLIENTS_LISTENERS]
    ports = [
        port for port in firewalld.kept_out(found["firewall"], open_to_clients) if port not in _BETWEEN_NODES
    ]
    if ports:
        told = ", ".join(map(str, ports))
        saw = f"firewalld lets nobody in to {told}, where a broker listens for clients."
        yield Finding("firewalld-keeps-out", host, saw, {"ports": told})
    recent = [one for one in found["denied"] if one["at"] > found["now"] - _OOM_AGE]
    if recent:
        one = recent[-1]
        saw = f"SELinux has denied {one['what']} ({one['target']}) to {one['process']}."
        yield Finding("selinux-denied", host, saw, {key: one[key] for key in ("process", "what", "target")})


def _oom(host: str, found: Reading) -> Iterator[Finding]:
    recent = [one for one in found["oom"] if one["at"] > found["now"] - _OOM_AGE]
    if recent:
        at = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(recent[-1]["at"]))
        yield Finding(
            "killed-for-memory",
            host,
            f"The kernel ended {recent[-1]['process']} at {at}.",
            {"process": recent[-1]["process"]},
        )


def unit(host: str, broker: str, instance: str, found: Reading, name: str, version: str) -> Iterator[Finding]:
    """Yield what systemd and the process of a broker say. `found` has unit, process and log."""
    state, process = found["unit"], found["process"]
    details = {"unit": name, "pid": state.get("MainPID", ""), "result": state.get("Result", "")}
    words = tuple(found["log"]["last"])

    def one(row: str, saw: str, **more: Any) -> Finding:
        return Finding(row, host, saw, {**details, **more}, broker, instance, version, words)

    active = state.get("ActiveState", "")
    if "masked" in (state.get("LoadState"), state.get("UnitFileState")) and active != "active":
        yield one("unit-masked", f"{name} is masked, and {active}.")
    if process.get("state") == "T":
        yield one("process-stopped", f"The process {details['pid']} is in state T.")
    if active == "inactive" and state.get("LoadState") not in ("not-found", ""):
        yield one("broker-stopped", f"{name} is inactive; its last end was orderly ({details['result']}).")
    if active == "failed" or (active == "activating" and state.get("SubState") == "auto-restart"):
        if details["result"] == "timeout":
            yield one("start-timeout", f"{name} has failed: it did not start in time.")
        elif details["result"] == "oom-kill":
            yield one("killed-for-memory", f"{name} was ended for want of memory.", process=name)
        yield one("broker-down", f"{name} is {active} ({details['result']}).")
    restarts = int(state.get("NRestarts") or 0)
    if restarts >= _RESTARTS and active != "active":
        yield one("broker-restarts", f"systemd has started it {restarts} times.", restarts=restarts)
    if active == "active" and state.get("UnitFileState") == "disabled":
        yield one("unit-disabled", f"{name} is active, and disabled.")
    if process.get("replaced"):
        paths = ", ".join(process["replaced"][:3])
        yield one(
            "libraries-replaced", f"The process {details['pid']} runs with {paths} of before.", paths=paths
        )
    limit = process.get("files_limit", 0)
    if limit and process["files"] > FILES * limit:
        yield one(
            "file-descriptors-near-limit",
            f"{process['files']} of {limit} file descriptors are open.",
            files=process["files"],
            limit=limit,
        )


def port_held(host: str, listeners: list[Mapping[str, Any]], finding: Finding, wanted: list[int]) -> Finding:
    """Return a finding of a port that is held with the name of who holds it; `wanted` are ports to look for."""
    port = str(finding.details.get("port", ""))
    if not port:
        named = re.search(r"[^\d](\d{4,5})[^\d]", finding.words[0] if finding.words else "")
        held = [number for number in wanted if any(one["port"] == number for one in listeners)]
        port = str(held[0]) if held else (named[1] if named else "")
    holders = [one for one in listeners if str(one["port"]) == port]
    holder = f"'{holders[0]['process']}' (process {holders[0]['pid']})" if holders else "another process"
    return Finding(
        "port-held",
        host,
        f"Port {port or '(not known)'} is held by {holder}." if holders else finding.saw,
        {**finding.details, "port": port or "(not known)", "holder": holder},
        finding.broker,
        finding.instance,
        finding.version,
        finding.words,
    )


def certificates(
    host: str, broker: str, found: list[Mapping[str, Any]], now: float, version: str
) -> Iterator[Finding]:
    """Yield what is wrong with the files of certificates and their keys."""
    for one in found:
        path = one["path"]
        if one.get("key_trouble"):
            what = f"the key {one['key']} {one['key_trouble']}"
            saw = f"The key {one['key']} of {path} {one['key_trouble']}."
            yield Finding(
                "tls-files-unusable", host, saw, {"what": what, "path": one["key"]}, broker, "", version
            )
        if one["ends"] is None:
            saw = f"{path} holds no certificate." if one["exists"] else f"{path} is not there."
            yield Finding("certificate-missing", host, saw, {"path": path}, broker, "", version)
            continue
        days = (one["ends"] - now) / DAY
        details = {
            "path": path,
            "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(one["ends"])),
            "days": int(days),
        }
        if days < 0:
            yield Finding(
                "certificate-expired",
                host,
                f"{path} ended on {details['date']}.",
                details,
                broker,
                "",
                version,
            )
        elif days < EXPIRES_DAYS:
            yield Finding(
                "certificate-expires",
                host,
                f"{path} has {int(days)} days left.",
                details,
                broker,
                "",
                version,
            )


def owner(
    host: str, broker: str, directories: Mapping[str, Mapping[str, Any] | None], user: str
) -> Iterator[Finding]:
    """Yield the directories that belong to somebody else than the broker, which has to write them."""
    for path, one in directories.items():
        if one and one["owner"] != user and not path.startswith("/etc"):
            details = {"path": path, "owner": one["owner"], "user": user, "mode": f"{one['mode']:04o}"}
            yield Finding(
                "broker-writes-no-file",
                host,
                f"{os.path.normpath(path)} belongs to {one['owner']}.",
                details,
                broker,
            )
