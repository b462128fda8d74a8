"""ActiveMQ that is away, hangs or lacks a connector: one true sentence, the right advice, and the right exit code."""

from __future__ import annotations

import re
import socket
from contextlib import ExitStack

import pytest
from broker_answers import ACTIVEMQ, OPENWIRE
from loopback import Handler, answers, free_port, server, silent, speaks_first
from probes import registry, runner
from probes.clients import stomp_errors
from probes.model import Broker, Endpoint, ExitCode, Listener, Result, Settings, Status
from probes.report.formats import Run, to_nagios
from probes.runner import _too_slow


def run(broker: Broker, *only: str, timeout: float = 2.0) -> Run:
    probes = [one for one in registry.all_probes() if not only or one.name in only]
    probes = [one for one in probes if one.phase == "always"]
    return Run([broker], runner.run([broker], probes, Settings("4711abcd", timeout), None), 1.0)


def broker(stomp: int, openwire: int | None = None) -> Broker:
    listeners = [Listener("stomp", stomp, "127.0.0.2")]  # on loopback it would not be looked at
    listeners += [Listener("openwire", openwire, "127.0.0.2")] if openwire else []
    return Broker(
        "mq1",
        "activemq",
        "127.0.0.1",
        "smoke",
        "geheim-4711",
        endpoints={"stomp": Endpoint("127.0.0.1", stomp)},
        listeners=tuple(listeners),
    )


@pytest.fixture(autouse=True)
def _loopback_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A listener on loopback is not probed from elsewhere; here it is the only place there is."""
    from probes.activemq import access as activemq_access
    from probes.wire import waiting

    monkeypatch.setattr(activemq_access, "_loopback", lambda _: False)
    monkeypatch.setattr(waiting, "_addresses", lambda _, port, __: [(socket.AF_INET, ("127.0.0.1", port))])


def ran(outcome: Run) -> list[Result]:
    return [one for one in outcome.results if one.status is not Status.SKIP]


def test_a_broker_that_is_stopped_is_unavailable_and_no_defect_of_the_prober() -> None:
    outcome = run(broker(free_port(), free_port()))
    assert outcome.exit_code() is ExitCode.UNAVAILABLE
    findings = {one.finding for one in ran(outcome)}
    assert len(findings) == 1, "one sentence for all of it"
    (finding,) = findings
    assert finding is not None and "rabbitmq" not in finding.remedy
    assert to_nagios(outcome)[0].startswith("BROKERKIT CRITICAL - mq1 stomp.connect")


def test_a_broker_that_hangs_is_unavailable_and_no_heart_beat_is_blamed() -> None:
    with server(silent) as stomp, server(silent) as openwire:
        outcome = run(
            broker(stomp, openwire), "stomp.connect.v1_2", "activemq.heartbeat.silent", "activemq.listeners"
        )
    assert outcome.exit_code() is ExitCode.UNAVAILABLE
    assert all(one.finding and "says nothing" in one.finding.came_back for one in ran(outcome))


@pytest.mark.parametrize(
    ("openwire", "words"),
    [
        (None, "nothing listens there"),
        (silent, "hangs, or another program holds the port"),
        (answers(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "is declared as openwire"),
    ],
)
def test_a_connector_that_is_away_is_named_while_another_answers(
    openwire: Handler | None, words: str
) -> None:
    with ExitStack() as stack:
        stomp = stack.enter_context(server(answers(ACTIVEMQ)))
        other = stack.enter_context(server(openwire)) if openwire else free_port()
        (result,) = ran(run(broker(stomp, other), "activemq.listeners", timeout=8.0))
    assert (result.status, result.unreachable) == (Status.FAIL, False)
    assert result.finding is not None and words in result.finding.meaning
    assert str(other) in result.finding.came_back


def test_connectors_that_answer_pass() -> None:
    with server(answers(ACTIVEMQ)) as stomp, server(speaks_first(OPENWIRE)) as openwire:
        (result,) = ran(run(broker(stomp, openwire), "activemq.listeners", timeout=8.0))
    assert result.status is Status.PASS, result.finding


def test_a_store_that_is_full_is_looked_for_by_the_words_of_the_log() -> None:
    finding = _too_slow(broker(1), Settings("r"), "waiting for the receipt of a message to /queue/x")
    pattern = re.search(r"grep -E '([^']+)'", finding.remedy)
    # As 5.17.2 logs it.
    line = "limit=20971520: Persistent store is Full, 100% of 20971520. Stopping producer"
    assert pattern and re.search(pattern[1], line)
    assert re.search(pattern[1], "java.io.IOException: No space left on device")
    assert "activemq_store_limit" in finding.remedy and "Usage Manager" not in finding.remedy


def test_a_disk_that_is_full_is_named() -> None:
    words = "java.io.IOException\\c No space left on device"  # as 5.17.2 answers a persistent message
    finding = stomp_errors.explain(broker(1), words).finding
    assert "disk" in finding.meaning and "activemq_data_directory" in finding.remedy
