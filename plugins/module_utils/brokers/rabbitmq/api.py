"""RabbitMQ's management HTTP API over one kept-alive connection, with failures turned into sentences.

A read is repeated when the connection breaks or the broker answers 5xx. A write never is: whether it happened
is unknown then, so ``Interrupted`` is raised and the caller reads the broker again before going on.
"""

from __future__ import annotations

import base64
import http.client
import json
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .request import Request

if TYPE_CHECKING:
    import ssl

READ_ATTEMPTS = 3
PAUSE_SECONDS = 0.3
REJECTIONS = (400, 404, 409, 412)
_TLS_ALERT = "\x15\x03"  # how a listener with TLS answers a client without


class ApiError(Exception):
    """A failure the operator can act on; its text is a sentence with a remedy."""


class Unreachable(ApiError):
    """Nothing listens at the address."""


class Rejected(ApiError):
    """The broker refused a write as it stood: it may hold something else than it did when the plan was made."""


class Interrupted(ApiError):
    """The connection broke, or the broker answered 5xx: a write may or may not have happened."""


@dataclass(frozen=True)
class Access:
    """Where the management API is and how to log in. Times are seconds; ``wait`` bounds the wait for a
    listener. ``server_name`` is the name that the broker's certificate is for, where the url has another one, such as
    127.0.0.1. ``prefix`` makes an operator's variables of the options' names, for messages.
    """

    url: str
    username: str
    password: str
    timeout: float = 30.0
    wait: float = 0.0
    validate_certs: bool = True
    ca_file: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    server_name: str | None = None
    prefix: str = ""


class _SecuredConnection(http.client.HTTPConnection):
    """A connection inside TLS, whose certificate may be for another name than the one that is connected to."""

    def __init__(self, host: str, port: int, timeout: float, context: ssl.SSLContext, name: str) -> None:
        super().__init__(host, port, timeout=timeout)
        self._context, self._name = context, name

    def connect(self) -> None:
        super().connect()
        self.sock = self._context.wrap_socket(self.sock, server_hostname=self._name)


class Client:
    """A logged-in connection. ``spare_password`` is tried once when the first is refused: a run that changes
    its own user's password goes on with the new one.
    """

    def __init__(self, access: Access, spare_password: str | None = None) -> None:
        self.access = access
        self._passwords = [access.password] + (
            [spare_password] if spare_password not in (None, access.password) else []
        )
        parts = urlsplit(access.url)
        if "@" in parts.netloc:
            raise ApiError(
                f"{access.prefix}url: holds a login, which would show up in output; move it to username and password"
            )
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ApiError(
                f"{access.prefix}url: {access.url!r} is not an address of the management API; "
                "write http://HOST:PORT or https://HOST:PORT"
            )
        self._tls = parts.scheme == "https"
        self._host = parts.hostname
        self._port = parts.port or (15671 if self._tls else 15672)
        self._prefix = parts.path.rstrip("/")
        self._connection: http.client.HTTPConnection | None = None

    def get(self, path: str) -> Any:
        """The body of a GET, decoded from JSON. Raises ApiError."""
        for attempt in range(READ_ATTEMPTS):
            try:
                return json.loads(self._exchange(Request("GET", path)))
            except Interrupted:
                if attempt == READ_ATTEMPTS - 1:
                    raise
                time.sleep(PAUSE_SECONDS * (attempt + 1))
            except ValueError:
                raise ApiError(
                    f"{self._where(path)} answered something that is not JSON; is this address really "
                    "RabbitMQ's management API?"
                ) from None
        raise AssertionError("unreachable: the last attempt returns or raises")

    def send(self, request: Request) -> None:
        """Performs a write once. A DELETE of what is gone already is done. Raises ApiError, Interrupted."""
        self._exchange(request)

    def close(self) -> None:
        """Drops the connection; the next request opens a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _exchange(self, request: Request) -> bytes:
        status, body = self._once(request)
        if status == 401 and len(self._passwords) > 1:
            self._passwords.pop(0)
            status, body = self._once(request)
        if status < 300 or (status == 404 and request.method == "DELETE"):
            return body
        sentence = self._refused(request, status, body)
        if status >= 500:
            raise Interrupted(sentence)
        raise Rejected(sentence) if status in REJECTIONS else ApiError(sentence)

    def _once(self, request: Request) -> tuple[int, bytes]:
        connection = self._connected()
        payload = None if request.body is None else json.dumps(request.body).encode()
        login = base64.b64encode(f"{self.access.username}:{self._passwords[0]}".encode()).decode()
        headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}
        try:
            connection.request(request.method, self._prefix + request.path, payload, headers)
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            if not self._tls and _TLS_ALERT in str(error):
                raise ApiError(
                    f"{self.access.url} speaks TLS; write it with https://, and set {self.access.prefix}ca_file to the "
                    "authority that signed its certificate"
                ) from None
            raise Interrupted(
                f"the connection to {self._where(request.path)} broke during {request.method} "
                f"({_reason(error)}); "
                f"see the broker's log, or raise {self.access.prefix}timeout ({self.access.timeout:g} s) if it is busy"
            ) from None

    def _connected(self) -> http.client.HTTPConnection:
        deadline = time.monotonic() + self.access.wait
        while self._connection is None:
            connection = self._new_connection()
            try:
                connection.connect()
                self._connection = connection
            except ConnectionRefusedError:
                connection.close()
                if time.monotonic() >= deadline:
                    raise Unreachable(
                        f"nothing listens at {self.access.url} (connection refused). Where "
                        "`systemctl status rabbitmq-server` shows a running unit there, `rabbitmqctl start_app` starts "
                        "an application that was stopped inside it; else start the unit, enable the plugin "
                        "rabbitmq_management, or correct host and port"
                    ) from None
                time.sleep(PAUSE_SECONDS)
            except OSError as error:
                connection.close()
                raise self._no_connection(error) from None
        return self._connection

    def _new_connection(self) -> http.client.HTTPConnection:
        if not self._tls:
            return http.client.HTTPConnection(self._host, self._port, timeout=self.access.timeout)
        name = self.access.server_name or self._host
        return _SecuredConnection(self._host, self._port, self.access.timeout, self._tls_context(), name)

    def _tls_context(self) -> ssl.SSLContext:
        import ssl  # only where it is needed: loading it costs a target more than the request

        prefix = self.access.prefix
        try:
            context = ssl.create_default_context(cafile=self.access.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise ApiError(
                f"{prefix}ca_file: {self.access.ca_file} cannot be used ({_reason(error)}); "
                "name a readable PEM file of the authority that signed the broker's certificate"
            ) from None
        # From 3.13 on Python refuses chains that the broker's other clients take, such as one without key identifiers.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if not self.access.validate_certs:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.access.client_cert:
            try:
                context.load_cert_chain(self.access.client_cert, self.access.client_key)
            except (OSError, ssl.SSLError) as error:
                raise ApiError(
                    f"{prefix}client_cert: {self.access.client_cert} cannot be used ({_reason(error)}); name readable "
                    f"PEM files of a certificate and its key in {prefix}client_cert and {prefix}client_key"
                ) from None
        return context

    def _no_connection(self, error: OSError) -> ApiError:
        """A sentence for a connection that never came to be."""
        text, name, prefix = _reason(error), type(error).__name__, self.access.prefix
        if isinstance(error, socket.gaierror):
            return ApiError(
                f"the host name {self._host} of {self.access.url} does not resolve; correct it or add it "
                "to DNS"
            )
        if isinstance(error, socket.timeout):
            return ApiError(
                f"{self.access.url} did not answer within {self.access.timeout:g} s; check the address and "
                f"the firewall, or raise {prefix}timeout"
            )
        if name == "SSLCertVerificationError":
            return ApiError(
                f"the certificate of {self.access.url} is not trusted ({text}); set {prefix}ca_file to the authority "
                "that signed it, and use the host name it was issued for"
            )
        if name.startswith("SSL"):
            return ApiError(
                f"{self.access.url} does not speak TLS as expected ({text}); use http:// for a plain "
                f"listener, and {prefix}client_cert where the broker asks for one"
            )
        return ApiError(
            f"{self.access.url} cannot be reached ({text}); check the address, the route and the firewall"
        )

    def _refused(self, request: Request, status: int, body: bytes) -> str:
        """A sentence for an answer that is not success."""
        reason, where, user = _said(body), self._where(request.path), self.access.username
        if status == 401 and request.method != "GET":
            return (
                f"{user!r} may not {request.method} {where}{reason} Give it permissions on that virtual host "
                "(configure, write and read: '.*')"
            )
        if status == 401:
            loopback = " (guest may log in from the broker's own host only)" if user == "guest" else ""
            return (
                f"{self.access.url} refused the login of {user!r}{loopback}; correct username and "
                "password, and see "
                "that the user has the tag administrator"
            )
        if status == 403:
            return (
                f"{user!r} may not use {where}; give it the tag administrator, which declaring a "
                "broker's objects needs"
            )
        if status == 404:
            return (
                f"{where} does not exist; correct the url (a path prefix belongs into it), or see that "
                "what the "
                f"request refers to is on the broker{reason}"
            )
        if status == 413:
            return (
                f"{where} refused a request as too large; raise management.http.max_body_size on the broker"
            )
        return (
            f"{request.method} {where} was answered {status}{reason}; correct what the answer names "
            "and run again"
        )

    def _where(self, path: str) -> str:
        return self.access.url.rstrip("/") + path


def _reason(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _said(body: bytes) -> str:
    """The broker's own words from an error body, as an addition to a sentence."""
    try:
        answer = json.loads(body)
        words = answer.get("reason") or answer.get("error")
    except (ValueError, AttributeError):
        words = None
    return "" if words is None else f": {_words(words)}"


def _words(value: Any) -> str:
    """Text out of an Erlang term in JSON, where a string may be a list of character codes."""
    if isinstance(value, list):
        if value and all(isinstance(code, int) and 0 < code < 0x110000 for code in value):
            return "".join(map(chr, value))
        return " ".join(_words(part) for part in value)
    return str(value)
