"""A worker's connections to the broker: one that takes messages, and one that puts those away that are not done.

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
from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection

# What ends a connection, for whatever reason: the next one is another attempt.
BROKEN = (pika.exceptions.AMQPError, OSError)
ATTEMPTS, REASON, CODE = "x-relay-attempts", "x-relay-reason", "x-relay-code"
_CONNECT_SECONDS = 5
_BLOCKED_SECONDS = 30


class NotPutAway(Exception):
    """A message that the broker did not take: a sentence. The message stays where it was."""


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
            socket_timeout=_CONNECT_SECONDS,
            stack_timeout=3 * _CONNECT_SECONDS,
            blocked_connection_timeout=_BLOCKED_SECONDS,
            connection_attempts=1,
            client_properties={"connection_name": f"relay {settings.name}"},
            # A peer that is gone without a word is found before the heartbeats would.
            tcp_options={"TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 30000},
        )
        for host in hosts
    ]


class Link:
    """The connections of one worker, until one of them breaks."""

    def __init__(self, settings: Settings, password: str, context: ssl.SSLContext | None) -> None:
        self._settings = settings
        self._ways = parameters(settings, password, context)
        self._queue = settings.source["queue"]
        self._publisher: BlockingConnection | None = None
        self._out: BlockingChannel | None = None
        self._connection = self._connected()
        self._channel = self._connection.channel()
        self._channel.basic_qos(prefetch_count=settings.source["prefetch"])

    def messages(self, idle_seconds: float) -> Iterator[tuple[Any, Any, bytes] | None]:
        """Yield messages as they come, and None after a while without; without end, unless the queue was deleted."""
        for method, properties, body in self._channel.consume(self._queue, inactivity_timeout=idle_seconds):
            yield (method, properties, body) if method is not None else None

    def leave(self) -> int:
        """Stop taking messages; those that were sent here and not begun go back. Returns how many."""
        return int(self._channel.cancel())

    def one(self) -> tuple[Any, Any, bytes] | None:
        """Return a single message, if there is any."""
        method, properties, body = self._channel.basic_get(self._queue)
        return None if method is None else (method, properties, body)

    def acknowledge(self, tag: int) -> None:
        """Have the broker forget a message."""
        self._channel.basic_ack(tag)

    def give_back(self, tag: int) -> None:
        """Put a message back into its queue as it was."""
        self._channel.basic_nack(tag, requeue=True)

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

    def put_into_wait(
        self, wait: int, milliseconds: int, properties: Any, headers: Mapping[str, Any], body: bytes
    ) -> None:
        """Have a message wait in the broker, from where it comes back into its queue. Raises NotPutAway."""
        self._put(waiting_queue(self._settings.name, wait), str(milliseconds), properties, headers, body)

    def put_among_dead(self, properties: Any, headers: Mapping[str, Any], body: bytes) -> None:
        """Make a message a dead letter. Raises NotPutAway."""
        self._put(objects_of(self._settings.name)["dead"], None, properties, headers, body)

    def close(self) -> None:
        """End the connections; what was not acknowledged goes back."""
        for connection in (self._publisher, self._connection):
            try:
                if connection is not None and connection.is_open:
                    connection.close()
            except BROKEN:
                continue

    def _put(
        self, key: str, expiration: str | None, properties: Any, headers: Mapping[str, Any], body: bytes
    ) -> None:
        exchange = objects_of(self._settings.name)["exchange"]
        kept = {name: getattr(properties, name) for name in _KEPT}
        sent = pika.BasicProperties(
            **kept,
            headers={**carried(properties.headers or {}), **headers},
            delivery_mode=2,
            expiration=expiration,
        )
        fresh = self._out is None
        try:
            self._confirmed(exchange, key, sent, body)
        except (pika.exceptions.UnroutableError, pika.exceptions.NackError) as error:
            why = (
                "is bound to no such queue"
                if isinstance(error, pika.exceptions.UnroutableError)
                else "did not confirm it"
            )
            raise NotPutAway(
                f"the exchange {exchange} {why} ({key}): declare the relay's objects, and see that the queue has room"
            ) from error
        except BROKEN as error:
            self._publisher = self._out = None
            if fresh:
                raise NotPutAway(f"a message could not be put away: {reason(error)}") from error
            self._put(
                key, expiration, properties, headers, body
            )  # a connection that was idle for long: a new one

    def _confirmed(self, exchange: str, key: str, properties: pika.BasicProperties, body: bytes) -> None:
        """Publish, and return when the broker has the message on disk."""
        if self._out is None:
            self._publisher = self._connected()
            self._out = self._publisher.channel()
            self._out.confirm_delivery()
        self._out.basic_publish(exchange, key, body, properties, mandatory=True)

    def _connected(self) -> BlockingConnection:
        return BlockingConnection(self._ways)


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
