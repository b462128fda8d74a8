"""What the clients make of ports where no broker is: an end within bounds, and a diagnosis. Never a pass."""

from __future__ import annotations

import socket
import time

import pika  # noqa: F401 - loading the clients is not what is timed here
import pytest
import stomp  # noqa: F401
from loopback import Handler, answers, closes, server, silent, speaks_first
from probes.clients import amqp as amqp_client, management as management_client, stomp as stomp_client
from probes.model import Broker, Context, Deadline, Endpoint, NotProven, Settings, Unreachable
from probes.rabbitmq import negative
from probes.registry import all_probes
from probes.runner import run_one
from probes.wire import classify

OPENWIRE = b"\x00\x00\x01\x43\x01ActiveMQ\x00\x00\x00\x0c\x01\x00\x00"
HTTP = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
PROBES = {probe.name: probe for probe in all_probes()}


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classify, "LISTEN_SECONDS", 0.1)
    monkeypatch.setattr(classify, "ANSWER_SECONDS", 0.2)


def context(protocol: str, port: int, seconds: float = 0.6) -> Context:
    endpoint = Endpoint("127.0.0.1", port)
    broker = Broker(
        "one", "rabbitmq", "127.0.0.1", "smoke", "geheim", denied_vhost="/", endpoints={protocol: endpoint}
    )
    return Context(broker, Deadline(seconds), "brokerkit.smoke.x", Settings("x", seconds))


def attempt(protocol: str, port: int) -> None:
    one = context(protocol, port)
    if protocol == "amqp":
        amqp_client.connect(one, "smoke", "geheim", "/")
    elif protocol == "stomp":
        with stomp_client.connect(one, "1.2", "smoke", "geheim", "/"):
            pass
    else:
        management_client.get(one, "/api/overview")


@pytest.mark.parametrize(
    ("protocol", "handler", "words"),
    [
        ("amqp", speaks_first(OPENWIRE), "speaks OpenWire, not AMQP 0-9-1"),
        ("amqp", answers(HTTP), "speaks HTTP, not AMQP 0-9-1"),
        ("amqp", answers(b"AMQP\x03\x01\x00\x00"), "speaks AMQP 1.0, not AMQP 0-9-1"),
        ("amqp", answers(b"\x15\x03\x03\x00\x02\x02\x0a"), "speaks TLS, not AMQP 0-9-1"),
        ("amqp", closes, "starts or has no connections left"),
        ("amqp", silent, "hangs, is overloaded"),
        ("stomp", speaks_first(OPENWIRE), "speaks OpenWire, not STOMP"),
        ("stomp", answers(HTTP), "speaks HTTP, not STOMP"),
        ("stomp", answers(b"AMQP\x00\x00\x09\x01"), "speaks AMQP 0-9-1, not STOMP"),
        ("stomp", closes, "starts or has no connections left"),
        ("stomp", silent, "hangs, is overloaded"),
        ("management", speaks_first(OPENWIRE), "speaks OpenWire, not HTTP"),
        ("management", answers(b"AMQP\x00\x00\x09\x01"), "speaks AMQP 0-9-1, not HTTP"),
        ("management", closes, "starts or has no connections left"),
        ("management", silent, "hangs, is overloaded"),
    ],
)
def test_no_broker_is_diagnosed_in_time(protocol: str, handler: Handler, words: str) -> None:
    started = time.monotonic()
    with server(handler) as port, pytest.raises(Unreachable) as caught:
        attempt(protocol, port)
    assert words in caught.value.finding.meaning or words in caught.value.finding.came_back
    assert time.monotonic() - started < 4


@pytest.mark.parametrize("protocol", ["amqp", "stomp", "management"])
def test_nothing_listens(protocol: str) -> None:
    with server(closes) as port:
        pass
    with pytest.raises(Unreachable, match="refused the connection"):
        attempt(protocol, port)


def test_http_that_is_not_the_management_api() -> None:
    page = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>"
    with server(answers(page)) as port, pytest.raises(NotProven) as caught:
        attempt("management", port)
    assert "not RabbitMQ's management API" in caught.value.finding.meaning


def test_an_answer_that_drips_ends_at_the_deadline() -> None:
    def drips(peer: socket.socket) -> None:
        peer.recv(1024)
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(100):
            peer.sendall(b" ")
            time.sleep(0.1)

    started = time.monotonic()
    with (
        server(drips) as port,
        pytest.raises(Unreachable, match="speaks HTTP and is too slow: no answer within"),
    ):
        attempt("management", port)
    assert time.monotonic() - started < 3


@pytest.mark.parametrize(
    "handler", [closes, silent, answers(HTTP), answers(b"\x01\x00\x00\x00\x00\x00\x00\xce")]
)
@pytest.mark.parametrize("name", ["negative.guest", "negative.password", "negative.vhost"])
@pytest.mark.parametrize("protocol", ["amqp", "stomp", "management"])
def test_a_connection_that_fails_is_no_refusal(name: str, protocol: str, handler: Handler) -> None:
    """A broker that is down, or a port of something else, refuses nobody."""
    probe = PROBES.get(f"{name}.{protocol}")
    if probe is None:
        assert (name, protocol) == ("negative.vhost", "management"), "the API knows no login to a vhost"
        return
    with server(handler) as port:
        one = context(protocol, port)
        result = run_one(one.broker, probe, one.settings)
    assert result.status in ("error", "fail") and not result.defect, result.detail


def test_closing_after_the_login_is_not_taken_for_its_refusal() -> None:
    """pika calls this ProbableAuthenticationError; only the broker's 403 is a refusal."""
    start = (
        b"\x01\x00\x00\x00\x00\x00\x1e\x00\x0a\x00\x0a\x00\x09\x00\x00\x00\x00"
        b"\x00\x00\x00\x05PLAIN\x00\x00\x00\x05en_US\xce"
    )

    def crashes(peer: socket.socket) -> None:
        peer.recv(64)
        peer.sendall(start)
        peer.recv(1024)

    with server(crashes) as port, pytest.raises(Unreachable):
        negative._amqp_login(context("amqp", port), "smoke", "wrong")
