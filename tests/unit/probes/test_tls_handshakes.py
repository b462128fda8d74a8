"""Handshakes that look at a listener: what it presents, the old versions it agrees to, the strangers it lets in."""

from __future__ import annotations

import datetime
import socket
import ssl
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from certificates import Authority, Pair
from loopback import Handler, server
from probes import runner
from probes.model import Broker, Endpoint, Result, Settings, Status, Tls
from probes.registry import all_probes
from probes.tls import handshakes, presented, transport

HOST = "127.0.0.1"
Listener = Callable[[ssl.SSLSocket], None]


def answers_amqp(peer: ssl.SSLSocket) -> None:
    peer.recv(64)
    peer.sendall(b"\x01\x00\x00")


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.new("Test CA")


@pytest.fixture(scope="module")
def pair(authority: Authority) -> Pair:
    return authority.intermediate("Branch CA").issue(HOST, "mq.test")


def listener(
    folder: Path, authority: Authority, pair: Pair, verify: int = ssl.CERT_NONE, old: bool = False
) -> Handler:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair.write(folder, "mq"))
    context.load_verify_locations(authority.write(folder))
    context.verify_mode = ssl.VerifyMode(verify)
    if old:
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1

    def inside(peer: socket.socket) -> None:
        with context.wrap_socket(peer, server_side=True) as wrapped:
            answers_amqp(wrapped)

    return inside


def test_what_is_agreed_and_the_chain_to_the_trusted_authority(
    tmp_path: Path, authority: Authority, pair: Pair
) -> None:
    with server(listener(tmp_path, authority, pair)) as port:
        endpoint = Endpoint(HOST, port, Tls(authority.write(tmp_path)))
        assert handshakes.agreed(endpoint, 5).startswith("TLSv1.3 TLS_")
        chain = handshakes.verified_chain(endpoint, 5)
    assert [one.subject for one in chain] == ["CN=test broker", "CN=Branch CA", "CN=Test CA"]
    assert chain[0].names == ("mq.test", HOST) and chain[-1].self_signed and not chain[0].self_signed
    assert 59 < chain[0].days_left(presented.now()) < 60


def test_a_broker_that_is_busy_may_take_longer_for_tls_than_for_the_connection(
    tmp_path: Path, authority: Authority, pair: Pair
) -> None:
    inside = listener(tmp_path, authority, pair)

    def busy(peer: socket.socket) -> None:
        time.sleep(0.6)
        inside(peer)

    with server(busy) as port:
        endpoint = Endpoint(HOST, port, Tls(authority.write(tmp_path)))
        transport.handshake(endpoint, 5, connect_seconds=0.2).close()
        with pytest.raises(TimeoutError):
            transport.handshake(endpoint, 0.3).close()


def test_what_is_presented_is_seen_without_trust(tmp_path: Path, authority: Authority, pair: Pair) -> None:
    with server(listener(tmp_path, authority, pair)) as port:
        chain = presented.presented(Endpoint(HOST, port, Tls()), 5)
    assert [one.subject for one in chain] == ["CN=test broker", "CN=Branch CA"]
    with server(lambda peer: None) as port:
        assert presented.presented(Endpoint(HOST, port, Tls()), 5) == ()
    assert presented.subjects(authority.write(tmp_path)) == ["CN=Test CA"]
    assert (
        presented.subjects(None) == presented.subjects("/nowhere.pem") == presented.subjects(__file__) == []
    )


@pytest.mark.parametrize("old", [True, False])
def test_an_old_version_is_found_where_it_is_agreed_to(
    tmp_path: Path, authority: Authority, pair: Pair, old: bool
) -> None:
    with server(listener(tmp_path, authority, pair, old=old)) as port:
        assert handshakes.old_version(Endpoint(HOST, port, Tls()), 5) == ("TLSv1.1" if old else "")


def test_a_listener_that_says_nothing_has_not_refused_an_old_version() -> None:
    with socket.create_server((HOST, 0)) as silent, pytest.raises(TimeoutError):
        handshakes.old_version(Endpoint(HOST, silent.getsockname()[1], Tls()), 0.2)


@pytest.mark.parametrize(
    ("verify", "without", "stranger"),
    [
        (ssl.CERT_NONE, True, True),
        (ssl.CERT_OPTIONAL, True, False),
        (ssl.CERT_REQUIRED, False, False),
    ],
)
def test_who_is_let_in(
    tmp_path: Path, authority: Authority, pair: Pair, verify: int, without: bool, stranger: bool
) -> None:
    with server(listener(tmp_path, authority, pair, verify)) as port:
        endpoint = Endpoint(HOST, port, Tls(authority.write(tmp_path)))
        assert handshakes.let_in("amqp", endpoint, 5, stranger=False) is without
        assert handshakes.let_in("amqp", endpoint, 5, stranger=True) is stranger


PROBES = {one.name: one for one in all_probes()}


def outcome(name: str, endpoint: Endpoint, days: int = 14) -> Result:
    broker = Broker("mq", "rabbitmq", HOST, "smoke", "x", endpoints={"amqp": endpoint}, certificate_days=days)
    return runner.run_one(broker, PROBES[name], Settings("x", 10))


def test_probes_of_tls_are_skipped_where_there_is_none() -> None:
    for name in ("tls.version", "tls.certificate", "tls.plain", "tls.client"):
        result = outcome(name, Endpoint(HOST, 1, plain_port=2))
        assert (result.status, result.detail) == (Status.SKIP, "No endpoint of this broker speaks TLS.")


def test_an_old_version_and_few_days_fail(tmp_path: Path, authority: Authority, pair: Pair) -> None:
    with server(listener(tmp_path, authority, pair, old=True)) as port:
        endpoint = Endpoint(HOST, port, Tls(authority.write(tmp_path)))
        result = outcome("tls.version", endpoint)
        assert (
            result.status is Status.FAIL
            and result.finding
            and "agreed to TLSv1.1" in result.finding.came_back
        )
        result = outcome("tls.certificate", endpoint, days=60)
        assert (
            result.status is Status.FAIL and result.finding and "ends in 59 days" in result.finding.came_back
        )
        assert outcome("tls.certificate", endpoint, days=31).warns
        assert outcome("tls.certificate", endpoint, days=29).status is Status.PASS
        assert not outcome("tls.certificate", endpoint, days=29).warns


def test_the_port_in_the_clear_has_to_be_closed(tmp_path: Path, authority: Authority, pair: Pair) -> None:
    tls = Tls(authority.write(tmp_path))
    with server(listener(tmp_path, authority, pair)) as port:
        with server(lambda peer: None) as plain:
            assert outcome("tls.plain", Endpoint(HOST, port, tls)).status is Status.SKIP
            result = outcome("tls.plain", Endpoint(HOST, port, tls, plain))
            assert result.status is Status.FAIL and f"Port {plain} of {HOST} accepts" in str(result.finding)
        assert outcome("tls.plain", Endpoint(HOST, port, tls, plain)).detail == f"closed: amqp {plain}"


@pytest.mark.parametrize(
    ("verify", "declared", "status", "words"),
    [
        (ssl.CERT_NONE, "", Status.SKIP, "No listener is declared that looks at"),
        (ssl.CERT_NONE, "none", Status.SKIP, "No listener is declared that looks at"),
        (ssl.CERT_NONE, "offered", Status.FAIL, "a client with a certificate that nobody has issued"),
        (ssl.CERT_OPTIONAL, "offered", Status.PASS, "amqp refuses a stranger's"),
        (ssl.CERT_OPTIONAL, "required", Status.FAIL, "a client without a certificate"),
        (ssl.CERT_REQUIRED, "required", Status.PASS, "amqp refuses none and a stranger's"),
    ],
)
def test_strangers_have_to_be_refused(
    tmp_path: Path, authority: Authority, pair: Pair, verify: int, declared: str, status: Status, words: str
) -> None:
    own = authority.issue(common_name="smoke").write(tmp_path, "client")
    with server(listener(tmp_path, authority, pair, verify)) as port:
        tls = Tls(authority.write(tmp_path), *own)
        result = outcome("tls.client", Endpoint(HOST, port, tls, client_certificate=declared))
    assert result.status is status
    assert words in (result.finding.came_back if result.finding else result.detail)


def test_a_listener_that_is_down_proves_nothing(tmp_path: Path, authority: Authority) -> None:
    with server(lambda peer: None) as port:
        pass
    endpoint = Endpoint(
        HOST, port, Tls(authority.write(tmp_path)), plain_port=port, client_certificate="required"
    )
    for name in ("tls.version", "tls.certificate", "tls.plain", "tls.client"):
        result = outcome(name, endpoint)
        assert result.unreachable and result.status is not Status.PASS, name


def test_a_moment_without_a_zone_is_in_utc() -> None:
    """As cryptography 38 of Debian 12 has it, on which the prober's timer runs."""
    plain = datetime.datetime(2026, 11, 29, 20, 15)
    older = SimpleNamespace(not_valid_after=plain)
    newer = SimpleNamespace(not_valid_after_utc=plain.replace(tzinfo=datetime.UTC))
    for one in (older, newer):
        assert presented._moment(one, "not_valid_after") == plain.replace(tzinfo=datetime.UTC)
