"""One request for one message, on a connection of the worker's own that is kept open.

A request is never followed to another address, and never takes longer than its time-out: a thread of the service ends
the connection of one that is overdue, as the time-outs of sockets are for each packet alone.
"""

from __future__ import annotations

import http.client
import select
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone

from brokers.relay import outcomes
from brokers.relay.url import Url

# Says that a request may be the second one for its message.
AGAIN = "X-Relay-Redelivered"
# An API that accepts no connection within this is away, however patient the relay is with one that thinks.
CONNECT_SECONDS = 4.0
# Of an answer so much is read, to keep the connection; one with more costs the next request a new one.
_LARGEST_ANSWER = 65536


@dataclass(frozen=True)
class Answer:
    """What came of a request: a status, or why there is none."""

    status: int
    trouble: str = ""
    retry_after: float | None = None
    location: str = ""


class Call:
    """A worker's way to the API."""

    def __init__(
        self, url: Url, headers: Mapping[str, str], timeout: int, context: ssl.SSLContext | None
    ) -> None:
        self._url = url
        self._headers = {"Host": url.authority, "User-Agent": "brokerkit-relay", "Accept": "*/*", **headers}
        self._timeout = float(timeout)
        connect = min(self._timeout, CONNECT_SECONDS)
        self._line: http.client.HTTPConnection = (
            http.client.HTTPSConnection(url.host, url.port, timeout=connect, context=context)
            if url.scheme == "https"
            else http.client.HTTPConnection(url.host, url.port, timeout=connect)
        )
        self._lock = threading.Lock()
        self._until: float | None = None
        self._overdue = False

    def perform(self, method: str, target: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        """Send a request and return what came back."""
        with self._lock:
            self._until, self._overdue = time.monotonic() + self._timeout, False
        try:
            return self._attempt(method, target, headers, body)
        except (OSError, http.client.HTTPException) as error:
            self._line.close()
            return Answer(0, self._trouble(error))
        finally:
            with self._lock:
                self._until = None

    def interrupt_if_overdue(self, now: float) -> None:
        """End the connection of a request whose time is over; for another thread to call."""
        with self._lock:
            if self._until is None or now < self._until:
                return
            self._overdue = True
            line = self._line.sock
            if line is not None:
                try:
                    # Of the plain socket, also inside TLS: whoever reads from it is to wake up, and nothing else.
                    socket.socket.shutdown(line, socket.SHUT_RDWR)
                except OSError:
                    return

    def close(self) -> None:
        """End the connection."""
        self._line.close()

    def _attempt(self, method: str, target: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        kept = self._is_usable()
        try:
            return self._exchange(method, target, headers, body)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            # An API closes a connection that was idle for long, and that may cross with a request.
            if not kept or self._overdue:
                raise
            self._line.close()
            # Or the API has done what was asked for, and died before it could say so.
            return self._exchange(method, target, {**headers, AGAIN: "true"}, body)

    def _is_usable(self) -> bool:
        """Whether the connection of the last request is still there; one that has something to say is not."""
        if self._line.sock is None:
            return False
        poll = select.poll()
        poll.register(self._line.sock, select.POLLIN)
        if not poll.poll(0):
            return True
        self._line.close()
        return False

    def _exchange(self, method: str, target: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        if self._line.sock is None:
            self._line.connect()
            self._line.sock.settimeout(self._timeout)  # type: ignore[attr-defined]  # it is there now
        # After our own checks, http.client refuses blanks and control characters in a target, line breaks in a header.
        self._line.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in {**self._headers, **headers}.items():
            self._line.putheader(name, value)
        if body is not None or method in ("PATCH", "POST", "PUT"):
            self._line.putheader("Content-Length", str(len(body or b"")))
        self._line.endheaders(body)
        response = self._line.getresponse()
        got = len(response.read(_LARGEST_ANSWER))
        # An answer that was cut off reads like one that has ended: what it would have said is not known.
        if self._overdue or (response.length and got < _LARGEST_ANSWER):
            raise http.client.IncompleteRead(b"", response.length)
        if not response.isclosed() or response.status < 200:
            self._line.close()
        if response.status < 200:
            raise http.client.HTTPException(f"the interim status {response.status}, which was not asked for")
        now = datetime.now(timezone.utc)
        return Answer(
            response.status,
            retry_after=outcomes.retry_after(response.getheader("Retry-After"), now),
            location=response.getheader("Location") or "",
        )

    def _trouble(self, error: Exception) -> str:
        where = self._url.authority
        if self._overdue or isinstance(error, (socket.timeout, TimeoutError)):
            return f"{where} gave no complete answer within {self._timeout:g} s"
        if isinstance(error, ConnectionRefusedError):
            return f"{where} refused the connection"
        if isinstance(error, socket.gaierror):
            return f"the name {self._url.host} does not resolve: {error.strerror}"
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"the certificate of {where} was not accepted: {error.verify_message}"
        if isinstance(error, http.client.RemoteDisconnected):
            return f"{where} closed the connection without an answer"
        if isinstance(error, http.client.HTTPException):
            return f"{where} answered something that is not HTTP: {type(error).__name__}"
        return f"{where} cannot be reached: {getattr(error, 'strerror', None) or type(error).__name__}"
