"""Probes of the message relays that take from a broker: each as its own user, which sees its queues and no other.

A relay's own page is for its host alone by default (relay_pages.py), so that its health is what the broker sees of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from probes.clients import amqp, stomp
from probes.model import Context, Failed, NotApplicable, Relay, Soon
from probes.registry import probe

# ActiveMQ shows a browser no more of a queue than a page (maxBrowsePageSize).
_PAGE = 400
# So many messages are minutes of work for a relay, and not seconds.
_MANY = 1000


@probe(
    "relay.health",
    needs=["amqp"],
    of_relays=True,
    notes=["0.3"],
    proves="Each relay logs in as its user and takes messages from its queue.",
)
def health(context: Context) -> str:
    said = []
    for relay in context.broker.relays:
        with amqp.session(_as(context, relay)) as opened:
            takers = opened.channel.queue_declare(relay.queue, passive=True).method.consumer_count
        if not takers:
            raise Failed(
                f"The queue {relay.queue} of the relay {relay.name} has no consumer.",
                "The relay does not run, its API is away, or has refused it: messages stay in the queue.",
                f"`systemctl status brokerkit-relay-{relay.name}` on {relay.on} says which.",
            )
        said.append(f"{relay.name}: {takers} workers take" if takers > 1 else f"{relay.name}: a worker takes")
    return "; ".join(said)


@probe(
    "relay.lag",
    needs=["amqp"],
    of_relays=True,
    notes=["0.3"],
    proves="Few messages wait for a relay.",
)
def lag(context: Context) -> str:
    return _waiting(context, _depth_over_amqp)


@probe(
    "relay.dead",
    needs=["amqp"],
    of_relays=True,
    notes=["0.3"],
    proves="No relay has made a message a dead letter that nobody has seen to.",
)
def dead(context: Context) -> str:
    return _dead(context, _depth_over_amqp)


@probe(
    "relay.activemq.lag",
    needs=["stomp"],
    kinds=["activemq"],
    of_relays=True,
    notes=["0.3"],
    proves="Few messages wait for a relay of ActiveMQ, as its own user sees it, up to 400.",
)
def activemq_lag(context: Context) -> str:
    return _waiting(context, _depth_over_stomp, _PAGE)


@probe(
    "relay.activemq.dead",
    needs=["stomp"],
    kinds=["activemq"],
    of_relays=True,
    notes=["0.3"],
    proves="No relay of ActiveMQ has made a message a dead letter that nobody has seen to.",
)
def activemq_dead(context: Context) -> str:
    return _dead(context, _depth_over_stomp)


Depth = Callable[[Context, str], int]


def _waiting(context: Context, depth: Depth, many: int = _MANY) -> str:
    found = {one: depth(_as(context, one), one.queue) for one in context.broker.relays}
    said = "; ".join(f"{one.name}: {_number(number)} ready" for one, number in found.items())
    return Soon(said) if any(number >= many for number in found.values()) else said


def _dead(context: Context, depth: Depth) -> str:
    found = {one: depth(_as(context, one), one.dead) for one in context.broker.relays}
    there = {one: number for one, number in found.items() if number}
    if not there:
        return "no dead letters"
    said = "; ".join(f"{one.name}: {_number(number)} in {one.dead}" for one, number in there.items())
    return Soon(f"{said}; docs/relay.md says how they come back")


def _number(number: int) -> str:
    return f"{number} or more" if number == _PAGE else str(number)


def _as(context: Context, relay: Relay) -> Context:
    """Return a context in which the probe logs in as the relay does."""
    if context.endpoint("amqp" if context.broker.kind == "rabbitmq" else "stomp").by_certificate:
        raise NotApplicable("clients of this broker log in by their certificates, and a relay has a password")
    own = replace(context.broker, user=relay.user, password=relay.password, vhost=relay.vhost)
    return replace(context, broker=own)


def _depth_over_amqp(context: Context, queue: str) -> int:
    with amqp.session(context) as opened:
        return int(opened.channel.queue_declare(queue, passive=True).method.message_count)


def _depth_over_stomp(context: Context, queue: str) -> int:
    """Browse a queue, which leaves every message where it is; a frame without a message ends it."""
    with stomp.session(context) as opened:
        opened.subscribe(f"/queue/{queue}", {"browser": "true"})
        number = 0
        while opened.receive(f"looking through {queue}").headers.get("browser") != "end":
            number += 1
        return number
