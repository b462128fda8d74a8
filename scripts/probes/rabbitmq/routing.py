"""Probes of the four exchange types: each message reaches exactly the right queues."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from probes.clients.amqp import Session, session
from probes.model import Astray, Context
from probes.registry import probe

# Queue suffix -> the bindings it has: (routing key, arguments).
Bindings = Mapping[str, list[tuple[str, dict[str, Any] | None]]]


@probe(
    "amqp.direct",
    needs=["amqp"],
    notes=["3.1"],
    proves="A direct exchange routes by the exact routing key, and returns what no binding takes.",
)
def direct(context: Context) -> str:
    import pika

    with session(context) as opened:
        exchange = _bound(opened, "direct", {"red": [("red", None)], "both": [("red", None), ("blue", None)]})
        for key in ("red", "blue"):
            opened.publish(exchange, key, key)
        try:
            opened.publish(exchange, "green", "green")
        except pika.exceptions.UnroutableError:
            return (
                _routed(opened, {"red": ["red"], "both": ["red", "blue"]})
                + ", the unroutable one was returned"
            )
        raise Astray(
            "A mandatory message with a key that no binding has was not returned.",
            "Publishers would not notice that nobody gets their messages.",
            "Look for a plugin that takes messages, and read the broker's log.",
            of_exchange=True,
        )


@probe(
    "amqp.fanout",
    needs=["amqp"],
    notes=["3.1"],
    proves="A fanout exchange copies each message to every bound queue, whatever its key.",
)
def fanout(context: Context) -> str:
    with session(context) as opened:
        exchange = _bound(opened, "fanout", {"one": [("", None)], "two": [("other", None)]})
        for key in ("", "any"):
            opened.publish(exchange, key, key or "none")
        return _routed(opened, {"one": ["none", "any"], "two": ["none", "any"]})


@probe(
    "amqp.topic",
    needs=["amqp"],
    notes=["3.1"],
    proves="A topic exchange matches * to one word of the key and # to any number of them.",
)
def topic(context: Context) -> str:
    with session(context) as opened:
        exchange = _bound(
            opened,
            "topic",
            {"star": [("log.*", None)], "hash": [("log.#", None)], "end": [("#.error", None)]},
        )
        for key in ("log", "log.error", "log.web.error", "log.web"):
            opened.publish(exchange, key, key)
        return _routed(
            opened,
            {
                "star": ["log.error", "log.web"],
                "hash": ["log", "log.error", "log.web.error", "log.web"],
                "end": ["log.error", "log.web.error"],
            },
        )


@probe(
    "amqp.headers",
    needs=["amqp"],
    notes=["3.1"],
    proves="A headers exchange routes by headers: all of them, or any of them.",
)
def headers(context: Context) -> str:
    wanted = {"format": "pdf", "type": "report"}
    with session(context) as opened:
        exchange = _bound(
            opened,
            "headers",
            {"all": [("", wanted | {"x-match": "all"})], "any": [("", wanted | {"x-match": "any"})]},
        )
        opened.publish(exchange, "", "both", headers=wanted)
        opened.publish(exchange, "", "one", headers={"format": "pdf", "type": "log"})
        return _routed(opened, {"all": ["both"], "any": ["both", "one"]})


def _bound(opened: Session, kind: str, bindings: Bindings) -> str:
    """Declare an exchange of `kind` and queues bound to it as `bindings` say; return the exchange's name."""
    exchange = opened.exchange("x", kind)
    for suffix, entries in bindings.items():
        queue = opened.private_queue(suffix)
        for key, arguments in entries:
            opened.channel.queue_bind(queue, exchange, key, arguments)
    return exchange


def _routed(opened: Session, wanted: Mapping[str, list[str]]) -> str:
    """Compare what is in the queues with what has to be there.

    A confirm says that a message is in every queue it was routed to, so nothing has to be waited for.
    """
    for suffix, bodies in wanted.items():
        got = opened.drain(opened.context.name(suffix))
        if got != bodies:
            raise Astray(
                f"The queue {suffix} got {got} instead of {bodies}.",
                "The broker lost messages that it had confirmed."
                if len(got) < len(bodies)
                else "The broker routes messages to other queues than the bindings say.",
                "Look for plugins that change routing, and read the broker's log.",
            )
    copies = sum(map(len, wanted.values()))
    return f"{copies} copies in {len(wanted)} queues"
