"""Brokers that share a machine: forbidden combinations and port conflicts, from the variables alone.

A broker that is configured while another one holds its port is refused by its role, which looks at the host. On a bare
host nobody holds anything yet, and the first broker would be installed before the second one is refused.
"""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Mapping
from typing import Any

from ..activemq.connectors import overlap
from ..activemq.management import listeners as activemq_listeners
from ..balancer import settings as balancers
from ..rabbitmq.settings import listeners as rabbitmq_listeners

_SUFFIXES = ("_port", "_address", "_plugins", "_connectors", "_console", "rabbitmq_tls", "activemq_tls")


def _of_rabbitmq(settings: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"variable": f"rabbitmq_{one['name']}_port", "address": one["address"], "port": int(one["port"])}
        for one in rabbitmq_listeners(settings)
    ]


def _of_activemq(settings: dict[str, Any]) -> list[dict[str, Any]]:
    settings = {
        **settings,
        "activemq_console": str(settings["activemq_console"]).lower() in ("true", "yes", "1"),
    }
    for name in ("activemq_jmx_port", "activemq_console_port", "activemq_prometheus_port"):
        settings[name] = int(settings[name])
    return activemq_listeners(settings)


def _of_haproxy(settings: dict[str, Any]) -> list[dict[str, Any]]:
    ports = {kind.variable: int(settings[kind.variable]) for kind in balancers.KINDS}
    return [
        {"variable": variable, "address": settings["haproxy_address"], "port": port}
        for variable, port in ports.items()
        if port
    ]


_LISTENERS = {"rabbitmq": _of_rabbitmq, "activemq": _of_activemq, "haproxy": _of_haproxy}


def machine(name: str, variables: Mapping[str, Any]) -> tuple[str, str]:
    """Return the identity of a host's machine: its address, and the SSH port, which differs behind NAT."""
    if str(variables.get("ansible_connection", "")).endswith("local"):
        return ("this machine", "")
    address = str(variables.get("ansible_host") or name).strip().lower().rstrip(".")
    with contextlib.suppress(ValueError):  # a name
        address = ipaddress.ip_address(address).compressed
    return (address, str(variables.get("ansible_port") or variables.get("ansible_ssh_port") or 22))


def _plain(default: Any) -> Any:
    """A default that depends on other variables is taken for every interface: what clashes there may clash."""
    return "" if "{{" in str(default) else default


def wanted(
    kind: str, name: str, variables: Mapping[str, Any], defaults: dict[str, Any]
) -> list[dict[str, Any]]:
    """Return what the broker `kind` of the host `name` is to listen on; nothing where its settings are not right.

    What is wrong with them is said by the role's own checks, which come next.
    """
    # Only what has to do with ports is read: the other variables may hold what is not there yet, such as secrets.
    settings = {
        key: variables.get(key, _plain(default)) if key.endswith(_SUFFIXES) else default
        for key, default in defaults.items()
    }
    place = machine(name, variables)
    try:
        return [{**one, "host": name, "machine": place, "kind": kind} for one in _LISTENERS[kind](settings)]
    except (KeyError, TypeError, ValueError, AttributeError):
        return []


def collisions(claims: list[dict[str, Any]]) -> list[str]:
    """Return a sentence for each port that two brokers of one machine want."""
    found = []
    for index, one in enumerate(claims):
        for other in claims[:index]:
            same_broker = (one["host"], one["kind"]) == (other["host"], other["kind"])
            if same_broker or one["machine"] != other["machine"] or one["port"] != other["port"]:
                continue
            if overlap(one["address"], other["address"]):
                found.append(
                    f"{one['variable']}: port {one['port']} of {one['host']} is wanted by {other['host']} on the same "
                    f"machine too ({other['variable']}); give one of the two another port. The second broker would not "
                    "start"
                )
    return found


def shared_machines(hosts: Mapping[str, Any], nodes: list[str]) -> list[str]:
    """Return a sentence for each machine with several RabbitMQ nodes, whose files would have the same paths."""
    places: dict[tuple[str, str], list[str]] = {}
    for name in sorted(nodes):
        places.setdefault(machine(name, hosts[name]), []).append(name)
    return [
        f"ansible_host: {', '.join(names)} are one machine ({address}), and several RabbitMQ nodes on one machine are "
        "not supported: each would overwrite the others' files; give each host of the group rabbitmq an address of its "
        "own"
        for (address, _), names in places.items()
        if len(names) > 1
    ]


def refusals(
    hosts: Mapping[str, Any], groups: Mapping[str, list[str]], defaults: dict[str, dict[str, Any]]
) -> list[str]:
    """Return what is wrong with the brokers of an inventory that share a machine."""
    return shared_machines(hosts, list(groups.get("rabbitmq", []))) or port_collisions(
        hosts, groups, defaults
    )


def port_collisions(
    hosts: Mapping[str, Any], groups: Mapping[str, list[str]], defaults: dict[str, dict[str, Any]]
) -> list[str]:
    """Return the conflicts among the brokers of an inventory: `hosts` has the variables of each host."""
    claims = [
        claim
        for kind in _LISTENERS
        for name in sorted(groups.get(kind, []))
        for claim in wanted(kind, name, hosts[name], defaults[kind])
    ]
    return collisions(claims)
