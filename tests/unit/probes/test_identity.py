"""A broker is asked what it is, before anybody logs in and before a probe declares anything."""

from __future__ import annotations

import io
import json
import socket
from pathlib import Path

import pytest
import smoke
from broker_answers import ACTIVEMQ, OPENWIRE, RABBITMQ
from loopback import Handler, answers, closes, free_port, server, silent, speaks_first
from probes import identity
from probes.model import UNKNOWN, Broker, Endpoint, Refusal

START = (
    b"\x01\x00\x00\x00\x00\x01\xf4\x00\x0a\x00\x0a\x00\x09\x00\x00\x01\xcf\x08platformS\x00\x00\x00"
    b"\x11Erlang/OTP 25.2.3"
    b"\x07productS\x00\x00\x00\x08RabbitMQ\x07versionS\x00\x00\x00\x063.10.8\x00\x00\x00\x05PLAIN\xce"
)


@pytest.mark.parametrize(
    ("protocol", "handler", "expected"),
    [
        ("stomp", answers(ACTIVEMQ), ("activemq", "ActiveMQ")),
        ("stomp", answers(RABBITMQ), ("rabbitmq", "RabbitMQ")),
        ("stomp", answers(b"ERROR\nserver:ActiveMQ/6.3.1\n\n\0"), ("activemq", "ActiveMQ 6.3.1")),
        ("stomp", answers(b"ERROR\nserver:Other/1\n\n\0"), ("", "Other 1")),
        ("stomp", speaks_first(OPENWIRE), ("activemq", "ActiveMQ")),
        ("amqp", answers(START), ("rabbitmq", "RabbitMQ 3.10.8")),
        ("amqp", answers(START.replace(b"RabbitMQ", b"qpid-cpp")), ("", "qpid-cpp 3.10.8")),
        ("amqp", answers(b"AMQP\x00\x01\x00\x00"), None),
        ("stomp", answers(b"HTTP/1.1 400 Bad Request\r\n\r\n"), None),
        ("stomp", closes, None),
    ],
)
def test_what_a_broker_says_of_itself(
    protocol: str, handler: Handler, expected: tuple[str, str] | None
) -> None:
    with server(handler) as port:
        said = identity.ask(protocol, Endpoint("127.0.0.1", port), 1.0)
    assert (said and (said.kind, str(said))) == expected


def test_nobody_logs_in_to_be_told() -> None:
    heard: list[bytes] = []

    def listen(peer: socket.socket) -> None:
        heard.append(peer.recv(999))
        peer.sendall(ACTIVEMQ)

    with server(listen) as port:
        identity.ask("stomp", Endpoint("127.0.0.1", port), 1.0)
    assert b"login" not in heard[0] and b"passcode" not in heard[0]


def test_a_port_that_says_nothing_is_asked_for_a_bounded_time() -> None:
    with server(silent) as port:
        assert identity.ask("stomp", Endpoint("127.0.0.1", port), 0.2) is None
    assert identity.ask("stomp", Endpoint("127.0.0.1", free_port()), 0.2) is None


def given(**ports: int) -> Broker:
    endpoints = {protocol: Endpoint("127.0.0.1", port) for protocol, port in ports.items()}
    return Broker("127.0.0.1", "rabbitmq", "127.0.0.1", "smoke", "geheim-4711", endpoints=endpoints)


def test_a_url_is_labelled_by_what_answers_there() -> None:
    with server(answers(ACTIVEMQ)) as port:
        assert identity.name(given(stomp=port), None).kind == "activemq"
    with server(answers(START)) as port:
        named = identity.name(given(amqp=port), None)
    assert (named.kind, named.version, named.known_kind) == ("rabbitmq", "3.10.8", "rabbitmq")


def test_a_broker_that_cannot_be_asked_is_guessed_and_that_is_said() -> None:
    port = free_port()
    named = identity.name(given(stomp=port), None)
    assert (named.kind, named.asked, named.known_kind) == ("rabbitmq", UNKNOWN, None)
    assert identity.name(given(stomp=port), "activemq").known_kind == "activemq", "--kind says it"
    assert identity.name(given(management=port), None).known_kind == "rabbitmq", (
        "no other broker has that API"
    )
    env = {"BROKERKIT_PASSWORD": "geheim-4711"}
    out = io.StringIO()
    argv = ["--stomp", f"stomp://smoke@127.0.0.1:{port}", "--only", "stomp.connect"]
    assert smoke.main(argv, env, out, io.StringIO()) == 69
    assert "taken for rabbitmq, it could not be asked" in out.getvalue()
    words = " ".join(out.getvalue().split())
    assert (
        "systemctl status rabbitmq-server" not in words or "systemctl list-units --all 'activemq*'" in words
    )


def test_urls_of_two_brokers_are_refused() -> None:
    for answer, words in (
        (START, "--amqp leads to RabbitMQ 3.10.8 and --stomp leads to ActiveMQ"),
        (b"AMQP\x00\x01\x00\x00", "leave out --amqp"),
        (START.replace(b"RabbitMQ", b"qpid-cpp"), "--amqp leads to qpid-cpp 3.10.8; this prober proves"),
    ):
        with (
            server(answers(ACTIVEMQ)) as stomp,
            server(answers(answer)) as amqp,
            pytest.raises(Refusal, match=words),
        ):
            identity.name(given(amqp=amqp, stomp=stomp), None)


def test_activemq_is_given_by_its_stomp_url_alone() -> None:
    with pytest.raises(Refusal, match="probed over STOMP alone: leave out --amqp"):
        identity.name(given(amqp=1, stomp=2), "activemq")


@pytest.mark.parametrize(("kind", "answer"), [("rabbitmq", ACTIVEMQ), ("activemq", RABBITMQ)])
def test_a_swapped_kind_is_seen_before_the_first_declaration(
    tmp_path: Path, kind: str, answer: bytes
) -> None:
    heard: list[bytes] = []

    def listen(peer: socket.socket) -> None:
        heard.append(peer.recv(4096))
        peer.sendall(answer)

    path = tmp_path / "endpoints.json"
    path.touch(mode=0o600)
    with server(listen) as port:
        broker = {"name": "b1", "kind": kind, "host": "127.0.0.1", "vhost": "/", "user": "u", "password": "p"}
        path.write_text(json.dumps({"schema": 1, "brokers": [{**broker, "stomp": {"port": port}}]}))
        out = io.StringIO()
        code = smoke.main(["--endpoints", str(path), "--format", "json"], {}, out, io.StringIO())
    report = json.loads(out.getvalue())
    ran = [one for one in report["results"] if one["status"] != "skip"]
    assert code == 1 and ran
    assert {one["status"] for one in ran} == {"fail"} and len({one["remedy"] for one in ran}) == 1
    assert "says that it is" in ran[0]["came_back"] and "to the group" in ran[0]["remedy"]
    assert len(heard) == 1 and b"accept-version:0.0" in heard[0], "nothing else was sent"
