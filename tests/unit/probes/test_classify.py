"""The first bytes of a peer tell what it speaks; small servers on loopback send the ones that the protocols define."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

import pytest
from loopback import Handler, answers, closes, server, silent, speaks_first
from probes.wire import classify as classify_module
from probes.wire.classify import AMQP_0_9_1_HEADER, STOMP_QUESTION, Speaks, classify, connects, signature

# A frame of WireFormatInfo: its size, type 1, the magic word (ActiveMQ 5.17, first bytes on the wire).
OPENWIRE = b"\x00\x00\x01\x43\x01ActiveMQ\x00\x00\x00\x0c\x01\x00\x00"
# Connection.Start on channel 0: frame type 1, channel, size, class 10, method 10 (RabbitMQ 3.10).
CONNECTION_START = b"\x01\x00\x00\x00\x00\x01\xf8\x00\x0a\x00\x0a\x00\x09"


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classify_module, "LISTEN_SECONDS", 0.1)
    monkeypatch.setattr(classify_module, "ANSWER_SECONDS", 0.2)
    monkeypatch.setattr(classify_module, "FURTHER_SECONDS", 0.2)


@pytest.mark.parametrize(
    ("data", "speaks"),
    [
        (OPENWIRE, Speaks.OPENWIRE),
        (CONNECTION_START, Speaks.AMQP_0_9_1),
        (b"AMQP\x00\x00\x09\x01", Speaks.AMQP_0_9_1),
        (b"AMQP\x00\x01\x00\x00", Speaks.AMQP_1_0),
        (b"AMQP\x03\x01\x00\x00", Speaks.AMQP_1_0),
        (b"HTTP/1.1 400 Bad Request\r\n", Speaks.HTTP),
        (b"\x15\x03\x03\x00\x02\x02\x0a", Speaks.TLS),
        (b"\x16\x03\x01\x02\x00\x01", Speaks.TLS),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Speaks.SSH),
        (b"ERROR\nmessage:Version mismatch\n\n\x00", Speaks.STOMP),
        (b"\nCONNECTED\nversion:1.2\n\n\x00", Speaks.STOMP),
        (b"\x20\x02\x00\x01", Speaks.MQTT),
        (b"\x20\x03\x00\x84\x00", Speaks.MQTT),
        (b"-ERR unknown command 'CONNECT'\r\n", Speaks.REDIS),
        (b"-NOAUTH Authentication required.\r\n", Speaks.REDIS),
        (b"220 mail ready\r\n", Speaks.UNKNOWN),
        (b"ERRORS happen", Speaks.UNKNOWN),
        (b"\x00\x00\x01\x43\x02ActiveMQ", Speaks.UNKNOWN),
        (b"", Speaks.CLOSES),
    ],
)
def test_signature(data: bytes, speaks: Speaks) -> None:
    assert signature(data) is speaks


def test_openwire_is_recognised_without_saying_a_word() -> None:
    said: list[bytes] = []

    def openwire(peer: socket.socket) -> None:
        peer.sendall(OPENWIRE)
        said.append(peer.recv(64))

    with server(openwire) as port:
        assert classify("127.0.0.1", port, 1).speaks is Speaks.OPENWIRE
    deadline = time.monotonic() + 2
    while not said and time.monotonic() < deadline:
        time.sleep(0.01)
    assert said == [b""]


def test_amqp_answers_its_header() -> None:
    def broker(peer: socket.socket) -> None:
        if peer.recv(64) == AMQP_0_9_1_HEADER:
            peer.sendall(CONNECTION_START)

    with server(silent, broker) as port:
        assert classify("127.0.0.1", port, 1).speaks is Speaks.AMQP_0_9_1


def test_an_amqp_1_0_broker_is_not_taken_for_0_9_1() -> None:
    with server(silent, answers(b"AMQP\x03\x01\x00\x00")) as port:
        assert classify("127.0.0.1", port, 1).speaks is Speaks.AMQP_1_0


def test_a_tls_port_answers_with_an_alert() -> None:
    with server(silent, answers(b"\x15\x03\x01\x00\x02\x02\x46")) as port:
        assert classify("127.0.0.1", port, 1).speaks is Speaks.TLS


@pytest.mark.parametrize("second", [silent, closes], ids=["ignores the header", "closes on the header"])
def test_stomp_answers_a_version_that_nobody_has(second: Handler) -> None:
    def broker(peer: socket.socket) -> None:
        if peer.recv(64) == STOMP_QUESTION:
            peer.sendall(b"ERROR\nmessage:Version mismatch\nversion:1.0,1.1,1.2\n\nSupported versions\x00")

    with server(silent, second, broker) as port:
        found = classify("127.0.0.1", port, 1)
    assert (found.speaks, found.words) == (Speaks.STOMP, "'ERROR'")


def test_the_stomp_question_is_no_login() -> None:
    assert b"login" not in STOMP_QUESTION and b"passcode" not in STOMP_QUESTION


def test_http_that_waits_for_a_whole_line() -> None:
    with server(silent, silent, answers(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n")) as port:
        found = classify("127.0.0.1", port, 1)
    assert (found.speaks, found.words) == (Speaks.HTTP, "'HTTP/1.1 400 Bad Request'")


def test_silence_is_told_from_closing() -> None:
    with server(silent) as port:
        assert classify("127.0.0.1", port, 1).speaks is Speaks.SILENT
    with server(closes) as port:
        assert classify("127.0.0.1", port, 1).speaks is Speaks.CLOSES


def test_bytes_that_come_one_by_one_are_waited_for() -> None:
    def slow(peer: socket.socket) -> None:
        for byte in OPENWIRE:
            peer.sendall(bytes([byte]))
            time.sleep(0.005)

    with server(slow) as port:
        assert classify("127.0.0.1", port, 1).speaks is Speaks.OPENWIRE


def test_unreadable_words_are_escaped() -> None:
    with server(speaks_first(b"\x07\xff\x1b[31mhello\r\nmore")) as port:
        found = classify("127.0.0.1", port, 1)
    assert found.speaks is Speaks.UNKNOWN
    assert found.words.isascii() and found.words.isprintable() and "hello" in found.words


def test_nothing_listens() -> None:
    with server(closes) as port:
        pass
    assert classify("127.0.0.1", port, 1).speaks is Speaks.REFUSED
    assert connects("127.0.0.1", port, 1).speaks is Speaks.REFUSED
    assert not Speaks.REFUSED.listens


def test_a_full_backlog_is_no_answer() -> None:
    """A listener that accepts nobody drops the packets of new connections, as a firewall does."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        try:
            assert connects("127.0.0.1", port, 0.3).speaks is Speaks.FILTERED
        finally:
            for one in waiting:
                one.close()


@pytest.mark.parametrize("name", ["a..b", "x" * 300])
def test_a_name_that_cannot_exist(name: str) -> None:
    assert classify(name, 5672, 1).speaks is Speaks.UNRESOLVED


@pytest.mark.parametrize(
    "said", [b"ERROR\nmessage:Version mismatch\n\n\x00", b"HTTP/1.1 400 Bad Request\r\n", OPENWIRE]
)
def test_a_proxy_that_drips_is_told_from_a_peer_that_answers(said: bytes) -> None:
    def drips(peer: socket.socket) -> None:
        for byte in said:
            peer.sendall(bytes([byte]))
            time.sleep(0.12)

    with server(drips) as port:
        assert "byte" in classify("127.0.0.1", port, 1).drips
    with server(speaks_first(said)) as port:
        assert classify("127.0.0.1", port, 1).drips == ""


def test_a_header_cut_short_is_a_drip_and_a_short_word_is_not() -> None:
    with server(answers(b"E")) as port:
        assert classify("127.0.0.1", port, 1).drips == ""  # it closed, so that was all

    def then_waits(data: bytes) -> Handler:
        def handler(peer: socket.socket) -> None:
            peer.sendall(data)
            silent(peer)

        return handler

    with server(then_waits(b"ER")) as port:
        assert classify("127.0.0.1", port, 1).drips.startswith("2 bytes in")
    with server(then_waits(b"+OK\r\n")) as port:
        assert classify("127.0.0.1", port, 1).drips == ""


def _knows(question: bytes, answer: Callable[[int], bytes], port: list[int]) -> Handler:
    """A server that is silent for everything but one question."""

    def handler(peer: socket.socket) -> None:
        while said := peer.recv(256):
            if said.startswith(question):
                peer.sendall(answer(port[0]))

    return handler


@pytest.mark.parametrize(
    ("question", "answer", "speaks"),
    [
        (b"\x10", lambda _: b"\x20\x02\x00\x01", Speaks.MQTT),
        (b"\x00\x01n", lambda port: port.to_bytes(4, "big") + b"name rabbit at port 25672\n", Speaks.EPMD),
        (b"\x00\x01n", lambda _: b"\x00\x00\x00\x07", Speaks.SILENT),
        (b"\x00\x28N", lambda _: b"\x00\x03sok", Speaks.DISTRIBUTION),
        (b"\x00\x28N", lambda _: b"\x00\x0csnot_allowed", Speaks.DISTRIBUTION),
        (b"\x00\x28N", lambda _: b"\x00\x03soup", Speaks.SILENT),
        (b"PROXY ", lambda _: CONNECTION_START, Speaks.PROXY),
        (b"CONNECT\n", lambda _: b"-ERR unknown command 'CONNECT'\r\n", Speaks.REDIS),
    ],
)
def test_what_waits_for_its_own_protocol_is_asked_in_it(
    question: bytes, answer: Callable[[int], bytes], speaks: Speaks
) -> None:
    there: list[int] = []
    with server(_knows(question, answer, there)) as port:
        there.append(port)
        assert classify("127.0.0.1", port, 1).speaks is speaks
