"""TLS for clients of brokers: trust, transport, and explanations of failed handshakes.

stomp.py reads and hangs up in two threads, and before 3.13 Python does not guard the TLS of one socket against two: the
process dies of a broken heap. So one thread here owns it, and stomp.py speaks in the clear to that thread.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
from dataclasses import dataclass

from probes.model import Endpoint, Tls, Unreachable
from probes.wire.waiting import dial

# With TLS 1.3, a broker complains about a missing client certificate only after the handshake.
_AFTERWARDS_SECONDS = 0.5
_PIECE = 65536  # bytes that are handed on at once


@dataclass(frozen=True)
class _Reason:
    """Words of OpenSSL, and what they mean to an operator."""

    words: str
    meaning: str
    remedy: str


_REASONS = (
    _Reason(
        "no certificate or crl found",
        "The file of endpoint_ca_file holds no certificate.",
        "Give a file with the issuer's certificate in PEM.",
    ),
    _Reason(
        "key values mismatch",
        "The key in endpoint_key_file is not that of the certificate in endpoint_cert_file.",
        "Give the two files that belong together.",
    ),
    _Reason(
        "certificate is not valid for",
        "The certificate is not one for {host}.",
        "Name the host in endpoint_host as the certificate does, or issue one for {host}.",
    ),
    _Reason(
        "certificate has expired",
        "The certificate's time is over, or a clock is wrong.",
        "Renew the certificate (activemq_tls_certificate), and compare the clocks of both hosts.",
    ),
    _Reason(
        "certificate verify failed",
        "Who issued the certificate is not trusted on this machine.",
        "Give the issuer's certificate in endpoint_ca_file.",
    ),
    _Reason(
        "certificate required",
        "The broker lets in only clients that show a certificate.",
        "Give one in endpoint_cert_file and endpoint_key_file.",
    ),
    _Reason(
        "bad certificate",
        "The broker lets in only clients that show a certificate, and did not take this one.",
        "Give one of an issuer in activemq_tls_client_authority in endpoint_cert_file and endpoint_key_file.",
    ),
    _Reason(
        "handshake failure",
        "The two share no version of TLS and no cipher, or the broker lets in only clients that show a certificate.",
        "Give one in endpoint_cert_file and endpoint_key_file; the broker's log names its side.",
    ),
    _Reason(
        "unknown ca",
        "The broker does not know who issued the certificate that the prober shows.",
        "Give one of an issuer in activemq_tls_client_authority in endpoint_cert_file and endpoint_key_file.",
    ),
)


def client(tls: Tls) -> ssl.SSLContext:
    """Return the context of a client: it checks who issued the certificate, and for which host.

    Raises OSError for files that are not there or are no PEM.
    """
    context = ssl.create_default_context(cafile=tls.ca_file)
    if tls.cert_file is not None:
        context.load_cert_chain(tls.cert_file, tls.key_file)
    return context


def connect(endpoint: Endpoint, seconds: float) -> socket.socket:
    """Return a socket that speaks in the clear what goes to and comes from `endpoint` inside TLS.

    Raises OSError, in OpenSSL's words, where the handshake does not come about within `seconds`.
    """
    outside = _handshake(endpoint, seconds)
    near, far = _loopback_pair()
    threading.Thread(target=_carry, args=(far, outside), daemon=True).start()
    return near


def _handshake(endpoint: Endpoint, seconds: float) -> ssl.SSLSocket:
    context = client(endpoint.tls or Tls())
    peer = dial(endpoint.host, endpoint.port, seconds)
    try:
        return context.wrap_socket(peer, server_hostname=endpoint.host)
    except BaseException:
        peer.close()
        raise


def _loopback_pair() -> tuple[socket.socket, socket.socket]:
    """Return two sockets that are connected to each other; stomp.py asks its own for a port, so a Unix pair is none."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        near = socket.create_connection(door.getsockname())
        far, who = door.accept()
    if who != near.getsockname():
        near.close()
        far.close()
        raise OSError("another program has connected to the prober's own socket")
    return near, far


def _carry(inside: socket.socket, outside: ssl.SSLSocket) -> None:
    """Relay data in both directions until one side ends."""
    outside.setblocking(False)
    with inside, outside, contextlib.suppress(OSError):
        while True:
            # What TLS has decrypted already does not show in select.
            ready = [outside] if outside.pending() else select.select([inside, outside], [], [])[0]
            if outside in ready:
                try:
                    data = outside.recv(_PIECE)
                except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    continue  # a record of TLS itself, or the first part of one
                if not data:
                    return
                inside.sendall(data)
            else:
                data = inside.recv(_PIECE)
                if not data:
                    return
                _send(outside, data)


def _send(outside: ssl.SSLSocket, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[outside.send(rest) :]
        except ssl.SSLWantWriteError:
            select.select([], [outside], [])
        except ssl.SSLWantReadError:
            select.select([outside], [], [])


def trouble(endpoint: Endpoint, seconds: float) -> str | None:
    """Shake hands with an endpoint; return in OpenSSL's words why that does not come about, None where it does."""
    try:
        with _handshake(endpoint, seconds) as outside:
            outside.settimeout(min(seconds, _AFTERWARDS_SECONDS))
            with contextlib.suppress(TimeoutError):
                outside.recv(1)
    except OSError as error:
        return str(error)
    return None


def explain(endpoint: Endpoint, words: str) -> Unreachable | None:
    """Put OpenSSL's words into sentences; None for words that are not known to mean one thing."""
    for reason in _REASONS:
        if reason.words.lower() in words.lower().replace("_", " "):
            return Unreachable(
                f"No TLS with {endpoint}: {words}",
                reason.meaning.format(host=endpoint.host),
                reason.remedy.format(host=endpoint.host),
            )
    return None
