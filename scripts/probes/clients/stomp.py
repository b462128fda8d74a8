"""STOMP sessions for probes: stomp.py, bounded by the probe's deadline, with failures explained.

stomp.py raises an empty ConnectFailedException for every failure and waits for ever on a listener that says
nothing, so a session never asks it to wait: frames arrive in an inbox, and every wait there ends at the
deadline. Heart-beats are off: a probe's connection lives for seconds.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import secrets
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from probes import diagnosis, refusals
from probes.clients import stomp_errors
from probes.clients.policies import blamed
from probes.model import (
    ARRIVAL_SECONDS,
    CONNECT_SECONDS,
    GOODBYE_SECONDS,
    LEFTOVER_EXPIRES_MS,
    Astray,
    Context,
    DeadlineExceeded,
    Dropped,
    ProbeStop,
)
from probes.wire.attempts import attempt
from probes.wire.classify import Speaks
from probes.wire.waiting import dial

T = TypeVar("T")

# Every frame that names a queue has to declare it the same way. RabbitMQ's STOMP plugin makes /queue/… durable by
# default (4.3 refuses transient ones); auto-delete removes it with its last subscription, x-expires without
# one. Source: the plugin's documentation, "Queue Properties".
QUEUE_HEADERS: dict[str, str] = {
    "auto-delete": "true",
    "x-expires": str(LEFTOVER_EXPIRES_MS),
    "x-queue-type": "classic",
}


# A frame that explains why nothing can be sent any more is on its way for no longer than this.
_LAST_WORDS_SECONDS = 0.2


@dataclass(frozen=True)
class Frame:
    """A frame from the broker."""

    command: str
    headers: Mapping[str, str]
    body: str

    @property
    def words(self) -> str:
        """An ERROR frame's text: its message header and its body."""
        message, body = self.headers.get("message", ""), self.body.strip()
        # ActiveMQ says the same in both, before what its own programmers want to know.
        return message if message and message in body else ": ".join(part for part in (message, body) if part)


def error_words(data: bytes) -> str:
    """Return what the bytes of an ERROR frame say; the bytes themselves, if they are something else."""
    text = data.decode("utf-8", "replace")
    _, found, rest = text.partition("\nmessage:")
    return rest.partition("\n")[0] if found else repr(text[:80])


class ErrorFrame(Exception):
    """The broker answered with an ERROR frame; STOMP brokers close the connection after it."""

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame.words)
        self.frame = frame


class ConnectionLost(Exception):
    """The connection ended without an ERROR frame."""


class _Inbox:
    """Takes frames from stomp.py's receiver thread; the probe's thread waits here for the one it needs."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._changed = threading.Condition()
        self._lost = False
        self.connected: Frame | None = None
        self.error: Frame | None = None
        self.messages: deque[Frame] = deque()
        self.receipts: set[str] = set()
        self.heartbeats = 0

    # The names that stomp.py calls.
    def on_connected(self, frame: Any) -> None:
        with self._changed:
            self.connected = _frame("CONNECTED", frame)
            self._changed.notify_all()

    def on_message(self, frame: Any) -> None:
        with self._changed:
            self.messages.append(_frame("MESSAGE", frame))
            self._changed.notify_all()

    def on_receipt(self, frame: Any) -> None:
        with self._changed:
            self.receipts.add(frame.headers["receipt-id"])
            self._changed.notify_all()

    def on_error(self, frame: Any) -> None:
        with self._changed:
            self.error = _frame("ERROR", frame)
            self._changed.notify_all()

    def on_heartbeat(self) -> None:
        with self._changed:
            self.heartbeats += 1
            self._changed.notify_all()

    def last_words(self) -> None:
        """Record that nothing can be sent any more. Raises ErrorFrame if the broker has said why, just before."""
        with self._changed:
            self._changed.wait_for(lambda: self.error is not None or self._lost, _LAST_WORDS_SECONDS)
            self._lost = True
            self._changed.notify_all()
            if self.error is not None:
                raise ErrorFrame(self.error)

    def on_disconnected(self) -> None:
        with self._changed:
            self._lost = True
            self._changed.notify_all()

    def wait(self, ready: Callable[[], T | None], what: str, at_most: float | None = None) -> T:
        """Return what `ready` returns as soon as it is not None, waiting `at_most` seconds if that is given.

        Raises ErrorFrame, ConnectionLost, TimeoutError when `at_most` is over, or DeadlineExceeded.
        """
        self._context.deadline.step = f"waiting for {what}"
        ends = None if at_most is None else time.monotonic() + at_most
        with self._changed:
            while True:
                if (value := ready()) is not None:
                    return value
                if self.error is not None:
                    raise ErrorFrame(self.error)
                if self._lost:
                    raise ConnectionLost(f"the connection was closed instead of {what}")
                if ends is not None and time.monotonic() >= ends:
                    raise TimeoutError(f"{what} did not come within {at_most:g} s")
                self._changed.wait(self._context.deadline.left(at_most))


def _frame(command: str, frame: Any) -> Frame:
    body = frame.body if isinstance(frame.body, str) else bytes(frame.body or b"").decode("utf-8", "replace")
    return Frame(command, dict(frame.headers), body)


class Session:
    """One STOMP connection, for one thread."""

    def __init__(self, context: Context, connection: Any, inbox: _Inbox) -> None:
        self._context = context
        self._connection = connection
        self._inbox = inbox
        self._numbers = itertools.count(1)

    @property
    def connected(self) -> Frame:
        """The CONNECTED frame of the broker."""
        assert self._inbox.connected is not None  # noqa: S101 - connect() has waited for it
        return self._inbox.connected

    def send(self, destination: str, body: str, headers: Mapping[str, str]) -> str:
        """Send `body`, wait for its receipt, and return the receipt's id."""
        return self._with_receipt(
            f"the receipt of a message to {destination}",
            lambda receipt: self._connection.send(
                destination, body, content_type="application/json", headers=dict(headers), receipt=receipt
            ),
        )

    def subscribe(self, destination: str, headers: Mapping[str, str], ack: str = "auto") -> str:
        """Subscribe, wait until the broker has done so, and return the subscription's id."""
        number = f"sub-{next(self._numbers)}"
        self._with_receipt(
            f"the receipt of a subscription to {destination}",
            lambda receipt: self._connection.subscribe(
                destination, number, ack, headers=dict(headers), receipt=receipt
            ),
        )
        return number

    def unsubscribe(self, subscription: str, headers: Mapping[str, str] | None = None) -> None:
        """End a subscription and wait until the broker has done so."""
        self._with_receipt(
            "the receipt of the end of a subscription",
            lambda receipt: self._connection.unsubscribe(
                id=subscription, headers=dict(headers or {}), receipt=receipt
            ),
        )

    def receive(self, what: str) -> Frame:
        """Wait for the next message and return it. Raises Failed, naming `what`, when none comes."""
        messages = self._inbox.messages
        try:
            return self._inbox.wait(lambda: messages.popleft() if messages else None, what, ARRIVAL_SECONDS)
        except TimeoutError:
            raise Astray(
                f"Nothing came within {ARRIVAL_SECONDS:g} s of {what}.",
                "The broker confirmed a message and does not hand it out: it was lost.",
                "Read the broker's log for this moment, and look for plugins that take messages.",
            ) from None

    def waiting(self) -> int:
        """Return the number of messages that have arrived but were not received yet."""
        return len(self._inbox.messages)

    def received(self) -> list[Frame]:
        """Return the messages that have arrived but were not received yet, without waiting."""
        messages = list(self._inbox.messages)
        self._inbox.messages.clear()
        return messages

    def ack(self, message: Frame) -> None:
        """Acknowledge `message` and wait for the broker's receipt (STOMP 1.2)."""
        self._with_receipt(
            "the receipt of an ACK",
            lambda receipt: self._connection.ack(message.headers["ack"], receipt=receipt),
        )

    def nack(self, message: Frame) -> None:
        """Reject `message` and wait for the broker's receipt (STOMP 1.2)."""
        self._with_receipt(
            "the receipt of a NACK",
            lambda receipt: self._connection.nack(message.headers["ack"], receipt=receipt),
        )

    def begin(self) -> str:
        """Begin a transaction and return its id, for the header `transaction` of frames that belong to it."""
        number = f"tx-{next(self._numbers)}"
        self._with_receipt("the receipt of BEGIN", lambda receipt: self._end("begin", number, receipt))
        return number

    def commit(self, transaction: str) -> None:
        """Commit a transaction."""
        self._with_receipt("the receipt of COMMIT", lambda receipt: self._end("commit", transaction, receipt))

    def abort(self, transaction: str) -> None:
        """Abort a transaction."""
        self._with_receipt("the receipt of ABORT", lambda receipt: self._end("abort", transaction, receipt))

    def _end(self, command: str, transaction: str, receipt: str) -> None:
        getattr(self._connection, command)(transaction, headers={"receipt": receipt})

    def heartbeat(self) -> None:
        """Wait for a heart-beat of the broker."""
        self._inbox.wait(lambda: self._inbox.heartbeats or None, "a heart-beat of the broker")

    def disconnect(self) -> None:
        """Disconnect; when this returns, the broker has forgotten the connection."""
        self._with_receipt(
            "the receipt of DISCONNECT", lambda receipt: self._connection.disconnect(receipt=receipt)
        )

    def die(self) -> None:
        """Drop the connection as a crashed consumer does."""
        self._connection.transport.disconnect_socket()

    def _with_receipt(self, what: str, act: Callable[[str], None]) -> str:
        receipt = f"receipt-{next(self._numbers)}"
        try:
            act(receipt)
        except Exception as error:  # stomp.py raises the socket's errors and its own NotConnectedException
            self._inbox.last_words()
            raise ConnectionLost(f"sending failed: {error or type(error).__name__}") from error
        self._inbox.wait(lambda: True if receipt in self._inbox.receipts else None, what)
        return receipt


@contextlib.contextmanager
def session(context: Context, version: str = "1.2", **options: Any) -> Iterator[Session]:
    """Open a session of a STOMP `version` as the broker's probe user on its vhost; it ends whatever happens.

    `options` are those of `connect`. Raises ProbeStop with the diagnosis when the connection fails,
    and for ERROR frames.
    """
    broker = context.broker
    try:
        with (
            connect(context, version, *context.login("stomp"), broker.vhost, **options) as opened,
            blamed(context),
            _words(context),
        ):
            yield opened
    except ErrorFrame as error:  # of the login
        raise stomp_errors.explain(broker, error.frame.words, _Reasons(context)) from error


@contextlib.contextmanager
def _words(context: Context) -> Iterator[None]:
    """Turn the failure of a session into sentences."""
    try:
        yield
    except ErrorFrame as error:
        raise stomp_errors.explain(context.broker, error.frame.words, _Reasons(context)) from error
    except ConnectionLost as error:
        raise Dropped(
            f"The connection to {context.endpoint('stomp')} was lost: {error}",
            "The broker or something on the way ended the connection in the middle of the probe.",
            "Read the broker's log for this moment; a restart or a crash shows there.",
        ) from error


@contextlib.contextmanager
def connect(
    context: Context,
    version: str,
    user: str | None,
    password: str | None,
    vhost: str,
    *,
    client_id: str | None = None,
    heartbeats: tuple[int, int] = (0, 0),
    content_length: bool = True,
) -> Iterator[Session]:
    """Connect and log in; without login headers where `user` is None.

    `client_id` names the client for durable subscriptions (ActiveMQ); `heartbeats` are what is sent and what
    is wanted, in milliseconds; without `content_length` no frame says how long its body is. Raises ErrorFrame
    for the broker's refusal, and Unreachable with a diagnosis where no STOMP broker is.
    """
    import stomp

    endpoint = context.endpoint("stomp")
    kinds = {"1.0": stomp.Connection10, "1.1": stomp.Connection11, "1.2": stomp.Connection12}
    # STOMP 1.0 has no vhosts; RabbitMQ takes the host header from its clients all the same.
    names: dict[str, Any] = (
        {"headers": {"host": vhost}} if version == "1.0" else {"with_connect_command": True}
    )
    if client_id is not None:
        names.setdefault("headers", {})["client-id"] = client_id
    connection = kinds[version](
        [(endpoint.host, endpoint.port)],
        **({} if version == "1.0" else {"vhost": vhost, "heartbeats": heartbeats}),
        auto_content_length=content_length,
        prefer_localhost=False,
        try_loopback_connect=False,
        reconnect_attempts_max=1,
        reconnect_sleep_initial=0,
        timeout=context.deadline.left(CONNECT_SECONDS),
    )
    connection.transport.attempt_connection = functools.partial(_attempt, connection.transport, context)
    inbox = _Inbox(context)
    connection.set_listener("", inbox)

    def log_in() -> None:
        connection.connect(user, password, wait=False, **names)
        inbox.wait(lambda: inbox.connected, f"the CONNECTED frame of {endpoint}")

    try:
        try:
            attempt(context, "stomp", log_in, lambda _: connection.transport.disconnect_socket())
        except (ErrorFrame, DeadlineExceeded, ProbeStop):
            raise
        except Exception as error:  # stomp.py raises the socket's errors and its own, all without a reason
            words = str(error) or "no reason given"
            if isinstance(error, ConnectionLost) and password and password == context.broker.password:
                _refuse_unfit(context, words)
            raise diagnosis.no_connection(context, "stomp", words) from error
        yield Session(context, connection, inbox)
    finally:
        with contextlib.suppress(Exception):
            connection.transport.disconnect_socket()


def _refuse_unfit(context: Context, words: str) -> None:
    """Raise Failed for a login that a STOMP broker dropped because it cannot be sent unescaped."""
    endpoint = context.endpoint("stomp")
    known = refusals.unfit_for_stomp(context.broker, f"{endpoint} speaks STOMP, and {words}.")
    if known is not None and context.settings.ports.port(endpoint.host, endpoint.port).speaks is Speaks.STOMP:
        raise known


def _attempt(transport: Any, context: Context) -> None:
    """Stand in for stomp.py's own way to connect, which has no end where a name does not resolve, and speaks TLS in two
    threads: see tls/transport.py."""
    endpoint = context.endpoint("stomp")
    transport.socket = wire(context)
    transport.socket.settimeout(
        context.deadline.left() + GOODBYE_SECONDS
    )  # stomp.py treats a time-out as a lost connection
    transport.current_host_and_port = (endpoint.host, endpoint.port)


def wire(context: Context) -> socket.socket:
    """Connect to the broker's STOMP port and return a socket that speaks it in plaintext. Raises OSError."""
    endpoint, seconds = context.endpoint("stomp"), context.deadline.handshake()
    if endpoint.tls is None:
        return dial(endpoint.host, endpoint.port, seconds, CONNECT_SECONDS)
    from probes.tls import transport  # loading it would slow down --list

    return transport.connect(endpoint, seconds)


def refusal(context: Context, user: str | None, password: str | None, vhost: str) -> str | None:
    """Return the broker's ERROR frame for a login, None if it accepts it."""
    try:
        with connect(context, "1.2", user, password, vhost):
            return None
    except ErrorFrame as error:
        return error.frame.words


class _Reasons:
    """Finds out what RabbitMQ does not say over STOMP: why it refuses a vhost, or cannot process a frame."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def refused_over_amqp(self) -> ProbeStop | None:
        """Return why the same user is refused over AMQP on the same vhost; None if it is not, or if unknown."""
        if "amqp" not in self._context.broker.endpoints:
            return None
        from probes.clients import amqp as amqp_client

        try:
            with amqp_client.session(self._context):
                return None
        except ProbeStop as stop:
            return None if stop.unreachable else stop
        except DeadlineExceeded:
            return None

    def limits(self) -> list[str]:
        """Return the limits that are set on the user and the vhost, as far as the management API tells them."""
        from probes.clients import management as management_client

        broker, segment = self._context.broker, management_client.segment
        owners = {
            f"user-limits/{segment(broker.user)}": f"the user {broker.user}",
            f"vhost-limits/{segment(broker.vhost)}": f"the vhost {broker.vhost}",
        }
        if "management" not in broker.endpoints:
            return []
        found = []
        for path, owner in owners.items():
            with contextlib.suppress(ProbeStop, DeadlineExceeded, AttributeError, KeyError, TypeError):
                for entry in management_client.get(self._context, f"/api/{path}"):
                    found += [f"{key} {value} of {owner}" for key, value in entry["value"].items()]
        return found

    def vhost_exists(self) -> bool:
        """Whether the broker has the vhost."""
        return vhost_exists(self._context, self._context.broker.vhost)


def vhost_exists(context: Context, vhost: str) -> bool:
    """Whether there is a vhost, when it is known that the user was refused there.

    "Virtual host … access denied" is said of a vhost that is missing and of one without permission. With a
    wrong password it is only said of the missing one (3.8 to 4.3).
    """
    return stomp_errors.is_login_refusal(
        refusal(context, context.broker.user, secrets.token_urlsafe(24), vhost)
    )
