"""Requests as they are on the wire, and answers as no server should give them."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from brokers.relay import url
from certificates import Authority
from relaying.call import Answer, Call


class Recorded:
    """A connection whose requests are kept."""

    def __init__(self, line: socket.socket, received: list[bytes]) -> None:
        self._line = line
        self._received = received

    def request(self) -> bytes:
        """Read a request's head; b'' at the end of the connection."""
        got = b""
        while not got.endswith(b"\r\n\r\n"):
            piece = self._line.recv(1)
            if not piece:
                return b""
            got += piece
        self._received.append(got)
        return got

    def sendall(self, data: bytes) -> None:
        self._line.sendall(data)

    def recv(self, size: int) -> bytes:
        return self._line.recv(size)


Serve = Callable[[Recorded, int], object]


@contextmanager
def api(serve: Serve, tls: ssl.SSLContext | None = None) -> Iterator[tuple[int, list[bytes]]]:
    """A server on loopback: `serve` gets each connection and its number. Yields its port and what it has received."""
    received: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            for number in range(100):
                try:
                    line, _ = server.accept()
                except OSError:
                    return
                with line:
                    line.settimeout(5)
                    try:
                        line = tls.wrap_socket(line, server_side=True) if tls else line
                        serve(Recorded(line, received), number)
                    except OSError:
                        continue

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield server.getsockname()[1], received
        server.shutdown(socket.SHUT_RDWR)


def answering(*answers: bytes) -> Serve:
    """Answer each request of a connection with the next of these, and close it after the last."""

    def serve(line: Recorded, number: int) -> None:
        for answer in answers:
            if not line.request():
                return
            line.sendall(answer)

    return serve


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def call(port: int, timeout: int = 5, **headers: str) -> Call:
    return Call(url.parsed(f"http://127.0.0.1:{port}/"), headers, timeout, None)


def delete(one: Call, target: str = "/x") -> Answer:
    return one.perform("DELETE", target, {"Idempotency-Key": "7"}, None)


def test_a_request_on_the_wire() -> None:
    with api(answering(OK, OK)) as (port, received):
        one = call(port, **{"X-A": "b"})
        assert delete(one, "/credit/7?a=b") == Answer(200)
        assert one.perform("POST", "/p", {}, b'{"a": 1}') == Answer(200)
        one.close()
    assert (
        received[0]
        == (
            f"DELETE /credit/7?a=b HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUser-Agent: brokerkit-relay\r\nAccept: */*\r\n"
            "X-A: b\r\nIdempotency-Key: 7\r\n\r\n"
        ).encode()
    )
    assert b"Content-Length: 8\r\n" in received[1]


def test_a_method_that_has_a_body_says_that_it_has_none() -> None:
    with api(answering(OK)) as (port, received):
        call(port).perform("POST", "/", {}, None)
    assert b"Content-Length: 0\r\n" in received[0]


@pytest.mark.parametrize("target", ["/a b", "/a\r\nHost: other", "/\0"])
def test_a_target_that_would_be_more_than_one_word_is_not_sent(target: str) -> None:
    with api(answering(OK)) as (port, received):
        assert delete(call(port), target).status == 0
    assert received == []


def test_a_connection_is_kept_and_one_that_was_closed_meanwhile_is_replaced() -> None:
    connections = []

    def serve(line: Recorded, number: int) -> None:
        connections.append(number)
        for _ in range(2):
            if line.request():
                line.sendall(OK)

    with api(serve) as (port, received):
        one = call(port)
        for _ in range(5):
            assert delete(one).status == 200
            time.sleep(0.02)
    assert len(received) == 5
    assert connections[:3] == [0, 1, 2]


def test_a_connection_that_is_closed_under_a_request_costs_a_second_request_and_no_answer() -> None:
    def serve(line: Recorded, number: int) -> None:
        assert line.request()
        line.sendall(OK)
        if number == 0:
            line.request()  # and no answer

    with api(serve) as (port, received):
        one = call(port)
        assert delete(one).status == 200
        assert delete(one).status == 200
    # The API may have done it before it was killed.
    assert [b"X-Relay-Redelivered: true" in one for one in received] == [False, False, True]


def test_a_new_connection_without_an_answer_is_no_answer() -> None:
    with api(lambda line, number: line.request()) as (port, received):
        answer = delete(call(port))
    assert answer.status == 0
    assert "closed the connection without an answer" in answer.trouble
    assert len(received) == 1


def test_an_answer_that_trickles_is_ended_when_its_time_is_over() -> None:
    def serve(line: Recorded, number: int) -> None:
        line.request()
        for letter in b"HTTP/1.1 200 OK\r\n" * 20:
            line.sendall(bytes([letter]))
            time.sleep(0.05)

    with api(serve) as (port, _):
        one = call(port, 1)
        done = threading.Event()

        def watch() -> None:
            while not done.wait(0.05):
                one.interrupt_if_overdue(time.monotonic())

        threading.Thread(target=watch, daemon=True).start()
        began = time.monotonic()
        answer = delete(one)
        done.set()
    assert answer.status == 0
    assert "no complete answer within 1 s" in answer.trouble
    assert time.monotonic() - began < 3


def test_silence_is_ended_by_the_socket_s_own_time_out() -> None:
    with api(lambda line, number: line.request() and time.sleep(2)) as (port, _):  # type: ignore[attr-defined, func-returns-value]
        answer = delete(call(port, 1))
    assert "no complete answer within 1 s" in answer.trouble


@pytest.mark.parametrize(
    "said",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 70000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
    ],
)
def test_an_answer_that_is_not_http_is_no_answer(said: bytes) -> None:
    with api(answering(said)) as (port, _):
        answer = delete(call(port))
    assert answer.status == 0
    assert answer.trouble


def test_what_a_long_answer_leaves_is_not_the_next_answer() -> None:
    long = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"HTTP/1.1 500 No\r\n\r\n".ljust(100000)
    with api(answering(long)) as (port, received):
        one = call(port)
        assert delete(one).status == 200
        assert delete(one).status == 200
    assert len(received) == 2


def test_more_than_was_asked_for_is_not_the_next_answer() -> None:
    with api(answering(OK + b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")) as (port, _):
        one = call(port)
        assert delete(one).status == 200
        time.sleep(0.05)
        assert delete(one).status == 200


def test_what_else_an_answer_says() -> None:
    moved = b"HTTP/1.1 301 Moved\r\nLocation: http://other/\r\nContent-Length: 0\r\n\r\n"
    busy = b"HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"
    with api(answering(moved, busy)) as (port, received):
        one = call(port)
        assert delete(one) == Answer(301, location="http://other/")
        assert delete(one) == Answer(429, retry_after=7.0)
    assert len(received) == 2, "a redirect is not followed"


def test_why_there_is_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert delete(call(port)).trouble == f"127.0.0.1:{port} refused the connection"
    nowhere = Call(url.parsed("http://no-such-host.invalid/"), {}, 5, None)
    assert delete(nowhere).trouble.startswith("the name no-such-host.invalid does not resolve")


# --- inside TLS -----------------------------------------------------------------------------------------------------


def trusting(authority: Authority) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=authority.certificate)


def presenting(authority: Authority, folder: Path, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue(*names).write(folder, "server"))
    return context


def secure(port: int, context: ssl.SSLContext, timeout: int = 5) -> Call:
    return Call(url.parsed(f"https://127.0.0.1:{port}/"), {}, timeout, context)


def test_requests_inside_tls_keep_their_connection(tmp_path: Path) -> None:
    authority = Authority.new()
    with api(answering(OK, OK), presenting(authority, tmp_path, "127.0.0.1")) as (port, received):
        one = secure(port, trusting(authority))
        assert [delete(one).status for _ in range(2)] == [200, 200]
        one.close()
    assert len(received) == 2


@pytest.mark.parametrize("names", [["127.0.0.2"], ["127.0.0.1"]])
def test_a_certificate_that_is_not_trusted_is_no_answer(tmp_path: Path, names: list[str]) -> None:
    authority = Authority.new()
    trusted = authority if names == ["127.0.0.2"] else Authority.new()
    with api(answering(OK), presenting(authority, tmp_path, *names)) as (port, received):
        answer = delete(secure(port, trusting(trusted)))
    assert answer.status == 0
    assert f"the certificate of 127.0.0.1:{port} was not accepted" in answer.trouble
    assert received == []


def test_an_answer_that_trickles_inside_tls_is_ended_too(tmp_path: Path) -> None:
    def serve(line: Recorded, number: int) -> None:
        line.request()
        for letter in b"HTTP/1.1 200 OK\r\n" * 40:
            line.sendall(bytes([letter]))
            time.sleep(0.05)

    authority = Authority.new()
    with api(serve, presenting(authority, tmp_path, "127.0.0.1")) as (port, _):
        one = secure(port, trusting(authority), 1)
        timer = threading.Timer(1.2, lambda: one.interrupt_if_overdue(time.monotonic()))
        timer.start()
        began = time.monotonic()
        answer = delete(one)
    assert "no complete answer within 1 s" in answer.trouble
    assert time.monotonic() - began < 3
