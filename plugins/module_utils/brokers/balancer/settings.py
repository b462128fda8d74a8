"""What a balancer passes on to the members of a RabbitMQ cluster, from the variables of the inventory alone.

The members are the hosts of the group rabbitmq with one rabbitmq_cluster_name, and their listeners are those that their
variables ask for: nothing about them is said twice.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..activemq.connectors import overlap
from ..rabbitmq import cluster
from ..rabbitmq.listeners import listeners
from ..sentences import listed

Variables = Mapping[str, Any]
HostVars = Mapping[str, Variables]
Groups = Mapping[str, Collection[str]]
Service = dict[str, Any]


@dataclass(frozen=True)
class _Kind:
    """A kind of service: its name, the members' protocol, the variables that decide on both sides."""

    name: str
    protocol: str
    variable: str
    of_members: str
    asked_for: bool = False  # it is off by default, so that whoever sets its port means it


KINDS = (
    _Kind("amqp", "amqp", "haproxy_amqp_port", "rabbitmq_amqp_address"),
    _Kind("amqps", "amqp/ssl", "haproxy_tls_amqp_port", "rabbitmq_amqp_address"),
    _Kind("stomp", "stomp", "haproxy_stomp_port", "rabbitmq_stomp_address"),
    _Kind("stomps", "stomp/ssl", "haproxy_tls_stomp_port", "rabbitmq_stomp_address"),
    _Kind("management", "http", "haproxy_management_port", "rabbitmq_management_address", True),
    _Kind("management-tls", "https", "haproxy_tls_management_port", "rabbitmq_management_address", True),
)
_STATISTICS = "haproxy_statistics_port"


def clusters(hostvars: HostVars, groups: Groups) -> list[str]:
    """Return the names of the clusters of an inventory, in its order."""
    names = (str(hostvars[host].get("rabbitmq_cluster_name") or "") for host in groups.get("rabbitmq", ()))
    return list(dict.fromkeys(name for name in names if name))


def members(settings: Variables, hostvars: HostVars, groups: Groups) -> list[cluster.Member]:
    """Return the members behind a balancer; none where it is not clear which cluster is meant."""
    there = clusters(hostvars, groups)
    name = settings["haproxy_cluster_name"] or (there[0] if len(there) == 1 else "")
    return cluster.members(hostvars, groups, name)


def services(settings: Variables, hostvars: HostVars, groups: Groups, defaults: Variables) -> list[Service]:
    """Return what the balancer listens for: name, protocol, address, port, and the servers behind it.

    `defaults` are those of the role rabbitmq. A service that no member has, or none that can be reached, is left out.
    """
    found = []
    behind = members(settings, hostvars, groups)
    for kind in _wanted(settings):
        servers = [one for one in (_server(kind, each, hostvars, defaults) for each in behind) if one]
        if servers:
            address = _written(str(settings["haproxy_address"]))
            place = {"address": address, "port": int(settings[kind.variable])}
            found.append({"name": kind.name, "protocol": kind.protocol, **place, "servers": servers})
    return found


def _wanted(settings: Variables) -> list[_Kind]:
    return [kind for kind in KINDS if int(settings[kind.variable]) > 0]


def _written(address: str) -> str:
    """An address as HAProxy's configuration has it before a port."""
    return f"[{address}]" if ":" in address else address


def _server(
    kind: _Kind, member: cluster.Member, hostvars: HostVars, defaults: Variables
) -> dict[str, Any] | None:
    """Where a member takes the clients of a service; None where it has no listener that can be reached.

    Never on loopback, even for a member on the balancer's own host: RabbitMQ lets users that are kept to the loopback
    interface in by the address on which they arrive.
    """
    for one in _listeners(hostvars[member["host"]], defaults):
        if one["protocol"] == kind.protocol and not _is_loopback(one["address"]):
            address = member["address"] if _is_any(one["address"]) else str(one["address"])
            return {"name": member["host"], "address": _written(address), "port": one["port"]}
    return None


def _listeners(host: Variables, defaults: Variables) -> list[dict[str, Any]]:
    # A default that depends on other variables has nothing to do with listeners for clients.
    return listeners({name: host.get(name, default) for name, default in defaults.items()})


def _parsed(address: Any) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(str(address))
    except ValueError:
        return None


def _is_loopback(address: Any) -> bool:
    parsed = _parsed(address)
    return parsed is not None and parsed.is_loopback


def _is_any(address: Any) -> bool:
    parsed = _parsed(address)
    return parsed is not None and parsed.is_unspecified


# --- what rules a balancer out ------------------------------------------------------------------------------


def refusals(settings: Variables, hostvars: HostVars, groups: Groups, defaults: Variables) -> list[str]:
    """Return what is wrong with a balancer's settings, one sentence each."""
    return (
        [*_which_cluster(settings, hostvars, groups), *_numbers(settings), *_address(settings)]
        or [*_twice(settings), *_unlike(settings, hostvars, groups, defaults)]
        or _nothing(settings, services(settings, hostvars, groups, defaults))
    )


def _which_cluster(settings: Variables, hostvars: HostVars, groups: Groups) -> Iterator[str]:
    there, name = clusters(hostvars, groups), settings["haproxy_cluster_name"]
    if not there:
        yield (
            "haproxy_cluster_name: the inventory has no cluster to put behind the balancer; give the hosts of the "
            "group rabbitmq a rabbitmq_cluster_name, or take the host out of the group haproxy"
        )
    elif name and name not in there:
        yield f"haproxy_cluster_name: '{name}' is no cluster of the inventory; it has {listed(there)}"
    elif not name and len(there) > 1:
        yield f"haproxy_cluster_name: is not set, and the inventory has {listed(there)}; name one of them"


def _numbers(settings: Variables) -> Iterator[str]:
    for name in (*(kind.variable for kind in KINDS), _STATISTICS):
        if not 0 <= int(settings[name]) <= 65535:
            yield f"{name}: {settings[name]} is not a port; write a number from 1 to 65535, or 0 for none"
    for name, least, why in (
        ("haproxy_maximum_connections", 1, "nobody could connect"),
        ("haproxy_idle_timeout", 180, "AMQP's heartbeats of a minute are to fit in, with one that was lost"),
        ("haproxy_check_interval", 1, "there would be no time between two checks"),
    ):
        if int(settings[name]) < least:
            yield f"{name}: {settings[name]} is too small, as {why}; write {least} or more"


def _address(settings: Variables) -> Iterator[str]:
    address = settings["haproxy_address"]
    if _parsed(address) is None:
        yield (
            f"haproxy_address: '{address}' is not an IP address; set the one that clients are to connect to, or "
            "0.0.0.0 for every one of the host (without it, it is ansible_host where that is an address)"
        )


def _twice(settings: Variables) -> Iterator[str]:
    claims: dict[int, list[str]] = {}
    for name in (*(kind.variable for kind in _wanted(settings)), _STATISTICS):
        claims.setdefault(int(settings[name]), []).append(name)
    for port, names in claims.items():
        if port and len(names) > 1:
            yield f"{names[1]}: {port} is the port of {names[0]} as well; give each its own, or 0 for none"


def _unlike(settings: Variables, hostvars: HostVars, groups: Groups, defaults: Variables) -> Iterator[str]:
    """Yield why members cannot stand in for each other: some of them have no such listener."""
    behind = members(settings, hostvars, groups)
    for kind in _wanted(settings):
        without = [one["host"] for one in behind if _server(kind, one, hostvars, defaults) is None]
        if not without or (len(without) == len(behind) and not kind.asked_for):
            continue
        yield (
            f"{kind.variable}: {listed(without)} cannot be reached for {kind.protocol}: there is no such listener, or "
            f"only one on 127.0.0.1 ({kind.of_members}); let all members have one, or set {kind.variable} to 0"
        )


def _nothing(settings: Variables, found: list[Service]) -> list[str]:
    if found:
        return []
    return [
        "haproxy_amqp_port: the members have no listener that the balancer could pass anything on to, or its ports are "
        "all 0; open rabbitmq_amqp_address or rabbitmq_stomp_address on the members, and give the balancer a port"
    ]


def host_refusals(settings: Variables, found: list[Service], host: Mapping[str, Any]) -> list[str]:
    """Return why a host, as the module broker_host_facts read it, cannot be the balancer."""
    address, name = settings["haproxy_address"], host["hostname"]
    if host["manager"] != "apt":
        kind = host["os"].get("PRETTY_NAME", "of an unknown kind")
        return [
            f"{name}: is {kind}, and this role installs HAProxy on the Debian family; take it out of the group haproxy"
        ]
    if address in host["foreign"]:
        return [
            f"haproxy_address: {address} is not an address of {name}; set one that it has, or 0.0.0.0 for all of them"
        ]
    by_name = {kind.name: kind.variable for kind in KINDS}
    claims = [(by_name[one["name"]], address, one["port"]) for one in found]
    if int(settings[_STATISTICS]):
        claims.append((_STATISTICS, "127.0.0.1", int(settings[_STATISTICS])))
    return [
        f"{variable}: port {port} of {name} is held by {holder['process'] or 'another process'} (process "
        f"{holder['pid']}); stop that, or give the balancer another port"
        for variable, at, port in claims
        for holder in host["listeners"]
        if holder["port"] == port and holder["process"] != "haproxy" and overlap(holder["address"], at)
    ]
