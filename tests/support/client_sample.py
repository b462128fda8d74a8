"""Inventories with brokers of both kinds and an application, for tests of what applications are given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from brokers.clients.places import Inventory
from role_files import ROLES, defaults

ALL = {"configure": ".*", "write": ".*", "read": ".*"}
SHOP = {"name": "shop", "password": "p w", "permissions": [{"vhost": "shop", **ALL}]}
APPLICATION = {"name": "web", "broker": "mq", "user": "shop"}


def host(name: str, **variables: Any) -> dict[str, Any]:
    """A host; its address depends on nothing but its name."""
    return {"inventory_hostname": name, "ansible_host": f"{name}.example", **variables}


def node(name: str = "mq", **variables: Any) -> dict[str, Any]:
    """A RabbitMQ node with STOMP, and the user shop."""
    values = {"rabbitmq_plugins": ["rabbitmq_stomp"], "rabbitmq_topology_users": [SHOP], **variables}
    return host(name, **values)


def active(name: str = "am", **variables: Any) -> dict[str, Any]:
    """An ActiveMQ broker with the user shop."""
    values = {
        "activemq_users": [{"name": "shop", "password": "p w"}],
        "activemq_connectors": [{"protocol": "stomp"}, {"protocol": "openwire"}],
        **variables,
    }
    return host(name, **values)


def inventory(*applications: Mapping[str, Any], **groups: list[dict[str, Any]]) -> Inventory:
    """An inventory whose hosts all declare these applications; one node unless other groups are given."""
    groups = groups or {"rabbitmq": [node()]}
    hosts = {
        one["inventory_hostname"]: {"client_settings_applications": list(applications), **one}
        for group in groups.values()
        for one in group
    }
    names = {name: [one["inventory_hostname"] for one in group] for name, group in groups.items()}
    return Inventory(hosts, names, {name: defaults(name) for name in ROLES})
