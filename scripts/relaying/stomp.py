"""STOMP 1.2 on a socket that one thread reads and writes, with a limit of time for all that it waits for.

stomp.py reads in threads of its own, waits without end for a listener that says nothing, and is not made for the
Python of Debian 11; docs/decisions.md has the rest.
"""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

# What the broker is asked to say when it has nothing to say, and after which silence it is given up.
_HEARTBEAT_SECONDS = 10
_SILENCE_SECONDS = 3 * _HEARTBEAT_SECONDS
# A broker whose disk or memory is full confirms nothing for as long.
RECEIPT_SECONDS = 30.0
_PIECE = 65536
# Whatever a broker announces, no message of a relay's is larger (settings: largest_message), nor are its headers.
_LARGEST = 134217728 + 65536
_ESCAPES = {"\\": "\\\\", "\r": "\\r", "\n": "\\n", ":": "\\c"}
_MEANT = {"\\\\": "\\", "\\r": "\r", "\\n": "\n", "\\c": ":"}
_UNESCAPED = ("CONNECT", "CONNECTED")


class Broken(Exception):
    """A connection that is of no use any more: what the broker said, or did not say."""


@dataclass(frozen=True)
class Frame:
    """A frame. Of a header that is there twice, the first one counts."""

    command: str
    headers: Mapping[str, str]
    body: bytes = b""


def encoded(command: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """Return a frame as it is sent. With content-length, which is for the caller to give, it is a BytesMessage."""

    def text(value: str) -> str:
        if command in _UNESCAPED:
            return value
        return re.sub(r"[\\\r\n:]", lambda match: _ESCAPES[match[0]], value)

    lines = [command, *(f"{text(name)}:{text(value)}" for name, value in headers.items())]
    return "\n".join([*lines, "\n"]).encode() + body + b"\0"


class Reader:
    """Makes frames of what comes in, in whatever pieces."""

    def __init__(self) -> None:
        self._got = bytearray()
        self._least = 0  # with fewer bytes there is no use in looking again

    def feed(self, piece: bytes) -> None:
        """Take what was received."""
        self._got += piece

    def frame(self) -> Frame | None:
        """Return the next frame that is complete. Raises Broken for what is none."""
        if not self._least:
            while self._got.startswith((b"\n", b"\r")):  # heartbeats, and the line that may follow a frame
                del self._got[:1]
        if len(self._got) < max(self._least, 1):
            return None
        end, gap = self._got.find(b"\n\n"), 2
        windows = self._got.find(b"\r\n\r\n")
        if windows >= 0 and (end < 0 or windows < end):
            end, gap = windows, 4
        if end < 0:
            if len(self._got) > _PIECE:
                raise Broken("what it says is not STOMP: a frame without an end of its headers")
            return None
        command, headers = _head(bytes(self._got[:end]))
        size = self._size(headers, end + gap)
        if size is None:
            return None
        body = bytes(self._got[end + gap : end + gap + size])
        if self._got[end + gap + size : end + gap + size + 1] != b"\0":
            raise Broken("what it says is not STOMP: a frame that does not end where it has to")
        del self._got[: end + gap + size + 1]
        self._least = 0
        return Frame(command, headers, body)

    def _size(self, headers: Mapping[str, str], start: int) -> int | None:
        """Return the length of a body; None if it is not here yet."""
        if "content-length" not in headers:
            end = self._got.find(b"\0", start)
            if end < 0 and len(self._got) > _LARGEST:
                raise Broken(f"a message of more than {_LARGEST} bytes")
            return end - start if end >= 0 else None
        announced = headers["content-length"].strip()
        if not re.match(r"[0-9]{1,10}\Z", announced) or int(announced) > _LARGEST:
            raise Broken(f"a message of {announced[:20]} bytes, and {_LARGEST} is the most")
        self._least = start + int(announced) + 1
        return int(announced) if len(self._got) >= self._least else None


def _head(raw: bytes) -> tuple[str, dict[str, str]]:
    try:
        command, *lines = raw.decode().replace("\r\n", "\n").split("\n")
    except UnicodeDecodeError:
        raise Broken("what it says is not STOMP: headers that are not UTF-8") from None
    if not re.match(r"[A-Z]{3,12}\Z", command):
        raise Broken("what it says is not STOMP")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise Broken("what it says is not STOMP: a header without a colon")
        if command not in _UNESCAPED:
            name, value = (re.sub(r"\\[\\rnc]", lambda match: _MEANT[match[0]], one) for one in (name, value))
        headers.setdefault(name, value)
    return command, headers


class Connection:
    """A connection that is logged in."""

    def __init__(
        self,
        address: tuple[str, int],
        login: tuple[str, str],
        context: ssl.SSLContext | None,
        seconds: float,
    ) -> None:
        self._reader = Reader()
        self._messages: deque[Frame] = deque()
        self._receipts = 0
        self._heard = time.monotonic()
        line = socket.create_connection(address, timeout=seconds)
        # A peer that is gone without a word is found also by whoever only waits for a request.
        line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for option, value in (("KEEPIDLE", 15), ("KEEPINTVL", 5), ("KEEPCNT", 3), ("USER_TIMEOUT", 30000)):
            line.setsockopt(socket.IPPROTO_TCP, getattr(socket, f"TCP_{option}"), value)
        self._line = line
        try:
            if context is not None:
                self._line = context.wrap_socket(line, server_hostname=address[0])
            self._login(address[0], login, seconds)
        except BaseException:
            self._line.close()
            raise

    def send(self, command: str, headers: Mapping[str, str], body: bytes = b"") -> None:
        """Send a frame."""
        self._line.settimeout(RECEIPT_SECONDS)
        self._line.sendall(encoded(command, headers, body))

    def confirmed(self, command: str, headers: Mapping[str, str], body: bytes = b"") -> None:
        """Send a frame, and return when the broker says that it has done it. Raises Broken."""
        self._receipts += 1
        receipt = str(self._receipts)
        self.send(command, {**headers, "receipt": receipt}, body)
        until = time.monotonic() + RECEIPT_SECONDS
        while (left := until - time.monotonic()) > 0:
            frame = self._read(left)
            if (
                frame is not None
                and frame.command == "RECEIPT"
                and frame.headers.get("receipt-id") == receipt
            ):
                return
        raise Broken(
            f"no receipt for {command} within {RECEIPT_SECONDS:g} s: its store, memory or disk may be full"
        )

    def message(self, seconds: float) -> Frame | None:
        """Return the next message, None if none comes within this time. Raises Broken."""
        until = time.monotonic() + seconds
        while not self._messages:
            left = until - time.monotonic()
            if left <= 0:
                return None
            self._read(left)
        return self._messages.popleft()

    def idle(self, seconds: float) -> None:
        """Let time pass; messages that come are kept. Raises Broken."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._read(left)

    def forget(self) -> int:
        """Drop the messages that were not taken, and return how many they were."""
        number = len(self._messages)
        self._messages.clear()
        return number

    def close(self) -> None:
        """End the connection in order, as far as the broker plays along."""
        try:
            self._line.settimeout(2)
            self._line.sendall(encoded("DISCONNECT", {"receipt": "bye"}))
            until = time.monotonic() + 2
            while time.monotonic() < until:
                frame = self._read(until - time.monotonic())
                if frame is not None and frame.command == "RECEIPT":
                    break
        except (OSError, Broken):
            pass
        finally:
            self._line.close()

    def _login(self, host: str, login: tuple[str, str], seconds: float) -> None:
        wanted = {"accept-version": "1.2", "host": host, "login": login[0], "passcode": login[1]}
        self.send("CONNECT", {**wanted, "heart-beat": f"0,{1000 * _HEARTBEAT_SECONDS}"})
        frame = self._read(seconds)
        if frame is None or frame.command != "CONNECTED":
            raise Broken("it accepts the connection and does not speak STOMP")

    def _read(self, seconds: float) -> Frame | None:
        """Return the next frame within this time; messages are kept as well. Raises Broken."""
        until = time.monotonic() + seconds
        while (frame := self._reader.frame()) is None:
            left = until - time.monotonic()
            if left <= 0:
                return None
            self._line.settimeout(left)
            try:
                piece = self._line.recv(_PIECE)
            except socket.timeout:
                if time.monotonic() - self._heard > _SILENCE_SECONDS:
                    raise Broken(f"it has said nothing for {_SILENCE_SECONDS} s") from None
                return None
            if not piece:
                raise Broken("it closed the connection")
            self._heard = time.monotonic()
            self._reader.feed(piece)
        if frame.command == "ERROR":
            said = frame.headers.get("message") or frame.body.decode(errors="replace").partition("\n")[0]
            raise Broken(f"it says: {' '.join(said.split())[:300]}")
        if frame.command == "MESSAGE":
            self._messages.append(frame)
        return frame
