"""Declared and reported listeners are compared both ways; entries are as 3.8, 3.10, 4.0 and 4.3 report them."""

from __future__ import annotations

from typing import Any

import pytest
from probes.clients.management import Answer, segment
from probes.model import Broker, Context, Deadline, Listener, Settings
from probes.rabbitmq import management
from probes.rabbitmq.management import _differs, compare, reported, reported_alarms, room

NODE = "rabbit@one"
ANY = "0.0.0.0"  # noqa: S104 - nothing is bound to it here
AMQP = Listener("amqp", 5672, "::")
STOMP = Listener("stomp", 61613, "::")


def entry(protocol: str, port: int, address: str, node: str = NODE, **options: Any) -> dict[str, Any]:
    return {
        "node": node,
        "protocol": protocol,
        "ip_address": address,
        "port": port,
        "socket_opts": {"backlog": 128, **options},
    }


def test_listeners_of_the_node_that_answered() -> None:
    overview = {
        "node": NODE,
        "listeners": [entry("amqp", 5672, "::"), entry("amqp", 5673, "::", node="rabbit@two")],
    }
    assert reported(overview) == [AMQP]


def test_3_x_reports_any_address_for_management_wherever_it_is_bound() -> None:
    overview = {"node": NODE, "listeners": [entry("http", 15672, "::", ip="127.0.0.1")]}
    assert reported(overview) == [Listener("http", 15672, "127.0.0.1")]


def test_socket_options_may_be_an_empty_list() -> None:
    one = entry("clustering", 25672, "::") | {"socket_opts": []}
    assert reported({"node": NODE, "listeners": [one]}) == [Listener("clustering", 25672, "::")]


def test_as_declared() -> None:
    assert compare([AMQP, STOMP], [STOMP, AMQP, Listener("clustering", 25672, "::")]) == ([], [])


def test_a_missing_one() -> None:
    assert compare([AMQP, STOMP], [AMQP]) == ([STOMP], [])


@pytest.mark.parametrize("protocol", ["amqp", "stomp", "http", "https", "mqtt", "amqp/ssl", "stomp/ssl"])
def test_one_that_nobody_declared(protocol: str) -> None:
    surplus = Listener(protocol, 4711, "::")
    assert compare([AMQP], [AMQP, surplus]) == ([], [surplus])


@pytest.mark.parametrize("protocol", ["clustering", "http/prometheus"])
def test_those_that_come_with_a_plugin_or_the_node_are_compared_only_where_declared(protocol: str) -> None:
    other = Listener(protocol, 25672, "::")
    assert compare([AMQP], [AMQP, other]) == ([], [])
    assert compare([AMQP, other], [AMQP]) == ([other], [])


def test_another_port_is_missing_and_surplus() -> None:
    moved = Listener("amqp", 5673, "::")
    assert compare([AMQP], [moved]) == ([AMQP], [moved])


def test_wider_open_than_declared() -> None:
    declared, actual = Listener("http", 15672, "127.0.0.1"), Listener("http", 15672, "::")
    assert compare([declared], [actual]) == ([declared], [actual])


@pytest.mark.parametrize(("one", "other"), [("::", ANY), (ANY, "::"), ("::1", "0:0:0:0:0:0:0:1")])
def test_the_same_address_written_otherwise(one: str, other: str) -> None:
    assert compare([Listener("amqp", 5672, one)], [Listener("amqp", 5672, other)]) == ([], [])


def test_no_declared_address_means_any() -> None:
    assert compare([Listener("amqp", 5672)], [Listener("amqp", 5672, "10.0.0.1")]) == ([], [])


def test_the_inventorys_name_for_the_management_listener() -> None:
    assert compare([Listener("management", 15672, "::")], [Listener("http", 15672, "::")]) == ([], [])


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"error": "not_authorised", "reason": "Login failed"}, "Login failed"),
        ({"error": "Object Not Found"}, "Object Not Found"),
        (None, "503"),
        ([], "503"),
    ],
)
def test_the_reason_of_an_answer(body: object, reason: str) -> None:
    assert Answer(503, body).reason == reason


def test_the_room_that_a_node_has() -> None:
    node = {"name": "n", "mem_used": 5e7, "mem_limit": 2e9, "disk_free": 3e10, "disk_free_limit": 2e9}
    assert room(node) == "n: memory 50 of 2000 MB, disk 30000 MB free, limit 2000"
    assert room({"name": "n", "mem_limit": 2e9}) == "n: no figures yet"
    assert room({**node, "disk_free": "disk_free_monitoring_disabled"}) == "n: no figures yet"


def test_alarms_as_nodes_report_them() -> None:
    nodes = [
        {"name": "rabbit@one", "mem_alarm": True, "disk_free_alarm": True},
        {"name": "rabbit@two", "mem_alarm": False, "disk_free_alarm": True},
        {"name": "rabbit@down", "running": False},
    ]
    assert reported_alarms(nodes) == [
        ("memory", "rabbit@one"),
        ("disk", "rabbit@one"),
        ("disk", "rabbit@two"),
    ]


def test_a_vhost_is_one_segment_of_a_path() -> None:
    assert segment("/") == "%2F" and segment("a b/c") == "a%20b%2Fc"


def test_a_listener_that_came_through_rabbitmq_config_is_not_told_to_go_by_another_converge() -> None:
    """The converge declared it, and declares it again."""
    finding = _differs([], [Listener("amqp/ssl", 5671, "::")]).finding
    assert "amqp/ssl on :: port 5671" in finding.came_back and "rabbitmq_config" in finding.meaning
    assert "--skip management.listeners" in finding.remedy and "refused" not in finding.meaning
    both = _differs([STOMP], [Listener("mqtt", 1883, "::")]).finding
    assert "Clients of a missing listener are refused" in both.meaning and "mqtt" in both.came_back
    assert "rabbitmq_config" not in _differs([STOMP], []).finding.remedy


def connected(
    monkeypatch: pytest.MonkeyPatch,
    version: str,
    date: str,
    used: Answer,
    queues: tuple[dict[str, Any], ...] = (),
) -> Context:
    """The probe's context after it has connected to a broker that answers so."""
    answers = {
        "/api/queues/%2F?columns=name,durable,exclusive": Answer(200, [*queues]),
        "/api/overview": Answer(200, {"rabbitmq_version": version, "node": NODE}, date),
        "/api/deprecated-features/used": used,
    }
    monkeypatch.setattr(management.api, "request", lambda _context, _method, path: answers[path])
    broker = Broker("mq", "rabbitmq", "127.0.0.1", "smoke", "geheim")
    context = Context(broker, Deadline(4), "brokerkit.smoke.x", Settings("x", 4))
    assert management.connect(context) == f"RabbitMQ {version} on {NODE}"
    return context


def test_the_brokers_clock_is_compared_with_this_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(management.time, "time", lambda: 1_700_000_000.0)
    none = Answer(404, {})
    (one,) = connected(monkeypatch, "3.10.8", "Tue, 14 Nov 2023 22:13:30 GMT", none).measures
    assert (one.name, one.value) == ("broker_clock_offset_seconds", 10.5)
    assert connected(monkeypatch, "3.10.8", "", none).measures == []


def test_deprecated_features_are_asked_for_from_4_on_and_each_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    used = Answer(200, [{"name": "transient_nonexcl_queues"}, {"name": "global_qos"}])
    named = [dict(one.labels)["feature"] for one in connected(monkeypatch, "4.0.5", "", used).measures]
    assert named == ["transient_nonexcl_queues", "global_qos"]
    assert connected(monkeypatch, "3.13.7", "", used).measures == []
    assert connected(monkeypatch, "4.0.5", "", Answer(401, {})).measures == []


def test_the_probers_own_transient_queues_are_no_use_of_a_deprecated_feature(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    used = Answer(200, [{"name": "transient_nonexcl_queues"}, {"name": "global_qos"}])
    monkeypatch.setattr(management, "ARRIVAL_SECONDS", -1)

    def measured(**queue: Any) -> list[str]:
        one = {"durable": False, "exclusive": False, **queue}
        return [dict(m.labels)["feature"] for m in connected(monkeypatch, "4.0.5", "", used, (one,)).measures]

    both = ["transient_nonexcl_queues", "global_qos"]
    assert measured(name="stomp-subscription-1") == ["global_qos"]
    assert measured(name="brokerkit.smoke.1.q") == ["global_qos"]
    assert measured(name="orders") == both
    assert measured(name="brokerkit.smoke.1.q", durable=True) == both
    assert measured(name="brokerkit.smoke.1.q", exclusive=True) == both


def test_a_probe_that_is_done_with_its_queue_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    own = [{"name": "stomp-subscription-1", "durable": False, "exclusive": False}]
    used = [{"name": "transient_nonexcl_queues"}]
    said = iter([used, own, used, [], None])
    overview = Answer(200, {"rabbitmq_version": "4.0.5", "node": NODE})
    monkeypatch.setattr(
        management.api,
        "request",
        lambda _context, _method, path: overview if "overview" in path else Answer(200, next(said)),
    )
    broker = Broker("mq", "rabbitmq", "127.0.0.1", "smoke", "geheim")
    context = Context(broker, Deadline(4), "brokerkit.smoke.x", Settings("x", 4))
    management.connect(context)
    assert [one.name for one in context.measures] == ["deprecated_feature_used"]
    assert next(said) is None
