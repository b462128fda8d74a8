"""A worker's connections to RabbitMQ: one that takes messages, and one that puts those away that are not done.

They are two because a broker that is short of memory or disk stops reading from a connection that has published: the
acknowledgements of what is done would wait there too.
"""

from __future__ import annotations

import random
import re
import ssl
from collections.abc import Iterator, Mapping
from typing import Any

import pika
import pika.exceptions
from brokers.relay.settings import Settings, objects_of, waiting_queue
from brokers.versions import number
from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection

from relaying.link import BLOCKED_SECONDS, CODE, CONNECT_SECONDS, UNKNOWN, NotPutAway, Taken, UnfitBroker

# What ends a connection, for whatever reason: the next one is another attempt.
BROKEN = (pika.exceptions.AMQPError, OSError)
REFUSALS = (pika.exceptions.UnroutableError, pika.exceptions.NackError)


def parameters(
    settings: Settings, password: str, context: ssl.SSLContext | None
) -> list[pika.ConnectionParameters]:
    """Return how each host of the broker is reached; in another order for each worker, so that they spread."""
    source = settings.source
    # A worker says nothing to the broker while it waits for the API: its heartbeats have to be slower than that.
    heartbeat = max(60, 2 * settings.request["timeout"] + 30)
    hosts = list(source["hosts"])
    random.shuffle(hosts)
    return [
        pika.ConnectionParameters(
            host=host,
            port=source["port"],
            virtual_host=source["vhost"],
            credentials=pika.PlainCredentials(source["user"], password),
            ssl_options=pika.SSLOptions(context, host) if context else None,
            heartbeat=heartbeat,
            socket_timeout=CONNECT_SECONDS,
            stack_timeout=3 * CONNECT_SECONDS,
            blocked_connection_timeout=BLOCKED_SECONDS,
            connection_attempts=1,
            client_properties={"connection_name": f"relay {settings.name}"},
            # A peer that is gone without a word is found before the heartbeats would.
            tcp_options={"TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 30000},
        )
        for host in hosts
    ]


class AmqpLink:
    """The connections of one worker, until one of them breaks."""

    def __init__(self, settings: Settings, password: str, context: ssl.SSLContext | None) -> None:
        self._settings = settings
        self._ways = parameters(settings, password, context)
        self._queue = settings.source["queue"]
        self._publisher: BlockingConnection | None = None
        self._out: BlockingChannel | None = None
        self._connection = self._connected()
        refuse_unfit(self._connection)
        self._channel = self._connection.channel()
        self._channel.basic_qos(prefetch_count=settings.source["prefetch"])

    def messages(self, idle_seconds: float) -> Iterator[Taken | None]:
        """Yield messages as they come, and None after a while without; without end, unless the queue was deleted."""
        for one in self._channel.consume(self._queue, inactivity_timeout=idle_seconds):
            yield taken(*one)

    def leave(self) -> int:
        """Stop taking messages; those that were sent here and not begun go back. Returns how many."""
        return int(self._channel.cancel())

    def one(self) -> Taken | None:
        """Return a single message, if there is any."""
        return taken(*self._channel.basic_get(self._queue))

    def acknowledge(self, message: Taken) -> None:
        """Have the broker forget a message."""
        self._channel.basic_ack(message.tag)

    def give_back(self, message: Taken) -> None:
        """Put a message back into its queue as it was."""
        self._channel.basic_nack(message.tag, requeue=True)

    def wait(self, seconds: float) -> None:
        """Let time pass, with the heartbeats that it takes."""
        self._connection.process_data_events(seconds)
        self.keep()

    def keep(self) -> None:
        """Answer the heartbeats of the connection that puts messages away."""
        if self._publisher is not None:
            try:
                self._publisher.process_data_events(0)
            except BROKEN:
                self._publisher = self._out = None

    def put_into_wait(self, wait: int, milliseconds: int, message: Taken, headers: Mapping[str, Any]) -> None:
        """Have a message wait in the broker, from where it comes back into its queue. Raises NotPutAway."""
        self._put(waiting_queue(self._settings.name, wait), str(milliseconds), message, headers)

    def put_among_dead(self, message: Taken, headers: Mapping[str, Any]) -> None:
        """Make a message a dead letter. Raises NotPutAway."""
        self._put(objects_of(self._settings.name)["dead"], None, message, headers)

    def close(self) -> None:
        """End the connections; what was not acknowledged goes back."""
        for connection in (self._publisher, self._connection):
            try:
                if connection is not None and connection.is_open:
                    connection.close()
            except BROKEN:
                continue

    def _put(self, key: str, expiration: str | None, message: Taken, headers: Mapping[str, Any]) -> None:
        exchange = objects_of(self._settings.name)["exchange"]
        sent = sent_on(message, {**message.headers, **headers}, expiration)
        fresh = self._out is None
        try:
            self._confirmed(exchange, key, sent, message.body)
        except REFUSALS as error:
            raise NotPutAway(refusal(error, exchange, key)) from error
        except BROKEN as error:
            self._publisher = self._out = None
            if fresh:
                raise NotPutAway(f"a message could not be put away: {reason(error)}") from error
            self._put(key, expiration, message, headers)  # a connection that was idle for long: a new one

    def _confirmed(self, exchange: str, key: str, properties: pika.BasicProperties, body: bytes) -> None:
        """Publish, and return when the broker has the message on disk."""
        if self._out is None:
            self._publisher = self._connected()
            self._out = self._publisher.channel()
            self._out.confirm_delivery()
        self._out.basic_publish(exchange, key, body, properties, mandatory=True)

    def _connected(self) -> BlockingConnection:
        return BlockingConnection(self._ways)


class AmqpLetters:
    """The dead letters that a queue holds at present, and the way back into the source.

    One by one and on one channel: once the broker has confirmed a letter it has also seen the acknowledgement of the
    one before, so that whoever kills this has one duplicate at most. Those that stay are held until the end, which is
    what brings the next one to the front.
    """

    def __init__(self, settings: Settings, password: str, context: ssl.SSLContext | None) -> None:
        own = objects_of(settings.name)
        self._queue, self._exchange, self._source = own["dead"], own["exchange"], settings.source["queue"]
        self._connection = BlockingConnection(parameters(settings, password, context))
        self._channel = self._connection.channel()
        self._channel.confirm_delivery()
        self._left: int | None = None

    def next(self) -> Taken | None:
        """Return the next dead letter; one that came since the first was taken may be that of a letter put back."""
        if self._left == 0:
            return None
        method, properties, body = self._channel.basic_get(self._queue)
        if method is None:
            return None
        self._left = method.message_count if self._left is None else self._left - 1
        return taken(method, properties, body)

    def code_of(self, letter: Taken) -> str:
        """Return why it is a dead letter."""
        return code_of(letter, self._source)

    def put_back(self, letter: Taken, headers: Mapping[str, Any]) -> None:
        """Publish a dead letter to the source, and acknowledge it once it is there. Raises NotPutAway."""
        sent = sent_on(letter, headers)
        try:
            self._channel.basic_publish(self._exchange, self._source, letter.body, sent, mandatory=True)
        except REFUSALS as error:
            raise NotPutAway(refusal(error, self._exchange, self._source)) from error
        self._channel.basic_ack(letter.tag)

    def close(self) -> None:
        """End the connection; letters that were not acknowledged are in their places again."""
        if self._connection.is_open:
            self._connection.close()


def refuse_unfit(connection: BlockingConnection) -> None:
    """Close a connection to a broker that is too old, and raise UnfitBroker."""
    broker = connection._impl  # nothing that is public has what a broker says of itself
    why = unfit(broker.params.host, broker.server_properties or {})
    if why:
        connection.close()
        raise UnfitBroker(why)


def unfit(host: str, properties: Mapping[str, Any]) -> str:
    """Return why a relay may not take from a broker that says this of itself; '' where it may."""
    version = str(properties.get("version", ""))
    # Of what else speaks AMQP, and of RabbitMQ that keeps its version to itself, nothing is known.
    if properties.get("product") != "RabbitMQ" or not number(version) or number(version) >= (3, 10):
        return ""
    return (
        f"source.hosts: {host} is RabbitMQ {version}, whose queues may lose a message on its way to another one; "
        "upgrade it to 3.10 or later"
    )


def taken(method: Any, properties: Any, body: bytes | None) -> Taken | None:
    """Return a message of pika's; None for nothing."""
    if method is None:
        return None
    return Taken(
        method.delivery_tag,
        method.redelivered,
        properties.headers or {},
        properties.message_id,
        body or b"",
        properties,
    )


def sent_on(
    message: Taken, headers: Mapping[str, Any], expiration: str | None = None
) -> pika.BasicProperties:
    """Return the properties of a message that is put elsewhere: its own, and other headers."""
    return pika.BasicProperties(
        **{name: getattr(message.own, name) for name in _KEPT},
        headers=carried(headers),
        delivery_mode=2,
        expiration=expiration,
    )


def code_of(letter: Taken, source: str) -> str:
    """Return why a message is a dead letter: what the broker said of it in the source, or else the relay's word."""
    deaths = letter.headers.get("x-death")
    for death in deaths if isinstance(deaths, list) else []:
        # Of those that waited, the broker notes that they expired in the queue of those that wait.
        if isinstance(death, Mapping) and death.get("queue") == source:
            return str(death.get("reason"))
    return str(letter.headers.get(CODE, UNKNOWN))


def refusal(error: Exception, exchange: str, key: str) -> str:
    """Return a sentence about a message that the broker did not take."""
    is_lost = isinstance(error, pika.exceptions.UnroutableError)
    why = "is bound to no such queue" if is_lost else "did not confirm it"
    return (
        f"the exchange {exchange} {why} ({key}): declare the relay's objects, and see that the queue has room"
    )


def carried(headers: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message's own headers as they are sent on.

    CC and BCC are addresses: the broker would deliver the message there once more. Numbers that pika reads and cannot
    write, those with a fraction or of more than 63 bits, become texts.
    """
    return {name: _writable(value) for name, value in headers.items() if name not in ("CC", "BCC")}


def _writable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _writable(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_writable(one) for one in value]
    is_long = isinstance(value, int) and not -(2**63) <= value < 2**63
    return str(value) if isinstance(value, float) or is_long else value


# A message's own properties. Not: user_id, which is that of its sender and would be refused from another user.
_KEPT = (
    "content_type",
    "content_encoding",
    "correlation_id",
    "reply_to",
    "message_id",
    "timestamp",
    "type",
    "app_id",
    "priority",
)


def reason(error: BaseException) -> str:
    """Return what the broker or the network said, in a line."""
    # pika wraps what happened, in one of two ways.
    inner = getattr(error, "exception", None) or next(
        (one for one in error.args if isinstance(one, BaseException)), None
    )
    if isinstance(inner, BaseException):
        return reason(inner)
    code, text = getattr(error, "reply_code", None), getattr(error, "reply_text", None)
    if code:
        return f"{code} {text}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    words = " ".join([type(error).__name__, *(str(one) for one in error.args[:1])])[:300]
    said = re.search(r"\((\d{3})\) '(.+)'\Z", words)  # what it makes of a refused login
    return f"{said[1]} {said[2]}" if said else words
