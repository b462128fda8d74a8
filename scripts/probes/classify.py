"""What speaks on a port, told from its first bytes.

pika raises one and the same error for an OpenWire port, an HTTP port, an AMQP 1.0 broker, a TLS port and a
closed connection, and stomp.py an empty one for everything, so a failed connection is looked at again on a
raw socket. Sources of the signatures: AMQP 0-9-1, 4.2.2 (protocol header, method frame); AMQP 1.0, part 2.2;
ActiveMQ's WireFormatNegotiator, which sends WireFormatInfo unasked; RFC 8446, 5.1 (alert record); STOMP 1.2.
"""

from __future__ import annotations

import errno
import socket
import time
from dataclasses import dataclass
from enum import StrEnum

# How long a peer may take to say something; OpenWire speaks within a round trip.
LISTEN_SECONDS = 0.4
ANSWER_SECONDS = 1.0

AMQP_0_9_1_HEADER = b"AMQP\x00\x00\x09\x01"
# A version that no broker has: a STOMP server answers with an ERROR frame and sees no login attempt.
STOMP_QUESTION = b"CONNECT\naccept-version:0.0\nhost:/\n\n\x00"


class Speaks(StrEnum):
    """What was found on a port; the values are words for a sentence."""

    AMQP_0_9_1 = "AMQP 0-9-1"
    AMQP_1_0 = "AMQP 1.0"
    STOMP = "STOMP"
    OPENWIRE = "OpenWire"
    HTTP = "HTTP"
    TLS = "TLS"
    SSH = "SSH"
    UNKNOWN = "something unknown"
    SILENT = "nothing"  # accepts the connection and does not answer
    CLOSES = "closes"  # accepts the connection and closes it without a word
    REFUSED = "refused"
    FILTERED = "no answer"
    UNREACHABLE = "unreachable"
    UNRESOLVED = "unresolved"

    @property
    def listens(self) -> bool:
        """Whether a connection to the port comes about."""
        return self not in (Speaks.REFUSED, Speaks.FILTERED, Speaks.UNREACHABLE, Speaks.UNRESOLVED)


@dataclass(frozen=True)
class Port:
    """A port that was looked at. `words` is what came back, for the report."""

    host: str
    number: int
    speaks: Speaks
    words: str = ""


def signature(data: bytes) -> Speaks:
    """Tell the protocol from the first bytes a peer sent; b"" is a peer that closed without a word."""
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
    if data.lstrip(b"\r\n").startswith((b"ERROR\n", b"ERROR\r\n", b"CONNECTED\n", b"CONNECTED\r\n")):
        return Speaks.STOMP
    return Speaks.UNKNOWN


def classify(host: str, port: int, connect_seconds: float) -> Port:
    """Find out what speaks on host:port. Takes up to `connect_seconds` and some 3 s of listening.

    First it only listens (OpenWire and SSH speak unasked), then it says the AMQP 0-9-1 header (AMQP, TLS and
    many HTTP servers answer it), then, on a new connection, it asks a STOMP server for a version that no
    server has.
    """
    try:
        data = _converse(host, port, connect_seconds, b"", LISTEN_SECONDS)
        if data is None:
            data = _converse(host, port, connect_seconds, AMQP_0_9_1_HEADER, ANSWER_SECONDS)
        if not data:
            # Silence, or a parser that was put off by the header: both are what STOMP and HTTP servers do.
            data = _converse(host, port, connect_seconds, STOMP_QUESTION, ANSWER_SECONDS)
    except (OSError, UnicodeError) as error:
        return _failed(host, port, error)
    if data is None:
        return Port(host, port, Speaks.SILENT)
    speaks = signature(data)
    return Port(host, port, speaks, _readable(data) if speaks in _SPEAKS_TEXT else "")


_SPEAKS_TEXT = (Speaks.HTTP, Speaks.SSH, Speaks.STOMP, Speaks.UNKNOWN)


def _readable(data: bytes) -> str:
    first_line = data.lstrip().split(b"\n", 1)[0].strip()
    return repr(first_line[:60].decode("ascii", "backslashreplace"))


def connects(host: str, port: int, seconds: float) -> Port:
    """Only connect to host:port; `speaks` is SILENT when that worked."""
    try:
        with socket.create_connection((host, port), seconds):
            return Port(host, port, Speaks.SILENT)
    except (OSError, UnicodeError) as error:
        return _failed(host, port, error)


def _converse(host: str, port: int, connect_seconds: float, say: bytes, seconds: float) -> bytes | None:
    """Connect, say something, and return what comes back within `seconds`; None is silence, b"" a close."""
    with socket.create_connection((host, port), connect_seconds) as peer:
        data = b""
        try:
            if say:
                peer.sendall(say)
            ends = time.monotonic() + seconds
            while len(data) < 16 and (left := ends - time.monotonic()) > 0:
                peer.settimeout(left)
                piece = peer.recv(256)
                if not piece:
                    return data
                data += piece
        except TimeoutError:
            pass
        except ConnectionError:
            return data
        return data or None


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
