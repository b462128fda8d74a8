"""Probes of ActiveMQ's destinations over STOMP: who gets a message, how often, and what happens to it.

ActiveMQ hands messages over in the background: neither a receipt nor the end of a subscription says that everything has
come. So nothing here waits for a while to see that nothing comes: a marker is sent afterwards to the same destination,
and what had to stay away would have come before it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

from probes.clients.stomp import Frame, Session, session
from probes.model import Context, Failed
from probes.registry import probe

KINDS = ["activemq"]
METRICS = "http/prometheus"  # a listener that is no connector
MARKER = '"marker"'
# Without this a consumer is given a thousand messages in advance. Source: activemq.apache.org, "Stomp".
ONE_AT_A_TIME = {"activemq.prefetchSize": "1"}


def take(consumers: Sequence[Session], count: int, context: Context) -> list[list[str]]:
    """Return the bodies that each consumer gets until all of them together have `count`."""
    context.deadline.step = f"waiting for {count} messages"
    got: list[list[str]] = [[] for _ in consumers]
    while sum(map(len, got)) < count:
        for bodies, consumer in zip(got, consumers, strict=True):
            bodies += [message.body for message in consumer.received()]
        time.sleep(min(0.005, context.deadline.left()))
    return got


def only_marker(sender: Session, consumer: Session, destination: str, meaning: str) -> None:
    """Send the marker, and raise Failed with `meaning` if anything else comes to `consumer` before it."""
    sender.send(destination, MARKER, {})
    message = consumer.receive("the marker")
    if message.body != MARKER:
        raise Failed(
            f"{message.body[:60]} came from {destination} before the message that was sent last.",
            meaning,
            "Read the broker's log, and look at activemq_destination_policies for this destination.",
        )


def _json(number: int) -> str:
    return json.dumps({"number": number, "text": "na\u00efve \u2713"}, ensure_ascii=True)


@probe(
    "activemq.queue",
    needs=["stomp"],
    notes=["1.1", "1.2", "0.3", "1.5"],
    kinds=KINDS,
    proves="A queue keeps each message until it goes to exactly one of two consumers, and then has it no "
    "more.",
)
def queue(context: Context) -> str:
    destination = f"/queue/{context.name('q')}"
    bodies = [_json(number) for number in range(8)]
    with session(context) as sender, session(context) as one, session(context) as two:
        sender.send(destination, bodies[0], {})  # nobody listens yet: a queue keeps it
        subscriptions = [(each, each.subscribe(destination, ONE_AT_A_TIME)) for each in (one, two)]
        for body in bodies[1:]:
            sender.send(destination, body, {})
        shares = take((one, two), len(bodies), context)
        got = sorted(shares[0] + shares[1])
        if got != sorted(bodies):
            raise Failed(
                f"Of {len(bodies)} messages to a queue these came back: {got}.",
                "The queue lost or copied messages between its two consumers.",
                "Look for mirrored queues or virtual destinations in the configuration, and read the "
                "broker's log.",
            )
        for each, subscription in subscriptions:
            each.unsubscribe(subscription)
        two.received()
        sender.subscribe(destination, {})
        only_marker(one, sender, destination, "The queue kept or copied a message that was consumed.")
    return f"{len(bodies)} messages, {len(shares[0])} to one consumer and {len(shares[1])} to the other"


@probe(
    "activemq.topic",
    needs=["stomp"],
    notes=["1.1", "1.2"],
    kinds=KINDS,
    proves="A message to a topic goes to every current subscriber and is kept for nobody.",
)
def topic(context: Context) -> str:
    destination = f"/topic/{context.name('t')}"
    with session(context) as one, session(context) as two, session(context) as late:
        late.send(destination, '"before"', {})
        for subscriber in (one, two):
            subscriber.subscribe(destination, {})
        late.send(destination, '"now"', {})
        for subscriber in (one, two):
            _expect(subscriber, '"now"', "a current subscriber of the topic")
        late.subscribe(destination, {})
        only_marker(one, late, destination, "The topic kept a message for a subscriber that came later.")
        for subscriber in (one, two):
            _expect(subscriber, MARKER, "a current subscriber of the topic")
    return "both subscribers got each message once, a later one nothing of before"


@probe(
    "activemq.topic.durable",
    needs=["stomp"],
    notes=["1.1"],
    kinds=KINDS,
    proves="A durable subscription of a topic gets what was sent while its client was away.",
)
def durable(context: Context) -> str:
    destination, name = f"/topic/{context.name('t')}", context.name("durable")
    headers = {"activemq.subscriptionName": name}
    with session(context, client_id=name) as subscriber:
        subscriber.subscribe(destination, headers)
        subscriber.disconnect()
    with session(context) as sender:
        sender.send(destination, '"while away"', {"persistent": "true"})
    with session(context, client_id=name) as subscriber:
        subscriber.subscribe(destination, headers)
        _expect(subscriber, '"while away"', "the durable subscriber that came back")
        subscriber.disconnect()
    with session(context, client_id=name) as subscriber:
        subscriber.unsubscribe(name, headers)  # otherwise the broker keeps messages for it forever
        subscriber.disconnect()
    return "the message waited for the subscriber"


@probe(
    "activemq.receipt",
    needs=["stomp"],
    notes=["1.1"],
    kinds=KINDS,
    proves="A persistent message whose receipt came is in the broker's hands, whatever becomes of its "
    "sender.",
)
def receipt(context: Context) -> str:
    destination = f"/queue/{context.name('q')}"
    with session(context) as consumer:
        with session(context) as sender:
            sender.send(destination, '"safe"', {"persistent": "true"})
            sender.die()
        consumer.subscribe(destination, {})
        message = _expect(consumer, '"safe"', "a consumer, after the sender's death")
    if message.headers.get("persistent") != "true":
        raise Failed(
            "The message that was sent with persistent:true came back without it.",
            "The broker took a persistent message for one that may be lost.",
            "Look for forcePersistencyModeBroker in the configuration (activemq_plugins_xml).",
        )
    return "RECEIPT, and the message outlived its sender"


@probe(
    "activemq.ack",
    needs=["stomp"],
    notes=["1.1", "3.2", "0.3"],
    kinds=KINDS,
    proves="A message comes back, marked as redelivered, when its consumer dies without an ACK, and not "
    "after one.",
)
def ack(context: Context) -> str:
    destination = f"/queue/{context.name('q')}"
    with session(context) as survivor:
        for body in ('"first"', '"second"', '"third"'):
            survivor.send(destination, body, {})
        with session(context) as victim:
            victim.subscribe(destination, {"activemq.prefetchSize": "3"}, "client-individual")
            in_hand = {
                body: _expect(victim, body, "a consumer") for body in ('"first"', '"second"', '"third"')
            }
            victim.ack(in_hand['"second"'])  # of this one alone: `client` would take the first with it
            victim.die()
        survivor.subscribe(destination, {}, "client-individual")
        for body in ('"first"', '"third"'):
            message = _expect(survivor, body, "the consumer that survived")
            if message.headers.get("redelivered") != "true":
                raise Failed(
                    f"{body} came again without the header redelivered:true.",
                    "A consumer cannot tell that somebody else may have worked on the message already.",
                    "Read the broker's log for this moment.",
                )
            survivor.ack(message)
        only_marker(survivor, survivor, destination, "The broker delivers acknowledged messages again.")
    return "what was not acknowledged came back redelivered, what was did not"


@probe(
    "activemq.transaction",
    needs=["stomp"],
    notes=["1.1"],
    kinds=KINDS,
    proves="Messages of a transaction come with its COMMIT and not before, and never after an ABORT.",
)
def transaction(context: Context) -> str:
    destination = f"/queue/{context.name('q')}"
    with session(context) as sender, session(context) as consumer:
        consumer.subscribe(destination, {})
        kept = sender.begin()
        sender.send(destination, '"committed"', {"transaction": kept})
        only_marker(sender, consumer, destination, "A message came before its transaction was committed.")
        sender.commit(kept)
        _expect(consumer, '"committed"', "a consumer, after COMMIT")
        dropped = sender.begin()
        sender.send(destination, '"aborted"', {"transaction": dropped})
        sender.abort(dropped)
        only_marker(sender, consumer, destination, "A message of a transaction that was aborted came.")
    return "came with COMMIT, not before, and not after ABORT"


def _expect(consumer: Session, body: str, whom: str) -> Frame:
    """Receive the message `body`; Failed when another one comes to `whom`."""
    message = consumer.receive(f"the message {body} to {whom}")
    if message.body != body:
        raise Failed(
            f"{message.body[:60]} came to {whom} instead of {body}.",
            "The broker lost a message, copied one, or changed their order.",
            "Look at activemq_destination_policies for this destination, and read the broker's log.",
        )
    return message
