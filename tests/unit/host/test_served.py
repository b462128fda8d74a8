"""Which certificate a listener serves: seen whoever it lets in."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import certificates
import pytest
from brokers.host import served
from loopback import Handler, server, speaks_first

Speak = Callable[..., Handler]


@pytest.fixture(scope="module")
def pair() -> certificates.Pair:
    return certificates.Authority.new().intermediate().issue("mq1.example.org")


@pytest.fixture
def speak(pair: certificates.Pair, tmp_path: Path) -> Speak:
    """Serves the pair's certificate, in a version; with `asks`, to clients that show one of its own."""

    def handler(version: ssl.TLSVersion, asks: bool) -> Handler:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*pair.write(tmp_path, "mq1"))
        context.maximum_version = version
        if asks:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cadata=pair.alone)

        def inside(peer: socket.socket) -> None:
            with context.wrap_socket(peer, server_side=True) as wrapped:
                wrapped.recv(1)

        return inside

    return handler


def wanted(port: int) -> list[dict[str, object]]:
    return [{"protocol": "amqp/ssl", "address": "::", "port": port}]


@pytest.mark.parametrize("asks", [False, True])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_the_first_certificate_is_seen_and_compared(pair, speak, version, asks):
    other = certificates.self_signed("mq2.example.org")
    with server(speak(version, asks)) as port:
        assert served.refusals(wanted(port), pair.certificate, 10) == []
        (sentence,) = served.refusals(wanted(port), other.certificate, 10)
    assert sentence.startswith(f"port {port} (amqp/ssl) serves another certificate")
    plain = sentence.replace(":", "").lower()
    assert pair.fingerprint in plain and other.fingerprint in plain


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def test_a_broker_that_waits_for_another_one_listens_on_nothing_at_all():
    with socket.create_server(("127.0.0.1", 0)) as open_one:
        there, nowhere = wanted(open_one.getsockname()[1]), wanted(closed_port())
        assert served.all_closed(nowhere, 10)
        assert not served.all_closed(there, 10)
        assert not served.all_closed([*nowhere, *there], 10)


def test_a_port_where_nothing_listens_is_named(pair):
    port = closed_port()
    (sentence,) = served.refusals(wanted(port), pair.certificate, 10)
    assert sentence.startswith(f"port {port} (amqp/ssl) serves no certificate: Connection refused")


@pytest.mark.parametrize(
    "said", [b"AMQP\0\0\x09\1", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x15\x03\x03\0\2\2\x28"]
)
def test_a_port_that_speaks_something_else_is_named(pair, said):
    with server(speaks_first(said)) as port:
        (sentence,) = served.refusals(wanted(port), pair.certificate, 10)
    assert "serves no certificate: the handshake ended before" in sentence


def test_a_fingerprint_is_written_as_openssl_does(pair):
    text = served.fingerprint(served.leaf("a comment\n" + pair.certificate))
    assert text.replace(":", "").lower() == pair.fingerprint
    assert len(text) == 95 and text[2] == ":"
