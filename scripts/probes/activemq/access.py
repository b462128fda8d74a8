"""Probes of ActiveMQ's logins, rights and ports."""

from __future__ import annotations

import ipaddress
import secrets
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from probes import diagnosis
from probes.activemq.destinations import KINDS, METRICS
from probes.clients import stomp as stomp_client, stomp_errors
from probes.model import (
    CONNECT_SECONDS,
    Context,
    Endpoint,
    Failed,
    Listener,
    NotApplicable,
    NotProven,
    Tls,
    Unreachable,
)
from probes.registry import probe
from probes.wire.classify import ANSWER_SECONDS, Port, Speaks, classify, connects
from probes.wire.waiting import dial

# What releases of ActiveMQ have shipped in users.properties, credentials.properties and jetty-realm.properties, and the
# example of its documentation.
SHIPPED = (
    ("admin", "admin"),
    ("system", "manager"),
    ("user", "user"),
    ("user", "password"),
    ("guest", "password"),
)

_TRIES = 6
_SPEAKS = {"openwire": Speaks.OPENWIRE, "amqp": Speaks.AMQP_1_0, "ws": Speaks.HTTP, "stomp": Speaks.STOMP}
# A port that answers with a protocol of its own.
_TALKS = frozenset(one for one in Speaks if one.listens) - {Speaks.SILENT, Speaks.CLOSES}


@probe(
    "activemq.denied",
    needs=["stomp"],
    notes=["1.1", "2.6"],
    kinds=KINDS,
    proves="Sending to and reading from a queue without the permission is refused, and a receipt makes it "
    "seen.",
)
def denied(context: Context) -> str:
    name = context.broker.denied_destination
    if name is None:
        raise NotApplicable("No queue is declared that this user must not use (denied_destination).")
    destination = f"/queue/{name}"
    for right in ("write", "read"):
        words = _attempt(context, destination, right)
        if words is None:
            raise Failed(
                f"{context.broker.name} let {context.broker.user} {right} {destination}.",
                f"{context.broker.user} has a permission on {name} that it should not have.",
                "Take its groups out of the entry in activemq_authorization, or correct "
                "endpoint_denied_destination.",
            )
        if stomp_errors.is_login_refusal(words):
            raise stomp_errors.explain(context.broker, words)
        if "is not authorized to" not in words:
            raise NotProven(
                f"{context.broker.name} sent ERROR: {words}",
                "The broker refused for another reason than a missing permission.",
                "See stomp.connect.v1_2 and the broker's log.",
            )
    return f"refused: {words}"


def _attempt(context: Context, destination: str, right: str) -> str | None:
    """Return the broker's refusal of an attempt with a receipt, None if it allows it."""
    broker = context.broker
    try:
        with stomp_client.connect(context, "1.2", broker.user, broker.password, broker.vhost) as opened:
            if right == "write":
                opened.send(destination, '"not allowed"', {})
            else:
                opened.subscribe(destination, {})
    except stomp_client.ErrorFrame as error:
        return error.frame.words
    return None


@probe(
    "activemq.anonymous",
    needs=["stomp"],
    notes=["1.2"],
    kinds=KINDS,
    proves="A client without user and password is refused.",
)
def anonymous(context: Context) -> str:
    return _login(context, None, None)


@probe(
    "activemq.password",
    needs=["stomp"],
    notes=["1.2"],
    kinds=KINDS,
    proves="A wrong password is refused.",
)
def password(context: Context) -> str:
    return _login(context, context.broker.user, secrets.token_urlsafe(24))


@probe(
    "activemq.shipped",
    needs=["stomp"],
    notes=["2.3"],
    kinds=KINDS,
    proves="No user and password that ActiveMQ has ever shipped gets in.",
)
def shipped(context: Context) -> str:
    for user, word in SHIPPED:
        _login(context, user, word)
    return f"refused: {', '.join(f'{user}/{word}' for user, word in SHIPPED)}"


def _login(context: Context, user: str | None, word: str | None) -> str:
    """Return the broker's words if it refuses a login. Raises Failed if it does not."""
    who = "nobody in particular" if user is None else user
    words = _answer(context, user, word)
    if words is None:
        raise Failed(
            f"{context.endpoint('stomp')} let {who} in.",
            "Everybody who reaches the port can use the broker.",
            "Let the role write the configuration: it puts jaasAuthenticationPlugin in front and has no "
            "such users.",
        )
    if not stomp_errors.is_login_refusal(words):
        raise NotProven(
            f"{context.broker.name} sent ERROR: {words}",
            "The broker refused the connection for another reason than the login.",
            "See stomp.connect.v1_2.",
        )
    return f"refused: {words}"


def _answer(context: Context, user: str | None, word: str | None) -> str | None:
    """Return the broker's refusal of a login, None if it accepts it.

    It closes the connection right behind its ERROR frame, and now and then the frame does not make it (seen with
    5.17.2; inside TLS on a busy machine three times in a row). A lost connection is no refusal, so it is asked again.
    """
    for _ in range(_TRIES - 1):
        try:
            return stomp_client.refusal(context, user, word, context.broker.vhost)
        except Unreachable as stop:
            if not isinstance(stop.__cause__, stomp_client.ConnectionLost):
                raise  # nothing listens or answers, and asking again would not help
    return stomp_client.refusal(context, user, word, context.broker.vhost)


@probe(
    "activemq.listeners",
    needs=["stomp"],
    notes=["0.1", "0.2"],
    kinds=KINDS,
    proves="Every declared connector speaks its own protocol on its own port: OpenWire is not taken for "
    "STOMP.",
)
def listeners(context: Context) -> str:
    connectors = [one for one in context.broker.listeners or () if one.protocol != METRICS]
    reachable = [one for one in connectors if not _loopback(one)]
    if not reachable:
        raise NotApplicable("No connector is declared that can be reached from here.")
    context.deadline.step = "listening to the declared ports"
    with ThreadPoolExecutor(
        len(reachable)
    ) as at_once:  # a port that waits for its client is listened to for a while
        found = list(zip(reachable, at_once.map(partial(_misfit, context), reachable), strict=True))
    if all(isinstance(what, Port) and what.speaks not in _TALKS for _, what in found):
        raise diagnosis.no_connection(context, "stomp", "no reason given")
    for listener, what in found:
        if isinstance(what, Port) and what.speaks is Speaks.SILENT:
            # The first client of a protocol has the broker load it, which takes a busy machine more than a second.
            what = _misfit(context, listener, context.deadline.handshake())
        if isinstance(what, Port):
            raise _absent(context, listener, what)
        if what is not None:
            raise Failed(
                f"Port {listener.port} of {context.broker.name} speaks {what}.",
                f"The connector on {listener.port} is declared as {listener.protocol}.",
                "Run the converge again; if it changes nothing, another program holds the port.",
            )
    return ", ".join(f"{one.protocol} on {one.port}" for one in reachable)


def _absent(context: Context, listener: Listener, port: Port) -> Failed:
    """Explain a connector that does not answer, on a broker whose other connectors do."""
    where = f"{context.broker.name}, port {port.number}"
    if port.speaks is Speaks.REFUSED:
        return Failed(
            f"{where}: the connection was refused.",
            f"The connector {listener.protocol} is declared on {port.number}, and nothing listens there.",
            "Run the converge again, which declares it; if it changes nothing, the broker's log says why it could not "
            "listen (`journalctl -u 'activemq-*'`).",
        )
    if port.speaks.listens:
        return Failed(
            f"{where}: a connection came about, and nothing was said.",
            f"The connector {listener.protocol} on {port.number} hangs, or another program holds the port.",
            f"Look up on the host which process that is (`ss -ltnp 'sport = {port.number}'`), and read its log.",
        )
    return Failed(
        f"{where}: no connection ({port.words}).",
        f"Packets to the connector {listener.protocol} are dropped on the way, while another connector answers.",
        f"Open port {port.number} in the firewalls between this machine and the host, or have the connector listen on "
        "127.0.0.1 if nobody is to reach it (address in activemq_connectors).",
    )


def _misfit(
    context: Context, listener: Listener, answer_seconds: float = ANSWER_SECONDS
) -> Port | str | None:
    """Return None for a connector that speaks its protocol, else what it speaks instead, or a silent port."""
    host, port = listener.address or "", listener.port
    if host in ("", "0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        host = context.broker.host
    if listener.protocol == "mqtt" or listener.protocol.endswith("+ssl"):
        asked = mqtt_login if listener.protocol == "mqtt" else handshake
        if (said := asked(context, host, port)) is None:
            return None
        there = connects(host, port, context.deadline.left(CONNECT_SECONDS))
        return said if there.speaks.listens else there
    # Not asked in its own protocol at once, though that is a second shorter: then a loaded broker of 5.16.1 once ended
    # up accepting connections and saying nothing. The likely reason is AMQ-7452: the timers of idle connections are
    # made with the first of them and thrown away with the last, and one that dies in between is never replaced. What
    # is only listened to here is such a connection, while the other probes come and go.
    found = classify(host, port, CONNECT_SECONDS, answer_seconds)
    if found.speaks is _SPEAKS[listener.protocol]:
        return None
    return str(found.speaks) if found.speaks in _TALKS else found


def handshake(context: Context, host: str, port: int) -> str | None:
    """Shake hands over TLS and return None, or what came instead. Judging the certificate is left to the client."""
    from probes.tls import presented, transport  # loading them would slow down --list

    endpoint, anybody = Endpoint(host, port), presented.without_trust(Tls())
    try:
        transport.handshake(endpoint, context.deadline.handshake(), anybody).close()
    except OSError as error:
        return f"no TLS: the connection to it ended with '{error}'"
    return None


def _loopback(listener: Listener) -> bool:
    return bool(listener.address) and ipaddress.ip_address(listener.address or "::").is_loopback


def mqtt_login(context: Context, host: str, port: int) -> str | None:
    """Log in over MQTT 3.1.1 and return None, or what came back instead of an acceptance."""

    def text(value: str) -> bytes:
        return len(value.encode()).to_bytes(2, "big") + value.encode()

    # CONNECT: protocol name and level, flags (user, password, clean session), keep-alive, payload.
    # Source: MQTT 3.1.1, section 3.1.
    # A client's name is its own: the broker drops an older connection of the same name.
    payload = text("MQTT") + b"\x04\xc2\x00\x3c" + text(context.name(f"mqtt{port}"))
    payload += text(context.broker.user) + text(context.broker.password)
    length = (
        bytes([len(payload)])
        if len(payload) < 128
        else bytes([len(payload) % 128 | 128, len(payload) // 128])
    )
    try:
        with dial(host, port, context.deadline.left(CONNECT_SECONDS)) as peer:
            peer.settimeout(context.deadline.left(CONNECT_SECONDS))
            peer.sendall(b"\x10" + length + payload)
            answer = peer.recv(4)
            peer.sendall(b"\xe0\x00")
    except OSError as error:
        return f"no MQTT: the connection to it ended with '{error}'"
    if answer == b"\x20\x02\x00\x00":
        return None
    return f"something else than MQTT, or refuses the login ({answer!r})"
