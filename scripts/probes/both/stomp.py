"""Probes over STOMP: every combination of queue or topic, one or all consumers, kept or not."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

from probes.clients.stomp import QUEUE_HEADERS, Frame, Session, session
from probes.model import ARRIVAL_SECONDS, Astray, Context, Failed
from probes.registry import probe


def _connect(context: Context, version: str) -> str:
    with session(context, version) as opened:
        got = opened.connected.headers.get("version", "1.0")
        if got != version:
            raise Failed(
                f"The CONNECTED frame names version {got}.",
                f"The broker does not speak STOMP {version}, which was asked for.",
                "Let clients ask for a version that the broker speaks.",
            )
        server = opened.connected.headers.get("server", "the broker")
        return f"{server} speaks STOMP {version}"


@probe(
    "stomp.connect.v1_0",
    needs=["stomp"],
    notes=["0.1", "1.4"],
    kinds=["rabbitmq", "activemq"],
    proves="A client of STOMP 1.0 can connect and log in.",
)
def connect_1_0(context: Context) -> str:
    return _connect(context, "1.0")


@probe(
    "stomp.connect.v1_1",
    needs=["stomp"],
    notes=["0.3", "1.4"],
    kinds=["rabbitmq", "activemq"],
    proves="A client of STOMP 1.1 can connect and log in.",
)
def connect_1_1(context: Context) -> str:
    return _connect(context, "1.1")


@probe(
    "stomp.connect.v1_2",
    needs=["stomp"],
    notes=["1.4"],
    kinds=["rabbitmq", "activemq"],
    proves="A client of STOMP 1.2 can connect and log in.",
)
def connect_1_2(context: Context) -> str:
    return _connect(context, "1.2")


@probe(
    "stomp.queue",
    needs=["stomp"],
    notes=["1.1", "1.2", "0.3"],
    proves="Each message to a queue is kept until it goes to exactly one of two consumers.",
)
def queue(context: Context) -> str:
    destination = f"/queue/{context.name('q')}"
    bodies = [json.dumps({"number": number, "text": "naïve ✓"}, ensure_ascii=False) for number in range(4)]
    with session(context) as sender, session(context) as one, session(context) as two:
        sender.send(destination, bodies[0], QUEUE_HEADERS)  # nobody listens yet: a queue keeps it
        subscriptions = [
            (consumer, consumer.subscribe(destination, QUEUE_HEADERS)) for consumer in (one, two)
        ]
        for body in bodies[1:]:
            sender.send(destination, body, QUEUE_HEADERS)
        _wait_for(context, [one, two], len(bodies))
        shares = [_until_end(consumer, subscription) for consumer, subscription in subscriptions]
        got = sorted(message.body for share in shares for message in share)
        if got != sorted(bodies):
            raise Astray(
                f"Of {len(bodies)} messages to a queue, {len(got)} came back: {got}.",
                "The queue lost or copied messages between its two consumers.",
                "Read the broker's log for this moment, and look for plugins that take messages.",
            )
        return f"{len(bodies)} messages: {len(shares[0])} to one, {len(shares[1])} to the other"


@probe(
    "stomp.topic",
    needs=["stomp"],
    notes=["1.1", "1.2"],
    proves="A message to a topic goes to every current subscriber and is kept for nobody.",
)
def topic(context: Context) -> str:
    destination = f"/topic/{context.name('t')}"
    with session(context) as sender, session(context) as one, session(context) as two:
        sender.send(destination, '"before"', {})
        current = [(subscriber, subscriber.subscribe(destination, {})) for subscriber in (one, two)]
        sender.send(destination, '"now"', {})
        late = (sender, sender.subscribe(destination, {}))
        _wait_for(context, [one, two], 2)
        for (subscriber, subscription), wanted in zip(
            (*current, late), (['"now"'], ['"now"'], []), strict=True
        ):
            got = [message.body for message in _until_end(subscriber, subscription)]
            if got != wanted:
                raise Astray(
                    f"A subscriber got {got} instead of {wanted}.",
                    "The topic lost a message of a current subscriber, or kept one for a later subscriber.",
                    "Look for durable subscriptions and plugins that keep a topic's messages.",
                )
    return "to both subscribers, and to no later one"


@probe(
    "stomp.ack",
    needs=["stomp"],
    notes=["2.9", "1.1"],
    proves="A message comes back after a NACK and after its consumer died, and not after an ACK.",
)
def ack(context: Context) -> str:
    destination = f"/queue/{context.name('q')}"
    one_at_a_time = QUEUE_HEADERS | {"prefetch-count": "1"}
    with session(context) as survivor:
        for body in ('"first"', '"second"'):
            survivor.send(destination, body, QUEUE_HEADERS)
        with session(context) as victim:
            victim.subscribe(destination, one_at_a_time, "client-individual")
            victim.nack(_expect(victim, '"first"', redelivered=False))
            victim.ack(_expect(victim, '"first"', redelivered=True))
            # With one message in hand the next one only comes because the ACK counted.
            _expect(victim, '"second"', redelivered=False)
            subscription = survivor.subscribe(destination, QUEUE_HEADERS, "client-individual")
            victim.die()
        survivor.ack(_expect(survivor, '"second"', redelivered=True))
        left = _until_end(survivor, subscription)
    if left:
        raise Failed(
            f"After the acknowledged messages {left[0].body} came again.",
            "The broker delivers acknowledged messages again.",
            "Read the broker's log; consumers will see messages twice.",
        )
    return "back after NACK and death, not after ACK"


@probe(
    "stomp.receipt",
    needs=["stomp"],
    notes=["1.1"],
    proves="A frame with a receipt header is answered with its RECEIPT once the broker has the message.",
)
def receipt(context: Context) -> str:
    destination = f"/queue/{context.name('q')}"
    with session(context) as opened:
        subscription = opened.subscribe(destination, QUEUE_HEADERS)
        number = opened.send(destination, '"safe"', QUEUE_HEADERS | {"persistent": "true"})
        _expect(opened, '"safe"', redelivered=False)
        opened.unsubscribe(subscription)
    return f"RECEIPT {number} came, and so did the message"


def _wait_for(context: Context, consumers: Sequence[Session], messages: int) -> None:
    """Wait until as many messages have come in, over all consumers, but not for ever: the caller counts."""
    ends = time.monotonic() + context.deadline.left(ARRIVAL_SECONDS)
    while sum(consumer.waiting() for consumer in consumers) < messages and time.monotonic() < ends:
        time.sleep(0.002)


def _until_end(consumer: Session, subscription: str) -> list[Frame]:
    consumer.unsubscribe(subscription)
    return consumer.received()


def _expect(consumer: Session, body: str, redelivered: bool) -> Frame:
    """Receive the message `body`, marked as `redelivered` or not."""
    message = consumer.receive(f"the message {body}" + (" to come back" if redelivered else ""))
    got = message.headers.get("redelivered", "false")
    if message.body != body or got != str(redelivered).lower():
        raise Astray(
            f"{message.body} came (redelivered: {got}) instead of {body} (redelivered: {redelivered}).",
            "The broker changed the order of the messages or does not keep track of deliveries.",
            "Read the broker's log for this moment.",
        )
    return message
