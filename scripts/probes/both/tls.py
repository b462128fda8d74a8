"""Probes of TLS itself: what is agreed, what is presented, what is closed, and who is let in."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from probes import diagnosis
from probes.model import CONNECT_SECONDS, Context, Failed, NotApplicable, NotProven, Soon
from probes.registry import probe
from probes.variables import of_tls
from probes.wire.classify import connects

if TYPE_CHECKING:
    from probes.tls.presented import Certificate

_KINDS = ("rabbitmq", "activemq")


def _with_tls(context: Context) -> list[str]:
    """Return the protocols that the broker speaks inside TLS. Raises NotApplicable where it speaks none."""
    found = list(context.broker.with_tls)
    if not found:
        raise NotApplicable("No endpoint of this broker speaks TLS.")
    return found


def _setting(context: Context, what: str) -> str:
    return of_tls(context.broker.known_kind)[what]


@probe(
    "tls.version",
    needs=[],
    kinds=_KINDS,
    proves="TLS 1.2 or 1.3 is agreed on every listener, and TLS 1.0 and 1.1 are refused.",
)
def version(context: Context) -> str:
    from probes.tls import handshakes  # loading it would slow down --list

    said = []
    for protocol in _with_tls(context):
        endpoint, agreed = context.endpoint(protocol), _agreed(context, protocol)
        context.deadline.step = f"offering old versions of TLS to {endpoint}"
        try:
            old = handshakes.old_version(endpoint, context.deadline.handshake())
        except OSError as error:
            raise NotProven(
                f"TLS 1.0 and 1.1 could not be offered to {endpoint}: {error}.",
                "Whether the broker would have agreed to them is not known.",
                "See the load of the broker's host, or run smoke.py where OpenSSL still has these versions.",
            ) from error
        if old:
            raise Failed(
                f"{endpoint} agreed to {old}.",
                "TLS 1.0 and 1.1 are broken and withdrawn (RFC 8996); a client that offers them is let in.",
                f"Leave TLS 1.2 and 1.3 alone ({_setting(context, 'versions')}), and run the converge again.",
            )
        said.append(f"{protocol} {agreed}")
    return ", ".join(said)


def _agreed(context: Context, protocol: str) -> str:
    """Return the version and the cipher that a right client agrees on. Raises Unreachable where none is agreed."""
    from probes.tls import handshakes

    endpoint = context.endpoint(protocol)
    context.deadline.step = f"shaking hands with {endpoint}"
    try:
        return handshakes.agreed(endpoint, context.deadline.handshake())
    except (OSError, UnicodeError) as error:
        raise diagnosis.no_connection(context, protocol, str(error)) from error


@probe(
    "tls.certificate",
    needs=[],
    kinds=_KINDS,
    proves="Every listener presents a chain that this machine trusts, for this host, and with days left.",
)
def certificate(context: Context) -> str:
    import ssl

    from probes.tls import handshakes
    from probes.tls.presented import day, now

    limit, soon = context.broker.certificate_days, []
    for protocol in _with_tls(context):
        endpoint = context.endpoint(protocol)
        context.deadline.step = f"looking at the certificate of {endpoint}"
        try:
            chain = handshakes.verified_chain(endpoint, context.deadline.handshake())
        except (OSError, UnicodeError) as error:
            if isinstance(error, ssl.SSLCertVerificationError):
                context.measure("certificate_valid", 0, protocol=protocol)
            raise diagnosis.no_connection(context, protocol, str(error)) from error
        soonest = min(chain, key=lambda one: one.ends)
        context.measure("certificate_valid", 1, protocol=protocol)
        context.measure("certificate_expiry_timestamp_seconds", soonest.ends.timestamp(), protocol=protocol)
        if soonest.days_left(now()) < limit:
            raise _ends(context, protocol, soonest, limit)
        soon.append(soonest)
    first = min(soon, key=lambda one: one.ends)
    days = math.floor(first.days_left(now()))
    said = f"{first.subject} ends in {days} days, {day(first.ends)}"
    return Soon(said) if first.days_left(now()) < 2 * limit else said


def _ends(context: Context, protocol: str, soonest: Certificate, limit: int) -> Failed:
    from probes.tls.presented import day, now

    left = math.floor(soonest.days_left(now()))
    return Failed(
        f"The certificate {soonest.subject} on {context.endpoint(protocol)} ends in {left} days, {day(soonest.ends)}.",
        f"Fewer than {limit} days are left (certificate_days); after that no client connects any more.",
        f"Renew it ({_setting(context, 'certificate')}, or its issuer where that is the one that ends).",
    )


@probe(
    "tls.plain",
    needs=[],
    kinds=_KINDS,
    proves="The ports without TLS are closed where the broker is to speak TLS only.",
)
def plain(context: Context) -> str:
    ports = {
        protocol: port
        for protocol, endpoint in context.broker.with_tls.items()
        if (port := endpoint.plain_port) is not None
    }
    _with_tls(context)
    if not ports:
        raise NotApplicable("No port without TLS is declared that has to be closed (plain_port).")
    closed = []
    for protocol, port in ports.items():
        host = context.endpoint(protocol).host
        _agreed(context, protocol)  # on a host that is down every port is closed
        context.deadline.step = f"trying port {port} of {host}"
        found = connects(host, port, context.deadline.left(CONNECT_SECONDS))
        if found.speaks.listens:
            raise Failed(
                f"Port {port} of {host} accepts connections.",
                f"Clients can speak {protocol} without TLS there: passwords and messages can be read on the way.",
                f"Close it ({_setting(context, 'plain')}) and run the converge again.",
            )
        closed.append(f"{protocol} {port}")
    return f"closed: {', '.join(closed)}"


@probe(
    "tls.client",
    needs=[],
    kinds=_KINDS,
    proves="Clients whose certificate the broker does not trust are refused, and where one is required, those without.",
)
def client(context: Context) -> str:
    asking = {
        protocol: endpoint
        for protocol, endpoint in context.broker.with_tls.items()
        if endpoint.client_certificate in ("offered", "required")
    }
    _with_tls(context)
    if not asking:
        raise NotApplicable(
            "No listener is declared that looks at clients' certificates (client_certificate)."
        )
    said = []
    for protocol, endpoint in asking.items():
        _agreed(context, protocol)  # a listener that refuses everybody proves nothing
        _refuses(context, protocol, stranger=True)
        if endpoint.client_certificate == "required":
            _refuses(context, protocol, stranger=False)
            said.append(f"{protocol} refuses none and a stranger's")
        else:
            said.append(f"{protocol} refuses a stranger's")
    return ", ".join(said)


def _refuses(context: Context, protocol: str, stranger: bool) -> None:
    """Raise Failed where a stranger's certificate, or a client without one, is let in."""
    from probes.tls import handshakes

    endpoint = context.endpoint(protocol)
    whom = (
        "a client with a certificate that nobody has issued" if stranger else "a client without a certificate"
    )
    context.deadline.step = f"trying {endpoint} as {whom}"
    try:
        let_in = handshakes.let_in(protocol, endpoint, context.deadline.handshake(), stranger)
    except (OSError, UnicodeError) as error:
        raise NotProven(
            f"{endpoint} did not answer {whom}: {error}.",
            "The broker neither let it in nor refused it.",
            "See the load of the broker's host, and its log for this moment.",
        ) from error
    if let_in:
        raise _let_in(context, protocol, whom)


def _let_in(context: Context, protocol: str, whom: str) -> Failed:
    return Failed(
        f"{context.endpoint(protocol)} let in {whom}.",
        f"Whoever reaches the port can talk to the broker, although {protocol} is to ask for certificates.",
        f"Have certificates required ({_setting(context, 'clients')}), and run the converge again.",
    )
