"""The audit of a host and its node, from what was read of them: each finding has its sentence, and a good host none."""

from __future__ import annotations

import pytest
from brokers.host import audit as host_audit
from brokers.host.audit import Row, findings, is_reachable, summary
from brokers.rabbitmq.audit import rows
from templating import audit_filters

HOST = {
    "kind": "rabbitmq",
    "unit": {"active_state": "active", "unit_file_state": "enabled", "files": 65536, "core": 0},
    "exposure": 1.6,
    "shell": "/usr/sbin/nologin",
    "modes": {"/var/lib/rabbitmq": 0o750},
    "clock": True,
}
NODE = {
    "guest": False,
    "anonymous": "",
    "mechanisms": ["PLAIN", "ANONYMOUS"],
    "memory": 1000,
    "memory_limit": 400,
    "disk_limit": 2_000_000_000,
    "alarms": 0,
    "listeners": [["amqp", 5672], ["clustering", 25672], ["http", 15672], ["amqp/ssl", 5671]],
}
OPEN = "0.0.0.0"  # noqa: S104 - compared with, not bound to
LISTENERS = [
    {"address": OPEN, "port": 5671, "process": "beam.smp"},
    {"address": "127.0.0.1", "port": 5672, "process": "beam.smp"},
    {"address": "127.0.0.1", "port": 25672, "process": "beam.smp"},
    {"address": "::ffff:127.0.0.1", "port": 15672, "process": "beam.smp"},
    {"address": "127.0.0.1", "port": 4369, "process": "epmd"},
]


def found_of(rows):
    return {row.name: row.finding for row in rows if row.finding}


def test_a_host_and_a_node_as_they_should_be_have_no_findings():
    assert found_of(host_audit.rows(HOST)) == {}
    assert found_of(rows(NODE, LISTENERS)) == {}


@pytest.mark.parametrize(
    ("changes", "name", "words"),
    [
        ({"unit": {**HOST["unit"], "active_state": "failed"}}, "service", "failed, not active"),
        ({"unit": {**HOST["unit"], "unit_file_state": "disabled"}}, "service", "would not start at boot"),
        ({"unit": {**HOST["unit"], "files": 49_999}}, "file limit", "set rabbitmq_open_files_limit to 50000"),
        ({"unit": {**HOST["unit"], "core": 1}}, "core dumps", "set rabbitmq_crash_dumps to false"),
        ({"exposure": 3.1}, "sandbox", "at 3.1, over 3.0"),
        ({"shell": "/bin/bash"}, "login shell", "usermod -s /usr/sbin/nologin rabbitmq"),
        ({"modes": {"/d": 0o751}}, "mode of /d", "/d has mode 0751"),
        ({"clock": False}, "clock", "not synchronised"),
    ],
)
def test_each_thing_of_a_host_has_a_finding_with_its_cure(changes, name, words):
    found = found_of(host_audit.rows({**HOST, **changes}))
    assert list(found) == [name]
    assert words in found[name]


@pytest.mark.parametrize("changes", [{"exposure": None}, {"exposure": 3.0}, {"clock": None}, {"shell": ""}])
def test_what_cannot_be_known_or_is_just_right_is_no_finding(changes):
    assert found_of(host_audit.rows({**HOST, **changes})) == {}


def test_the_cure_for_activemq_names_its_own_variables():
    poor = {**HOST, "unit": {**HOST["unit"], "files": 1, "core": 1}, "exposure": 9.4}
    found = found_of(host_audit.rows({**poor, "kind": "activemq"}))
    assert "activemq_open_files_limit" in found["file limit"]
    assert not [text for text in found.values() if "rabbitmq" in text]


@pytest.mark.parametrize(
    ("changes", "name", "words"),
    [
        ({"guest": True}, "guest", "state: absent"),
        ({"anonymous": "guest"}, "anonymous logins", "the user guest"),
        ({"memory_limit": 199}, "memory limit", "at 20% of the memory"),
        ({"memory_limit": 701}, "memory limit", "rabbitmq_memory_high_watermark"),
        ({"memory": 0}, "memory limit", "at 0%"),
        ({"disk_limit": 50_000_000}, "disk limit", "only when 50 MB are left"),
        ({"alarms": 2}, "alarms", "2 in force"),
    ],
)
def test_each_answer_of_a_node_has_a_finding_with_its_cure(changes, name, words):
    found = found_of(rows({**NODE, **changes}, LISTENERS))
    assert list(found) == [name]
    assert words in found[name]


def test_an_anonymous_user_without_the_mechanism_lets_nobody_in():
    assert found_of(rows({**NODE, "anonymous": "guest", "mechanisms": ["PLAIN"]}, LISTENERS)) == {}


@pytest.mark.parametrize(
    ("protocol", "port", "words"),
    [
        ("amqp", 5672, "in the clear"),
        ("stomp", 61613, "in the clear"),
        ("clustering", 25672, "rabbitmq_distribution_address"),
        ("http", 15672, "rabbitmq_management_address"),
        ("http/prometheus", 15692, "rabbitmq_prometheus_address"),
    ],
)
def test_a_plain_listener_that_others_reach_is_a_finding_and_one_inside_tls_is_none(protocol, port, words):
    listeners = [{"address": OPEN, "port": port, "process": "beam.smp"}]
    found = found_of(rows({**NODE, "listeners": [[protocol, port]]}, listeners))
    assert list(found) == [f"{protocol} {port}"]
    assert words in found[f"{protocol} {port}"]
    assert found_of(rows({**NODE, "listeners": [["https", port]]}, listeners)) == {}


def test_an_epmd_that_others_reach_is_a_finding():
    found = found_of(rows(NODE, [*LISTENERS, {"address": "::", "port": 4369, "process": "epmd"}]))
    assert "port 4369" in found["epmd"] and "rabbitmq_cluster_filter" in found["epmd"]


def test_ports_between_nodes_that_a_packet_filter_closes_are_no_finding_and_those_of_clients_are():
    listeners = [
        {"address": "10.0.0.1", "port": port, "process": process}
        for port, process in ((4369, "epmd"), (25672, "beam.smp"), (5672, "beam.smp"))
    ]
    assert list(found_of(rows(NODE, listeners))) == ["amqp 5672", "clustering 25672", "epmd"]
    assert list(found_of(rows(NODE, listeners, filtered=True))) == ["amqp 5672"]


@pytest.mark.parametrize(
    ("address", "answer"),
    [
        ("127.0.0.1", False),
        ("127.1.2.3", False),
        ("::1", False),
        ("::", True),
        (OPEN, True),
        ("10.0.0.5", True),
    ],
)
def test_loopback_is_for_the_host_alone(address, answer):
    assert is_reachable(address) is answer


def test_what_was_accepted_is_said_and_fails_nothing():
    looked_at = [Row("a"), Row("b", "it is bad"), Row("c", "it is worse")]
    assert findings("mq1", looked_at, ["b"]) == ["mq1, c: it is worse"]
    text = summary("mq1", looked_at, ["b", "z"])
    assert text.startswith("mq1: 1 of 3 as they should be: a.")
    assert "Accepted by audit_accepted: b." in text
    assert text.endswith("audit_accepted names what is not looked at here: z.")


@pytest.mark.parametrize("accepted", ["guest, clock", ["guest", "clock"], ("guest", "clock")])
def test_names_to_accept_come_from_an_inventory_or_from_the_command_line(accepted):
    poor = {**HOST, "clock": False, "node": {**NODE, "guest": True}, "listeners": LISTENERS, "unanswered": ""}
    assert audit_filters.findings(poor, "mq1", accepted) == []
    assert len(audit_filters.findings(poor, "mq1", None)) == 2


def test_a_node_that_does_not_answer_is_a_finding():
    silent = {**HOST, "node": None, "listeners": [], "unanswered": "it is away"}
    (sentence,) = audit_filters.findings(silent, "mq1", [])
    assert sentence == "mq1 (rabbitmq), node: it could not be asked: it is away; start it and run again"
    other = {**HOST, "kind": "activemq", "node": None, "listeners": [], "unanswered": ""}
    assert audit_filters.findings(other, "mq1", []) == []
