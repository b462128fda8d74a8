"""Identifies a broker by asking it before any login, never by its port."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace

from probes.model import UNKNOWN, Broker, Context, Endpoint, ExitCode, Failed, Probe, Refusal
from probes.wire.classify import AMQP_0_9_1_HEADER, STOMP_QUESTION, Speaks, signature
from probes.wire.waiting import dial, ended, spawn

BRANDS = {"rabbitmq": "RabbitMQ", "activemq": "ActiveMQ"}
# A slower broker is not asked twice; its probes say what is wrong with it.
_ASK_SECONDS = 1.5
_AGAIN_SECONDS = 0.3  # of one that did not answer a moment ago
_ENOUGH_BYTES = 2048
# The method Connection.Start names product and version in a table: key, "S", length, text. Source: AMQP 0-9-1, 4.2.5.
_PRODUCT = re.compile(rb"\x07productS\x00\x00\x00(.)", re.DOTALL)
_VERSION = re.compile(rb"\x07versionS\x00\x00\x00(.)", re.DOTALL)
# The header `server` of CONNECTED frames and of some brokers' ERROR frames. Source: STOMP 1.2, "CONNECTED".
_SERVER = re.compile(rb"^server:([^/\s]+)(?:/(\S+))?", re.MULTILINE)


@dataclass(frozen=True)
class Said:
    """A broker's own account of itself; `kind` is empty for one that this prober does not know."""

    kind: str
    product: str
    version: str | None = None

    def __str__(self) -> str:
        return f"{self.product} {self.version}" if self.version else self.product


def ask(protocol: str, endpoint: Endpoint, seconds: float) -> Said | None:
    """Return what answers on `endpoint`, None if nothing answers or identifies itself."""
    if protocol not in ("amqp", "stomp"):
        return None  # the management API is RabbitMQ's own, and its probes see when something else answers
    question = AMQP_0_9_1_HEADER if protocol == "amqp" else STOMP_QUESTION
    with contextlib.suppress(OSError, UnicodeError), _wire(endpoint, seconds) as peer:
        return read(_answer(peer, question, seconds))
    return None


def _wire(endpoint: Endpoint, seconds: float) -> socket.socket:
    if endpoint.tls is None:
        return dial(endpoint.host, endpoint.port, seconds)
    from probes.tls import transport  # loading it would slow down --list

    return transport.open_socket(endpoint, seconds)


def _answer(peer: socket.socket, question: bytes, seconds: float) -> bytes:
    """Return the first frame that comes back, or what arrived of it in time."""
    peer.sendall(question)
    data, ends = b"", time.monotonic() + seconds
    with contextlib.suppress(TimeoutError, ConnectionError):
        while len(data) < _ENOUGH_BYTES and not _whole(data):
            peer.settimeout(max(0.01, ends - time.monotonic()))
            if not (piece := peer.recv(4096)):
                break
            data += piece
    return data


def _whole(data: bytes) -> bool:
    """Whether waiting for more is pointless: a complete frame of either protocol, or no frame at all."""
    match signature(data) if data else Speaks.SILENT:
        case Speaks.SILENT:
            return False
        case Speaks.AMQP_0_9_1:
            return data.endswith(b"\xce") or data.startswith(b"AMQP")
        case Speaks.STOMP:
            return b"\0" in data
        case Speaks.UNKNOWN:
            return len(data) > 16  # a few bytes may be the beginning of anything
    return True


def read(data: bytes) -> Said | None:
    """Return who answers so: to the AMQP 0-9-1 header, or to a STOMP version that no broker has."""
    match signature(data) if data else Speaks.SILENT:
        case Speaks.OPENWIRE:
            return Said("activemq", BRANDS["activemq"])
        case Speaks.AMQP_0_9_1 if product := _text(_PRODUCT, data):
            return _known(product, _text(_VERSION, data))
        case Speaks.STOMP:
            if server := _SERVER.search(data):
                return _known(
                    server[1].decode("utf-8", "replace"), (server[2] or b"").decode("utf-8", "replace")
                )
            # Without that header. Sources: StompCodec and ProtocolConverter of activemq-stomp; rabbit_stomp_processor.
            if b"org.apache.activemq." in data or b"Invalid Protocol version[" in data:
                return Said("activemq", BRANDS["activemq"])
            if b"Supported versions are " in data:
                return Said("rabbitmq", BRANDS["rabbitmq"])
    return None


def _known(product: str, version: str | None) -> Said:
    kind = next((kind for kind, brand in BRANDS.items() if brand == product), "")
    return Said(kind, product, version or None)


def _text(pattern: re.Pattern[bytes], data: bytes) -> str | None:
    found = pattern.search(data)
    if found is None:
        return None
    return data[found.end() : found.end() + found[1][0]].decode("utf-8", "replace")


class Book:
    """The identities of brokers in a run: each port is asked once, however many probes need it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: dict[tuple[str, Endpoint], Future[Said | None]] = {}

    def said(self, protocol: str, endpoint: Endpoint, seconds: float) -> Future[Said | None]:
        """Ask, unless already done, what answers on `endpoint`: None if unknown after `seconds`."""
        with self._lock:
            entry = self._entries.get((protocol, endpoint))
            if entry is None:
                entry = self._entries[protocol, endpoint] = spawn(lambda: ask(protocol, endpoint, seconds))
            return entry


def check(context: Context, probe: Probe, book: Book) -> None:
    """Raise Failed when an endpoint that `probe` needs says that it is another broker than was declared.

    Before the probe, because probes of another kind of broker declare what does not remove itself there.
    """
    broker = context.broker
    for protocol in probe.needs:
        endpoint = broker.endpoints[protocol]
        seconds = min(
            _AGAIN_SECONDS if broker.asked == UNKNOWN else _ASK_SECONDS, 0.5 * context.deadline.left()
        )
        asked = book.said(protocol, endpoint, seconds)
        if not ended(asked, 0.5 * seconds):
            context.settings.ports.look(
                endpoint.host, endpoint.port
            )  # meanwhile: the probe will want to know
        said = asked.result() if ended(asked, 0.5 * seconds) else None
        if said is not None and said.kind != broker.kind:
            raise _another(broker, endpoint, said)


def _another(broker: Broker, endpoint: Endpoint, said: Said) -> Failed:
    if not said.kind:
        remedy = "Correct the host or the port: this prober proves RabbitMQ and ActiveMQ (Classic)."
    elif broker.asked:
        remedy = f"Give --kind {said.kind}, or correct the port."
    else:
        remedy = (
            f"Correct the port; or move the host to the group {said.kind} of the inventory and run the converge again, "
            f"so that the endpoints file says kind {said.kind}."
        )
    return Failed(
        f"{endpoint} says that it is {said}.",
        f"{broker.name} is to be {BRANDS[broker.kind]}, and another broker answers. Nothing was sent to it.",
        remedy,
    )


def name(broker: Broker, kind: str | None, seconds: float = _ASK_SECONDS) -> Broker:
    """Return a broker that URLs gave as what it says that it is, or as the `kind` that somebody gave.

    Raises Refusal when its URLs lead to different brokers. RabbitMQ is assumed of one that cannot be asked.
    """
    if kind is not None:
        _refuse_surplus(broker.endpoints, Said(kind, BRANDS[kind]))
        return replace(broker, kind=kind, asked=kind)
    book, seconds = Book(), min(_ASK_SECONDS, seconds)
    asked = {
        protocol: book.said(protocol, endpoint, seconds) for protocol, endpoint in broker.endpoints.items()
    }
    said = {protocol: one.result() if ended(one, 2 * seconds) else None for protocol, one in asked.items()}
    for protocol, one in said.items():
        if one is not None and not one.kind:
            raise Refusal(
                ExitCode.USAGE,
                f"--{protocol} leads to {one}; this prober proves RabbitMQ and ActiveMQ (Classic): correct the URL.",
            )
    kinds = {one.kind: one for one in said.values() if one is not None}
    if len(kinds) > 1:
        words = " and ".join(
            f"--{protocol} leads to {one}" for protocol, one in said.items() if one is not None
        )
        raise Refusal(ExitCode.USAGE, f"{words}: these are two brokers, probe them one after the other.")
    if not kinds:
        # The management API is RabbitMQ's.
        return broker if "management" in broker.endpoints else replace(broker, asked=UNKNOWN)
    (found,) = kinds.values()
    _refuse_surplus(broker.endpoints, found)
    return replace(broker, kind=found.kind, asked=str(found), version=found.version)


def _refuse_surplus(given: Mapping[str, Endpoint], found: Said) -> None:
    surplus = [f"--{protocol}" for protocol in given if protocol != "stomp"]
    if found.kind == "activemq" and surplus:
        raise Refusal(
            ExitCode.USAGE,
            f"This is to be {found}, which is probed over STOMP alone: leave out {' and '.join(surplus)}.",
        )
