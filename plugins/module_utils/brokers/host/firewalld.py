"""firewalld on a host: which ports it lets in. Nothing here changes anything. See firewall-cmd(1)."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from .commands import run

_LOOPBACK = re.compile(r"127\.|::1$")


def read() -> dict[str, Any] | None:
    """Return zones (those with interfaces, and the default one), ports ("5672/tcp") and open; None if it does not run.

    `ports` are those that one of the zones lets in, by a port or a service; with `open` a zone lets everything in.
    """
    if shutil.which("firewall-cmd") is None or _said("--state").strip() != "running":
        return None
    zones = {_said("--get-default-zone").strip(), *parse_zones(_said("--get-active-zones"))} - {""}
    ports: set[str] = set()
    lets_all = False
    for zone in sorted(zones):
        told = parse_zone(_said(f"--zone={zone}", "--list-all"))
        lets_all = lets_all or told.get("target") == "ACCEPT"
        ports |= {*told.get("ports", "").split()}
        for service in told.get("services", "").split():
            ports |= {*parse_zone(_said(f"--info-service={service}")).get("ports", "").split()}
    return {"zones": sorted(zones), "ports": sorted(ports), "open": lets_all}


def _said(*words: str) -> str:
    try:
        return run(["firewall-cmd", *words], seconds=20).stdout
    except subprocess.TimeoutExpired:  # its bus does not answer
        return ""


def parse_zones(text: str) -> list[str]:
    """Return the names of what `firewall-cmd --get-active-zones` prints; details are indented."""
    return [line.split()[0] for line in text.splitlines() if line.strip() and not line.startswith(" ")]


def parse_zone(text: str) -> dict[str, str]:
    """Return name -> value of the lines that `--list-all` and `--info-service` print."""
    pairs = (line.split(":", 1) for line in text.splitlines() if ":" in line)
    return {name.strip(): value.strip() for name, value in pairs}


def lets_in(firewall: Mapping[str, Any] | None, port: int) -> bool:
    """Return whether a TCP port is let in; without firewalld it is."""
    return firewall is None or firewall["open"] or any(_covers(one, port) for one in firewall["ports"])


def _covers(told: str, port: int) -> bool:
    numbers, _, protocol = told.partition("/")
    first, _, last = numbers.partition("-")
    return protocol == "tcp" and first.isdigit() and int(first) <= port <= int(last or first)


def kept_out(firewall: Mapping[str, Any] | None, listeners: Iterable[Mapping[str, Any]]) -> list[int]:
    """Return the ports of listeners that firewalld keeps clients from; those on loopback are no clients' ports."""
    wanted = {int(one["port"]) for one in listeners if not _LOOPBACK.match(str(one["address"]))}
    return sorted(port for port in wanted if not lets_in(firewall, port))


def rules(peers: Collection[str], ports: Collection[str]) -> list[str]:
    """Return the rich rules that let other members of a cluster in to the ports of nodes; a port may be a range."""
    return [
        f'rule family="{"ipv6" if ":" in peer else "ipv4"}" source address="{peer}" '
        f'port port="{port}" protocol="tcp" accept'
        for peer in sorted(peers)
        for port in sorted(ports)
    ]
