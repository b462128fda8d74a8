"""Explains failed connections in sentences: what came back, what it means, what to do."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from probes.model import CONNECT_SECONDS, Context, Endpoint, Unreachable
from probes.variables import of_tls
from probes.wire.classify import Port, Speaks


@dataclass(frozen=True)
class Wanted:
    """The protocol that a client expects, its usual port, and how to enable it."""

    speaks: Speaks
    words: str
    usual_port: int
    enable: str

    def enabling(self, kind: str | None) -> str:
        """How to enable it in a broker of `kind`; in every kind, if unknown."""
        return _ENABLE_STOMP[kind] if self.speaks is Speaks.STOMP and kind else self.enable


# By kind of broker, where it is known.
_ENABLE_STOMP = {
    "rabbitmq": "enable STOMP (rabbitmq_stomp in rabbitmq_plugins) and run the converge again",
    "activemq": "enable STOMP (protocol stomp in activemq_connectors) and run the converge again",
}
_BRAND = {"rabbitmq": "RabbitMQ", "activemq": "ActiveMQ"}
_NO_BROKER = {
    "rabbitmq": "none runs there",
    "activemq": "none runs there, or it still starts, or it waits for the lock of its store",
}
_WHY_DOWN = {
    "rabbitmq": "`systemctl status rabbitmq-server` there says why it is down; if that shows a running unit, its "
    "application was stopped, and `rabbitmqctl start_app` starts it.",
    "activemq": "`systemctl list-units --all 'activemq*'` there names its unit, whose journal says why it is down.",
}


# Words of a client that timed out, before the seconds.
NO_ANSWER = "no answer within"

WANTED = {
    "amqp": Wanted(
        Speaks.AMQP_0_9_1,
        "AMQP 0-9-1",
        5672,
        "give the listener this port in rabbitmq_amqp_port and run the converge again",
    ),
    "stomp": Wanted(
        Speaks.STOMP,
        "STOMP",
        61613,
        "enable STOMP (RabbitMQ: rabbitmq_stomp in rabbitmq_plugins; ActiveMQ: protocol stomp in "
        "activemq_connectors) and run the converge again",
    ),
    "management": Wanted(
        Speaks.HTTP,
        "HTTP",
        15672,
        "enable the plugin rabbitmq_management in rabbitmq_plugins, on an address that this machine reaches, "
        "and run the converge again",
    ),
}


# The same inside TLS. What a port speaks there is not seen from outside, so they are told apart by their numbers alone.
_TLS_PORTS = {"amqp": 5671, "stomp": 61614, "management": 15671}
_URLS = {"amqp": "amqps", "stomp": "stomp+ssl", "management": "https"}


def _wanted(protocol: str, endpoint: Endpoint, kind: str | None) -> Wanted:
    if endpoint.tls is None:
        return WANTED[protocol]
    return replace(
        WANTED[protocol],
        speaks=Speaks.TLS,
        words="TLS",
        usual_port=_TLS_PORTS[protocol],
        enable=_tls_of(kind),
    )


def _tls_of(kind: str | None) -> str:
    return f"add {of_tls(kind)['listener']} and run the converge again"


def no_connection(context: Context, protocol: str, client_words: str) -> Unreachable:
    """Explain why a client found no `protocol` on the broker's endpoint.

    `client_words` is all that its library said.
    """
    endpoint, ports = context.endpoint(protocol), context.settings.ports
    ports.look(endpoint.host, endpoint.port)
    found = ports.port(endpoint.host, endpoint.port)
    if found.drips:
        return _drips(endpoint, found)
    kind = context.broker.known_kind
    if endpoint.tls is not None and (known := _about_tls(protocol, endpoint, found, client_words, kind)):
        return known
    others = [] if found.speaks is Speaks.UNRESOLVED else ports.survey(endpoint.host)
    return explain(protocol, endpoint, client_words, found, others, in_container(), kind)


def _about_tls(
    protocol: str, endpoint: Endpoint, found: Port, client_words: str, kind: str | None
) -> Unreachable | None:
    """Explain a broken connection where TLS is expected; None if TLS is not at fault."""
    from probes.tls import reasons, transport  # loading them would slow down --list

    if found.speaks is WANTED[protocol].speaks:
        return Unreachable(
            f"{endpoint} answered {found.words or f'in {found.speaks}'}.",
            f"{endpoint.port} speaks {found.speaks} without TLS.",
            f"Correct the port ({WANTED[protocol].words} inside TLS is usually on {_TLS_PORTS[protocol]}), or "
            f"{_tls_of(kind)}.",
        )
    if found.speaks not in (Speaks.TLS, Speaks.CLOSES):  # some close the connection of a plaintext client
        return None
    words = transport.trouble(endpoint, CONNECT_SECONDS)
    if words is not None and (known := reasons.explain(endpoint, words, kind)):
        return known
    if words is None and client_words.startswith(NO_ANSWER):
        return _too_slow(_wanted(protocol, endpoint, kind), endpoint, client_words)
    settings = of_tls(kind)
    if words is not None and found.speaks is Speaks.CLOSES:
        return Unreachable(
            f"{endpoint} accepts connections and closes them at once ({words}).",
            "A broker that cannot read its certificate or its key does that, and one that starts or has no connections "
            "left.",
            f"Read the broker's log for this moment: it names a file that is missing or that its user may not read "
            f"({settings['certificate']}, {settings['key']}).",
        )
    if words is not None:
        return Unreachable(
            f"{endpoint} speaks TLS, and ends the handshake: {words}.",
            "The broker cannot read its certificate or its key, as where a file is empty or no PEM, or it ended this "
            "connection for another reason.",
            f"Read the broker's log for this moment ({settings['certificate']}, {settings['key']}).",
        )
    return Unreachable(
        f"{endpoint} speaks TLS, and the connection inside it broke: {client_words}.",
        "What listens there speaks another protocol inside TLS, or the broker ended this connection.",
        "Correct the port, and read the broker's log for this moment.",
    )


def explain(
    protocol: str,
    endpoint: Endpoint,
    client_words: str,
    found: Port,
    others: Iterable[Port],
    container: bool,
    kind: str | None = None,
) -> Unreachable:
    """Explain what was `found` on `endpoint`, and on the `others` of the host. Pure.

    `kind` is the broker's, None where nobody knows it.
    """
    wanted = _wanted(protocol, endpoint, kind)
    there = [port for port in others if port.number != endpoint.port]
    match found.speaks:
        case Speaks.UNRESOLVED:
            return Unreachable(
                f"{endpoint.host}: {found.words}.",
                f"The name {endpoint.host} does not resolve on this machine.",
                "Correct the name in the inventory, or add it to DNS or /etc/hosts here.",
            )
        case Speaks.REFUSED:
            return _refused(wanted, endpoint, there, container, kind)
        case Speaks.FILTERED | Speaks.UNREACHABLE:
            return _no_answer(endpoint, found, there)
        case Speaks.SILENT if there and all(port.speaks is Speaks.SILENT for port in there):
            numbers = [str(port.number) for port in there]
            return Unreachable(
                f"{endpoint} accepts connections and says nothing.",
                f"None of the ports of brokers there answers (also {', '.join(numbers)}): the broker's process hangs, "
                "is stopped, or gets no memory, disk or processor.",
                "Look at the process on that host (`top`: state T is stopped, D waits for a disk) and read its log; "
                "let it go on, or restart it.",
            )
        case Speaks.SILENT:
            return Unreachable(
                f"{endpoint} accepts connections and says nothing.",
                f"What listens there hangs, is overloaded or still starts, or it is not {wanted.words}."
                f"{_found(there)}",
                "Look up which process listens there (`ss -ltnp`) and what it does (`ps -o stat,time,args PID`; T is "
                f"stopped), and read its log{_elsewhere(wanted, endpoint, there)}.",
            )
        case Speaks.PROXY:
            return Unreachable(
                f"{endpoint} answers whoever says a client's address first.",
                "It expects the PROXY protocol, which a balancer speaks and clients do not.",
                "Connect to the balancer instead; or take proxy_protocol out of rabbitmq_config, and the option that "
                "sends it (send-proxy) out of the balancer, always both.",
            )
        case Speaks.CLOSES:
            return Unreachable(
                f"{endpoint} accepts connections and closes them at once ({client_words}).",
                "A broker that starts or has no connections left does that, and a proxy in front of none.",
                "Read the broker's log for this moment, and try again when it says that it has started.",
            )
        case wanted.speaks if client_words.startswith(NO_ANSWER):
            return _too_slow(wanted, endpoint, client_words)
        case wanted.speaks:
            return Unreachable(
                f"{endpoint} speaks {wanted.words}, and the connection still broke: {client_words}.",
                "The broker answers on this port and ended this connection.",
                "Read the broker's log for this moment; a limit on connections or a restart shows there.",
            )
    return Unreachable(
        f"{endpoint} answered {found.words or f'in {found.speaks}'}.",
        f"{endpoint.port} speaks {found.speaks}, not {wanted.words}; {_usual(wanted, there)}.",
        _correct_port(protocol, wanted, found, there, kind),
    )


def _too_slow(wanted: Wanted, endpoint: Endpoint, client_words: str) -> Unreachable:
    return Unreachable(
        f"{endpoint} speaks {wanted.words} and is too slow: {client_words}.",
        "The broker is overloaded or hangs once it has accepted a connection, or a proxy in front of it does.",
        "Look at the load of its host and read its log; if it is only slow, allow more with --timeout.",
    )


def _drips(endpoint: Endpoint, found: Port) -> Unreachable:
    return Unreachable(
        f"{endpoint} answers in drips: {found.drips}.",
        "Something on the way (a proxy, a shaped or failing link) hands out the broker's answers byte by byte, too "
        "slowly to work with.",
        f"Probe the broker's own address, past the proxy; there, find out who holds back port {endpoint.port}.",
    )


def _refused(
    wanted: Wanted, endpoint: Endpoint, there: list[Port], container: bool, kind: str | None
) -> Unreachable:
    came_back = f"{endpoint} refused the connection."
    if endpoint.host == "0.0.0.0":  # noqa: S104 - compared, not bound
        advice = "0.0.0.0 is an address to listen on, not one to connect to"
    elif container and is_loopback(endpoint.host):
        advice = f"{endpoint.host} is this container itself, not the machine it runs on"
    else:
        advice = ""
    if advice:
        inside = " from inside a container" if container else ""
        return Unreachable(
            came_back,
            f"Nothing listens on {endpoint}{inside}: {advice}.",
            "Give the broker's own address, or run the container in the host's network (--network host).",
        )
    if not there:
        return Unreachable(
            came_back,
            f"Nothing listens on {endpoint}, nor on any other port of brokers: {_NO_BROKER[kind or 'rabbitmq']}.",
            f"{_why_down(kind)} Or correct the host.",
        )
    if any(port.speaks is wanted.speaks for port in there):
        return Unreachable(
            came_back,
            f"Nothing listens on {endpoint}; {_usual(wanted, there)}.",
            f"Correct the port, or {wanted.enabling(kind)}.",
        )
    enable = wanted.enabling(kind)
    return Unreachable(
        came_back,
        f"Nothing listens on {endpoint}, {wanted.words} is not enabled.{_found(there)}",
        f"{enable[0].upper()}{enable[1:]}.",
    )


def _why_down(kind: str | None) -> str:
    return _WHY_DOWN[kind] if kind else " ".join(f"{_BRAND[one]}: {how}" for one, how in _WHY_DOWN.items())


def _no_answer(endpoint: Endpoint, found: Port, there: list[Port]) -> Unreachable:
    came_back = f"No connection to {endpoint}: {found.words}."
    if there:
        return Unreachable(
            came_back,
            f"The host is up, and packets to {endpoint} are dropped or rejected on the way.{_found(there)}",
            f"Open port {endpoint.port} in the firewalls between this machine and the host.",
        )
    return Unreachable(
        came_back,
        f"The host {endpoint.host} is down, or a firewall between here and there drops packets.",
        f"Check that the host runs and that this machine has a route to it (`ping {endpoint.host}`).",
    )


def _found(there: list[Port]) -> str:
    if not there:
        return ""
    return " The host does listen on " + ", ".join(f"{port.number} ({_spoken(port)})" for port in there) + "."


def _spoken(port: Port) -> str:
    return "unknown" if port.speaks in (Speaks.SILENT, Speaks.CLOSES, Speaks.UNKNOWN) else str(port.speaks)


def _usual(wanted: Wanted, there: list[Port]) -> str:
    seen = [port.number for port in there if port.speaks is wanted.speaks]
    if seen:
        return f"{wanted.words} is on {' and '.join(map(str, seen))} there"
    return f"{wanted.words} is usually on {wanted.usual_port}"


def _elsewhere(wanted: Wanted, endpoint: Endpoint, there: list[Port]) -> str:
    """Where the protocol is, or usually is; nothing of a port that is the usual one."""
    known = endpoint.port == wanted.usual_port and all(port.speaks is not wanted.speaks for port in there)
    return "" if known else f"; {_usual(wanted, there)}"


def _correct_port(protocol: str, wanted: Wanted, found: Port, there: list[Port], kind: str | None) -> str:
    if found.speaks is Speaks.TLS:
        return _instead_of_tls(protocol, wanted, there)
    if found.speaks is Speaks.AMQP_1_0:
        return "This broker speaks AMQP 1.0 only (ActiveMQ does), pika cannot talk to it: use STOMP."
    if any(port.speaks is wanted.speaks for port in there):
        return "Correct the port."
    return f"Correct the port; if no port is the right one, {wanted.enabling(kind)}."


def _instead_of_tls(protocol: str, wanted: Wanted, there: list[Port]) -> str:
    """The remedy where a plaintext client has met TLS."""
    plain = " and ".join(str(port.number) for port in there if port.speaks is wanted.speaks)
    instead = f" Or give the plain port, {plain}." if plain else ""
    return (
        f"Speak TLS: in a URL {_URLS[protocol]}://, in the endpoints file `tls: true` of `{protocol}` (with the issuer "
        f"in --ca-file or `ca_file`, if this machine does not trust it).{instead}"
    )


def is_loopback(host: str) -> bool:
    """Whether `host` is a name or an address of this very machine (or container)."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def in_container(root: Path = Path("/")) -> bool:
    """Whether this process runs in a container: the marks that docker, podman and systemd-nspawn leave."""
    if (root / ".dockerenv").exists() or (root / "run/.containerenv").exists():
        return True
    return "container" in os.environ
