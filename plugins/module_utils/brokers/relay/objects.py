"""What the relays of an inventory need in the broker, as the role rabbitmq_topology takes it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from .declared import document
from .settings import Settings, objects_of, settings, waiting_queue

# How often a message is delivered before the broker itself makes it a dead letter. A relay that stops, or finds the API
# away, gives messages back, and RabbitMQ 4.0 would count those against its own limit of 20.
_DELIVERIES = 100
Item = dict[str, Any]


def exchanges(relays: Sequence[Mapping[str, Any]]) -> list[Item]:
    """Return the exchange of each relay, to which alone its user may publish."""
    return [
        {
            "vhost": one.source["vhost"],
            "name": objects_of(one.name)["exchange"],
            "type": "direct",
            "durable": True,
        }
        for one in _settings(relays)
    ]


def queues(relays: Sequence[Mapping[str, Any]]) -> list[Item]:
    """Return the queues of each relay: its source, that of its dead letters, and those in which messages wait."""
    found = []
    for one in _settings(relays):
        vhost, own = one.source["vhost"], objects_of(one.name)
        dead = {"x-dead-letter-exchange": own["exchange"], "x-dead-letter-routing-key": own["dead"]}
        back = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": one.source["queue"]}
        found.append(_queue(vhost, one.source["queue"], {**_SAFELY, **dead, "x-delivery-limit": _DELIVERIES}))
        found.append(_queue(vhost, own["dead"], {}, own["exchange"]))
        for wait in one.waits:
            arguments = {**_SAFELY, **back, "x-message-ttl": wait * 1000}
            found.append(_queue(vhost, waiting_queue(one.name, wait), arguments, own["exchange"]))
    return found


def users(relays: Sequence[Mapping[str, Any]]) -> list[Item]:
    """Return the user of each relay: it reads its queue, publishes to its exchange, and can declare nothing."""
    return [
        {
            "name": one.source["user"],
            "password": relay["source"]["password"],
            "permissions": [
                {
                    "vhost": one.source["vhost"],
                    "configure": "^$",
                    "write": f"^{re.escape(objects_of(one.name)['exchange'])}$",
                    "read": f"^{re.escape(one.source['queue'])}$",
                }
            ],
        }
        for one, relay in zip(_settings(relays), relays)
    ]


# A message is let go here once it is there; without these two, one that is under way when the broker dies is lost.
_SAFELY = {"x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish"}


def _queue(vhost: str, name: str, arguments: Mapping[str, Any], source: str = "") -> Item:
    bindings = {"bindings": [{"source": source, "routing_key": name}]} if source else {}
    return {
        "vhost": vhost,
        "name": name,
        "type": "quorum",
        "durable": True,
        "arguments": dict(arguments),
        **bindings,
    }


def _settings(relays: Sequence[Mapping[str, Any]]) -> list[Settings]:
    return [settings(document(one)) for one in relays]
