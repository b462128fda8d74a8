"""An attempt ends in time, whatever the peer, the network or the resolver does; a broker that answers sees one."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable

import pytest
from loopback import answers, server, silent
from probes.activemq import access as activemq_access, pairs
from probes.model import Broker, Context, Deadline, Endpoint, Settings, Unreachable
from probes.tls import presented, transport  # noqa: F401 - loading them is not what is timed here
from probes.wire import attempts, classify, waiting
from probes.wire.attempts import attempt, in_vain
from probes.wire.classify import Port, Speaks

STOMP_ERROR = b"ERROR\nmessage:Version mismatch\n\nSupported versions\x00"


def context(port: int, seconds: float = 10.0, host: str = "127.0.0.1") -> Context:
    broker = Broker("one", "rabbitmq", host, "smoke", "geheim", endpoints={"amqp": Endpoint(host, port)})
    return Context(broker, Deadline(seconds), "brokerkit.smoke.x", Settings("x", seconds))


def waits(event: threading.Event) -> Callable[[], str]:
    return lambda: "late" if event.wait(20) else "never"


def stomp(peer: socket.socket) -> None:
    while data := peer.recv(64):
        if data.startswith(b"CONNECT"):
            peer.sendall(STOMP_ERROR)


def test_a_broker_that_answers_is_connected_to_once() -> None:
    seen: list[int] = []
    with server(lambda _: seen.append(1)) as port:
        assert attempt(context(port), "amqp", lambda: "connected", lambda _: None) == "connected"
        time.sleep(0.1)
    assert seen == []


@pytest.mark.parametrize(
    "handler", [stomp, answers(b"HTTP/1.1 400 Bad Request\r\n\r\n"), answers(b"-ERR unknown\r\n")]
)
def test_amqp_to_a_wrong_port_is_named_in_under_3_seconds(handler: Callable[[socket.socket], None]) -> None:
    """The client would wait for its time-out, six seconds of the ten that it is given."""
    release = threading.Event()
    started = time.monotonic()
    with server(handler) as port, pytest.raises(Unreachable, match="answered"):
        attempt(context(port), "amqp", waits(release), lambda _: None)
    release.set()
    assert time.monotonic() - started < 3


def test_an_attempt_that_comes_about_afterwards_is_taken_back() -> None:
    release, undone = threading.Event(), threading.Event()
    with server(stomp) as port, pytest.raises(Unreachable):
        attempt(
            context(port, 2),
            "amqp",
            waits(release),
            lambda result: undone.set() if result == "late" else None,
        )
    release.set()
    assert undone.wait(2)


def test_a_slow_broker_keeps_the_time_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(classify, "LISTEN_SECONDS", 0.1)
    monkeypatch.setattr(classify, "ANSWER_SECONDS", 0.1)
    release = threading.Event()
    threading.Timer(1.5, release.set).start()
    with server(silent) as port:
        assert attempt(context(port), "amqp", waits(release), lambda _: None) == "late"


def test_on_a_port_that_was_found_dead_nobody_waits_as_long_again() -> None:
    release = threading.Event()
    with server(silent) as port:
        one = context(port)
        one.settings.ports.port("127.0.0.1", port)
        started = time.monotonic()
        with pytest.raises(Unreachable, match="says nothing"):
            attempt(one, "amqp", waits(release), lambda _: None)
        release.set()
    assert time.monotonic() - started < attempts.PATIENCE_SECONDS + 2


@pytest.mark.parametrize(
    ("found", "others", "vain"),
    [
        (Speaks.STOMP, [], True),
        (Speaks.TLS, [], True),
        (Speaks.UNKNOWN, [], True),
        (Speaks.AMQP_0_9_1, [], False),
        (Speaks.CLOSES, [], False),
        (Speaks.REFUSED, [], False),
        (Speaks.FILTERED, [], False),
        (Speaks.UNRESOLVED, [], False),
        (Speaks.SILENT, [], False),
        (Speaks.SILENT, [Speaks.HTTP], False),
        (Speaks.SILENT, [Speaks.AMQP_0_9_1], True),
    ],
)
def test_when_waiting_is_pointless(found: Speaks, others: list[Speaks], vain: bool) -> None:
    there = [Port("h", 5000 + number, speaks) for number, speaks in enumerate(others)]
    assert in_vain(Speaks.AMQP_0_9_1, Port("h", 4711, found), there) is vain
    assert in_vain(Speaks.AMQP_0_9_1, Port("h", 4711, found, drips="1 byte in 1.0 s"), there)


def resolver_hangs(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Have names resolve to nothing, and not before the event."""
    release = threading.Event()

    def hangs(*_: object, **__: object) -> list[object]:
        release.wait(20)
        return []

    monkeypatch.setattr(waiting.socket, "getaddrinfo", hangs)
    return release


@pytest.mark.parametrize("ask", [activemq_access.mqtt_login, activemq_access.handshake])
def test_connectors_of_activemq_wait_no_longer_for_a_resolver_that_hangs(
    monkeypatch: pytest.MonkeyPatch, ask: Callable[[Context, str, int], str | None]
) -> None:
    release = resolver_hangs(monkeypatch)
    started = time.monotonic()
    assert "the resolver gave no answer" in (ask(context(1883, 0.3), f"{ask.__name__}.test", 1883) or "")
    release.set()
    assert time.monotonic() - started < 3


def test_brokers_with_one_store_are_not_looked_for_without_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    release = resolver_hangs(monkeypatch)
    monkeypatch.setattr(pairs, "CONNECT_SECONDS", 0.3)
    stomp_port = {"stomp": Endpoint("pair.test", 61613)}
    one = Broker("one", "activemq", "pair.test", "smoke", "geheim", pair="a", endpoints=stomp_port)
    settings, started = Settings("x", 1), time.monotonic()
    pairs.look([one], settings)
    release.set()
    assert settings.pairs["a"].waiting == ["one"] and time.monotonic() - started < 3


def test_a_resolver_that_hangs_is_waited_for_no_longer_than_the_time_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    release = resolver_hangs(monkeypatch)
    started = time.monotonic()
    with pytest.raises(socket.gaierror, match="the resolver gave no answer"):
        waiting.dial("hangs.test", 5672, 0.3)
    with pytest.raises(Unreachable) as caught:
        attempt(context(5672, 1, "hangs.test"), "amqp", waits(release), lambda _: None)
    release.set()
    assert "does not resolve" in caught.value.finding.meaning
    assert time.monotonic() - started < 1 + 3


def test_every_address_of_a_name_has_its_share_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as full, server(silent) as port:
        full.bind(("127.0.0.2", port))
        full.listen(0)
        waiting_ones = [socket.socket() for _ in range(4)]
        for one in waiting_ones:
            one.setblocking(False)
            one.connect_ex(("127.0.0.2", port))
        both = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0))
            for address in ("127.0.0.2", "127.0.0.1")
        ]
        monkeypatch.setattr(waiting.socket, "getaddrinfo", lambda *_, **__: both)
        with waiting.dial("two.test", port, 1.0) as peer:
            assert peer.getpeername()[0] == "127.0.0.1"
        for one in waiting_ones:
            one.close()


def test_a_call_that_hangs_is_left_behind() -> None:
    release = threading.Event()
    with pytest.raises(TimeoutError):
        waiting.within(0.1, waits(release))
    release.set()
    assert waiting.within(1, lambda: "done") == "done"
