"""Faults of the transport, from a stub that fails on purpose: each ends in one sentence with a remedy."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import certificates
import pytest
from brokers.rabbitmq import api
from brokers.rabbitmq.request import Request

POLL = 0.01  # seconds until a server notices that it is to end; half a second by default


class Stub(BaseHTTPRequestHandler):
    """Answers what the test put into ``script``, one entry a request: (status, body), or None to hang up."""

    script: list[Any]
    seen: list[tuple[str, str]]
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.seen.append((self.command, self.path))
        planned = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if planned is None:
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        status, body = planned
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_DELETE = answer

    def log_message(self, *_: Any) -> None:
        """Nothing: the tests look at what was seen."""


@contextmanager
def stub(
    *script: Any, context: ssl.SSLContext | None = None, path: str = "", **access: Any
) -> Iterator[tuple[api.Client, list]]:
    handler = type("Scripted", (Stub,), {"script": list(script), "seen": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(POLL,), daemon=True).start()
    url = f"{'https' if context else 'http'}://127.0.0.1:{server.server_port}{path}"
    spare = access.pop("spare", None)
    client = api.Client(api.Access(url, "app", "hush-hush", **{"timeout": 5, **access}), spare)
    try:
        yield client, handler.seen
    finally:
        client.close()
        server.shutdown()
        server.server_close()


def refusal(*script: Any, request: Request | None = None, **access: Any) -> str:
    with stub(*script, **access) as (client, _), pytest.raises(api.ApiError) as caught:
        client.get("/api/definitions") if request is None else client.send(request)
    assert "hush-hush" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((401, b'{"error":"not_authorised"}'), ["refused the login of 'app'", "tag administrator"]),
        ((403, b"{}"), ["'app' may not use", "tag administrator"]),
        ((404, b'{"reason":"Not Found"}'), ["does not exist", "path prefix", "Not Found"]),
        (
            (400, b'{"reason":["bad",[104,105]]}'),
            ["was answered 400: bad hi", "correct what the answer names"],
        ),
        ((400, b"no json"), ["was answered 400;"]),
        ((200, b"<html>"), ["not JSON", "really RabbitMQ's management API"]),
        ((500, b"{}"), ["was answered 500"]),
    ],
)
def test_an_answer_becomes_a_sentence(answer, words, monkeypatch):
    monkeypatch.setattr(api, "PAUSE_SECONDS", 0)
    sentence = refusal(answer)
    assert all(word in sentence for word in words), sentence


def test_too_large_a_request_names_the_setting():
    assert "management.http.max_body_size" in refusal(
        (413, b""), request=Request("POST", "/api/definitions", {})
    )


def test_a_removal_without_permission_says_which_to_give():
    sentence = refusal((401, b'{"reason":"Access refused."}'), request=Request("DELETE", "/api/queues/v/q"))
    assert "may not DELETE" in sentence and "Give it permissions" in sentence


def test_guest_is_told_about_loopback():
    with stub((401, b"")) as (client, _):
        guest = api.Client(api.Access(client.access.url, "guest", "x"))
        with pytest.raises(api.ApiError, match="broker's own host only"):
            guest.get("/api/x")
        guest.close()


@pytest.mark.parametrize("failure", [None, (500, b""), (503, b"")])
def test_a_read_is_repeated(failure, monkeypatch):
    monkeypatch.setattr(api, "PAUSE_SECONDS", 0)
    with stub(failure, failure, (200, b"[1]")) as (client, seen):
        assert client.get("/api/x") == [1]
    assert len(seen) == 3


@pytest.mark.parametrize("failure", [None, (500, b"")])
def test_reads_are_not_repeated_for_ever(failure, monkeypatch):
    monkeypatch.setattr(api, "PAUSE_SECONDS", 0)
    with stub(failure) as (client, seen):
        with pytest.raises(api.Interrupted):
            client.get("/api/x")
        assert len(seen) == api.READ_ATTEMPTS


@pytest.mark.parametrize("failure", [None, (500, b"")])
def test_a_write_is_never_repeated(failure):
    with stub(failure, (204, b"")) as (client, seen):
        with pytest.raises(api.Interrupted):
            client.send(Request("PUT", "/api/vhosts/v", {}))
        assert seen == [("PUT", "/api/vhosts/v")]


@pytest.mark.parametrize(("status", "kind"), [(400, api.Rejected), (409, api.Rejected), (403, api.ApiError)])
def test_what_the_broker_rejects_as_it_stands_is_told_from_what_it_never_allows(status, kind):
    with stub((status, b"{}")) as (client, _), pytest.raises(api.ApiError) as caught:
        client.send(Request("PUT", "/api/vhosts/v", {}))
    assert type(caught.value) is kind


def test_what_is_gone_already_is_removed():
    with stub((404, b"")) as (client, _):
        client.send(Request("DELETE", "/api/vhosts/v"))


def test_a_changed_password_of_the_acting_user_is_taken_up():
    with stub((401, b""), (200, b"{}"), (200, b"{}"), spare="new") as (client, seen):
        client.get("/api/a")
        client.get("/api/b")
        assert len(seen) == 3


def test_a_path_prefix_is_kept():
    with stub((200, b"{}"), path="/rabbit/") as (client, seen):
        client.get("/api/vhosts")
    assert seen == [("GET", "/rabbit/api/vhosts")]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def test_nothing_listening_names_the_plugin():
    client = api.Client(api.Access(f"http://127.0.0.1:{free_port()}", "u", "p"))
    with pytest.raises(api.Unreachable, match="rabbitmq_management"):
        client.get("/api/x")


def test_a_booting_broker_is_waited_for():
    port = free_port()
    client = api.Client(api.Access(f"http://127.0.0.1:{port}", "u", "p", wait=10))
    started: list[ThreadingHTTPServer] = []

    def boot() -> None:
        handler = type("Scripted", (Stub,), {"script": [(200, b"{}")], "seen": []})
        started.append(ThreadingHTTPServer(("127.0.0.1", port), handler))
        started[0].serve_forever(POLL)

    timer = threading.Timer(0.5, boot)
    timer.start()
    try:
        assert client.get("/api/x") == {}
    finally:
        client.close()
        started[0].shutdown()
        timer.join(timeout=10)
        started[0].server_close()


def test_a_silent_listener_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = api.Client(api.Access(f"http://127.0.0.1:{silent.getsockname()[1]}", "u", "p", timeout=0.2))
        with pytest.raises(api.Interrupted, match=r"raise timeout \("):
            client.get("/api/x")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("127.0.0.1:15672", "write http://HOST:PORT"),
        ("amqp://127.0.0.1", "write http://HOST:PORT"),
        ("http://u:p@127.0.0.1", "move it to username and password"),
    ],
)
def test_a_wrong_url_is_refused(url, words):
    with pytest.raises(api.ApiError, match=words):
        api.Client(api.Access(url, "u", "p"))


@pytest.mark.parametrize("option", ["ca_file", "client_cert"])
def test_a_role_names_its_own_variables(option):
    access = api.Access(
        "https://127.0.0.1:1", "u", "p", prefix="rabbitmq_topology_", **{option: "/no/such.pem"}
    )
    with pytest.raises(api.ApiError, match=f"^rabbitmq_topology_{option}: /no/such.pem cannot be used"):
        api.Client(access).get("/api/x")


def test_a_name_that_does_not_resolve_is_said():
    client = api.Client(api.Access("http://no-such-host.invalid:15672", "u", "p"))
    with pytest.raises(api.ApiError, match=r"no-such-host\.invalid of .* does not resolve"):
        client.get("/api/x")


# --- TLS ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def server_side(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


def test_a_known_authority_is_trusted(certificate, server_side):
    with stub((200, b"{}"), context=server_side, ca_file=certificate[0]) as (client, _):
        assert client.get("/api/x") == {}


def test_a_broker_may_be_asked_at_an_address_that_its_certificate_is_not_for(tmp_path):
    files = certificates.self_signed("mq1.example.org").write(tmp_path, "mq1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    with stub((200, b"{}"), context=context, ca_file=files[0], server_name="mq1.example.org") as (client, _):
        assert client.get("/api/x") == {}
    assert "is not trusted" in refusal((200, b"{}"), context=context, ca_file=files[0])
    other = {"ca_file": files[0], "server_name": "mq2.example.org"}
    assert "is not trusted" in refusal((200, b"{}"), context=context, **other)


def test_an_unknown_authority_is_not(server_side):
    assert "is not trusted" in refusal((200, b"{}"), context=server_side)


def test_an_unknown_authority_may_be_accepted(server_side):
    with stub((200, b"{}"), context=server_side, validate_certs=False) as (client, _):
        assert client.get("/api/x") == {}


def test_a_client_certificate_is_presented(certificate, server_side):
    server_side.verify_mode = ssl.CERT_REQUIRED
    server_side.load_verify_locations(certificate[0])
    files = {"ca_file": certificate[0], "client_cert": certificate[0], "client_key": certificate[1]}
    with stub((200, b"{}"), context=server_side, **files) as (client, _):
        assert client.get("/api/x") == {}


def test_files_that_cannot_be_used_are_named(tmp_path, server_side):
    assert "ca_file: " in refusal((200, b""), context=server_side, ca_file=str(tmp_path / "none.pem"))
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("no certificate")
    access = {"validate_certs": False, "client_cert": str(wrong)}
    assert "client_cert: " in refusal((200, b""), context=server_side, **access)


def test_tls_to_a_plain_listener_is_said():
    with stub((200, b"{}")) as (plain, _):
        client = api.Client(api.Access(plain.access.url.replace("http:", "https:"), "u", "p", timeout=5))
        with pytest.raises(api.ApiError, match="use http:// for a plain listener"):
            client.get("/api/x")


def test_plain_http_to_a_tls_listener_is_said():
    def alert(listener):
        peer, _ = listener.accept()
        with peer:
            peer.recv(4096)
            peer.sendall(b"\x15\x03\x03\x00\x02\x02\x0a")  # what RabbitMQ's listener answers

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=alert, args=(listener,), daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(api.ApiError, match="speaks TLS; write it with https://"):
            api.Client(api.Access(url, "u", "p", timeout=5)).get("/api/x")


def test_where_nothing_listens_a_stopped_application_is_thought_of():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    client = api.Client(api.Access(f"http://127.0.0.1:{port}", "app", "hush-hush", timeout=5))
    with pytest.raises(
        api.Unreachable, match="`rabbitmqctl start_app` starts an application that was stopped"
    ):
        client.get("/api/definitions")
