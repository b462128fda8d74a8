"""RabbitMQ's management API for probes: the standard library's HTTP client, bounded by the probe's deadline."""

from __future__ import annotations

import base64
import json
import socket
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from probes import diagnosis, refusals
from probes.model import CONNECT_SECONDS, Context, DeadlineExceeded, Endpoint, Failed, NotProven
from probes.wire.attempts import attempt
from probes.wire.waiting import dial

# Larger answers than this are not read: a probe's questions have short answers.
MAX_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True)
class Answer:
    """An HTTP status with the decoded body, and the time that the server says it is."""

    status: int
    body: Any
    date: str = ""

    @property
    def reason(self) -> str:
        """The API's reason for a refusal."""
        if isinstance(self.body, dict):
            return str(self.body.get("reason") or self.body.get("error") or self.status)
        return str(self.status)


def request(
    context: Context, method: str, path: str, *, user: str | None = None, password: str | None = None
) -> Answer:
    """Send one request and return the answer whatever its status is.

    Raises Unreachable with a diagnosis when no HTTP answer comes, and NotProven when it is not JSON.
    """
    import http.client

    endpoint = context.endpoint("management")
    context.deadline.step = f"waiting for the answer of {endpoint} to {method} {path}"
    name = context.broker.user if user is None else user
    secret = context.broker.password if password is None else password
    token = base64.b64encode(f"{name}:{secret}".encode()).decode()

    def ask() -> tuple[int, bytes, str]:
        seconds = context.deadline.handshake()
        connection = http.client.HTTPConnection(endpoint.host, endpoint.port)
        connection.sock = _wire(endpoint, seconds)
        try:
            connection.sock.settimeout(seconds)
            connection.request(method, path, headers={"Authorization": f"Basic {token}"})
            response = connection.getresponse()
            text = b""
            while (piece := response.read1(65536)) and len(text) < MAX_BYTES:
                text += piece
            return response.status, text, response.getheader("Date") or ""
        finally:
            connection.close()

    try:
        status, text, date = attempt(context, "management", ask, lambda _: None)
    except TimeoutError as error:
        words = f"{diagnosis.NO_ANSWER} {context.deadline.elapsed():.1f} s"
        raise diagnosis.no_connection(context, "management", words) from error
    except (OSError, UnicodeError, http.client.HTTPException) as error:
        raise diagnosis.no_connection(context, "management", str(error) or type(error).__name__) from error
    try:
        return Answer(status, json.loads(text) if text else None, date)
    except ValueError:
        raise NotProven(
            f"{endpoint} answered {method} {path} with {status} and no JSON: {text[:80]!r}",
            f"{endpoint.port} speaks HTTP and is not RabbitMQ's management API (a console, a proxy?).",
            "Correct the port; RabbitMQ's management is on 15672 unless it is declared elsewhere.",
        ) from None


def _wire(endpoint: Endpoint, seconds: float) -> socket.socket:
    if endpoint.tls is None:
        return dial(endpoint.host, endpoint.port, seconds, CONNECT_SECONDS)
    from probes.tls import transport  # loading it would slow down --list

    return transport.open_socket(endpoint, seconds, CONNECT_SECONDS)


def get(context: Context, path: str) -> Any:
    """Return the decoded body of GET `path`. Raises Failed with an explanation for any status but 200."""
    answer = request(context, "GET", path)
    if answer.status == 200:
        return answer.body
    raise refused(context, f"GET {path}", answer)


def refused(context: Context, what: str, answer: Answer) -> Exception:
    """Explain an unexpected answer. The words are rabbit_mgmt_util's."""
    broker = context.broker
    said = f"{what} was answered with {answer.status}: {answer.reason}"
    if answer.status == 401 and "localhost" in answer.reason:
        return refusals.login_refused(broker, said, only_local=True)
    if answer.status == 401 and answer.reason.startswith("Not "):
        return Failed(
            said,
            f"The user {broker.user} can log in and has no tag that lets it read this.",
            f"Give it the tag monitoring in the topology (`rabbitmqctl set_user_tags {broker.user} "
            "monitoring`).",
        )
    if answer.status == 401:
        return refusals.login_refused(broker, said, only_local=False)
    return Failed(
        said,
        "The management API did not answer as this probe needs it.",
        "Read the broker's log for this moment.",
    )


def login_reason(context: Context) -> bool | None:
    """Return whether the user may log in only from the broker's host; None if unknown."""
    try:
        answer = request(context, "GET", "/api/whoami")
    except (Failed, NotProven, DeadlineExceeded):
        return None
    return "localhost" in answer.reason if answer.status == 401 else None


def segment(name: str) -> str:
    """Return `name` as one segment of a path: the vhost / is %2F."""
    return quote(name, safe="")
