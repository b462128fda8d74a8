"""STOMP as it is on the wire: frames in whatever pieces, brokers that say nothing, and what is sent on of a message."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given, strategies as some
from relaying import activemq, stomp
from relaying.link import ATTEMPTS, REPLAYED

TEXTS = some.text(some.characters(exclude_categories=["Cs"], exclude_characters="\0"))
NAMES = some.text(some.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


def frames(reader: stomp.Reader, *pieces: bytes) -> list[stomp.Frame]:
    found = []
    for piece in pieces:
        reader.feed(piece)
        while (frame := reader.frame()) is not None:
            found.append(frame)
    return found


@given(some.dictionaries(NAMES, TEXTS), some.binary(), some.integers(1, 9))
def test_a_frame_is_read_as_it_was_written_in_whatever_pieces(
    headers: dict[str, str], body: bytes, size: int
) -> None:
    headers = {**headers, "content-length": str(len(body))}
    raw = b"\n\n" + stomp.encoded("MESSAGE", headers, body) + b"\n" + stomp.encoded("RECEIPT", {"a": "b"})
    pieces = [raw[at : at + size] for at in range(0, len(raw), size)]
    assert frames(stomp.Reader(), *pieces) == [
        stomp.Frame("MESSAGE", headers, body),
        stomp.Frame("RECEIPT", {"a": "b"}),
    ]


def test_a_body_without_a_length_ends_at_the_zero() -> None:
    (found,) = frames(stomp.Reader(), b"MESSAGE\na:1\na:2\nb:x\\cy\n\n{}\0\n")
    assert found == stomp.Frame("MESSAGE", {"a": "1", "b": "x:y"}, b"{}")


def test_lines_may_end_as_those_of_windows() -> None:
    (found,) = frames(stomp.Reader(), b"MESSAGE\r\na:1\r\n\r\n{}\0")
    assert found == stomp.Frame("MESSAGE", {"a": "1"}, b"{}")


def test_a_header_cannot_become_two() -> None:
    raw = stomp.encoded("SEND", {"a": "b\nc:d\r\\"})
    assert raw == b"SEND\na:b\\nc\\cd\\r\\\\\n\n\0"


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n\0",
        b"MESSAGE\nno colon\n\n\0",
        b"MESSAGE\ncontent-length:-1\n\n\0",
        b"MESSAGE\ncontent-length:99999999999\n\n\0",
        b"MESSAGE\ncontent-length:1\n\nabc\0",
        b"\xff\xfe\n\n\0",
        b"x" * 70000,
    ],
)
def test_what_is_not_stomp_is_no_frame(raw: bytes) -> None:
    with pytest.raises(stomp.Broken):
        frames(stomp.Reader(), raw)


# --- a connection -------------------------------------------------------------------------------------------------

Script = Callable[[socket.socket], None]


@contextmanager
def broker(script: Script) -> Iterator[tuple[str, int]]:
    """Someone who listens, and does to whoever connects what the script says."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            line, _ = server.accept()
            with line:
                script(line)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()
        thread.join(5)


def connect(address: tuple[str, int]) -> stomp.Connection:
    return stomp.Connection(address, ("u", "p:w"), None, 1)


def hello(line: socket.socket) -> bytes:
    got = line.recv(65536)
    line.sendall(b"CONNECTED\nversion:1.2\n\n\0")
    return got


def test_a_login_is_sent_as_it_is() -> None:
    got: list[bytes] = []
    with broker(lambda line: got.append(hello(line))) as address:
        connect(address)
    assert b"\nlogin:u\npasscode:p:w\nheart-beat:0,10000\n\n\0" in got[0]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"", "closed the connection"),
        (b"ERROR\nmessage:User name is invalid\n\n\0", "it says: User name is invalid"),
        (b"ERROR\n\nno rights\nand a trace\0", "it says: no rights"),
        (b"RECEIPT\nreceipt-id:1\n\n\0", "does not speak STOMP"),
        (b"\0\0\1\x8f\1ActiveMQ", "does not speak STOMP"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "not STOMP"),
    ],
)
def test_a_broker_that_does_not_let_in_is_quoted(said: bytes, why: str) -> None:
    def script(line: socket.socket) -> None:
        line.recv(65536)
        line.sendall(said)
        if said.startswith(b"\0"):
            line.recv(1)

    with broker(script) as address, pytest.raises(stomp.Broken, match=why):
        connect(address)


def test_a_broker_that_says_nothing_is_given_up() -> None:
    with (
        broker(lambda line: line.recv(65536) and line.recv(1) and None) as address,
        pytest.raises(stomp.Broken, match="does not speak STOMP"),
    ):
        connect(address)


def test_messages_that_come_before_a_receipt_are_kept() -> None:
    def script(line: socket.socket) -> None:
        hello(line)
        line.recv(65536)
        line.sendall(b"MESSAGE\nack:1\n\na\0RECEIPT\nreceipt-id:1\n\n\0MESSAGE\nack:2\n\nb\0")
        line.recv(1)

    with broker(script) as address:
        connection = connect(address)
        connection.confirmed("SUBSCRIBE", {"id": "1"})
        assert [connection.message(1).body, connection.message(1).body] == [b"a", b"b"]  # type: ignore[union-attr]
        assert connection.message(0.01) is None
        connection._line.close()


def test_what_is_not_confirmed_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stomp, "RECEIPT_SECONDS", 0.2)

    def script(line: socket.socket) -> None:
        hello(line)
        line.recv(65536)
        line.sendall(b"RECEIPT\nreceipt-id:other\n\n\0")
        line.recv(65536)

    with broker(script) as address:
        connection = connect(address)
        with pytest.raises(stomp.Broken, match=r"no receipt for SEND within 0\.2 s"):
            connection.confirmed("SEND", {})
        connection._line.close()


def test_silence_is_found_and_heartbeats_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stomp, "_SILENCE_SECONDS", 0.3)

    def script(line: socket.socket) -> None:
        hello(line)
        for _ in range(5):
            line.sendall(b"\n")
            threading.Event().wait(0.1)
        line.recv(1)

    with broker(script) as address:
        connection = connect(address)
        for _ in range(4):
            assert connection.message(0.1) is None
        with pytest.raises(stomp.Broken, match="has said nothing"):
            for _ in range(20):
                connection.message(0.1)
        connection._line.close()


# --- a message ----------------------------------------------------------------------------------------------------


def message(**headers: str) -> stomp.Frame:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return stomp.Frame("MESSAGE", {"ack": "a1", "message-id": "ID:1", **given}, b"{}")


def test_a_message_has_the_key_of_its_first_delivery() -> None:
    assert activemq.taken(message()).id == "ID:1"
    assert activemq.taken(message(x_relay_key="ID:0")).id == "ID:0"


def test_numbers_that_the_relay_wrote_are_numbers() -> None:
    found = activemq.taken(message(x_relay_attempts="3", x_relay_replayed="x", redelivered="true"))
    assert (found.headers[ATTEMPTS], found.headers[REPLAYED], found.redelivered) == (3, "x", True)
    assert not activemq.taken(message()).redelivered


@pytest.mark.parametrize("kind", [{"content_length": "2"}, {}])
def test_what_is_sent_on_is_the_sender_s_and_of_the_same_kind(kind: dict[str, str]) -> None:
    own = {"correlation_id": "7", "type": "t", "a": "b", **kind}
    found = activemq.taken(
        message(
            **own, destination="/queue/a", timestamp="1", expires="9", scheduledJobId="x", subscription="1"
        )
    )
    headers, body = activemq.sent_on(found, "b", found.headers)
    assert headers == {
        "correlation-id": "7",
        "type": "t",
        "a": "b",
        "destination": "/queue/b",
        "persistent": "true",
        "x-relay-key": "ID:1",
        **({"content-length": "2"} if kind else {}),
    }
    assert body == b"{}"


def test_a_message_of_a_subscription_that_has_ended_is_left_to_others() -> None:
    class Broker:
        """Sends a message of the first subscription after the second has begun."""

        def __init__(self) -> None:
            self.frames = [message(subscription="1"), message(subscription="2")]
            self.asked: list[str] = []

        def confirmed(self, command: str, headers: dict[str, str]) -> None:
            self.asked.append(f"{command} {headers['id']}")

        def message(self, seconds: float) -> stomp.Frame | None:
            return self.frames.pop(0) if self.frames else None

        def forget(self) -> int:
            return 0

        def idle(self, seconds: float) -> None:
            self.asked.append("idle")

    link = activemq.ActivemqLink.__new__(activemq.ActivemqLink)
    link._in, link._queue = Broker(), "q"  # type: ignore[assignment]
    link._subscriptions, link._ahead, link._is_undelayed = 1, 10, False
    assert link.one() is None
    assert link._in.asked == ["UNSUBSCRIBE 1", "SUBSCRIBE 2"]  # type: ignore[attr-defined]
    assert link.one() is not None
    # While the API is away one worker tries at a time: another one that held a message would keep it from that.
    link.wait(0.1)
    assert link._in.asked[2:] == ["UNSUBSCRIBE 2", "idle"]  # type: ignore[attr-defined]
