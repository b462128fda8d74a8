"""STOMP inside TLS: what comes through, and why a handshake does not come about."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from loopback import Handler, answers, server
from probes.both.tls import certificate as certificate_probe
from probes.clients import stomp as stomp_client
from probes.model import Broker, Context, Deadline, Endpoint, Failed, Settings, Tls, Unreachable
from probes.tls.transport import client, connect, trouble
from probes.wire.attempts import PATIENCE_SECONDS
from probes.wire.classify import Speaks

CONNECTED = b"CONNECTED\nversion:1.2\nserver:test\n\n\0"
Speak = Callable[..., Handler]


@pytest.fixture
def over_tls(certificate: tuple[str, str]) -> Speak:
    """Has a handler speak inside TLS; with `asks`, only to clients that show the certificate."""

    def speak(handler: Handler, *, asks: bool = False, version: int | None = None) -> Handler:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        if asks:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(certificate[0])
        if version is not None:
            context.maximum_version = ssl.TLSVersion(version)

        def inside(peer: socket.socket) -> None:
            with context.wrap_socket(peer, server_side=True) as wrapped:
                handler(wrapped)

        return inside

    return speak


def wait(peer: socket.socket) -> None:
    peer.recv(64)


def attempt(port: int, tls: Tls, host: str = "127.0.0.1") -> None:
    broker = Broker("mq", "activemq", host, "smoke", "geheim", endpoints={"stomp": Endpoint(host, port, tls)})
    context = Context(broker, Deadline(4), "brokerkit.smoke.x", Settings("x", 4))
    with stomp_client.connect(context, "1.2", "smoke", "geheim", "/"):
        pass


@pytest.mark.parametrize("asks", [False, True])
def test_a_session_comes_about_inside_tls(certificate: tuple[str, str], over_tls: Speak, asks: bool) -> None:
    own = {"cert_file": certificate[0], "key_file": certificate[1]} if asks else {}
    tls = Tls(ca_file=certificate[0], **own)
    with server(over_tls(answers(CONNECTED), asks=asks)) as port:
        attempt(port, tls)
    with server(over_tls(wait, asks=asks)) as port:
        assert trouble(Endpoint("127.0.0.1", port, tls), 2) is None


def test_what_is_sent_comes_back_whole_and_an_end_is_an_end(
    certificate: tuple[str, str], over_tls: Speak
) -> None:
    sent = bytes(range(256)) * 20_000

    def echoes_and_ends(peer: socket.socket) -> None:
        got = b""
        while len(got) < len(sent):
            got += peer.recv(65536)
        peer.sendall(got)

    with server(over_tls(echoes_and_ends)) as port:
        endpoint = Endpoint("127.0.0.1", port, Tls(ca_file=certificate[0]))
        with connect(endpoint, 2) as wire:
            wire.sendall(sent)
            came = b""
            while piece := wire.recv(65536):
                came += piece
    assert came == sent


def test_an_issuer_that_is_not_trusted_is_named_as_the_reason(over_tls: Speak) -> None:
    with server(over_tls(answers(CONNECTED))) as port, pytest.raises(Unreachable) as caught:
        attempt(port, Tls())
    assert "certificate verify failed" in caught.value.finding.came_back
    assert "endpoint_ca_file" in caught.value.finding.remedy


def test_a_certificate_for_another_host_is_named_as_the_reason(
    certificate: tuple[str, str], over_tls: Speak
) -> None:
    with server(over_tls(answers(CONNECTED))) as port, pytest.raises(Unreachable) as caught:
        attempt(port, Tls(ca_file=certificate[0]), host="localhost")
    assert caught.value.finding.meaning == "The certificate is not one for localhost; it is for 127.0.0.1."
    assert "endpoint_host" in caught.value.finding.remedy


def test_a_file_that_is_no_certificate_is_named_as_the_reason(
    certificate: tuple[str, str], over_tls: Speak
) -> None:
    with server(over_tls(answers(CONNECTED))) as port, pytest.raises(Unreachable) as caught:
        attempt(port, Tls(ca_file=certificate[1]))  # the key
    assert caught.value.finding.meaning == "The file of endpoint_ca_file holds no certificate."


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_broker_that_asks_for_a_certificate_says_so(
    certificate: tuple[str, str], over_tls: Speak, version: int
) -> None:
    speaking = over_tls(answers(CONNECTED), asks=True, version=version)
    with server(speaking) as port, pytest.raises(Unreachable) as caught:
        attempt(port, Tls(ca_file=certificate[0]))
    assert "only clients that show a certificate" in caught.value.finding.meaning
    assert "endpoint_cert_file and endpoint_key_file" in caught.value.finding.remedy


def test_another_protocol_inside_tls_is_not_taken_for_trouble_with_tls(
    certificate: tuple[str, str], over_tls: Speak
) -> None:
    speaking = over_tls(answers(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    with server(speaking) as port, pytest.raises(Unreachable) as caught:
        attempt(port, Tls(ca_file=certificate[0]))
    assert "inside it broke" in caught.value.finding.came_back


def test_a_listener_in_the_clear_is_not_taken_for_one_with_tls() -> None:
    with server(answers(b"ERROR\nmessage:what\n\n\0")) as port, pytest.raises(Unreachable) as caught:
        attempt(port, Tls())
    assert "without TLS" in caught.value.finding.meaning


def test_connections_share_a_context_until_its_files_change(
    certificate: tuple[str, str], tmp_path: Path
) -> None:
    trusted = tmp_path / "ca.pem"
    trusted.write_bytes(Path(certificate[0]).read_bytes())
    tls = Tls(ca_file=str(trusted))
    first = client(tls)
    assert client(tls) is first
    trusted.write_bytes(Path(certificate[0]).read_bytes() + b"\n")
    assert client(tls) is not first


def test_a_broker_that_cannot_read_its_files_hangs_up(certificate: tuple[str, str]) -> None:
    with server(lambda peer: None) as port, pytest.raises(Unreachable) as caught:
        attempt(port, Tls(ca_file=certificate[0]))
    assert "cannot read its certificate or its key" in caught.value.finding.meaning
    assert "activemq_tls_key" in caught.value.finding.remedy


def in_tls_or_not_at_all(inside: Handler) -> Handler:
    """Hangs up on clients in the clear, as OTP 23 does on a busy machine."""

    def handler(peer: socket.socket) -> None:
        if peer.recv(1, socket.MSG_PEEK) == b"\x16":
            inside(peer)

    return handler


def test_a_listener_that_hangs_up_on_clients_in_the_clear_may_be_slow(
    certificate: tuple[str, str], over_tls: Speak
) -> None:
    def slow(peer: socket.socket) -> None:
        time.sleep(PATIENCE_SECONDS + 0.3)
        answers(CONNECTED)(peer)

    with server(in_tls_or_not_at_all(over_tls(slow))) as port:
        endpoint = Endpoint("127.0.0.1", port, Tls(ca_file=certificate[0]))
        broker = Broker("mq", "activemq", "127.0.0.1", "smoke", "geheim", endpoints={"stomp": endpoint})
        context = Context(broker, Deadline(10), "brokerkit.smoke.x", Settings("x", 10))
        assert context.settings.ports.port("127.0.0.1", port).speaks is Speaks.CLOSES
        with stomp_client.connect(context, "1.2", "smoke", "geheim", "/"):
            pass


def test_silence_inside_tls_is_slowness(certificate: tuple[str, str], over_tls: Speak) -> None:
    def silent(peer: socket.socket) -> None:
        while peer.recv(64):
            pass

    with server(in_tls_or_not_at_all(over_tls(silent))) as port, pytest.raises(Unreachable) as caught:
        attempt(port, Tls(ca_file=certificate[0]))
    assert "speaks TLS and is too slow" in caught.value.finding.came_back


def measured(port: int, tls: Tls) -> dict[str, float]:
    """What the probe of certificates measures, which fails here: the certificate is for two days."""
    endpoint = Endpoint("127.0.0.1", port, tls)
    broker = Broker("mq", "rabbitmq", "127.0.0.1", "smoke", "geheim", endpoints={"amqp": endpoint})
    context = Context(broker, Deadline(4), "brokerkit.smoke.x", Settings("x", 4))
    with pytest.raises((Failed, Unreachable)):
        certificate_probe(context)
    assert {one.labels for one in context.measures} <= {(("protocol", "amqp"),)}
    return {one.name: one.value for one in context.measures}


def test_a_certificate_that_ends_soon_is_measured_and_one_that_nobody_trusts_is_not_valid(
    certificate: tuple[str, str], over_tls: Speak
) -> None:
    with server(over_tls(wait)) as port:
        soon = measured(port, Tls(ca_file=certificate[0]))
        assert soon["certificate_valid"] == 1
        assert 86400 < soon["certificate_expiry_timestamp_seconds"] - time.time() < 2 * 86400 + 60
        assert measured(port, Tls()) == {"certificate_valid": 0}


def test_of_a_certificate_that_nobody_shows_nothing_is_said(certificate: tuple[str, str]) -> None:
    with server(answers(b"AMQP\0\0\x09\x01")) as port:
        assert measured(port, Tls(ca_file=certificate[0])) == {}
