"""What was found on a port becomes sentences that name the port, what it speaks, and what to do."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from loopback import server
from probes import refusals
from probes.diagnosis import WANTED, explain, in_container, is_loopback
from probes.model import Broker, Endpoint, Tls, Unreachable
from probes.wire.classify import Port, Speaks
from probes.wire.ports import PortBook

HOST = "10.0.0.1"
ANY = "0.0.0.0"  # noqa: S104 - nothing is bound to it here
BROKER = Broker("rabbit1", "rabbitmq", HOST, "smoke", "secret-4711", vhost="shop")


def found(
    protocol: str, number: int, speaks: Speaks, *others: tuple[int, Speaks], container: bool = False
) -> Unreachable:
    port = Port(HOST, number, speaks, "'words'")
    there = [Port(HOST, other, spoken) for other, spoken in others]
    return explain(protocol, Endpoint(HOST, number), "client's words", port, there, container)


def test_stomp_client_on_the_openwire_port() -> None:
    finding = found("stomp", 61616, Speaks.OPENWIRE, (61613, Speaks.STOMP)).finding
    assert finding.meaning == "61616 speaks OpenWire, not STOMP; STOMP is on 61613 there."
    assert finding.remedy == "Correct the port."


def test_where_nobody_speaks_the_right_protocol_the_usual_port_is_named() -> None:
    finding = found("stomp", 61616, Speaks.OPENWIRE).finding
    assert finding.meaning.endswith("STOMP is usually on 61613.")
    assert "rabbitmq_stomp" in finding.remedy and "activemq_connectors" in finding.remedy


@pytest.mark.parametrize("protocol", WANTED)
@pytest.mark.parametrize("speaks", [one for one in Speaks if one.listens])
def test_each_protocol_on_each_kind_of_port(protocol: str, speaks: Speaks) -> None:
    stop = found(protocol, 4711, speaks)
    assert stop.unreachable
    assert "4711" in stop.finding.came_back + stop.finding.meaning
    for sentence in (stop.finding.came_back, stop.finding.meaning, stop.finding.remedy):
        assert sentence.endswith((".", ")")) and (sentence[0].isupper() or sentence[0].isdigit())


def test_refused_with_other_ports_open_says_what_is_not_enabled() -> None:
    finding = found(
        "stomp", 61613, Speaks.REFUSED, (5672, Speaks.AMQP_0_9_1), (61616, Speaks.OPENWIRE)
    ).finding
    assert "STOMP is not enabled" in finding.meaning
    assert "5672 (AMQP 0-9-1), 61616 (OpenWire)" in finding.meaning
    assert finding.remedy.startswith("Enable STOMP")


def test_refused_with_the_protocol_on_another_port() -> None:
    finding = found("amqp", 5673, Speaks.REFUSED, (5672, Speaks.AMQP_0_9_1)).finding
    assert "AMQP 0-9-1 is on 5672 there" in finding.meaning
    assert finding.remedy.startswith("Correct the port")


def test_refused_with_nothing_open_is_a_stopped_broker() -> None:
    finding = found("amqp", 5672, Speaks.REFUSED).finding
    assert "none runs there" in finding.meaning and "systemctl status" in finding.remedy


def test_refused_with_nothing_open_may_be_a_stopped_application_in_a_running_unit() -> None:
    remedy = found("amqp", 5672, Speaks.REFUSED).finding.remedy
    assert remedy.index("a running unit") < remedy.index("`rabbitmqctl start_app`")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_loopback_inside_a_container(host: str) -> None:
    inside = explain("stomp", Endpoint(host, 61613), "", Port(host, 61613, Speaks.REFUSED), [], True).finding
    assert "this container itself" in inside.meaning and "--network host" in inside.remedy
    outside = explain(
        "stomp", Endpoint(host, 61613), "", Port(host, 61613, Speaks.REFUSED), [], False
    ).finding
    assert "container" not in outside.meaning


def test_0_0_0_0_is_not_an_address_to_connect_to() -> None:
    finding = explain("amqp", Endpoint(ANY, 8000), "", Port(ANY, 8000, Speaks.REFUSED), [], False).finding
    assert "an address to listen on" in finding.meaning


def test_no_answer_with_other_ports_open_is_a_firewall() -> None:
    assert "dropped" in found("amqp", 5672, Speaks.FILTERED, (15672, Speaks.HTTP)).finding.meaning
    assert "is down" in found("amqp", 5672, Speaks.FILTERED).finding.meaning
    assert "is down" in found("amqp", 5672, Speaks.UNREACHABLE).finding.meaning


def test_where_no_port_answers_the_process_hangs() -> None:
    """Correcting a port does not help a broker that is stopped (SIGSTOP) or starved."""
    finding = found("amqp", 5672, Speaks.SILENT, (61613, Speaks.SILENT), (15672, Speaks.SILENT)).finding
    assert "61613, 15672" in finding.meaning and "process hangs" in finding.meaning
    assert "port" not in finding.remedy
    assert "process hangs" not in found("amqp", 5672, Speaks.SILENT, (61613, Speaks.STOMP)).finding.meaning


def test_the_right_protocol_that_is_too_slow_is_not_told_to_have_broken() -> None:
    port = Port(HOST, 5672, Speaks.AMQP_0_9_1)
    slow = explain("amqp", Endpoint(HOST, 5672), "no answer within 6.0 s", port, [], False).finding
    assert "is too slow: no answer within 6.0 s" in slow.came_back and "--timeout" in slow.remedy


def test_a_name_that_does_not_resolve() -> None:
    assert "does not resolve" in found("amqp", 5672, Speaks.UNRESOLVED).finding.meaning


def test_the_right_protocol_that_still_fails_keeps_the_clients_words() -> None:
    assert "client's words" in found("amqp", 5672, Speaks.AMQP_0_9_1).finding.came_back


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.3.2.1", True),
        ("::1", True),
        ("localhost", True),
        ("a.localhost", True),
        ("10.0.0.1", False),
        (ANY, False),
        ("localhost.example", False),
        ("rabbit1", False),
    ],
)
def test_loopback_names(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_a_container_leaves_marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("container", raising=False)
    assert not in_container(tmp_path)
    (tmp_path / "run").mkdir()
    (tmp_path / "run/.containerenv").touch()
    assert in_container(tmp_path)
    monkeypatch.setenv("container", "podman")
    assert in_container(tmp_path / "elsewhere")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("530 NOT_ALLOWED - vhost shop not found", "does not exist"),
        (
            "530 NOT_ALLOWED - access to vhost 'shop' refused for user 'smoke'",
            "no permission on the vhost shop",
        ),
        (
            "530 NOT_ALLOWED - access to vhost 'shop' refused for user 'smoke': connection limit (3) is reached",
            "The vhost shop has as many connections as it may have: its limit max-connections is 3.",
        ),
        (
            "530 NOT_ALLOWED - connection refused for user 'smoke': user connection limit (0) is reached",
            "The user smoke has as many connections as it may have: its limit max-connections is 0.",
        ),
        (
            "530 NOT_ALLOWED - connection refused: node connection limit (10) is reached",
            "its limit connection_max is 10",
        ),
        (
            "541 INTERNAL_ERROR - access to vhost 'shop' refused for user 'smoke': vhost 'shop' is down",
            "not running",
        ),
        ("530 NOT_ALLOWED - something new", "did not open the vhost shop"),
    ],
)
def test_a_refused_vhost_is_explained(said: str, words: str) -> None:
    stop = refusals.vhost_refused(BROKER, "shop", said)
    assert words in stop.finding.meaning
    assert not stop.unreachable


def test_a_refused_login_says_what_is_known() -> None:
    unsure = refusals.login_refused(BROKER, "403 ACCESS_REFUSED", None).finding.meaning
    assert "password is wrong" in unsure and "loopback user" in unsure
    assert "loopback" not in refusals.login_refused(BROKER, "403", False).finding.meaning
    assert "password" not in refusals.login_refused(BROKER, "403", True).finding.meaning


@pytest.mark.parametrize(
    ("password", "words"),
    [("gehei\\m", "has a backslash"), (" geheim", "begins with a blank"), ("geheim", "password is wrong")],
)
def test_a_password_that_does_not_fit_through_stomp(password: str, words: str) -> None:
    broker = Broker("rabbit1", "rabbitmq", HOST, "smoke", password)
    finding = refusals.stomp_login_refused(broker, "Access refused for user 'smoke'").finding
    assert words in finding.meaning and "gehei" not in finding.meaning + finding.remedy


def test_a_port_is_looked_at_once() -> None:
    seen: list[int] = []

    def closes(peer: socket.socket) -> None:
        seen.append(1)

    book = PortBook()
    with server(closes) as port:
        first = book.port("127.0.0.1", port)
        looked = len(seen)
        assert book.port("127.0.0.1", port) is first
    assert len(seen) == looked


@pytest.mark.parametrize(
    ("protocol", "scheme"), [("amqp", "amqps"), ("stomp", "stomp+ssl"), ("management", "https")]
)
def test_tls_is_advised_to_a_client_in_the_clear(protocol: str, scheme: str) -> None:
    alone = found(protocol, 5671, Speaks.TLS).finding
    assert f"{scheme}://" in alone.remedy and f"`tls: true` of `{protocol}`" in alone.remedy
    assert "plain port" not in alone.remedy
    beside = found(protocol, 5671, Speaks.TLS, (5672, WANTED[protocol].speaks)).finding
    assert beside.remedy.endswith("Or give the plain port, 5672.")


@pytest.mark.parametrize("kind", ["rabbitmq", "activemq", None])
def test_where_no_listener_with_tls_is_those_that_there_are_are_named(kind: str | None) -> None:
    endpoint = Endpoint("h", 5671, Tls())
    there = [Port("h", 61614, Speaks.TLS), Port("h", 5672, Speaks.AMQP_0_9_1)]
    port = Port("h", 5671, Speaks.REFUSED)
    stop = explain("amqp", endpoint, "", port, there, container=False, kind=kind)
    assert stop.finding.meaning == "Nothing listens on h:5671; TLS is on 61614 there."
    stop = explain("amqp", endpoint, "", port, there[1:], container=False, kind=kind)
    assert "TLS is not enabled. The host does listen on 5672 (AMQP 0-9-1)." in stop.finding.meaning
    for name in {"rabbitmq": ["rabbitmq_"], "activemq": ["activemq_"]}.get(
        kind or "", ["rabbitmq_", "activemq_"]
    ):
        assert name in stop.finding.remedy
