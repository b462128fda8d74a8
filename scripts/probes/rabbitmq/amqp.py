"""Probes over AMQP 0-9-1: from connecting to fair dispatch."""

from __future__ import annotations

import json
import time
from typing import Any

from probes.clients.amqp import Session, session, shared_arguments
from probes.model import ARRIVAL_SECONDS, Astray, Context, Failed
from probes.registry import probe


@probe(
    "amqp.connect",
    needs=["amqp"],
    notes=["2.6", "2.3"],
    proves="A client can connect over AMQP 0-9-1, log in and open the vhost.",
)
def connect(context: Context) -> str:
    with session(context) as opened:
        properties: dict[str, Any] = opened.connection._impl.server_properties
        took = context.deadline.elapsed() * 1000
        return f"{properties.get('product')} {properties.get('version')}, in {took:.0f} ms"


@probe(
    "amqp.confirm",
    needs=["amqp"],
    notes=["2.9", "1.5"],
    proves="A published message is confirmed, consumed unchanged and gone once it is acknowledged.",
)
def confirm(context: Context) -> str:
    body = json.dumps({"text": "naïve ✓", "number": 1}, ensure_ascii=False)
    with session(context) as opened:
        queue = opened.private_queue("q")
        opened.publish("", queue, body, content_type="application/json")
        method, properties, got = opened.consume(queue)
        _same(got, body, "the message that was published")
        _same(properties.content_type, "application/json", "its content type")
        opened.channel.basic_ack(method.delivery_tag)
        opened.channel.cancel()
        _empty(opened, queue, "an acknowledged message")
    return "confirmed, consumed and acknowledged"


@probe(
    "amqp.requeue",
    needs=["amqp"],
    notes=["2.9"],
    proves="A message that a consumer rejects with requeue comes back, marked as redelivered.",
)
def requeue(context: Context) -> str:
    with session(context) as opened:
        queue = opened.private_queue("q")
        opened.publish("", queue, "again")
        method, _, _ = opened.take(queue)
        opened.channel.basic_nack(method.delivery_tag, requeue=True)
        method, _, got = opened.take(queue)
        _same(got, "again", "the message that was rejected")
        _same(method.redelivered, True, "its redelivered mark")
        opened.channel.basic_nack(method.delivery_tag, requeue=False)
        _empty(opened, queue, "a message that was rejected without requeue")
    return "came back, marked as redelivered"


@probe(
    "amqp.redelivery",
    needs=["amqp"],
    notes=["3.2"],
    proves="A message in the hands of a consumer that dies goes to another consumer.",
)
def redelivery(context: Context) -> str:
    with session(context) as survivor:
        queue = survivor.shared_queue("q")
        survivor.publish("", queue, "in hand")
        with session(context) as victim:
            victim.take(queue)
            _empty(survivor, queue, "a message in another consumer's hands")
            victim.die()
        started = time.monotonic()
        method, _, got = survivor.consume(queue)
        _same(got, "in hand", "the message of the consumer that died")
        _same(method.redelivered, True, "its redelivered mark")
        survivor.channel.basic_ack(method.delivery_tag)
        survivor.channel.cancel()
    return f"redelivered {(time.monotonic() - started) * 1000:.0f} ms after the death"


@probe(
    "amqp.durable",
    needs=["amqp"],
    notes=["2.9", "3.3"],
    proves="A durable queue takes a persistent message, and both keep these marks.",
)
def durable(context: Context) -> str:
    with session(context) as opened:
        queue = opened.shared_queue("q")
        opened.publish("", queue, "keep", delivery_mode=2)
        method, properties, got = opened.take(queue)
        _same(got, "keep", "the message that was published")
        _same(properties.delivery_mode, 2, "its delivery mode (2 is persistent)")
        opened.channel.basic_ack(method.delivery_tag)
        # The same declaration again is only accepted while the queue still is what it was declared as.
        opened.channel.queue_declare(queue, durable=True, arguments=shared_arguments())
    return "durable queue, delivery mode 2"


@probe(
    "amqp.redeclare",
    needs=["amqp"],
    notes=["2.9"],
    proves="Declaring a queue again with other arguments is refused, and the queue stays as it was.",
)
def redeclare(context: Context) -> str:
    import pika

    with session(context) as opened:
        queue = opened.shared_queue("q")
        channel = opened.connection.channel()
        try:
            channel.queue_declare(queue, durable=True, arguments=shared_arguments() | {"x-max-length": 1})
        except pika.exceptions.ChannelClosedByBroker as error:
            _same(error.reply_code, 406, "the code of the refusal (406 is PRECONDITION_FAILED)")
            opened.channel.queue_declare(queue, durable=True, arguments=shared_arguments())
            return "refused: 406 PRECONDITION_FAILED"
        raise Astray(  # as a queue that has expired meanwhile is declared anew
            f"{context.broker.name} accepted x-max-length on a queue that was declared without it.",
            "An application that declares its queue with other arguments than before would not notice.",
            "Look for a plugin or setting that relaxes the check on equal arguments.",
        )


@probe(
    "amqp.fair",
    needs=["amqp"],
    notes=["3.4", "2.10"],
    proves="With prefetch 1 a slow worker holds one message while a fast one is given all the others.",
)
def fair(context: Context) -> str:
    messages = 8
    slow_got: list[int] = []
    fast_got: list[int] = []
    with session(context) as slow, session(context) as fast:
        queue = fast.shared_queue("q")
        # A new channel for each worker: prefetch holds for consumers that start after it was set.
        _work(slow, queue, slow_got, acknowledge=False)
        _work(fast, queue, fast_got, acknowledge=True)
        for number in range(messages):
            fast.publish("", queue, str(number))
        ends = time.monotonic() + context.deadline.left(ARRIVAL_SECONDS)
        while len(fast_got) + len(slow_got) < messages and time.monotonic() < ends:
            fast.connection.process_data_events(0.01)
            slow.connection.process_data_events(0)
        if (len(slow_got), len(fast_got)) != (1, messages - 1):
            lost = len(slow_got) + len(fast_got) < messages
            raise Astray(
                f"Of {messages} messages the slow worker was given {len(slow_got)}, the fast one "
                f"{len(fast_got)}.",
                "The broker lost messages that it had confirmed."
                if lost
                else "The broker does not honour prefetch 1, so slow workers hoard work.",
                "Look for a plugin that takes messages or changes prefetch, and read the broker's log.",
            )
        slow.channel.basic_ack(slow_got[0])
    return f"1 to the slow, {len(fast_got)} to the fast worker"


def _work(worker: Session, queue: str, got: list[int], acknowledge: bool) -> None:
    def on_message(channel: Any, method: Any, _properties: Any, _body: bytes) -> None:
        got.append(method.delivery_tag)
        if acknowledge:
            channel.basic_ack(method.delivery_tag)

    worker.channel.basic_qos(prefetch_count=1)
    worker.channel.basic_consume(queue, on_message)


@probe(
    "amqp.request",
    needs=["amqp"],
    notes=["3.1"],
    proves="A request comes with reply_to and correlation_id, and its answer finds the way back by them.",
)
def request(context: Context) -> str:
    with session(context) as client, session(context) as server:
        requests = server.shared_queue("requests")
        replies = client.private_queue("replies")
        client.publish("", requests, "6 * 7", reply_to=replies, correlation_id="first")
        client.publish("", requests, "2 + 2", reply_to=replies, correlation_id="second")
        answers = {"6 * 7": "42", "2 + 2": "4"}
        for _ in answers:
            method, asked, body = server.take(requests)
            server.publish("", asked.reply_to, answers[body], correlation_id=asked.correlation_id)
            server.channel.basic_ack(method.delivery_tag)
        received = {}
        for _ in answers:
            method, properties, body = client.take(replies)
            client.channel.basic_ack(method.delivery_tag)
            received[properties.correlation_id] = body
        _same(received, {"first": "42", "second": "4"}, "the answers by correlation id")
    return "2 answers, by correlation_id"


def _same(got: object, wanted: object, what: str) -> None:
    if got != wanted:
        raise Astray(
            f"Of {what}, {got!r} came back instead of {wanted!r}.",
            "The broker, or a plugin or proxy in the way, changes or loses messages.",
            "Look for plugins that rewrite messages; compare with a probe on another node.",
        )


def _empty(opened: Session, queue: str, what: str) -> None:
    left = opened.get(queue)
    if left is not None:
        raise Failed(
            f"The queue handed out {left[2]!r} although it should be empty.",
            f"The broker still delivers {what}.",
            "Read the broker's log; consumers will see messages twice.",
        )
