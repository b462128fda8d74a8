"""A worker over STOMP 1.2: a publisher that waits for receipts and a consumer, each on a connection of its own.

stomp.py reads in a thread of its own, and its sending may block. So a link has a thread that connects and then sends,
what comes back is put into a queue with the time at which it came, and the ledger is kept by the event loop alone.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

import stomp
from probes.model import Endpoint
from probes.wire.waiting import dial

from soaking.job import CONNECT_SECONDS, HANDSHAKE_SECONDS, PREFETCH, Job, QueueType
from soaking.reconnecting import Turns
from soaking.worker import Book

_ACK_AFTER = 64
_IDLE_SECONDS = 3600.0  # stomp.py takes a socket's time-out for a lost connection
_READY = "ready"  # the receipt of what a client sets up

Send = Callable[[Any], None]


class _Line:
    """One connection: the thread that connects and sends, and what the broker sent."""

    def __init__(self, endpoint: Endpoint, job: Job, first: Send) -> None:
        self.events: queue.SimpleQueue[tuple[float, str, Any]] = queue.SimpleQueue()
        self._endpoint = endpoint
        self._job = job
        self._connected = threading.Event()
        self._out: queue.SimpleQueue[Send | None] = queue.SimpleQueue()
        self._connection: Any = None
        threading.Thread(target=self._run, args=(first,), daemon=True).start()

    def send(self, act: Send) -> None:
        """Have the thread send something, after what it was given before."""
        self._out.put(act)

    def cut(self) -> None:
        """End it at once."""
        self._out.put(None)
        connection = self._connection
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.transport.disconnect_socket()

    # The names that stomp.py calls.
    def on_connected(self, _frame: Any) -> None:
        self._connected.set()

    def on_receipt(self, frame: Any) -> None:
        self._put("receipt", frame.headers["receipt-id"])

    def on_message(self, frame: Any) -> None:
        self._put("message", frame)

    def on_error(self, frame: Any) -> None:
        self._put("lost", " ".join(str(frame.headers.get("message") or frame.body).split()))

    def on_disconnected(self) -> None:
        self._put("lost", "the connection was closed")

    def _put(self, what: str, told: Any) -> None:
        self.events.put((time.monotonic(), what, told))

    def _run(self, first: Send) -> None:
        try:
            self._connect()
            first(self._connection)
            while (act := self._out.get()) is not None:
                act(self._connection)
        except Exception as error:  # stomp.py raises the socket's errors and its own, most without a reason
            cause = error if isinstance(error, OSError) else error.__cause__ or error.__context__ or error
            self._put("lost", getattr(cause, "strerror", None) or str(cause) or type(cause).__name__)
        with contextlib.suppress(Exception):
            self._connection.transport.disconnect_socket()

    def _connect(self) -> None:
        job, endpoint = self._job, self._endpoint
        connection = stomp.Connection12(
            [(endpoint.host, endpoint.port)],
            vhost=job.vhost,
            prefer_localhost=False,
            try_loopback_connect=False,
            reconnect_attempts_max=1,
            reconnect_sleep_initial=0,
            auto_decode=False,
        )
        self._connection = connection
        connection.transport.attempt_connection = lambda: self._attempt(connection.transport)
        connection.set_listener("", self)
        login = (None, None) if endpoint.by_certificate else (job.user, job.password)
        connection.connect(*login, wait=False, with_connect_command=True)
        if not self._connected.wait(HANDSHAKE_SECONDS):
            raise TimeoutError(f"no answer to the login within {HANDSHAKE_SECONDS:g} s")

    def _attempt(self, transport: Any) -> None:
        """Stand in for stomp.py's own way to connect, as the probes do: see probes/clients/stomp.py."""
        endpoint = self._endpoint
        if endpoint.tls is None:
            transport.socket = dial(endpoint.host, endpoint.port, HANDSHAKE_SECONDS, CONNECT_SECONDS)
        else:
            from probes.tls import transport as tls

            transport.socket = tls.connect(endpoint, HANDSHAKE_SECONDS)
        transport.socket.settimeout(_IDLE_SECONDS)
        transport.current_host_and_port = (endpoint.host, endpoint.port)


class Link:
    """One connection at a time, to one member after the other; comes back by itself until it is closed."""

    def __init__(self, job: Job, first: int, begin: Send) -> None:
        self.ready = False  # there is service while this is true
        self.since = 0.0  # ... and since when
        self.trouble = ""
        self.lost: Callable[[str], None] = lambda why: None
        self.heard: Callable[[float, str, Any], None] = lambda at, what, told: None
        self._job = job
        self._begin = begin
        self._turns = Turns(len(job.members), first)
        self._line: _Line | None = None
        self._next = 0.0  # when to try again

    def tick(self, now: float) -> None:
        """Take in what has come; connect where it is time to."""
        if self._line is None and now >= self._next:
            self._line = _Line(self._job.members[self._turns.member()], self._job, self._begin)
        while self._line is not None and not self._line.events.empty():
            self._take(*self._line.events.get())

    def send(self, act: Send) -> None:
        """Send something on the connection, in order."""
        if self._line is not None:
            self._line.send(act)

    def drop(self, why: str) -> None:
        """Leave a connection that is lost, or on which nothing comes any more."""
        line, self._line = self._line, None
        if line is not None:
            line.cut()
        self.trouble = why
        if self.ready:
            self.ready = False
            self.lost(why)
        self._next = time.monotonic() + self._turns.pause()

    def close(self) -> None:
        """End it for good."""
        line, self._line, self._next = self._line, None, float("inf")
        self.ready = False
        if line is not None:
            line.cut()

    def _take(self, at: float, what: str, told: Any) -> None:
        if what == "lost":
            self.drop(str(told))
        elif what == "receipt" and told == _READY:
            self.ready, self.since = True, at
            self._turns.served()
        else:
            self.heard(at, what, told)


class Worker:
    """A publisher and a consumer of one queue."""

    def __init__(self, job: Job, book: Book) -> None:
        self.book = book
        self._patience = job.patience
        self._destination = f"/amq/queue/{book.queue}"  # one that exists: it was declared over AMQP
        self._stream = job.queue_type is QueueType.STREAM
        self._offset = "first"
        self._unacknowledged: list[str] = []
        # A publisher has nothing to set up; a frame with a receipt shows that it is being served.
        self._publisher = Link(job, book.number, lambda one: _round_trip(one))
        self._publisher.lost = book.publisher_lost
        self._publisher.heard = self._receipt
        self._consumer = Link(job, book.number + 1, self._subscribe)
        self._consumer.lost = self._consumer_lost
        self._consumer.heard = self._message

    def start(self) -> None:
        """Connect, with the first tick."""

    def tick(self, now: float) -> None:
        """Take in what has come, send and acknowledge what is due; leave connections on which nothing comes."""
        self._publisher.tick(now)
        self._consumer.tick(now)
        self._pump(now)
        self._acknowledge()
        ledger = self.book.ledger
        if ledger.unconfirmed:
            self._impatient(self._publisher, self.book.publisher.waited(now), now, "confirm")
        if ledger.undelivered:
            self._impatient(self._consumer, self.book.consumer.waited(now), now, "message")

    def _impatient(self, link: Link, waited: float, now: float, what: str) -> None:
        if link.ready and min(waited, now - link.since) > self._patience:
            link.drop(f"no {what} within {self._patience:g} s")

    def _pump(self, now: float) -> None:
        if not self._publisher.ready:
            self.book.cannot_send(now)
            return
        while (number := self.book.next_number(now)) is not None:
            self._publisher.send(self._frame(number))

    def _frame(self, number: int) -> Send:
        body = self.book.body(number)
        headers = {"persistent": "true", "receipt": str(number)}
        return lambda one: one.send(self._destination, body, headers=headers)

    def _receipt(self, at: float, what: str, told: Any) -> None:
        if what == "receipt" and str(told).isdecimal():
            self.book.confirmed(int(told), at)

    def _subscribe(self, one: Any) -> None:
        headers = {"prefetch-count": str(PREFETCH), "receipt": _READY}
        if self._stream:
            headers["x-stream-offset"] = self._offset
        one.subscribe(self._destination, "soak", "client", headers=headers)

    def _message(self, at: float, what: str, told: Any) -> None:
        if what != "message":
            return
        body = told.body if isinstance(told.body, bytes) else str(told.body).encode()
        self.book.delivered(body, at)
        if self._stream:
            self._offset = f"offset={int(told.headers['x-stream-offset']) + 1}"
        self._unacknowledged.append(told.headers["ack"])
        if len(self._unacknowledged) >= _ACK_AFTER:
            self._acknowledge()

    def _acknowledge(self) -> None:
        """Acknowledge the last message, and with it all before."""
        if self._unacknowledged and self._consumer.ready:
            last = self._unacknowledged[-1]
            self._unacknowledged.clear()
            self._consumer.send(lambda one: one.ack(last))

    def _consumer_lost(self, why: str) -> None:
        self._unacknowledged.clear()
        self.book.lost_consumer[why] += 1

    @property
    def trouble(self) -> str:
        """What the last connection that failed said."""
        links = (self._publisher, self._consumer)
        return next((link.trouble for link in links if not link.ready and link.trouble), "")

    @property
    def connected(self) -> int:
        """How many of its two clients are being served."""
        return self._publisher.ready + self._consumer.ready

    @property
    def consuming(self) -> bool:
        """Whether its consumer is connected."""
        return self._consumer.ready

    @property
    def blocked(self) -> float:
        """Over STOMP a broker does not say that it blocks a publisher."""
        return 0.0

    def close(self) -> None:
        """Disconnect for good."""
        self._acknowledge()
        for link in (self._publisher, self._consumer):
            link.close()


def _round_trip(one: Any) -> None:
    """Send a frame that changes nothing and is answered by a receipt."""
    one.begin("soak", headers={"receipt": _READY})
    one.abort("soak")
