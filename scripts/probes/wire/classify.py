"""Recognises the protocol on a port by its first bytes.

pika raises one and the same error for an OpenWire port, an HTTP port, an AMQP 1.0 broker, a TLS port and a
closed connection, and stomp.py an empty one for everything, so a failed connection is looked at again on a
raw socket. Sources of the signatures: AMQP 0-9-1, 4.2.2 (protocol header, method frame); AMQP 1.0, part 2.2;
ActiveMQ's WireFormatNegotiator, which sends WireFormatInfo unasked; RFC 8446, 5.1 (alert record); STOMP 1.2;
MQTT 3.1.1, 3.2 (CONNACK); Erlang's distribution protocol (NAMES_REQ of epmd, send_name and send_status); the PROXY
protocol, version 1; Redis' RESP.
"""

from __future__ import annotations

import errno
import socket
import time
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from probes.wire.waiting import dial, ended, spawn

# How long a peer may take to send anything; OpenWire sends within a round trip.
LISTEN_SECONDS = 0.4
ANSWER_SECONDS = 1.0
# After this long without an answer to AMQP's header the peer is asked in STOMP as well, on a connection of its own.
HEADER_ALONE_SECONDS = 0.3
# A real answer comes in one or two pieces. More pieces, this slowly, are a drip.
DRIP_PIECES = 3
DRIP_SECONDS = 0.25

AMQP_0_9_1_HEADER = b"AMQP\x00\x00\x09\x01"
# A version that no broker has: a STOMP server answers with an ERROR frame and sees no login attempt.
STOMP_QUESTION = b"CONNECT\naccept-version:0.0\nhost:/\n\n\x00"
# What is silent, or closes, may wait for one of these. An MQTT broker refuses a session that is to be kept without
# an id to keep it by (MQTT 3.1.1, 3.1.3.1), and does so before it looks at a login.
FURTHER_SECONDS = 0.5
MQTT_QUESTION = b"\x10\x0c\x00\x04MQTT\x04\x00\x00\x05\x00\x00"
EPMD_QUESTION = b"\x00\x01n"
# The first words of a node that wants to connect (OTP 23 on): flags, creation, name. What comes back says "s" and what
# becomes of it, before either side has shown that it knows the cookie; nothing is logged of a node that leaves then.
_FLAGS = (
    0x0D_07DF_7FBD  # what every release from 23 to 29 demands, and not the flag by which a node is listed
)
_NODE = b"brokerkit-probe@localhost"
_NAME = b"N" + _FLAGS.to_bytes(8, "big") + bytes(3) + b"\x01" + len(_NODE).to_bytes(2, "big") + _NODE
NODE_QUESTION = len(_NAME).to_bytes(2, "big") + _NAME
PROXY_QUESTION = b"PROXY TCP4 127.0.0.1 127.0.0.1 65535 5672\r\n" + AMQP_0_9_1_HEADER


class Speaks(StrEnum):
    """What was found on a port; the values are words for a sentence."""

    AMQP_0_9_1 = "AMQP 0-9-1"
    AMQP_1_0 = "AMQP 1.0"
    STOMP = "STOMP"
    OPENWIRE = "OpenWire"
    HTTP = "HTTP"
    TLS = "TLS"
    SSH = "SSH"
    MQTT = "MQTT"
    EPMD = "the protocol of epmd, Erlang's port mapper"
    DISTRIBUTION = "the protocol between Erlang nodes and their tools"
    REDIS = "Redis' protocol"
    PROXY = "the PROXY protocol"
    UNKNOWN = "something unknown"
    SILENT = "nothing"  # accepts the connection and does not answer
    CLOSES = "closes"  # accepts the connection and closes it without a word
    REFUSED = "refused"
    FILTERED = "no answer"
    UNREACHABLE = "unreachable"
    UNRESOLVED = "unresolved"

    @property
    def listens(self) -> bool:
        """Whether the port accepts connections."""
        return self not in (Speaks.REFUSED, Speaks.FILTERED, Speaks.UNREACHABLE, Speaks.UNRESOLVED)


@dataclass(frozen=True)
class Port:
    """A port that was looked at. `words` is what came back, for the report; `drips` how slowly it came, if it did."""

    host: str
    number: int
    speaks: Speaks
    words: str = ""
    drips: str = ""


@dataclass(frozen=True)
class _Heard:
    """What a peer said within `seconds`, and whether it closed the connection after that."""

    data: bytes
    closed: bool
    pieces: int
    seconds: float

    @property
    def drips(self) -> str:
        """Say how slowly the answer came; empty if the peer answers normally, or is silent."""
        cut_off = not self.closed and any(sign != self.data and sign.startswith(self.data) for sign in _SIGNS)
        slow = self.pieces >= DRIP_PIECES and self.seconds >= DRIP_SECONDS
        if not self.data or not (cut_off or slow):
            return ""
        plural = "" if len(self.data) == 1 else "s"
        return f"{len(self.data)} byte{plural} in {self.seconds:.1f} s"


# Enough bytes to tell all protocols apart; nobody says less and waits in the middle of it.
_ENOUGH = 16
_SIGNS = (
    b"AMQP\x00\x00\x09\x01",
    b"AMQP\x03\x01\x00\x00",
    b"\x01\x00\x00",
    b"\x00\x00\x01",  # the length before OpenWire's first frame
    b"\x15\x03",
    b"HTTP/1.",
    b"SSH-2.",
    b"ERROR\nmessage",
    b"CONNECTED\n",
)


def signature(data: bytes) -> Speaks:
    """Recognise the protocol by the first bytes from a peer; b"" means that it closed silently."""
    if not data:
        return Speaks.CLOSES
    # A 4-byte length, the type of WireFormatInfo (1), "ActiveMQ".
    if data[4:13] == b"\x01ActiveMQ":
        return Speaks.OPENWIRE
    if data.startswith(b"AMQP"):
        # What a server supports: 0-9-1 is "AMQP" 0 0 9 1; 1.0 has protocol id 0 (or 3 with SASL) and version
        # 1.0.0.
        return Speaks.AMQP_1_0 if data[5:6] == b"\x01" else Speaks.AMQP_0_9_1
    if data[:3] == b"\x01\x00\x00":  # a method frame on channel 0: Connection.Start
        return Speaks.AMQP_0_9_1
    if data[:1] in (b"\x15", b"\x16") and data[1:2] == b"\x03":  # a TLS alert or handshake record
        return Speaks.TLS
    if data.startswith(b"HTTP/"):
        return Speaks.HTTP
    if data.startswith(b"SSH-"):
        return Speaks.SSH
    if data[:1] == b"\x20" and data[1:2] in (b"\x02", b"\x03"):  # a CONNACK, and the length of its rest
        return Speaks.MQTT
    if data.startswith((b"-ERR ", b"-NOAUTH ", b"-DENIED ")):
        return Speaks.REDIS
    if data.lstrip(b"\r\n").startswith((b"ERROR\n", b"ERROR\r\n", b"CONNECTED\n", b"CONNECTED\r\n")):
        return Speaks.STOMP
    return Speaks.UNKNOWN


def classify(host: str, port: int, connect_seconds: float, answer_seconds: float = ANSWER_SECONDS) -> Port:
    """Find out which protocol host:port speaks. Takes up to `connect_seconds` and some 2 s of listening.

    `answer_seconds` is how long an answer is waited for, where a peer is known to be slow.

    First it only listens (OpenWire and SSH speak unasked), then it says the AMQP 0-9-1 header on a new connection
    (AMQP, TLS and many HTTP servers answer it), then, on a third one, it asks a STOMP server for a version that no
    server has.
    """
    try:
        ends = time.monotonic() + connect_seconds
        heard = _converse(host, port, connect_seconds, b"", LISTEN_SECONDS)
        left = max(0.1, ends + LISTEN_SECONDS - time.monotonic())
        if heard is None:
            heard = _ask(host, port, left, answer_seconds)
    except (OSError, UnicodeError) as error:
        return _failed(host, port, error)
    if heard is None or not heard.data:
        further = _further(host, port, left)
        if further is not None:
            return Port(host, port, further)
    if heard is None:
        return Port(host, port, Speaks.SILENT)
    speaks = signature(heard.data)
    words = _readable(heard.data) if speaks in _SPEAKS_TEXT else ""
    return Port(host, port, speaks, words, heard.drips)


def _ask(host: str, port: int, connect_seconds: float, answer_seconds: float) -> _Heard | None:
    patience = HEADER_ALONE_SECONDS + answer_seconds
    header = spawn(lambda: _converse(host, port, connect_seconds, AMQP_0_9_1_HEADER, patience))
    if ended(header, HEADER_ALONE_SECONDS):
        heard = header.result()
        if heard is not None and heard.data:
            return heard
    # Silence, or a parser that was put off by the header: both are what STOMP and HTTP servers do.
    asked = _converse(host, port, connect_seconds, STOMP_QUESTION, answer_seconds)
    if asked is not None and asked.data:
        return asked
    late = header.result() if ended(header, connect_seconds + HEADER_ALONE_SECONDS) else None
    return late if late is not None and late.data else asked


def _further(host: str, port: int, connect_seconds: float) -> Speaks | None:
    """Ask a peer that has said nothing in the protocols of others; None if it knows none of them."""
    mqtt, epmd, node, proxy = (
        spawn(partial(_quietly, host, port, connect_seconds, question))
        for question in (MQTT_QUESTION, EPMD_QUESTION, NODE_QUESTION, PROXY_QUESTION)
    )
    if signature(mqtt.result()) is Speaks.MQTT:
        return Speaks.MQTT
    if epmd.result()[:4] == port.to_bytes(4, "big"):  # it begins with its own port
        return Speaks.EPMD
    if _is_status(node.result()):
        return Speaks.DISTRIBUTION
    return Speaks.PROXY if signature(proxy.result()) is Speaks.AMQP_0_9_1 else None


def _is_status(data: bytes) -> bool:
    """Return whether a peer has answered a node: a length, "s", and ok, nok, alive or what else becomes of it."""
    status = data[3:]
    return data[2:3] == b"s" and status.startswith((b"ok", b"nok", b"alive", b"not_allowed", b"named:"))


def _quietly(host: str, port: int, connect_seconds: float, question: bytes) -> bytes:
    """Return the answer to a question, b"" where there is none."""
    try:
        heard = _converse(host, port, connect_seconds, question, FURTHER_SECONDS)
    except OSError:
        return b""
    return heard.data if heard is not None else b""


_SPEAKS_TEXT = (Speaks.HTTP, Speaks.SSH, Speaks.STOMP, Speaks.UNKNOWN)


def _readable(data: bytes) -> str:
    first_line = data.lstrip().split(b"\n", 1)[0].strip()
    return repr(first_line[:60].decode("ascii", "backslashreplace"))


def connects(host: str, port: int, seconds: float) -> Port:
    """Only connect to host:port; `speaks` is SILENT when that worked."""
    try:
        with dial(host, port, seconds):
            return Port(host, port, Speaks.SILENT)
    except (OSError, UnicodeError) as error:
        return _failed(host, port, error)


def _converse(host: str, port: int, connect_seconds: float, say: bytes, seconds: float) -> _Heard | None:
    """Connect, say something, and return what comes back within `seconds`; None is silence."""
    with dial(host, port, connect_seconds) as peer:
        data, pieces, closed = b"", 0, False
        started = time.monotonic()
        try:
            if say:
                peer.sendall(say)
            while len(data) < _ENOUGH and (left := started + seconds - time.monotonic()) > 0:
                peer.settimeout(left)
                piece = peer.recv(256)
                if not piece:
                    closed = True
                    break
                data += piece
                pieces += 1
                seconds = max(seconds, ANSWER_SECONDS)  # an answer that has begun is read to its end
        except TimeoutError:
            pass
        except ConnectionError:
            closed = True
        heard = _Heard(data, closed, pieces, time.monotonic() - started)
        return heard if data or closed else None


def _failed(host: str, port: int, error: OSError | UnicodeError) -> Port:
    if isinstance(error, socket.gaierror | UnicodeError):  # UnicodeError: no such name can exist (IDNA)
        return Port(host, port, Speaks.UNRESOLVED, getattr(error, "strerror", None) or str(error))
    if isinstance(error, ConnectionRefusedError):
        speaks = Speaks.REFUSED
    elif isinstance(error, TimeoutError) or error.errno == errno.ETIMEDOUT:
        speaks = Speaks.FILTERED
    elif isinstance(error, ConnectionError):
        speaks = Speaks.CLOSES
    else:
        speaks = Speaks.UNREACHABLE
    return Port(host, port, speaks, error.strerror or str(error))
