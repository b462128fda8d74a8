"""Probes run side by side, each within its time, and whatever one does there is a result for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from probes import runner
from probes.model import (
    Broker,
    Context,
    Deadline,
    DeadlineExceeded,
    Endpoint,
    Failed,
    Listener,
    NotApplicable,
    NotProven,
    Phase,
    Probe,
    Settings,
    Status,
    Unreachable,
    plain,
)

BROKER = Broker("rabbit1", "rabbitmq", "h", "smoke", "geheim", endpoints={"amqp": Endpoint("h", 1)})
SETTINGS = Settings("4711abcd", timeout=1.0)


def probe(
    function: Callable[[Context], str],
    name: str = "amqp.x",
    needs: tuple[str, ...] = ("amqp",),
    kind: str = "rabbitmq",
) -> Probe:
    return Probe(name, "It works.", function, needs, ("1.1",), frozenset({kind}), Phase.ALWAYS)


def raises(error: Exception) -> Callable[[Context], str]:
    def function(_context: Context) -> str:
        raise error

    return function


def test_a_pass_has_its_sentence_and_time() -> None:
    result = runner.run_one(BROKER, probe(lambda context: f"named {context.name('q')}"), SETTINGS)
    assert (result.status, result.detail) == (Status.PASS, "named brokerkit.smoke.4711abcd.rabbit1.amqp.x.q")
    assert 0 <= result.seconds < 1 and result.finding is None


@pytest.mark.parametrize(
    ("error", "name", "status", "unreachable", "defect"),
    [
        (Failed("a", "b", "c"), "amqp.x", Status.FAIL, False, False),
        (NotProven("a", "b", "c"), "amqp.x", Status.ERROR, False, False),
        (Unreachable("a", "b", "c"), "amqp.x", Status.ERROR, True, False),
        (Unreachable("a", "b", "c"), "negative.guest.amqp", Status.ERROR, True, False),
        (Unreachable("a", "b", "c"), "amqp.connect", Status.FAIL, True, False),
        (Unreachable("a", "b", "c"), "stomp.connect.v1_0", Status.FAIL, True, False),
        (DeadlineExceeded("waiting for a word"), "amqp.x", Status.FAIL, False, False),
        (ZeroDivisionError("oops"), "amqp.x", Status.ERROR, False, True),
    ],
)
def test_what_a_probe_raises(
    error: Exception, name: str, status: Status, unreachable: bool, defect: bool
) -> None:
    result = runner.run_one(BROKER, probe(raises(error), name), SETTINGS)
    assert (result.status, result.unreachable, result.defect) == (status, unreachable, defect)
    assert result.finding is not None and all(vars(result.finding).values())


def test_the_deadline_names_the_step() -> None:
    finding = runner.run_one(BROKER, probe(raises(DeadlineExceeded("waiting for a word"))), SETTINGS).finding
    assert finding is not None and finding.came_back == "Not finished within 1 s: waiting for a word."


@pytest.mark.parametrize(("kind", "words"), [("rabbitmq", "management.alarms"), ("activemq", "journalctl")])
def test_a_broker_that_is_too_slow_is_looked_at_in_its_own_terms(kind: str, words: str) -> None:
    too_slow = raises(DeadlineExceeded("waiting for a word"))
    broker, asked = replace(BROKER, kind=kind), replace(probe(too_slow), kinds=frozenset({kind}))
    finding = runner.run_one(broker, asked, SETTINGS).finding
    assert finding is not None and words in finding.remedy


def test_a_missing_library_says_how_to_install_it() -> None:
    finding = runner.run_one(BROKER, probe(raises(ModuleNotFoundError("x", name="pika"))), SETTINGS).finding
    assert (
        finding is not None
        and "pika is not installed" in finding.came_back
        and "make setup" in finding.remedy
    )


def test_a_traceback_only_goes_to_debug() -> None:
    seen: list[str] = []
    result = runner.run_one(BROKER, probe(raises(ZeroDivisionError("oops"))), SETTINGS, seen.append)
    assert "Traceback" in seen[0] and "Traceback" not in str(result)


def test_management_that_is_declared_for_loopback_is_skipped_with_that_reason() -> None:
    """What a copy of the example does not open is not mistaken for something that nobody gave."""
    closed = replace(BROKER, listeners=(Listener("amqp", 5672, "::"), Listener("http", 15672, "127.0.0.1")))
    opened = replace(BROKER, listeners=(Listener("http", 15672, "0.0.0.0"),))  # noqa: S104 - not bound to
    never = raises(AssertionError("it ran"))
    result = runner.run_one(closed, probe(never, needs=("management", "amqp")), SETTINGS)
    assert result.status is Status.SKIP
    assert result.detail.startswith("It listens on 127.0.0.1 of the host alone, as declared: management")
    other = runner.run_one(opened, probe(never, needs=("management",)), SETTINGS)
    assert other.detail == "No management API endpoint is given for this broker."


@pytest.mark.parametrize(
    ("needs", "words"),
    [
        (("stomp",), "No STOMP endpoint"),
        (("amqp", "management"), "No management API endpoint"),
    ],
)
def test_a_probe_that_cannot_apply_is_a_visible_skip(needs: tuple[str, ...], words: str) -> None:
    def never(_context: Context) -> str:
        raise AssertionError("must not run")

    result = runner.run_one(BROKER, probe(never, needs=needs), SETTINGS)
    assert result.status is Status.SKIP and words in result.detail


def test_a_probe_can_skip_itself() -> None:
    result = runner.run_one(BROKER, probe(raises(NotApplicable("nothing declared"))), SETTINGS)
    assert (result.status, result.detail) == (Status.SKIP, "nothing declared")


def test_a_broker_only_gets_the_probes_of_its_kind() -> None:
    other = Broker("active1", "activemq", "h", "smoke", "geheim", endpoints=BROKER.endpoints)
    probes = [probe(lambda _: "r", "amqp.r"), probe(lambda _: "a", "activemq.a", kind="activemq")]
    results = runner.run([BROKER, other], probes, SETTINGS, None)
    assert [(one.broker, one.probe.name) for one in results] == [
        ("rabbit1", "amqp.r"),
        ("active1", "activemq.a"),
    ]


def test_all_run_side_by_side_and_are_reported_in_order() -> None:
    brokers = [Broker(f"r{n}", "rabbitmq", "h", "u", "p", endpoints=BROKER.endpoints) for n in range(3)]
    together = threading.Barrier(12, timeout=5)

    def meet(_context: Context) -> str:
        together.wait()
        return "met"

    probes = [probe(meet, f"amqp.p{n}") for n in range(4)]
    results = runner.run(brokers, probes, SETTINGS, None)
    assert [(one.broker, one.probe.name) for one in results] == [
        (broker.name, one.name) for broker in brokers for one in probes
    ]
    assert {one.detail for one in results} == {"met"}


def test_more_probes_than_threads() -> None:
    probes = [probe(lambda _: "ok", f"amqp.p{n}") for n in range(3 * runner.MAX_THREADS)]
    assert {one.status for one in runner.run([BROKER], probes, SETTINGS, None)} == {Status.PASS}


def test_a_probe_that_hangs_does_not_stop_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "DIAGNOSIS_SECONDS", 0.2)
    release = threading.Event()

    def hang(context: Context) -> str:
        context.deadline.step = "asking for the weather"
        release.wait(30)
        return "late"

    started = time.monotonic()
    results = runner.run(
        [BROKER], [probe(hang, "amqp.hang"), probe(lambda _: "ok")], Settings("r", timeout=0.3), None
    )
    release.set()
    assert time.monotonic() - started < 3
    assert [one.status for one in results] == [Status.ERROR, Status.PASS]
    assert results[0].detail == "The probe did not end within 0.5 s: asking for the weather."


def test_a_deadline_counts_down() -> None:
    deadline = Deadline(0.05, "waiting")
    assert 0 < deadline.left() <= 0.05
    assert deadline.left(0.01) == 0.01
    time.sleep(0.06)
    with pytest.raises(DeadlineExceeded, match="waiting"):
        deadline.left()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb\tc", "a b c"),
        ("\x1b[31mred\x1b[0m", "[31mred [0m"),
        ("x" * 500, "x" * 399 + "…"),
        ("naïve ✓", "naïve ✓"),
    ],
)
def test_a_brokers_words_are_one_plain_line(text: str, shown: str) -> None:
    assert plain(text) == shown
