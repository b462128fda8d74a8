"""What is found in what was read of hosts: each state is a finding of its own, and a healthy host has none."""

from __future__ import annotations

import re
from typing import Any

import doctor_readings as sample
import pytest
from brokers import knowledge
from brokers.doctor import checks_machine, machine
from brokers.doctor.diagnosis import diagnose
from role_files import ROOT, document

GB = sample.GB


def rows(
    readings: dict[str, Any], skew: dict[str, float] | None = None, clusters: dict[str, str] | None = None
) -> Any:
    """The names of the findings, by host."""
    found = diagnose(readings, skew or {}, clusters or {}, 900.0)
    return {one.host: [each.finding.row for each in one.findings] for one in found}


def changed(target: dict[str, Any], path: str, value: Any) -> None:
    """Lay a value over a reading; the path has dots."""
    *before, last = path.split(".")
    for key in before:
        target = target[key]
    target[last] = value


def test_an_erlang_that_is_none_for_the_broker_is_named_unless_the_distribution_has_tried_it() -> None:
    table = document("erlang", "vars/main.yml")["__erlang_compatibility"]

    def found(erlang: str, package: str) -> list[str]:
        node = sample.node()
        node["answer"]["erlang"], node["packages"]["erlang-base"]["version"] = erlang, package
        (one,) = diagnose({"mq1": sample.reading(node)}, {}, {}, 900.0, (), table)
        return [each.cause for each in one.findings]

    assert (
        found("27.3.4", "1:27.3.4-1") == found("25.3.2", "1:25.3.2+dfsg-1") == found("", "1:25.3.2-1") == []
    )
    (cause,) = found("25.3.2", "1:25.3.2-1")
    assert "OTP 25.3.2; by upstream's table RabbitMQ 4.0.5 runs on Erlang/OTP 26.2 to 27.x." in cause


def test_a_package_is_named_once_where_both_the_host_and_its_broker_have_it() -> None:
    reading = sample.reading(sample.node())
    changed(reading, "machine.interrupted", True)
    changed(reading, "rabbitmq.packages.rabbitmq-server.state", "iU")
    assert rows({"mq1": reading}) == {"mq1": ["package-half-installed"]}


def test_needrestart_is_no_matter_for_a_node_alone() -> None:
    for members, expected in (
        (["rabbit@mq1"], []),
        (["rabbit@mq1", "rabbit@mq2"], ["needrestart-unguarded"]),
    ):
        node = sample.node("rabbit@mq1", members)
        node["needrestart"] = True
        node["answer"]["view"]["sees"] = members
        assert rows({"mq1": sample.reading(node)})["mq1"] == expected


def test_healthy_hosts_have_no_finding() -> None:
    names = ["rabbit@mq1", "rabbit@mq2"]
    found = rows(
        {
            "mq1": sample.reading(sample.node("rabbit@mq1", names)),
            "mq2": sample.reading(sample.node("rabbit@mq2", names)),
            "active": sample.reading(None, [sample.instance()]),
        },
        {"mq1": 4.0, "mq2": -4.0},
        {"mq1": "shop", "mq2": "shop"},
    )
    assert found == {"mq1": [], "mq2": [], "active": []}


def _queue(**more: Any) -> dict[str, Any]:
    return {"vhost": "shop", "name": "orders", "ready": 20_000, "unacked": 5_000, "consumers": 1, **more}


def _disk(**changes: Any) -> dict[str, Any]:
    there = {"free": GB, "total": GB, "inodes": 99, "inodes_free": 99, "read_only": False}
    return {"machine.disks": {"/var": {**there, **changes}}}


def _silent(what: str) -> dict[str, Any]:
    return {"rabbitmq.answer": None, "rabbitmq.unanswered": {"what": what, "remedy": "x"}}


def _failed(result: str) -> dict[str, Any]:
    return {
        "rabbitmq.unit.ActiveState": "failed",
        "rabbitmq.unit.Result": result,
        "rabbitmq.answer": None,
    }


UNUSABLE = {
    "path": "/c",
    "ends": sample.NOW + 60 * 86_400,
    "exists": True,
    "key": "/k",
    "key_trouble": "is not that of the certificate",
}


def _certificate(ends: float | None) -> dict[str, Any]:
    return {"rabbitmq.certificates": [{"path": "/c", "ends": ends, "exists": ends is not None}]}


def _belongs_to(owner: str) -> dict[str, Any]:
    return {"rabbitmq.directories": {"/var/lib/rabbitmq": {"mode": 0o700, "owner": owner, "written": 0.0}}}


def _written(at: float) -> dict[str, Any]:
    return {"rabbitmq.configuration": {"/etc/rabbitmq/rabbitmq.conf": {"written": at}}}


def _hit(**fields: str) -> dict[str, Any]:
    return {"count": 2, "at": sample.NOW, "text": "what", "said": "what the log says", "fields": fields}


_CLOSED = {"zones": ["public"], "ports": ["22/tcp"], "open": False}
_DENIAL = {"at": sample.NOW - 60, "process": "beam.smp", "what": "name_bind", "target": "61613"}


@pytest.mark.parametrize(
    ("row", "changes"),
    [
        (
            "firewalld-keeps-out",
            {
                "machine.firewall": _CLOSED,
                "machine.listeners": [{"address": "::", "port": 5672, "pid": 1, "process": "beam.smp"}],
            },
        ),
        ("selinux-denied", {"machine.denied": [_DENIAL]}),
        (
            "disk-full",
            {
                "machine.disks": {
                    "/var": {"free": 5, "total": GB, "inodes": 9, "inodes_free": 9, "read_only": False}
                }
            },
        ),
        (
            "disk-full",
            {
                "machine.disks": {
                    "/var": {"free": GB, "total": GB, "inodes": 99, "inodes_free": 0, "read_only": False}
                }
            },
        ),
        (
            "disk-read-only",
            {
                "machine.disks": {
                    "/var": {"free": GB, "total": GB, "inodes": 0, "inodes_free": 0, "read_only": True}
                }
            },
        ),
        ("killed-for-memory", {"machine.oom": [{"at": sample.NOW - 60, "process": "beam.smp"}]}),
        ("package-half-installed", {"machine.interrupted": True}),
        ("package-half-installed", {"rabbitmq.packages.rabbitmq-server.state": "iF"}),
        ("clock-not-synchronised", {"machine.clock": False}),
        ("unit-masked", {"rabbitmq.unit.UnitFileState": "masked", "rabbitmq.unit.ActiveState": "inactive"}),
        ("process-stopped", {"rabbitmq.process.state": "T"}),
        ("broker-stopped", {"rabbitmq.unit.ActiveState": "inactive", "rabbitmq.answer": None}),
        ("broker-down", _failed("exit-code")),
        (
            "start-timeout",
            {
                "rabbitmq.unit.ActiveState": "failed",
                "rabbitmq.unit.Result": "timeout",
                "rabbitmq.answer": None,
            },
        ),
        (
            "killed-for-memory",
            {
                "rabbitmq.unit.ActiveState": "failed",
                "rabbitmq.unit.Result": "oom-kill",
                "rabbitmq.answer": None,
            },
        ),
        ("unit-disabled", {"rabbitmq.unit.UnitFileState": "disabled"}),
        ("file-descriptors-near-limit", {"rabbitmq.process.files": 60_000}),
        ("libraries-replaced", {"rabbitmq.process.replaced": ["/usr/lib/libz.so.1"]}),
        ("stranger-node", {"rabbitmq.strangers": [77]}),
        ("cookie-mode", {"rabbitmq.cookie.mode": 0o644}),
        ("cookie-mode", {"rabbitmq.cookie.owner": "root"}),
        (
            "broker-writes-no-file",
            _belongs_to("root"),
        ),
        ("broker-writes-no-file", {"rabbitmq.foreign_file": {"path": "/f", "owner": "root", "mode": 0o600}}),
        ("plugin-missing", {"rabbitmq.answer.plugins_idle": ["rabbitmq_no_such"]}),
        ("tls-files-unusable", {"rabbitmq.certificates": [UNUSABLE]}),
        (
            "certificate-expired",
            _certificate(sample.NOW - 5),
        ),
        (
            "certificate-expires",
            _certificate(sample.NOW + 86_400),
        ),
        ("certificate-missing", _certificate(None)),
        (
            "configuration-not-in-force",
            _written(sample.NOW - 60),
        ),
        (
            "configuration-not-in-force",
            {
                **_written(sample.NOW - 3000),
                "rabbitmq.applied": {"written": sample.NOW - 3000, "pending": True},
            },
        ),
        ("node-name-does-not-resolve", {"rabbitmq.node_resolves": []}),
        ("node-name-is-elsewhere", {"rabbitmq.node_foreign": ["10.0.0.1"]}),
        (
            "node-not-let-in",
            {
                "rabbitmq.answer": None,
                "rabbitmq.unanswered": {
                    "what": "could not ask: the node took the connection and did not let the tool in, most often",
                    "remedy": "x",
                },
            },
        ),
        (
            "node-hangs",
            {
                "rabbitmq.answer": None,
                "rabbitmq.unanswered": {"what": "got no answer within 12 s", "remedy": "x"},
            },
        ),
        (
            "application-stopped",
            {
                "rabbitmq.answer": None,
                "rabbitmq.unanswered": {"what": "its RabbitMQ application stopped", "remedy": "x"},
            },
        ),
        (
            "node-unreached",
            _silent("nodedown"),
        ),
        ("memory-alarm", {"rabbitmq.answer.view.alarms": [["memory", "rabbit@mq1"]]}),
        ("disk-alarm", {"rabbitmq.answer.view.alarms": [["disk", "rabbit@mq1"]]}),
        ("file-descriptor-alarm", {"rabbitmq.answer.view.alarms": [["file_descriptor_limit", "rabbit@mq1"]]}),
        ("other-alarm", {"rabbitmq.answer.view.alarms": [["flood", "rabbit@mq1"]]}),
        ("no-majority", {"rabbitmq.answer.no_majority": [_queue()], "rabbitmq.answer.no_majority_count": 1}),
        ("leaderless", {"rabbitmq.answer.leaderless": [_queue()], "rabbitmq.answer.leaderless_count": 1}),
        ("under-replicated", {"rabbitmq.answer.short": [_queue()], "rabbitmq.answer.short_count": 1}),
        ("classic-queue-away", {"rabbitmq.answer.away": [_queue()], "rabbitmq.answer.away_count": 1}),
        ("queue-stopped", {"rabbitmq.answer.stopped": [_queue()], "rabbitmq.answer.stopped_count": 1}),
        ("queue-piled-up", {"rabbitmq.answer.piled": [_queue()]}),
        ("unacknowledged", {"rabbitmq.answer.unacked": [_queue()]}),
        ("vhost-down", {"rabbitmq.answer.vhosts_down": ["shop"]}),
        ("definitions-refused", {"rabbitmq.definitions": {"/etc/rabbitmq/x.json": "Expecting value"}}),
        ("drained", {"rabbitmq.answer.view.drained": True}),
        ("feature-flags-off", {"rabbitmq.answer.flags_off": ["khepri_db"]}),
        ("deprecated-feature-used", {"rabbitmq.answer.deprecated": ["transient_nonexcl_queues"]}),
        ("watermark-over-limit", {"rabbitmq.unit.MemoryMax": "1000000000"}),
        ("connection-limit-near", {"rabbitmq.answer.connection_max": 3}),
        ("partition", {"rabbitmq.answer.view.partitions": ["rabbit@mq2"]}),
        ("login-refused", {"rabbitmq.log.found": {"login-refused": _hit(user="shop")}}),
    ],
)
def test_a_state_is_a_finding(row: str, changes: dict[str, Any]) -> None:
    reading = sample.reading(sample.node())
    for path, value in changes.items():
        changed(reading, path, value)
    assert rows({"mq1": reading}) == {"mq1": [row]}


@pytest.mark.parametrize(
    ("row", "changes"),
    [
        ("activemq-heap-over-memory", {"heap": 9 * GB}),
        (
            "activemq-limit-over-disk",
            {"settings": {"store": "/var/lib/activemq/main/kahadb", "storeUsage": 60 * GB}},
        ),
        ("activemq-store-full", {"log.found": {"activemq-store-full": _hit(which="Persistent store")}}),
        ("broker-stopped", {"unit.ActiveState": "inactive"}),
        ("activemq-limit-near", {"usage": {"temp": 0.81}}),
        ("activemq-dead-letters", {"dead_letters": {"ActiveMQ.DLQ": 1001, "x.dead": 2}}),
    ],
)
def test_a_state_of_activemq_is_a_finding(row: str, changes: dict[str, Any]) -> None:
    instance = sample.instance()
    for path, value in changes.items():
        changed(instance, path, value)
    assert rows({"active": sample.reading(None, [instance])}) == {"active": [row]}


def test_what_the_role_wrote_and_has_put_in_force_is_no_finding() -> None:
    node = sample.node()
    node["configuration"]["/etc/rabbitmq/rabbitmq.conf"]["written"] = sample.NOW - 3000
    node["applied"]["written"] = sample.NOW - 2999
    assert rows({"mq1": sample.reading(node)}) == {"mq1": []}


def test_flags_that_a_new_node_has_off_are_no_finding() -> None:
    node = sample.node()
    node["answer"]["flags_off"] = ["drop_unroutable_metric", "empty_basic_get_metric"]
    assert rows({"mq1": sample.reading(node)}) == {"mq1": []}


def test_what_is_accepted_is_no_finding() -> None:
    reading = sample.reading(sample.node())
    reading["rabbitmq"]["answer"]["view"]["drained"] = True
    (patient,) = diagnose({"mq1": reading}, {}, {}, 900.0, ["drained"])
    assert patient.findings == ()


def test_old_kills_and_small_skews_are_no_finding() -> None:
    reading = sample.reading(sample.node())
    reading["machine"]["oom"] = [{"at": sample.NOW - 200_000, "process": "beam.smp"}]
    assert rows({"mq1": reading}, {"mq1": 4.9}) == {"mq1": []}


@pytest.mark.parametrize(("skew", "words"), [(30.0, "30 s ahead of"), (-30.0, "30 s behind")])
def test_a_clock_that_is_wrong_is_named_with_its_direction(skew: float, words: str) -> None:
    (patient,) = diagnose({"mq1": sample.reading(sample.node())}, {"mq1": skew}, {}, 900.0)
    assert words in patient.findings[0].cause


def test_an_alarm_of_another_member_is_its_own() -> None:
    node = sample.node()
    node["answer"]["view"]["alarms"] = [["memory", "rabbit@mq2"]]
    assert rows({"mq1": sample.reading(node)}) == {"mq1": []}


def test_a_node_that_boots_is_not_one_whose_application_was_stopped() -> None:
    node = sample.node()
    node["answer"], node["unanswered"] = None, {"what": "its RabbitMQ application stopped", "remedy": "x"}
    node["unit"]["ActiveState"] = "activating"
    assert "application-stopped" not in rows({"mq1": sample.reading(node)})["mq1"]


def test_members_that_do_not_see_one_that_runs_disagree() -> None:
    names = ["rabbit@mq1", "rabbit@mq2", "rabbit@mq3"]
    nodes = {f"mq{n}": sample.node(f"rabbit@mq{n}", names) for n in (1, 2, 3)}
    nodes["mq1"]["answer"]["view"]["sees"] = ["rabbit@mq1", "rabbit@mq3"]
    readings = {host: sample.reading(one) for host, one in nodes.items()}
    assert rows(readings) == {"mq1": [], "mq2": ["members-disagree"], "mq3": []}


def test_why_a_member_does_not_run_is_said_where_it_is() -> None:
    names = ["rabbit@mq1", "rabbit@mq2"]
    nodes = {f"mq{n}": sample.node(f"rabbit@mq{n}", names) for n in (1, 2)}
    nodes["mq1"]["answer"]["view"]["sees"] = ["rabbit@mq1"]
    nodes["mq2"]["unit"]["ActiveState"], nodes["mq2"]["answer"] = "inactive", None
    readings = {host: sample.reading(one) for host, one in nodes.items()}
    assert rows(readings) == {"mq1": [], "mq2": ["broker-stopped"]}


def test_a_member_that_was_not_read_is_away_where_that_is_seen() -> None:
    node = sample.node("rabbit@mq1", ["rabbit@mq1", "rabbit@mq2"])
    node["answer"]["view"]["sees"] = ["rabbit@mq1"]
    assert rows({"mq1": sample.reading(node)}) == {"mq1": ["member-down"]}


def test_the_cookie_that_differs_is_that_of_the_few() -> None:
    nodes = {f"mq{n}": sample.node(f"rabbit@mq{n}") for n in (1, 2, 3)}
    nodes["mq2"]["cookie_digest"] = "b" * 64
    readings = {host: sample.reading(one) for host, one in nodes.items()}
    clusters = dict.fromkeys(nodes, "shop")
    assert rows(readings, None, clusters) == {"mq1": [], "mq2": ["cookies-differ"], "mq3": []}
    assert rows(readings) == {"mq1": [], "mq2": [], "mq3": []}


def test_hosts_that_were_not_read_or_have_no_broker_are_findings() -> None:
    assert rows({"a": None, "b": sample.reading()}) == {"a": ["host-unreachable"], "b": ["no-broker"]}


def test_the_holder_of_a_port_is_named() -> None:
    node = sample.node()
    node["unit"]["ActiveState"], node["answer"] = "failed", None
    node["log"]["found"] = {"port-held": _hit(port2="61613")}
    reading = sample.reading(node)
    reading["machine"]["listeners"].append(
        {"address": "10.0.0.1", "port": 61613, "pid": 9, "process": "java"}
    )
    (patient,) = diagnose({"mq1": reading}, {}, {}, 900.0)
    assert [one.finding.saw for one in patient.findings] == ["Port 61613 is held by 'java' (process 9)."]


def test_what_another_finding_explains_is_left_out_and_urgent_ones_come_first() -> None:
    node = sample.node()
    node["process"]["state"] = "T"
    node["answer"], node["unanswered"] = None, {"what": "got no answer within 12 s", "remedy": "x"}
    node["unit"]["UnitFileState"] = "disabled"
    assert rows({"mq1": sample.reading(node)}) == {"mq1": ["process-stopped", "unit-disabled"]}


def test_every_row_is_found_by_something_and_everything_that_is_found_has_a_row() -> None:
    """By a pattern for logs, by a check, or by an alert."""
    library = ROOT / "plugins/module_utils/brokers"
    checks = "".join(path.read_text(encoding="utf-8") for path in (library / "doctor").glob("*.py"))
    alerts = "".join(
        path.read_text(encoding="utf-8") for path in (library / "monitoring/alerts").glob("*.yml")
    )
    rows = knowledge.table().rows
    named = set(re.findall(r'"([a-z0-9-]+)"', checks))
    alerted = set(re.findall(r"^  row: (\S+)$", alerts, re.MULTILINE))
    assert [row.id for row in rows.values() if not row.log and row.id not in named | alerted] == []
    raised = set(re.findall(r'(?:Finding\(|one\()\s*"([a-z0-9-]+)"', checks))
    assert len(raised) > 20 and raised - {*rows} == set()


def test_what_selinux_denied_is_read_in_the_kernels_words():
    audit = (
        'type=AVC msg=audit(1795977771.123:456): avc:  denied  { name_bind } for  pid=812 comm="beam.smp" src=61613 '
        "scontext=system_u:system_r:rabbitmq_t:s0 tcontext=system_u:object_r:unreserved_port_t:s0 tclass=tcp_socket\n"
        'audit: type=1400 audit(1795977772.5:457): avc:  denied  { write } for  pid=9 comm="java" name="kahadb"\n'
        'type=AVC msg=audit(1795977773.1:458): avc:  denied  { read } for  pid=9 comm="httpd" name="x"\n'
        "type=AVC torn"
    )
    assert machine.denied(audit) == [
        {"at": 1795977771.123, "process": "beam.smp", "what": "name_bind", "target": "61613"},
        {"at": 1795977772.5, "process": "java", "what": "write", "target": "kahadb"},
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"listeners": [{"address": "127.0.0.1", "port": 15672, "pid": 1, "process": "beam.smp"}]},
        {"listeners": [{"address": "::", "port": 25672, "pid": 1, "process": "beam.smp"}]},
        {"listeners": [{"address": "::", "port": 80, "pid": 1, "process": "nginx"}]},
        {"denied": [{**_DENIAL, "at": sample.NOW - 200_000}]},
    ],
)
def test_what_firewalld_and_selinux_do_to_others_or_did_long_ago_is_no_finding(change):
    reading = {**sample.machine(), "firewall": _CLOSED, **change}
    assert list(checks_machine.machine("mq1", reading, 0.0)) == []
