"""What the relays of an inventory need in their brokers, as the roles rabbitmq_topology and activemq take it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

from .declared import document
from .settings import ACTIVEMQ, RABBITMQ, Settings, objects_of, settings, waiting_queue

# How often a message is delivered before the broker itself makes it a dead letter. A relay that stops, or finds the API
# away, gives messages back, and RabbitMQ 4.0 would count those against its own limit of 20.
_DELIVERIES = 100
# How often a dead letter may be looked at, which RabbitMQ counts too: after its own limit of 20 it would be lost.
_LOOKS = 1_000_000
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
        for one, _ in _of(RABBITMQ, relays)
    ]


def queues(relays: Sequence[Mapping[str, Any]]) -> list[Item]:
    """Return the queues of each relay: its source, that of its dead letters, and those in which messages wait."""
    found = []
    for one, _ in _of(RABBITMQ, relays):
        vhost, own = one.source["vhost"], objects_of(one.name)
        dead = {"x-dead-letter-exchange": own["exchange"], "x-dead-letter-routing-key": own["dead"]}
        back = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": one.source["queue"]}
        taken_from = {**_SAFELY, **dead, "x-delivery-limit": _DELIVERIES}
        # Bound to the exchange too, for dead letters that are brought back.
        found.append(_queue(vhost, one.source["queue"], taken_from, own["exchange"]))
        found.append(_queue(vhost, own["dead"], {"x-delivery-limit": _LOOKS}, own["exchange"]))
        for wait in one.waits:
            arguments = {**_SAFELY, **back, "x-message-ttl": wait * 1000}
            found.append(_queue(vhost, waiting_queue(one.name, wait), arguments, own["exchange"]))
    return found


def users(relays: Sequence[Mapping[str, Any]]) -> list[Item]:
    """Return the user of each relay: it reads its queues, publishes to its exchange, and can declare nothing."""
    return [
        {
            "name": one.source["user"],
            "password": relay["source"]["password"],
            "permissions": [
                {
                    "vhost": one.source["vhost"],
                    "configure": "^$",
                    "write": f"^{re.escape(objects_of(one.name)['exchange'])}$",
                    "read": f"^({re.escape(one.source['queue'])}|{re.escape(objects_of(one.name)['dead'])})$",
                }
            ],
        }
        for one, relay in _of(RABBITMQ, relays)
    ]


def activemq_users(relays: Sequence[Mapping[str, Any]]) -> list[Item]:
    """Return the user of each relay, in a group of its own."""
    return [
        {"name": one.source["user"], "password": relay["source"]["password"], "groups": [_group(one)]}
        for one, relay in _of(ACTIVEMQ, relays)
    ]


def activemq_authorization(relays: Sequence[Mapping[str, Any]]) -> list[Item]:
    """Return the rights of each relay: it reads and writes its two queues, and can create none."""
    return [
        {"queue": queue, "read": [_group(one)], "write": [_group(one)], "admin": []}
        for one, _ in _of(ACTIVEMQ, relays)
        for queue in _queues_of_activemq(one)
    ]


def activemq_policies(relays: Sequence[Mapping[str, Any]]) -> list[Item]:
    """Return the policy of each source: a message that was delivered is marked so even after the broker was killed."""
    return [{"queue": one.source["queue"], "persistJMSRedelivered": True} for one, _ in _of(ACTIVEMQ, relays)]


def activemq_destinations(relays: Sequence[Mapping[str, Any]]) -> str:
    """Return the queues of each relay as XML inside `broker`: they are there before anybody uses them."""
    names = [queue for one, _ in _of(ACTIVEMQ, relays) for queue in _queues_of_activemq(one)]
    queues = "".join(f"<queue physicalName={quoteattr(name)}/>" for name in dict.fromkeys(names))
    return f"<destinations>{queues}</destinations>" if queues else ""


def _queues_of_activemq(one: Settings) -> list[str]:
    return [one.source["queue"], objects_of(one.name)["dead"]]


def _group(one: Settings) -> str:
    return objects_of(one.name)["user"]


# A message is let go here once it is there; without these two, one that is under way when the broker dies is lost.
_SAFELY = {"x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish"}


def _queue(vhost: str, name: str, arguments: Mapping[str, Any], source: str) -> Item:
    return {
        "vhost": vhost,
        "name": name,
        "type": "quorum",
        "durable": True,
        "arguments": dict(arguments),
        "bindings": [{"source": source, "routing_key": name}],
    }


def _of(broker: str, relays: Sequence[Mapping[str, Any]]) -> list[tuple[Settings, Mapping[str, Any]]]:
    """Return the relays of a kind of broker, as settings and as they are declared."""
    found = [(settings(document(one)), one) for one in relays]
    return [(one, relay) for one, relay in found if one.source["broker"] == broker]
