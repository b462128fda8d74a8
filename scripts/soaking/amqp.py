"""A worker over AMQP 0-9-1: a publisher and a consumer on pika's event loop, each on a connection of its own."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pika
from pika.exceptions import AMQPError

from soaking.job import CONNECT_SECONDS, HANDSHAKE_SECONDS, PREFETCH, Job, QueueType
from soaking.ledger import Tags
from soaking.reconnecting import Turns
from soaking.worker import Book

_HEARTBEAT_SECONDS = 20
_ACK_AFTER = 64  # messages are acknowledged by so many, or with the next tick


class _Connection(pika.SelectConnection):  # type: ignore[misc]
    """A connection that sends in one piece, and that can be left.

    pika gives each frame to the kernel on its own, three for a message: that took half of the time of a soak.
    """

    _held: list[bytes] | None = None

    def hold(self) -> None:
        """Keep what is sent until `release`."""
        self._held = []

    def release(self) -> None:
        """Send all that was kept, in one piece."""
        held, self._held = self._held, None
        if held and self.is_open:
            super()._adapter_emit_data(b"".join(held))

    def leave(self, why: str) -> None:
        """End it at once, without the broker's goodbye; pika's own `close` waits for that."""
        if self._transport is not None:
            self._terminate_stream(pika.exceptions.StreamLostError(why))

    def _adapter_emit_data(self, data: bytes) -> None:
        if self._held is None:
            super()._adapter_emit_data(data)
        else:
            self._held.append(data)


class Link:
    """One connection at a time, to one member after the other; comes back by itself until it is closed."""

    def __init__(self, loop: Any, job: Job, first: int, name: str) -> None:
        self.channel: Any = None  # there is service while this is not None
        self.since = 0.0  # ... and since when
        self.trouble = ""
        self.blocked_since: float | None = None
        self._blocked = 0.0
        self._loop = loop
        self._members = [_parameters(job, number, name) for number in range(len(job.members))]
        self._turns = Turns(len(job.members), first)
        self._attempt = 0  # callbacks of an earlier connection are not heard
        self._closed = False
        self._connection: Any = None
        self.opened: Callable[[Any], None] = lambda channel: None
        self.lost: Callable[[str], None] = lambda why: None

    def open(self) -> None:
        """Connect to the member whose turn it is."""
        if self._closed:
            return
        self._attempt += 1
        attempt = self._attempt
        parameters = self._members[self._turns.member()]
        self._connection = _Connection(
            parameters,
            on_open_callback=lambda connection: self._heard(attempt, self._channel, connection),
            on_open_error_callback=lambda _, error: self._heard(attempt, self._gone, error),
            on_close_callback=lambda _, error: self._heard(attempt, self._gone, error),
            custom_ioloop=self._loop,
        )

    def drop(self, why: str) -> None:
        """Leave a connection on which nothing comes any more, without waiting for the broker's goodbye."""
        connection = self._connection
        self._gone(why)
        if connection is not None:
            connection.leave(why)

    def close(self) -> None:
        """End it for good."""
        self._closed = True
        self.channel = None
        if self._connection is not None and self._connection.is_open:
            self._connection.close()

    def ready(self, channel: Any) -> None:
        """The client has set up its channel: it is being served."""
        self.channel = channel
        self.since = time.monotonic()
        self._turns.served()

    def _heard(self, attempt: int, call: Callable[[Any], None], told: Any) -> None:
        if attempt == self._attempt and not self._closed:
            call(told)

    def _channel(self, connection: Any) -> None:
        attempt = self._attempt
        connection.add_on_connection_blocked_callback(lambda *_: self._blocks(True))
        connection.add_on_connection_unblocked_callback(lambda *_: self._blocks(False))
        connection.channel(on_open_callback=lambda channel: self._heard(attempt, self._set_up, channel))

    def _set_up(self, channel: Any) -> None:
        attempt = self._attempt
        channel.add_on_close_callback(
            lambda _, error: self._heard(attempt, lambda why: self.drop(words(why)), error)
        )
        channel.add_on_cancel_callback(
            lambda _: self._heard(attempt, self.drop, "the broker cancelled the consumer")
        )
        self.opened(channel)

    def _gone(self, error: Any) -> None:
        self._attempt += 1
        self._blocks(False)
        self.trouble = error if isinstance(error, str) else words(error)
        if self.channel is not None:
            self.channel = None
            self.lost(self.trouble)
        self._loop.call_later(self._turns.pause(), self.open)

    def longest_block(self, now: float) -> float:
        """Return the longest time for which the broker blocked it, as it does under a memory or disk alarm."""
        going_on = 0.0 if self.blocked_since is None else now - self.blocked_since
        return max(self._blocked, going_on)

    def _blocks(self, blocks: bool) -> None:
        now = time.monotonic()
        if blocks and self.blocked_since is None:
            self.blocked_since = now
        elif not blocks:
            self._blocked = self.longest_block(now)
            self.blocked_since = None


class Publisher:
    """Publishes persistent messages with confirms, as many as the pace and the window admit."""

    def __init__(self, loop: Any, job: Job, book: Book) -> None:
        self.link = Link(loop, job, book.number, f"soak {job.token} publisher {book.number}")
        self.link.opened = self._opened
        self.link.lost = book.publisher_lost
        self._book = book
        self._loop = loop
        self._soon = False  # it is about to pump
        self._tags = Tags()
        self._returned: set[int] = set()
        self._properties = pika.BasicProperties(delivery_mode=pika.DeliveryMode.Persistent.value)

    def pump(self, now: float) -> None:
        """Send what is due."""
        channel, book = self.link.channel, self._book
        if channel is None:
            book.cannot_send(now)
            return
        channel.connection.hold()
        try:
            while (number := book.next_number(now)) is not None:
                self._tags.sent(number)
                channel.basic_publish("", book.queue, book.body(number), self._properties, mandatory=True)
            channel.connection.release()
        except AMQPError as error:
            self.link.drop(words(error))

    def _opened(self, channel: Any) -> None:
        self._tags = Tags()
        self._returned.clear()
        channel.add_on_return_callback(self._on_return)
        channel.confirm_delivery(self._on_confirm, callback=lambda _: self.link.ready(channel))

    def _on_confirm(self, frame: Any) -> None:
        now = time.monotonic()
        method = frame.method
        taken = isinstance(method, pika.spec.Basic.Ack)
        for number in self._tags.answered(method.delivery_tag, method.multiple):
            if taken and number not in self._returned:
                self._book.confirmed(number, now)
            else:
                self._returned.discard(number)
                self._book.refused(number, now)
        if taken and not self._soon:  # once for all confirms that have come together
            self._soon = True
            self._loop.call_later(0, self._pump_soon)

    def _pump_soon(self) -> None:
        self._soon = False
        self.pump(time.monotonic())

    def _on_return(self, _channel: Any, _method: Any, _properties: Any, body: bytes) -> None:
        """A message that no queue took is returned before it is confirmed."""
        self._returned.add(self._book.number_in(body))


class Consumer:
    """Consumes with acknowledgements; a stream from its first message, later from where it was."""

    def __init__(self, loop: Any, job: Job, book: Book) -> None:
        self.link = Link(loop, job, book.number + 1, f"soak {job.token} consumer {book.number}")
        self.link.opened = self._opened
        self.link.lost = self._lost
        self._book = book
        self._stream = job.queue_type is QueueType.STREAM
        self._offset: int | str = "first"
        self._unacknowledged = 0
        self._tag = 0

    def acknowledge(self) -> None:
        """Acknowledge what has come since the last time."""
        if self._unacknowledged and self.link.channel is not None:
            self._unacknowledged = 0
            self.link.channel.basic_ack(self._tag, multiple=True)

    def _opened(self, channel: Any) -> None:
        self._unacknowledged = 0
        arguments = {"x-stream-offset": self._offset} if self._stream else {}
        channel.basic_qos(
            prefetch_count=PREFETCH,
            callback=lambda _: channel.basic_consume(
                self._book.queue,
                self._message,
                arguments=arguments,
                callback=lambda _: self.link.ready(channel),
            ),
        )

    def _message(self, _channel: Any, method: Any, properties: Any, body: bytes) -> None:
        self._book.delivered(body, time.monotonic())
        if self._stream:
            self._offset = properties.headers["x-stream-offset"] + 1
        self._tag = method.delivery_tag
        self._unacknowledged += 1
        if self._unacknowledged >= _ACK_AFTER:
            self.acknowledge()

    def _lost(self, why: str) -> None:
        self._book.lost_consumer[why] += 1


class Worker:
    """A publisher and a consumer of one queue."""

    def __init__(self, loop: Any, job: Job, book: Book) -> None:
        self.book = book
        self._patience = job.patience
        self._publisher = Publisher(loop, job, book)
        self._consumer = Consumer(loop, job, book)
        self.links = (self._publisher.link, self._consumer.link)

    def start(self) -> None:
        """Connect."""
        for link in self.links:
            link.open()

    def tick(self, now: float) -> None:
        """Send and acknowledge what is due; leave connections on which nothing comes."""
        self._publisher.pump(now)
        self._consumer.acknowledge()
        ledger, publisher, consumer = self.book.ledger, *self.links
        if ledger.unconfirmed and publisher.blocked_since is None:
            self._impatient(publisher, self.book.publisher.waited(now), now, "confirm")
        if ledger.undelivered:
            self._impatient(consumer, self.book.consumer.waited(now), now, "message")

    def _impatient(self, link: Link, waited: float, now: float, what: str) -> None:
        if link.channel is not None and min(waited, now - link.since) > self._patience:
            link.drop(f"no {what} within {self._patience:g} s")

    @property
    def trouble(self) -> str:
        """What the last connection that failed said."""
        return next((link.trouble for link in self.links if link.channel is None and link.trouble), "")

    @property
    def connected(self) -> int:
        """How many of its two clients are being served."""
        return sum(link.channel is not None for link in self.links)

    @property
    def consuming(self) -> bool:
        """Whether its consumer is connected."""
        return self._consumer.link.channel is not None

    @property
    def blocked(self) -> float:
        """The longest time for which the broker blocked its publisher."""
        return self._publisher.link.longest_block(time.monotonic())

    def close(self) -> None:
        """Disconnect for good."""
        self._consumer.acknowledge()
        for link in self.links:
            link.close()


def _parameters(job: Job, number: int, name: str) -> pika.ConnectionParameters:
    endpoint = job.members[number]
    login = (
        pika.credentials.ExternalCredentials()
        if endpoint.by_certificate
        else pika.PlainCredentials(job.user, job.password)
    )
    parameters = pika.ConnectionParameters(
        endpoint.host,
        endpoint.port,
        job.vhost,
        login,
        heartbeat=_HEARTBEAT_SECONDS,
        connection_attempts=1,
        retry_delay=0,
        socket_timeout=CONNECT_SECONDS,
        stack_timeout=HANDSHAKE_SECONDS,
        client_properties={"connection_name": name, "product": "Brokerkit soak.py"},
    )
    if endpoint.tls is not None:
        from probes.tls import transport  # loading it takes time that a connection in the clear need not wait

        parameters.ssl_options = pika.SSLOptions(
            transport.client(endpoint.tls), server_hostname=endpoint.host
        )
    return parameters


def words(error: BaseException) -> str:
    """Return what a lost or refused connection said: the broker's own words, else the operating system's."""
    for cause in _causes(error):
        if isinstance(cause, (pika.exceptions.ConnectionClosed, pika.exceptions.ChannelClosed)):
            return f"{cause.reply_code} {cause.reply_text}"
        if isinstance(cause, OSError):
            return cause.strerror or str(cause) or type(cause).__name__
    said = str(error) or type(error).__name__
    # pika has the operating system's words in a text of its own: "ConnectionResetError(104, 'Connection reset …')".
    found = re.search(r"Error\((?:\d+, )?['\"](.*)['\"]\)", said)
    return found[1] if found else said


def _causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    left = [error]
    while left and len(found) < 20:
        one = left.pop()
        found.append(one)
        inside = [*one.args, *getattr(one, "exceptions", ()), getattr(one, "exception", None)]
        left += [cause for cause in inside if isinstance(cause, BaseException)]
    return found
