"""Brokers of one inventory that share a machine: which of their ports collide, from the variables alone.

A broker that is configured while another one holds its port is refused by its role, which looks at the host. On a bare
host nobody holds anything yet, and the first broker would be installed before the second one is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .activemq_connectors import overlap
from .activemq_management import listeners as activemq_listeners
from .rabbitmq_settings import listeners as rabbitmq_listeners

_SUFFIXES = ("_port", "_address", "_plugins", "_connectors", "_console")


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
    for name in ("activemq_jmx_port", "activemq_console_port"):
        settings[name] = int(settings[name])
    return activemq_listeners(settings)


_LISTENERS = {"rabbitmq": _of_rabbitmq, "activemq": _of_activemq}


def wanted(
    kind: str, name: str, variables: Mapping[str, Any], defaults: dict[str, Any]
) -> list[dict[str, Any]]:
    """Return what the broker `kind` of the host `name` is to listen on; nothing where its settings are not right.

    What is wrong with them is said by the role's own checks, which come next.
    """
    # Only what has to do with ports is read: the other variables may hold what is not there yet, such as secrets.
    settings = {
        key: variables.get(key, default) if key.endswith(_SUFFIXES) else default
        for key, default in defaults.items()
    }
    machine = variables.get("ansible_host", name)
    try:
        return [{**one, "host": name, "machine": machine, "kind": kind} for one in _LISTENERS[kind](settings)]
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


def port_collisions(
    hosts: Mapping[str, Any], groups: Mapping[str, list[str]], defaults: dict[str, dict[str, Any]]
) -> list[str]:
    """Return the collisions among the brokers of an inventory: `hosts` has the variables of each host."""
    claims = [
        claim
        for kind in _LISTENERS
        for name in sorted(groups.get(kind, []))
        for claim in wanted(kind, name, hosts[name], defaults[kind])
    ]
    return collisions(claims)
