"""The report: exit codes, and formats that other programs read back."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest
from brokers import knowledge
from probes import registry
from probes.model import Broker, ExitCode, Finding, Measure, Phase, Probe, Result, Status
from probes.report import formats as report
from probes.report.formats import Run
from probes.report.rows import _ROWS, PAGE, place
from probes.report.table import print_table

SCHEMA = Path(report.__file__).with_name("report.schema.json")
ONE = Broker("rabbit1", "rabbitmq", "10.0.0.1", "smoke", "geheim-4711", version="3.10.8")
TWO = Broker('odd"\\name', "rabbitmq", "10.0.0.2", "smoke", "geheim-4711")
FINDING = Finding(
    "10.0.0.1:61613 refused the connection.", "Nothing listens there | at all.", "Enable STOMP."
)


def probe(name: str) -> Probe:
    return Probe(
        name, f"{name} works.", lambda _: "", ("amqp",), ("2.9",), frozenset({"rabbitmq"}), Phase.ALWAYS
    )


def result(
    name: str, status: Status, broker: Broker = ONE, finding: Finding | None = None, **marks: bool
) -> Result:
    detail = finding.meaning if finding else "it did"
    return Result(broker.name, probe(name), status, 0.125, detail, finding, **marks)


def run(*results: Result, brokers: tuple[Broker, ...] = (ONE,)) -> Run:
    return Run(brokers, results, 1.25, 1_700_000_000)


PASSED = result("amqp.connect", Status.PASS)
FAILED = result("stomp.queue", Status.FAIL, finding=FINDING)
ERROR = result("negative.vhost", Status.ERROR, finding=FINDING)
SKIPPED = result("management.depth", Status.SKIP)
UNREACHED = result("stomp.queue", Status.ERROR, finding=FINDING, unreachable=True)
DOWN = result("amqp.connect", Status.FAIL, TWO, FINDING, unreachable=True)
WARNS = result("tls.certificate", Status.PASS, warns=True)
DEFECT = result("amqp.fair", Status.ERROR, finding=FINDING, defect=True)
MIXED = run(PASSED, FAILED, ERROR, SKIPPED, DOWN, brokers=(ONE, TWO))


@pytest.mark.parametrize(
    ("results", "code", "nagios"),
    [
        ((PASSED,), ExitCode.OK, 0),
        ((PASSED, SKIPPED), ExitCode.OK, 0),
        ((PASSED, WARNS), ExitCode.OK, 1),
        ((WARNS, FAILED), ExitCode.FAILED, 2),
        ((WARNS, ERROR), ExitCode.FAILED, 3),
        ((SKIPPED,), ExitCode.FAILED, 3),
        ((PASSED, FAILED), ExitCode.FAILED, 2),
        ((PASSED, ERROR), ExitCode.FAILED, 3),
        ((PASSED, UNREACHED), ExitCode.FAILED, 3),
        ((UNREACHED,), ExitCode.UNAVAILABLE, 2),
        ((UNREACHED, SKIPPED), ExitCode.UNAVAILABLE, 2),
        ((FAILED, UNREACHED), ExitCode.FAILED, 2),
        ((PASSED, DEFECT), ExitCode.INTERNAL, 3),
    ],
)
def test_exit_codes(results: tuple[Result, ...], code: ExitCode, nagios: int) -> None:
    assert run(*results).exit_code() is code
    assert report.to_nagios(run(*results))[1] == nagios


def test_one_broker_down_among_others_is_unavailable() -> None:
    assert run(PASSED, DOWN, brokers=(ONE, TWO)).exit_code() is ExitCode.UNAVAILABLE
    assert run(PASSED, DOWN, brokers=(ONE, TWO)).unavailable() == [TWO]


def test_the_summary_counts() -> None:
    assert MIXED.summary() == (
        "1 of 4 probes passed on 2 brokers, 2 failed, 1 could not run, 1 skipped, in 1.2 s; "
        f"not reachable: {TWO.name}"
    )
    assert run(SKIPPED).summary().endswith("nothing was proven")
    assert "nothing was proven" not in run(PASSED).summary() + run(FAILED).summary()


@pytest.mark.parametrize("one", [run(PASSED), MIXED, run(SKIPPED), run(DEFECT)])
def test_json_fits_its_schema(one: Run) -> None:
    document = json.loads(report.to_json(one))
    jsonschema.validate(document, json.loads(SCHEMA.read_text(encoding="utf-8")))
    assert [entry["probe"] for entry in document["results"]] == [entry.probe.name for entry in one.results]
    assert document["exit_code"] == one.exit_code()


def test_json_has_what_the_table_says() -> None:
    document = json.loads(report.to_json(MIXED))
    assert document["summary"] == {"pass": 1, "fail": 2, "error": 1, "skip": 1}
    assert document["results"][1]["remedy"] == "Enable STOMP."
    assert document["results"][0]["remedy"] is None
    assert [broker["reachable"] for broker in document["brokers"]] == [True, False]


def test_junit_is_read_back() -> None:
    root = ElementTree.fromstring(report.to_junit(MIXED))  # noqa: S314 - written by the line itself
    one, two = root.findall("testsuite")
    assert (one.get("tests"), one.get("failures"), one.get("errors"), one.get("skipped")) == (
        "4",
        "1",
        "1",
        "1",
    )
    assert (two.get("name"), two.get("failures")) == (TWO.name, "1")
    cases = {case.get("name"): case for case in one.findall("testcase")}
    assert [child.tag for child in cases["amqp.connect"]] == []
    assert [child.tag for child in cases["stomp.queue"]] == ["failure"]
    assert [child.tag for child in cases["negative.vhost"]] == ["error"]
    assert [child.tag for child in cases["management.depth"]] == ["skipped"]
    assert cases["stomp.queue"].get("classname") == "rabbit1.stomp"
    failure = cases["stomp.queue"][0]
    assert failure.get("message") == FINDING.meaning and "Enable STOMP." in (failure.text or "")


# The exposition format's grammar for what a collector takes from a file: comments, or name{labels} value.
_LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
_SAMPLE = re.compile(
    rf"^(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{{(?P<labels>{_LABEL}(?:,{_LABEL})*)\}})? (?P<value>\S+)$"
)
_COMMENT = re.compile(r"^# (HELP|TYPE) (?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*) \S.*$")


def exposition(text: str) -> dict[tuple[str, str], float]:
    """Read the text back; a line outside the grammar, an undeclared metric or a double sample is an error."""
    assert text.endswith("\n")
    declared: set[str] = set()
    samples: dict[tuple[str, str], float] = {}
    for line in text.splitlines():
        comment = _COMMENT.match(line)
        if comment:
            declared.add(comment["name"])
            continue
        sample = _SAMPLE.match(line)
        assert sample, f"not a sample: {line!r}"
        assert sample["name"] in declared
        key = (sample["name"], sample["labels"] or "")
        assert key not in samples
        samples[key] = float(sample["value"])
    return samples


def test_prometheus_is_read_back() -> None:
    samples = exposition(report.to_prometheus(MIXED))
    assert samples["brokerkit_probe_success", 'broker="rabbit1",probe="amqp.connect"'] == 1
    assert samples["brokerkit_probe_success", 'broker="rabbit1",probe="stomp.queue"'] == 0
    assert samples["brokerkit_probe_duration_seconds", 'broker="rabbit1",probe="stomp.queue"'] == 0.125
    assert samples["brokerkit_probe_skipped", 'broker="rabbit1",probe="management.depth"'] == 1
    assert ("brokerkit_probe_success", 'broker="rabbit1",probe="management.depth"') not in samples
    assert samples["brokerkit_broker_reachable", 'broker="odd\\"\\\\name"'] == 0
    assert samples["brokerkit_smoke_finished_timestamp_seconds", ""] == 1_700_000_001.25


def test_nagios_is_one_line_with_performance_data() -> None:
    line, state = report.to_nagios(MIXED)
    assert state == 2
    assert line.endswith("\n") and line.count("\n") == 1
    text, _, performance = line.partition(" | ")
    assert (
        text.startswith('BROKERKIT CRITICAL - odd"\\name amqp.connect: ') and "1 of 4 probes passed" in text
    )
    assert "|" not in text and "|" not in performance, "the one bar separates text from data"
    for part in performance.split():
        assert re.fullmatch(r"[a-z]+=[0-9.]+s?;;;0", part)


def test_what_passes_for_now_is_a_warning_in_every_report() -> None:
    one = run(PASSED, WARNS)
    assert report.to_nagios(one)[0].startswith(
        "BROKERKIT WARNING - rabbit1 tls.certificate: it did; 2 of 2 probes"
    )
    assert "CRITICAL - rabbit1 stomp.queue" in report.to_nagios(run(WARNS, FAILED))[0], (
        "the worst comes first"
    )
    assert [entry["warns"] for entry in json.loads(report.to_json(one))["results"]] == [False, True]
    assert "soon   tls.certificate" in table(one) and "ok     amqp.connect" in table(one)
    assert 'brokerkit_probe_warning{broker="rabbit1",probe="tls.certificate"} 1' in report.to_prometheus(one)


def test_nagios_names_the_host_that_is_away_before_anything_else() -> None:
    """Of three brokers, one with a listener too many stood in the line, and not the dead host."""
    three = Broker("dead", "activemq", "10.0.0.3", "u", "geheim")
    one = run(
        FAILED,
        PASSED,
        result("stomp.queue", Status.ERROR, three, FINDING, unreachable=True),
        result("stomp.connect.v1_0", Status.FAIL, three, FINDING, unreachable=True),
        brokers=(ONE, TWO, three),
    )
    line, state = report.to_nagios(one)
    assert state == 2 and line.startswith("BROKERKIT CRITICAL - dead stomp.connect.v1_0: ")
    assert report.to_nagios(run(PASSED))[0].startswith("BROKERKIT OK - 1 of 1 probes passed")


def table(one: Run, env: dict[str, str] | None = None) -> str:
    stream = io.StringIO()
    print_table(one, stream, env or {})
    return stream.getvalue()


def test_the_table_is_80_columns_wide_and_without_colour() -> None:
    text = table(MIXED)
    assert max(map(len, text.splitlines())) <= 80
    assert "\x1b" not in text
    assert len(table(MIXED, {"COLUMNS": "200"}).splitlines()) < len(text.splitlines())


def test_a_failure_is_told_in_full() -> None:
    text = " ".join(table(run(FAILED, SKIPPED)).split())
    for words in ("stomp.queue works.", FINDING.came_back, FINDING.meaning, FINDING.remedy):
        assert words in text
    assert "skip management.depth" in text


def test_the_same_failure_is_told_once() -> None:
    twice = run(FAILED, result("stomp.topic", Status.FAIL, finding=FINDING), ERROR)
    assert table(twice).count("Enable STOMP.") == 1
    assert "stomp.queue, stomp.topic, negative.vhost" in " ".join(table(twice).split())


def test_colour_only_on_a_terminal() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    print_table(MIXED, stream, {"TERM": "xterm", "COLUMNS": "80"})
    assert "\x1b[" in stream.getvalue()


def test_brackets_in_a_brokers_words_are_no_markup() -> None:
    odd = Finding("said [red]x[/nonsense] :smile:", "m", "r")
    assert "[red]x[/nonsense] :smile:" in table(run(result("amqp.x", Status.FAIL, finding=odd)))


@pytest.mark.parametrize("form", [report.to_json, report.to_junit, report.to_prometheus, table])
def test_no_report_shows_a_password(form: object) -> None:
    assert callable(form)
    assert "geheim" not in form(MIXED)


def test_what_probes_measured_is_exact_and_labelled_by_broker_even_where_they_failed() -> None:
    expiry = Measure("certificate_expiry_timestamp_seconds", 1_812_345_678, (("protocol", "amqp"),))
    measured = replace(FAILED, measures=(expiry, Measure("broker_clock_offset_seconds", -2.25)))
    lines = report.to_prometheus(run(measured)).splitlines()
    wanted = 'brokerkit_certificate_expiry_timestamp_seconds{broker="rabbit1",protocol="amqp"} 1812345678'
    assert wanted in lines
    assert 'brokerkit_broker_clock_offset_seconds{broker="rabbit1"} -2.25' in lines
    assert not [line for line in lines if "deprecated" in line]


def test_who_looks_inside_is_named_where_an_inventory_is_known() -> None:
    known = Broker("rabbit1", "rabbitmq", "10.0.0.1", "smoke", "geheim-4711", inventory="inventory/my prod")
    words = "ansible-playbook -i 'inventory/my prod' playbooks/doctor.yml --limit rabbit1"
    assert words in table(run(FAILED, brokers=(known,)))
    assert "doctor.yml" not in table(run(PASSED, brokers=(known,)))
    assert "doctor.yml" not in table(run(FAILED))


@pytest.mark.parametrize(("probe_name", "row"), _ROWS.items())
def test_each_probe_that_leads_to_a_row_exists_and_so_does_the_row(probe_name: str, row: str) -> None:
    assert any(one.name.startswith(probe_name) for one in registry.all_probes())
    assert row in knowledge.table().rows and PAGE == knowledge.PAGE


def test_a_failed_probe_leads_to_its_row_and_one_with_many_reasons_to_none() -> None:
    assert place("negative.guest.amqp") == "docs/troubleshooting.md#strangers-let-in"
    assert place("amqp.connect") == ""
    out = io.StringIO()
    print_table(run(result("management.alarms", Status.FAIL, finding=FINDING)), out, {})
    assert "more       docs/troubleshooting.md#memory-alarm" in out.getvalue()
