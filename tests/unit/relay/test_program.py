"""The relay's command line, its archive, and what it says to whoever watches it."""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
import threading
import zipfile
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pika
import pytest
import relay_archive
from brokers.relay import settings as declared
from relay_sample import RIGHT
from relaying import amqp, link, links, service, worker
from relaying.cli import main
from relaying.files import Refused
from relaying.gate import Gate
from relaying.journal import Journal
from relaying.metrics import Metrics
from relaying.systemd import Manager


def written(folder: Path, **changes: Any) -> Path:
    path = folder / "relay.json"
    path.write_text(json.dumps({**RIGHT, **changes}), encoding="utf-8")
    secret = folder / "amqp-password"
    secret.write_text("s3cret\n", encoding="utf-8")
    secret.chmod(0o600)
    return path


def checked(path: Path, **environment: str) -> tuple[int, str]:
    stdout, stderr = io.StringIO(), io.StringIO()
    code = main(["--check", str(path)], environment, stdout, stderr)
    return code, stdout.getvalue() + stderr.getvalue()


# --- the command line ---------------------------------------------------------------------------------------------


def test_a_declaration_that_is_right_is_said_to_be(tmp_path: Path) -> None:
    code, said = checked(written(tmp_path))
    assert (code, said) == (0, f"{tmp_path}/relay.json: nothing is wrong with the relay credit-delete\n")


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    code, said = checked(written(tmp_path, name="A", metrics_port=0))
    assert code == 65
    assert [line.split()[1] for line in said.splitlines()] == ["metrics_port:"]
    code, said = checked(written(tmp_path, name="A", retry={"first_wait": 700}))
    assert [line.split()[1] for line in said.splitlines()] == ["name:", "retry.first_wait:"]


def test_what_cannot_be_read_is_told_apart(tmp_path: Path) -> None:
    path = written(tmp_path)
    assert checked(tmp_path / "none.json")[0] == 66
    (tmp_path / "half.json").write_text("{", encoding="utf-8")
    assert checked(tmp_path / "half.json")[0] == 65
    (tmp_path / "amqp-password").chmod(0o644)
    code, said = checked(path)
    assert code == 77
    assert "can be read by everybody" in said
    assert "s3cret" not in said
    (tmp_path / "amqp-password").unlink()
    assert checked(path)[0] == 66


@pytest.mark.parametrize("text", ["", "\n", "two\nlines"])
def test_a_secret_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    path = written(tmp_path)
    (tmp_path / "amqp-password").write_text(text, encoding="utf-8")
    code, said = checked(path)
    assert code == 65
    assert "source.password_file" in said


def test_secrets_are_read_from_systemd_s_credentials(tmp_path: Path) -> None:
    path = written(tmp_path)
    place = tmp_path / "credentials"
    place.mkdir()
    (tmp_path / "amqp-password").rename(place / "amqp-password")
    assert checked(path)[0] == 66
    assert checked(path, CREDENTIALS_DIRECTORY=str(place))[0] == 0


def test_files_of_tls_are_read(tmp_path: Path) -> None:
    request = {"method": "PUT", "url": "https://app/", "ca_file": str(tmp_path / "ca.pem")}
    path = written(tmp_path, request=request)
    code, said = checked(path)
    assert code == 66
    assert "request.ca_file" in said
    (tmp_path / "ca.pem").write_text("no certificate", encoding="utf-8")
    code, said = checked(path)
    assert code == 65
    assert "it is a PEM file" in said


def test_a_token_that_cannot_be_sent_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, request={**RIGHT["request"], "token_file": "http-token"})
    token = tmp_path / "http-token"
    token.write_text("tökén", encoding="utf-8")
    token.chmod(0o600)
    assert checked(path)[0] == 65
    token.write_text("token", encoding="utf-8")
    assert checked(path)[0] == 0


# --- the archive --------------------------------------------------------------------------------------------------


def test_the_archive_is_the_same_whenever_and_wherever_it_is_built(tmp_path: Path) -> None:
    made = []
    for number, zone in enumerate(("UTC", "Asia/Tokyo")):
        path = tmp_path / f"{number}.pyz"
        command = [
            sys.executable,
            str(relay_archive.ROOT / "scripts/relay_archive.py"),
            "--output",
            str(path),
        ]
        subprocess.run(
            command,
            env={**os.environ, "TZ": zone, "PYTHONHASHSEED": str(number)},
            check=True,
            capture_output=True,
        )
        made.append(path.read_bytes())
    assert made[0] == made[1]


def test_the_archive_is_all_that_python_needs(tmp_path: Path) -> None:
    path = tmp_path / "relay.pyz"
    path.write_bytes(relay_archive.build())
    declaration = written(tmp_path)
    # Without the environment's packages, and without a directory that Python could write to.
    command = [sys.executable, "-I", "-S", str(path), "--check", str(declaration)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_archive_holds_licenses_and_nothing_that_is_compiled() -> None:
    with zipfile.ZipFile(io.BytesIO(relay_archive.build())) as made:
        names = made.namelist()
    assert {"LICENSE", "licenses/pika/LICENSE", "__main__.py", "brokers/relay/url.py"} <= set(names)
    assert [one for one in names if not one.endswith(".py") and "LICENSE" not in one] == []


def test_a_library_that_was_changed_is_not_built_in(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.read_bytes
    monkeypatch.setattr(
        Path, "read_bytes", lambda path: real(path) + (b"#" if path.name == "channel.py" else b"")
    )
    with pytest.raises(relay_archive.Refused, match=r"channel\.py was changed"):
        relay_archive.library_sources()


# --- what it says -------------------------------------------------------------------------------------------------


def test_the_journal_has_one_object_in_a_line() -> None:
    stream = io.StringIO()
    journal = Journal(stream, "r", priorities=True)
    journal.say("warning", "dead-letter", "a\nb", code="x")
    journal.say("debug", "done")
    lines = stream.getvalue().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("<4>{")
    found = json.loads(lines[0][3:])
    assert (found["level"], found["relay"], found["event"], found["message"], found["code"]) == (
        "warning",
        "r",
        "dead-letter",
        "a\nb",
        "x",
    )


def test_metrics_add_up() -> None:
    metrics = Metrics("r")
    for seconds in (0.004, 0.2, 100.0):
        metrics.request(seconds)
    metrics.count("consumed")
    metrics.count("dead_lettered", "not-json")
    metrics.count("dead_lettered", "not-json")
    metrics.count("dead_lettered", "status-404")
    metrics.hold(1)
    lines = metrics.text({"connected": 2, "paused": 0, "stopped": 1}).splitlines()
    for line in (
        'brokerkit_relay_consumed_total{relay="r"} 1',
        'brokerkit_relay_dead_lettered_total{relay="r",reason="not-json"} 2',
        'brokerkit_relay_dead_lettered_total{relay="r",reason="status-404"} 1',
        'brokerkit_relay_in_hand{relay="r"} 1',
        'brokerkit_relay_connected{relay="r"} 2',
        'brokerkit_relay_stopped{relay="r"} 1',
        'brokerkit_relay_request_seconds_bucket{relay="r",le="0.005"} 1',
        'brokerkit_relay_request_seconds_bucket{relay="r",le="0.25"} 2',
        'brokerkit_relay_request_seconds_bucket{relay="r",le="60.0"} 2',
        'brokerkit_relay_request_seconds_bucket{relay="r",le="+Inf"} 3',
        'brokerkit_relay_request_seconds_count{relay="r"} 3',
    ):
        assert line in lines
    assert metrics.total("dead_lettered") == 3
    assert all(line.startswith("#") or line.startswith("brokerkit_relay_") for line in lines)


def test_systemd_is_told(tmp_path: Path) -> None:
    place = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(place)
        line.settimeout(5)
        manager = Manager({"NOTIFY_SOCKET": place, "WATCHDOG_USEC": "60000000"})
        assert manager.watchdog_seconds == 60
        manager.tell("READY=1")
        manager.status("working")
        manager.status("working")
        manager.status("api-away")
        assert [line.recv(100) for _ in range(3)] == [b"READY=1", b"STATUS=working", b"STATUS=api-away"]
    manager.tell("READY=1")  # nobody listens any more
    assert Manager({"WATCHDOG_USEC": "1", "WATCHDOG_PID": "1"}).watchdog_seconds == 0


def taken(body: bytes = b"", **properties: Any) -> link.Taken:
    """A message as pika hands it over."""
    found = amqp.taken(pika.spec.Basic.Deliver(delivery_tag=1), pika.BasicProperties(**properties), body)
    assert found is not None
    return found


# --- what a message brings along ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "attempts"),
    [(3, 3), (0, 0), (-1, 0), (True, 0), ("3", 0), (None, 0), (10**9, 0), (b"x", 0), ([], 0)],
)
def test_attempts_are_counted_whatever_a_sender_writes(header: Any, attempts: int) -> None:
    assert worker.attempts_of(taken(headers={link.ATTEMPTS: header})) == attempts
    assert worker.attempts_of(taken()) == 0


@pytest.mark.parametrize("given", ["", "a b", "a\r\nHost: x", "ä", "x" * 201])
def test_an_id_that_cannot_be_a_header_is_replaced_by_a_digest(given: str) -> None:
    digest = worker.key_of("q", taken(b"body"))
    assert worker.key_of("q", taken(b"body", message_id=given)) == digest
    assert len(digest) == 64


def test_an_id_is_the_key_and_other_bodies_have_other_digests() -> None:
    assert worker.key_of("q", taken(message_id="order-7")) == "order-7"
    digests = {worker.key_of(queue, taken(body)) for queue in "qr" for body in (b"a", b"b")}
    assert len(digests) == 4


def test_headers_that_pika_can_read_can_be_sent_on() -> None:
    given = {
        "a": 1.5,
        "b": [2**64 - 1, {"c": float("inf")}],
        "d": None,
        "e": b"x",
        "f": Decimal("1.1"),
        "g": datetime(2026, 1, 1, tzinfo=UTC),
        "h": True,
        "i": -(2**63),
        "CC": ["x"],
        "BCC": ["x"],
    }
    found = amqp.carried(given)
    changed = {"a": "1.5", "b": ["18446744073709551615", {"c": "inf"}]}
    assert found == {**{name: given[name] for name in given if name not in ("CC", "BCC")}, **changed}
    encoded = b"".join(pika.BasicProperties(headers=found).encode())
    again = pika.BasicProperties().decode(encoded)
    assert again.headers == found


# --- the service ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (pika.exceptions.ChannelClosedByBroker(404, "NOT_FOUND - no queue"), "404 NOT_FOUND - no queue"),
        (
            pika.exceptions.ProbableAuthenticationError(
                "ConnectionClosedByBroker: (403) 'ACCESS_REFUSED - no'"
            ),
            "403 ACCESS_REFUSED - no",
        ),
        (
            pika.exceptions.AMQPConnectionError(ConnectionRefusedError(111, "Connection refused")),
            "Connection refused",
        ),
        (pika.exceptions.StreamLostError("Stream connection lost"), "StreamLostError Stream connection lost"),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_why_a_broker_is_away_is_said_in_its_own_words(error: Exception, said: str) -> None:
    assert amqp.reason(error) == said


@pytest.mark.parametrize(
    ("product", "version", "is_refused"),
    [
        ("RabbitMQ", "3.8.9", True),
        ("RabbitMQ", "3.9.29+deb", True),
        ("RabbitMQ", "3.10.8", False),
        ("RabbitMQ", "4.3.6", False),
        ("RabbitMQ", "", False),
        ("LavinMQ", "2.4.1", False),
        (None, "1.0", False),
    ],
)
def test_a_broker_that_may_lose_what_waits_is_refused(
    product: str | None, version: str, is_refused: bool
) -> None:
    said = amqp.unfit("10.0.0.1", {"product": product, "version": version})
    sentence = f"source.hosts: 10.0.0.1 is RabbitMQ {version}, whose queues may lose a message"
    assert (
        said.startswith(sentence) and said.endswith("upgrade it to 3.10 or later") if is_refused else not said
    )
    if is_refused:
        assert links.reason(link.UnfitBroker(said)) == said
        assert issubclass(link.UnfitBroker, links.BROKEN)


class Dead:
    """A worker whose thread has ended."""

    connected, trouble, turned = False, "an accident", 0.0

    class call:
        interrupt_if_overdue = staticmethod(lambda now: None)

    def start(self) -> None:
        """It has no life."""

    def is_alive(self) -> bool:
        return False


def alone(port: int) -> service.Relay:
    settings = declared.settings({**RIGHT, "metrics_port": port})
    shared = worker.Shared(settings, Gate(), Journal(io.StringIO(), "r"), Metrics("r"), threading.Event())
    return service.Relay(shared, [Dead()], Manager({}))  # type: ignore[list-item]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def test_a_relay_without_a_worker_ends_so_that_systemd_begins_anew() -> None:
    relay = alone(free_port())
    assert (relay.state()["state"], relay.state()["why"]) == ("no-broker", "an accident")
    with pytest.raises(RuntimeError, match="a worker has ended"):
        relay.run()


def test_a_port_that_is_taken_is_said() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(Refused, match=r"metrics_port: .* free port"),
    ):
        alone(taken.getsockname()[1]).run()


def test_what_is_wrong_with_the_api_comes_before_the_broker() -> None:
    relay = alone(1)
    relay._shared.gate.failed("429", 5)
    assert (relay.state()["state"], relay.state()["why"]) == ("api-away", "429")
    relay._shared.gate.stop("401")
    assert (relay.state()["state"], relay.state()["why"]) == ("stopped", "401")
