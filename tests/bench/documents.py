"""Documents to measure with, as the role's variables."""

from __future__ import annotations

from typing import Any

Document = dict[str, list[dict[str, Any]]]
ALL = {"configure": ".*", "write": ".*", "read": ".*"}


def accounts(count: int) -> Document:
    """`count` virtual hosts, users with a permission each, and policies: what per-object modules are used for."""
    names = [f"bench{number}" for number in range(count)]
    return {
        "vhosts": [{"name": name} for name in names],
        "users": [
            {"name": name, "password": f"test-host-only-{name}", "tags": ["monitoring"],
             "permissions": [{"vhost": name, **ALL}]}
            for name in names
        ],
        "policies": [
            {"vhost": name, "name": "length", "pattern": "^tmp", "definition": {"max-length": 1000}} for name in names
        ],
    }  # fmt: skip


def mixed(count: int) -> Document:
    """`count` objects in the proportions of a large site: per hundred, one virtual host and mostly routing."""
    homes = [f"bench{number}" for number in range(max(1, count // 100))]

    def home(number: int) -> str:
        return homes[number % len(homes)]

    people, rules, routes = range(count // 20), range(count // 20), range(count // 10)
    users = [{"name": f"bench{n}", "password": f"test-host-only-{n}", "tags": ["monitoring"]} for n in people]
    queues = [
        {"vhost": home(n), "name": f"queue{n}", "type": "classic", "arguments": {"x-max-length": 1000}}
        for n in range(3 * count // 10)
    ]
    document: Document = {
        "vhosts": [{"name": name, "description": "Measured"} for name in homes],
        "users": users,
        "permissions": [{"user": f"bench{n}", "vhost": home(n), **ALL} for n in people],
        "policies": [
            {
                "vhost": home(n),
                "name": f"policy{n}",
                "pattern": f"^tmp{n}$",
                "definition": {"max-length": 10},
                "priority": n,
            }
            for n in rules
        ],
        "exchanges": [{"vhost": home(n), "name": f"exchange{n}", "type": "topic"} for n in routes],
        "queues": queues,
    }
    missing = count - sum(map(len, document.values()))
    document["bindings"] = [
        {
            "vhost": queue["vhost"],
            "source": "amq.topic",
            "destination": queue["name"],
            "routing_key": f"key.{n}",
        }
        for n in range(missing)
        for queue in [queues[n % len(queues)]]
    ]
    return document


def gone(document: Document) -> Document:
    """The document that takes another one away."""
    return {
        "vhosts": [{"name": item["name"], "state": "absent", "force": True} for item in document["vhosts"]],
        "users": [{"name": item["name"], "state": "absent"} for item in document["users"]],
    }
