"""The packet filter between members of a cluster: its ports, whom it lets in, and whom it would shut out.

It knows the members by rabbitmq_cluster_address. A host with several addresses may reach the others from another
one, and what is connected stays connected: such a filter would do its harm at a later restart. So each host is asked
from which address it reaches the others. Everything here is a pure function.

Sources: nft(8); RabbitMQ's networking guide, by which the tools listen 10,000 to 10,010 ports above the distribution.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any

from ..sentences import listed
from .cluster import Member

Settings = Mapping[str, Any]

_ROUTE = re.compile(r"^(?:local )?(?P<to>[0-9.]+) .*\bsrc (?P<source>[0-9.]+)", re.MULTILINE)
_TOOLS = (10_000, 10_010)
_LAST_PORT = 65535
_VARIABLE = "rabbitmq_cluster_filter"
_ALSO = "rabbitmq_cluster_filter_also"


def refusals(settings: Settings, members: list[Member]) -> list[str]:
    """Return what is wrong with the variables of the filter, one sentence each.

    The members' addresses are looked at as well: --limit may have left out the host whose check would refuse its own.
    """
    if not settings[_VARIABLE]:
        return []
    if not settings["rabbitmq_cluster_name"]:
        return [
            f"{_VARIABLE}: is for members of a cluster, and rabbitmq_cluster_name is not set; leave it out: a node on "
            "its own listens to its host alone"
        ]
    unknown = [
        f"rabbitmq_cluster_address: '{one['address']}' of {one['host']} is not an IPv4 address, so that the packet "
        f"filter cannot let it in ({_VARIABLE}); set the one by which the other members reach it"
        for one in members
        if not _is_network(one["address"])
    ]
    return unknown + [
        f"{_ALSO}: '{one}' is not an IPv4 address or network such as 10.0.0.9 or 10.0.9.0/24; correct it"
        for one in settings[_ALSO]
        if not _is_network(one)
    ]


def _is_network(text: str) -> bool:
    try:
        ipaddress.IPv4Network(text)
    except ValueError:
        return False
    return True


def ports(settings: Settings) -> str:
    """Return the ports between nodes, as nft has them: of epmd, of the distribution, and of the tools."""
    distribution = settings["rabbitmq_distribution_port"]
    first, last = (distribution + above for above in _TOOLS)
    tools = [f"{first}-{last}"] if last <= _LAST_PORT else []
    return ", ".join([*map(str, sorted({settings["rabbitmq_epmd_port"], distribution})), *tools])


def admitted(settings: Settings, members: list[Member]) -> list[str]:
    """Return the addresses that are let in: of all members, whatever --limit leaves out, and what an operator adds."""
    return sorted({one["address"] for one in members} | {*settings[_ALSO]})


def shut_out(settings: Settings, members: list[Member], own: str, routes: str) -> list[str]:
    """Return why the others' filter would shut this host out, one sentence each.

    `routes` is what `ip route get` printed for the address of each other member.
    """
    networks = [ipaddress.IPv4Network(one) for one in admitted(settings, members)]
    hosts = {one["address"]: one["host"] for one in members}
    found: dict[str, list[str]] = {}
    for match in _ROUTE.finditer(routes):
        source = ipaddress.IPv4Address(match["source"])
        if match["to"] in hosts and not any(source in network for network in networks):
            found.setdefault(match["source"], []).append(hosts[match["to"]])
    declared = {one["host"]: one["address"] for one in members}.get(own, "")
    return [
        f"{_VARIABLE}: {own} reaches {listed(others)} from {source}, and they would let in {declared} alone "
        f"(rabbitmq_cluster_address); set that to {source} for {own}, or add {source} to {_ALSO} for all members"
        for source, others in found.items()
    ]
