"""One message through a node by AMQP 0-9-1, as a client's: logged in, published, confirmed, delivered, compared.

No more of the protocol than that takes, since a host has no AMQP library. The queue is exclusive: it is on the node
that the connection is with, and the broker deletes it when the connection ends, however that comes. For 3.8 to 4.3.
"""

from __future__ import annotations

import hashlib
import socket
import ssl
import struct
import time
from dataclasses import dataclass
from typing import Any

from ..host.served import fingerprint, leaf

QUEUE = "brokerkit.message-check"
# Where publishing to the default exchange is allowed or refused.
DEFAULT_EXCHANGE = "amq.default"

_HEADER = b"AMQP\x00\x00\x09\x01"
_METHOD, _CONTENT, _BODY, _HEARTBEAT, _END = 1, 2, 3, 8, 0xCE
_START, _START_OK, _TUNE, _TUNE_OK = (10, 10), (10, 11), (10, 30), (10, 31)
_OPEN, _OPEN_OK, _CLOSE, _CLOSE_OK, _BLOCKED = (10, 40), (10, 41), (10, 50), (10, 51), (10, 60)
_CHANNEL_OPEN, _CHANNEL_OPEN_OK, _CHANNEL_CLOSE = (20, 10), (20, 11), (20, 40)
_DECLARE, _DECLARE_OK = (50, 10), (50, 11)
_CONSUME, _CONSUME_OK, _PUBLISH, _RETURN, _DELIVER = (60, 20), (60, 21), (60, 40), (60, 50), (60, 60)
_ACK, _NACK, _CONFIRM, _CONFIRM_OK = (60, 80), (60, 120), (85, 10), (85, 11)
_MANDATORY, _EXCLUSIVE = 1, 4
_REFUSED = (403, 530)  # access refused, not allowed
_FRAME = 131072  # bytes at most of what is read before the node has named its own limit

Method = tuple[int, int]


class NotReturned(Exception):
    """The message did not come back; the text is what did, as the part of a sentence.

    `lasts`: the node has refused the user, which does not pass by itself.
    """

    def __init__(self, said: str, lasts: bool = False) -> None:
        """Take what came instead of the message."""
        super().__init__(said)
        self.lasts = lasts


class NotTried(Exception):
    """The listener lets no user in who has a password alone; the text says why."""


@dataclass(frozen=True)
class Login:
    """Where and as whom. `certificate` is a file with what a listener with TLS has to serve, '' without TLS."""

    address: str
    port: int
    user: str
    password: str
    certificate: str = ""


def _short(text: str) -> bytes:
    data = text.encode()
    return struct.pack("!B", len(data)) + data


def _long(data: bytes) -> bytes:
    return struct.pack("!I", len(data)) + data


def table(pairs: dict[str, Any]) -> bytes:
    """Return a table of texts, truths and tables."""
    data = b""
    for name, value in pairs.items():
        data += _short(name)
        if isinstance(value, bool):
            data += b"t" + struct.pack("!?", value)
        elif isinstance(value, dict):
            data += b"F" + table(value)
        else:
            data += b"S" + _long(value.encode())
    return _long(data)


def method(name: Method, *fields: bytes) -> bytes:
    """Return the payload of a method's frame."""
    return struct.pack("!HH", *name) + b"".join(fields)


def frame(kind: int, channel: int, payload: bytes) -> bytes:
    """Return a frame."""
    return struct.pack("!BHI", kind, channel, len(payload)) + payload + bytes([_END])


class _Connection:
    """Frames over a socket, all within one deadline."""

    def __init__(self, login: Login, seconds: float) -> None:
        self.until = time.monotonic() + seconds
        self.seconds = seconds
        self.blocked = ""
        self.doing = "connect"
        try:
            plain = socket.create_connection((login.address, login.port), seconds)
            self.socket = _secured(plain, login, seconds) if login.certificate else plain
        except OSError as error:
            raise NotReturned(
                f"no connection came to be ({getattr(error, 'strerror', None) or error})"
            ) from None

    def write(self, data: bytes) -> None:
        self.socket.settimeout(max(0.1, self.until - time.monotonic()))
        try:
            self.socket.sendall(data)
        except OSError as error:
            raise NotReturned(f"the connection broke ({error.strerror or error}){self._during()}") from None

    def call(self, name: Method, *fields: bytes, channel: int = 1) -> None:
        self.write(frame(_METHOD, channel, method(name, *fields)))

    def _during(self) -> str:
        return f", when it was to {self.doing}"

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            left = self.until - time.monotonic()
            try:
                if left <= 0:
                    raise socket.timeout
                self.socket.settimeout(left)
                piece = self.socket.recv(count - len(data))
            except socket.timeout:
                if self.blocked:
                    raise NotReturned(
                        f"the node blocks publishers ({self.blocked}), and took nothing in {self.seconds:g} s"
                    ) from None
                raise NotReturned(f"no answer came in {self.seconds:g} s{self._during()}") from None
            except OSError as error:
                raise NotReturned(
                    f"the connection broke ({error.strerror or error}){self._during()}"
                ) from None
            if not piece:
                raise NotReturned(f"the connection was closed without a word{self._during()}")
            data += piece
        return data

    def read(self) -> tuple[int, bytes]:
        """Return the next frame that is no heartbeat: its kind and its payload."""
        while True:
            start = self._exactly(7)
            kind, _, size = struct.unpack("!BHI", start)
            if (
                start[:4] == _HEADER[:4]
                or kind not in (_METHOD, _CONTENT, _BODY, _HEARTBEAT)
                or size > _FRAME
            ):
                raise NotReturned(f"what answers there does not speak AMQP 0-9-1 (it said {start!r})")
            payload = self._exactly(size + 1)[:-1]
            if kind != _HEARTBEAT:
                return kind, payload

    def wait(self, *names: Method) -> tuple[Method, bytes]:
        """Return which of these methods came, and its fields. The end of connection or channel is a failure."""
        while True:
            kind, payload = self.read()
            if kind != _METHOD:
                raise NotReturned(f"a part of a message came{self._during()}")
            name, fields = struct.unpack("!HH", payload[:4]), payload[4:]
            if name in names:
                return name, fields
            if name in (_CLOSE, _CHANNEL_CLOSE):
                code, size = struct.unpack("!HB", fields[:3])
                words = fields[3 : 3 + size].decode(errors="replace")
                raise NotReturned(f"the node said: {words.rstrip('.')}", lasts=code in _REFUSED)
            if name == _BLOCKED:
                self.blocked = fields[1 : 1 + fields[0]].decode(errors="replace")


def _secured(plain: socket.socket, login: Login, seconds: float) -> socket.socket:
    """Return the connection inside TLS. The file on this host is what the node is known by, whoever has issued it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    plain.settimeout(seconds)
    secured = context.wrap_socket(plain)
    with open(login.certificate, encoding="ascii", errors="replace") as file:
        wanted = leaf(file.read())
    served = secured.getpeercert(binary_form=True) or b""
    if served != wanted:
        secured.close()
        raise NotReturned(
            f"port {login.port} serves another certificate than that of {login.certificate} (SHA-256 "
            f"{fingerprint(served)})"
        )
    return secured


def _log_in(connection: _Connection, login: Login) -> None:
    connection.doing = "greet"
    connection.write(_HEADER)
    _, fields = connection.wait(_START)
    properties = struct.unpack("!I", fields[2:6])[0]
    at = 6 + properties
    size = struct.unpack("!I", fields[at : at + 4])[0]
    mechanisms = fields[at + 4 : at + 4 + size].decode().split()
    if "PLAIN" not in mechanisms:
        raise NotTried(f"its listener takes no password in a form that this speaks ({', '.join(mechanisms)})")
    can = {"connection.blocked": True, "authentication_failure_close": True, "publisher_confirms": True}
    connection.doing = f"log in as {login.user}"
    connection.call(
        _START_OK,
        table({"product": "Brokerkit", "capabilities": {**can, "basic.nack": True}}),
        _short("PLAIN"),
        _long(f"\0{login.user}\0{login.password}".encode()),
        _short("en_US"),
        channel=0,
    )
    _, limits = connection.wait(_TUNE)
    channels, size, _ = struct.unpack("!HIH", limits)
    connection.call(_TUNE_OK, struct.pack("!HIH", channels, min(size or _FRAME, _FRAME), 0), channel=0)


def _open(connection: _Connection, vhost: str) -> None:
    connection.doing = f"open the vhost {vhost}"
    connection.call(_OPEN, _short(vhost), _short(""), b"\0", channel=0)
    connection.wait(_OPEN_OK)
    connection.call(_CHANNEL_OPEN, _short(""))
    connection.wait(_CHANNEL_OPEN_OK)


def _declare(connection: _Connection, queue: str) -> None:
    connection.doing = "declare a queue"
    arguments = table(
        {"x-queue-type": "classic"}
    )  # the vhost's default type may be one without exclusive queues
    connection.call(_DECLARE, b"\0\0", _short(queue), bytes([_EXCLUSIVE]), arguments)
    connection.wait(_DECLARE_OK)
    connection.call(_CONSUME, b"\0\0", _short(queue), _short(queue), b"\0", table({}))
    connection.wait(_CONSUME_OK)
    connection.call(_CONFIRM, b"\0")
    connection.wait(_CONFIRM_OK)


def _send(connection: _Connection, queue: str, body: bytes) -> None:
    connection.doing = "confirm a message and hand it out"
    publish = method(_PUBLISH, b"\0\0", _short(""), _short(queue), bytes([_MANDATORY]))
    content = struct.pack("!HHQH", 60, 0, len(body), 0)
    connection.write(frame(_METHOD, 1, publish) + frame(_CONTENT, 1, content) + frame(_BODY, 1, body))


def _receive(connection: _Connection) -> bytes:
    """Return the message once it is confirmed and delivered, which may come in either order."""
    confirmed, delivered = False, None
    while not confirmed or delivered is None:
        name, fields = connection.wait(_ACK, _NACK, _RETURN, _DELIVER)
        if name == _NACK:
            raise NotReturned("the node refused the message (basic.nack)")
        if name == _RETURN:
            size = fields[2]
            raise NotReturned(
                f"the node returned the message: {fields[3 : 3 + size].decode(errors='replace')}"
            )
        if name == _ACK:
            confirmed = True
            continue
        _, head = connection.read()
        size, delivered = struct.unpack("!Q", head[4:12])[0], b""
        while len(delivered) < size:
            delivered += connection.read()[1]
        tag = fields[1 + fields[0] :][:8]
        connection.call(_ACK, tag, b"\0")
    return delivered


def exchange(login: Login, vhost: str, mark: str, seconds: float) -> None:
    """Publish a message that holds `mark`, and have it delivered.

    :raises NotReturned: when it does not come back; `NotTried` when the listener takes no password.
    """
    queue, body = f"{QUEUE}.{hashlib.sha256(mark.encode()).hexdigest()[:12]}", mark.encode()
    connection = _Connection(login, seconds)
    try:
        _log_in(connection, login)
        _open(connection, vhost)
        _declare(connection, queue)
        _send(connection, queue, body)
        if _receive(connection) != body:
            raise NotReturned("another message came back than the one that was published")
        connection.doing = "end the connection"
        connection.call(_CLOSE, struct.pack("!H", 200), _short("done"), b"\0\0\0\0", channel=0)
        connection.wait(_CLOSE_OK)
    finally:
        connection.socket.close()
