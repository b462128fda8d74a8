"""One message over AMQP: what is made of a node's answers, whatever order they come in."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from brokers.rabbitmq import amqp

MARK = "7d41c0"


def shortstr(text: str) -> bytes:
    return bytes([len(text)]) + text.encode()


def longstr(text: str) -> bytes:
    return struct.pack("!I", len(text)) + text.encode()


def said(name: tuple[int, int], fields: bytes = b"", channel: int = 1) -> bytes:
    return amqp.frame(1, channel, amqp.method(name, fields))


def start(mechanisms: str = "AMQPLAIN PLAIN") -> bytes:
    properties = amqp.table({"product": "RabbitMQ", "capabilities": {"basic.nack": True}})
    return said((10, 10), b"\0\x09" + properties + longstr(mechanisms) + longstr("en_US"), 0)


def delivery(body: bytes = MARK.encode()) -> bytes:
    fields = shortstr("tag") + struct.pack("!Q", 1) + b"\0" + shortstr("") + shortstr("queue")
    parts = [body[:2], body[2:]]
    head = struct.pack("!HHQH", 60, 0, len(body), 0)
    return (
        said((60, 60), fields) + amqp.frame(2, 1, head) + b"".join(amqp.frame(3, 1, part) for part in parts)
    )


TUNE = said((10, 30), struct.pack("!HIH", 2047, 131072, 60), 0)
OPEN = said((10, 41), b"\0", 0) + said((20, 11), longstr(""))
QUEUE = said((50, 11), shortstr("q") + bytes(8)) + said((60, 21), shortstr("tag")) + said((85, 11))
READY = start() + TUNE + OPEN + QUEUE
ACK = said((60, 80), struct.pack("!Q?", 1, False))
END = said((10, 51), b"", 0)
BEAT = amqp.frame(8, 0, b"")


def closing(code: int, words: str, name: tuple[int, int] = (10, 50)) -> bytes:
    return said(name, struct.pack("!H", code) + shortstr(words) + bytes(4), 0)


@contextmanager
def node(script: bytes, hang: bool = False) -> Iterator[amqp.Login]:
    """A listener that says all of this, to whatever it is told; `hang` keeps the connection open after it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = threading.Event()

        def serve() -> None:
            connection, _ = server.accept()
            with connection, suppress(ConnectionError):  # a client that has read enough goes
                connection.sendall(script)
                if hang:
                    done.wait(10)
                else:
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(4096):
                        pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield amqp.Login("127.0.0.1", server.getsockname()[1], "admin", "secret")
        done.set()
        thread.join(10)


@pytest.mark.parametrize("answers", [ACK + delivery(), delivery() + ACK, BEAT + ACK + BEAT + delivery()])
def test_a_message_that_is_confirmed_and_delivered_has_come_back(answers: bytes) -> None:
    with node(READY + answers + END) as login:
        amqp.exchange(login, "/", MARK, 10)


@pytest.mark.parametrize(
    ("script", "told", "lasts"),
    [
        (b"AMQP\x03\x01\x00\x00", "does not speak AMQP 0-9-1", False),
        (b"HTTP/1.1 400 Bad Request\r\n", "does not speak AMQP 0-9-1", False),
        (b"", "closed without a word, when it was to greet", False),
        (
            start() + closing(403, "ACCESS_REFUSED - Login was refused"),
            "the node said: ACCESS_REFUSED - Login was refused",
            True,
        ),
        (start() + TUNE + closing(530, "NOT_ALLOWED - access to vhost"), "NOT_ALLOWED", True),
        (
            start() + TUNE + closing(541, "INTERNAL_ERROR - vhost '/' is down"),
            "INTERNAL_ERROR - vhost '/' is down",
            False,
        ),
        (start() + TUNE + OPEN + closing(404, "NOT_FOUND - no queue", (20, 40)), "NOT_FOUND", False),
        (READY + said((60, 120), struct.pack("!QB", 1, 0)), "refused the message (basic.nack)", False),
        (
            READY + said((60, 50), struct.pack("!H", 312) + shortstr("NO_ROUTE") + b"\0\0"),
            "returned the message: NO_ROUTE",
            False,
        ),
        (READY + ACK + delivery(b"another"), "another message came back", False),
        (READY + ACK, "closed without a word, when it was to confirm a message and hand it out", False),
    ],
)
def test_what_came_instead_is_said(script: bytes, told: str, lasts: bool) -> None:
    with node(script) as login, pytest.raises(amqp.NotReturned) as caught:
        amqp.exchange(login, "/", MARK, 10)
    assert told in str(caught.value) and caught.value.lasts is lasts


def test_a_blocked_node_is_told_from_one_that_says_nothing() -> None:
    blocked = said((10, 60), shortstr("low on memory"), 0)
    with node(READY + blocked, hang=True) as login, pytest.raises(amqp.NotReturned) as caught:
        amqp.exchange(login, "/", MARK, 0.5)
    assert "blocks publishers (low on memory), and took nothing in 0.5 s" in str(caught.value)
    with node(READY, hang=True) as login, pytest.raises(amqp.NotReturned) as caught:
        amqp.exchange(login, "/", MARK, 0.5)
    assert "no answer came in 0.5 s, when it was to confirm" in str(caught.value)


def test_without_a_confirm_a_delivery_is_not_enough() -> None:
    with node(READY + delivery(), hang=True) as login, pytest.raises(amqp.NotReturned):
        amqp.exchange(login, "/", MARK, 0.5)


def test_a_listener_without_passwords_is_not_tried() -> None:
    with node(start("EXTERNAL")) as login, pytest.raises(amqp.NotTried, match=r"\(EXTERNAL\)"):
        amqp.exchange(login, "/", MARK, 10)


def test_nothing_listens() -> None:
    with node(b"") as login, socket.create_connection((login.address, login.port)):
        pass
    with pytest.raises(amqp.NotReturned, match="no connection came to be"):
        amqp.exchange(login, "/", MARK, 1)
