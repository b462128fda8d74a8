"""A connection to the broker over STOMP, which says what is wrong.

stomp.py delivers on a thread of its own. Here that thread only puts messages aside: whoever calls `receive` handles
them, so that a slow handler delays no heartbeat, and Django's database connections stay in one thread.
"""

from __future__ import annotations

import contextlib
import queue
import socket
import ssl
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import stomp

from .config import Config

SECONDS = 10.0  # for each answer of the broker
HEARTBEATS_MS = (10_000, 10_000)
PREFETCH = 10  # messages that the broker hands out ahead


class MqError(Exception):
    """The broker cannot be used: a sentence for whoever runs it."""


@dataclass(frozen=True)
class Message:
    """A message as it came: `ack` is what it is acknowledged by."""

    destination: str
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)
    ack: str = ""


class _Inbox(stomp.ConnectionListener):
    """What the broker has said, noted by stomp.py's thread."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.connected, self.failure = False, ""
        self.receipts: set[str] = set()
        self.messages: queue.SimpleQueue[Message | None] = queue.SimpleQueue()

    def _note(self, change: Callable[[], object]) -> None:
        with self.changed:
            change()
            self.changed.notify_all()

    def on_connected(self, frame) -> None:
        self._note(lambda: setattr(self, "connected", True))

    def on_receipt(self, frame) -> None:
        self._note(lambda: self.receipts.add(frame.headers["receipt-id"]))

    def on_error(self, frame) -> None:
        said = frame.headers.get("message", "").strip() or str(frame.body).strip()
        detail = str(frame.body).strip().splitlines()[0] if str(frame.body).strip() else ""
        self._fail(
            f"the broker said: {said}" + (f" ({detail[:200]})" if detail and detail not in said else "")
        )

    def on_heartbeat_timeout(self) -> None:
        self._fail("the broker's heartbeats have stopped")

    def on_disconnected(self) -> None:
        self._fail("the broker closed the connection")

    def on_message(self, frame) -> None:
        headers = frame.headers  # a subscription is called by its destination, see `subscribe`
        self.messages.put(Message(headers["subscription"], frame.body, headers, headers.get("ack", "")))

    def _fail(self, why: str) -> None:
        self._note(lambda: setattr(self, "failure", self.failure or why))
        self.messages.put(None)  # wakes `receive`

    def wait(self, what: str, done: Callable[[], bool]) -> None:
        """Wait until something has come. Raises MqError with what the broker says instead, or after SECONDS."""
        with self.changed:
            self.changed.wait_for(lambda: done() or bool(self.failure), SECONDS)
            if done():
                return
            raise MqError(self.failure or f"no {what} came within {SECONDS:g} s")


class Connection:
    """One connection, for one thread; after an MqError it is of no use any more."""

    def __init__(self, config: Config) -> None:
        self.config = config
        reasons = []
        for place in config.places:
            try:
                self._open(place)
                return
            except MqError as error:
                reasons.append(f"{place[0]}:{place[1]}: {error}")
        raise MqError("; ".join(reasons))

    def _open(self, place: tuple[str, int]) -> None:
        reachable(self.config, place)
        self._inbox = _Inbox()
        self._stomp = stomp.Connection12(
            [place],
            vhost=self.config.vhost or place[0],
            try_loopback_connect=False,  # on the broker's own host it would go to 127.0.0.1, and without TLS
            heartbeats=HEARTBEATS_MS,
            reconnect_attempts_max=1,
            timeout=SECONDS,
            # ActiveMQ makes a BytesMessage of what comes with a content-length, and a TextMessage of the rest.
            # JSON is text, and a Java consumer that reads it expects a TextMessage.
            auto_content_length=self.config.kind != "activemq",
        )
        if self.config.tls:
            files = {"ca_certs": self.config.ca_file, "cert_file": self.config.cert_file}
            self._stomp.set_ssl(for_hosts=[place], key_file=self.config.key_file, **files)
        self._stomp.set_listener("inbox", self._inbox)
        try:
            self._stomp.connect(_escaped(self.config.user), _escaped(self.config.password), wait=False)
            self._inbox.wait("answer to the login", lambda: self._inbox.connected)
        except (OSError, stomp.exception.StompException) as error:
            self.close()
            raise MqError(self._inbox.failure or str(error) or type(error).__name__) from error
        except MqError:
            self.close()
            raise

    def _confirmed(self, what: str, run: Callable[[str], object]) -> None:
        """Do something, and wait until the broker says that it is done: without a receipt, refusals are silent."""
        receipt = uuid.uuid4().hex
        try:
            run(receipt)
        except (OSError, stomp.exception.StompException) as error:
            raise MqError(self._inbox.failure or str(error) or type(error).__name__) from error
        self._inbox.wait(what, lambda: receipt in self._inbox.receipts)
        self._inbox.receipts.discard(receipt)

    def send(self, destination: str, body: str, headers: Mapping[str, str] | None = None) -> None:
        """Send a text; it is in the broker, and on its disk if it goes to a queue, when this returns."""
        given = {"persistent": "true", "content-type": "application/json", **(headers or {})}
        self._confirmed(
            "confirmation",
            lambda receipt: self._stomp.send(destination, body, headers=given, receipt=receipt),
        )

    def subscribe(self, destination: str, headers: Mapping[str, str] | None = None) -> None:
        """Have messages come, to be acknowledged one by one; they do when this returns."""
        ahead = {"activemq.prefetchSize": str(PREFETCH), "prefetch-count": str(PREFETCH)}
        self._confirmed(
            "subscription",
            lambda receipt: self._stomp.subscribe(
                destination,
                id=destination,
                ack="client-individual",
                headers={**ahead, **(headers or {})},
                receipt=receipt,
            ),
        )

    def receive(self, seconds: float) -> Message | None:
        """The next message; None if none has come in that time. Raises MqError when the connection is gone."""
        try:
            found = self._inbox.messages.get(timeout=max(seconds, 0.001))
        except queue.Empty:
            return None
        if found is None:
            raise MqError(self._inbox.failure)
        return found

    def ack(self, message: Message) -> None:
        """Say that a message is done."""
        try:
            self._stomp.ack(message.ack)
        except (OSError, stomp.exception.StompException) as error:
            raise MqError(self._inbox.failure or str(error) or type(error).__name__) from error

    def close(self) -> None:
        """End the connection once the broker has all acknowledgements; what has none goes to another consumer.

        The socket is closed by stomp.py's thread, which is told by the end of the stream: two threads must not be in a
        TLS connection at once.
        """
        transport = self._stomp.transport
        with contextlib.suppress(MqError):
            if transport.is_connected():
                self._confirmed("goodbye", self._stomp.disconnect)
        with contextlib.suppress(OSError):
            if transport.socket is not None:
                socket.socket.shutdown(transport.socket, socket.SHUT_RDWR)
        if transport.io_thread is not None:
            transport.io_thread.join(SECONDS)


def _escaped(text: str) -> str:
    """Escape backslashes: RabbitMQ and ActiveMQ read escapes in a login, where STOMP and stomp.py have none."""
    return text.replace("\\", "\\\\")


def reachable(config: Config, place: tuple[str, int]) -> None:
    """Look who is there, since stomp.py raises one error without a word for whatever it was.

    Raises MqError with the reason: the name, the port, TLS, or something that does not speak STOMP.
    """
    host, port = place
    try:
        with socket.create_connection(place, timeout=SECONDS) as plain:
            if config.tls:
                context = ssl.create_default_context(cafile=config.ca_file)
                if config.cert_file:
                    context.load_cert_chain(config.cert_file, config.key_file)
                context.wrap_socket(plain, server_hostname=host).close()
            elif said := _first_words(plain):
                raise MqError(_not_stomp(port, said))
    except ssl.SSLCertVerificationError as error:
        raise MqError(f"its certificate is not accepted: {error.verify_message}") from error
    except ssl.SSLError as error:
        raise MqError(f"it does not speak TLS as this client does ({error.reason or error})") from error
    except socket.gaierror as error:
        raise MqError(f"the name {host} is not known here ({error.strerror})") from error
    except ConnectionRefusedError as error:
        raise MqError(
            f"nothing listens on port {port}; is the broker up, and its STOMP connector on?"
        ) from error
    except TimeoutError as error:
        raise MqError(f"no answer within {SECONDS:g} s; does a firewall drop packets?") from error
    except OSError as error:
        raise MqError(error.strerror or str(error)) from error


def _first_words(plain: socket.socket) -> bytes:
    """What the other side says unasked; a STOMP broker says nothing."""
    plain.settimeout(0.05)
    try:
        return plain.recv(64)
    except TimeoutError:
        return b""


def _not_stomp(port: int, said: bytes) -> str:
    if b"ActiveMQ" in said:
        return f"port {port} speaks OpenWire; STOMP is on 61613 by default"
    return f"port {port} does not speak STOMP"


def deadline(seconds: float) -> Callable[[], float]:
    """A function that says how many seconds are left."""
    end = time.monotonic() + seconds
    return lambda: end - time.monotonic()
