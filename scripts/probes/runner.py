"""Runs every probe on every broker in parallel, and always returns a result for each."""

from __future__ import annotations

import queue
import re
import threading
import time
import traceback
from collections.abc import Callable, Sequence

from probes import identity
from probes.activemq import pairs
from probes.model import (
    Broker,
    Context,
    Deadline,
    DeadlineExceeded,
    Finding,
    NotApplicable,
    Probe,
    ProbeStop,
    Result,
    Settings,
    Soon,
    Status,
    plain,
)
from probes.wire.ports import DIAGNOSIS_SECONDS

# Probes spend nearly all their time waiting for brokers. More threads would only wait for each other.
MAX_THREADS = 48

_NAMES = {"amqp": "AMQP", "stomp": "STOMP", "management": "management API"}


def run(
    brokers: Sequence[Broker],
    probes: Sequence[Probe],
    settings: Settings,
    debug: Callable[[str], None] | None,
) -> list[Result]:
    """Run each of `probes` on those `brokers` that it is for; return the results by broker, in the probes'
    order.

    A thread that hangs in a library beyond its probe's deadline and the time a diagnosis takes is left behind
    (it is a daemon, the process ends without it) and its probe is an error. `debug` gets tracebacks.
    """
    pairs.look(brokers, settings)
    for broker in brokers:
        if broker.cluster is not None:
            settings.clusters.setdefault(broker.cluster, []).append(broker)
    jobs = [
        (broker, probe)
        for broker in brokers
        for probe in probes
        if broker.kind in probe.kinds
        and (broker.cluster is not None or not probe.of_members)
        and (broker.relays or not probe.of_relays)
    ]
    results: dict[tuple[str, str], Result] = {}
    deadlines: dict[tuple[str, str], Deadline] = {}
    finished: queue.SimpleQueue[Result] = queue.SimpleQueue()
    waiting: queue.SimpleQueue[tuple[Broker, Probe]] = queue.SimpleQueue()
    for job in jobs:
        waiting.put(job)
    book = identity.Book()

    def work() -> None:
        while True:
            try:
                broker, probe = waiting.get_nowait()
            except queue.Empty:
                return
            deadline = deadlines[broker.name, probe.name] = Deadline(settings.timeout)
            finished.put(run_one(broker, probe, settings, debug, book, deadline))

    threads = min(MAX_THREADS, len(jobs))
    for _ in range(threads):
        threading.Thread(target=work, daemon=True).start()
    rounds = -(-len(jobs) // threads) if threads else 0
    ends = time.monotonic() + rounds * (settings.timeout + DIAGNOSIS_SECONDS)
    while len(results) < len(jobs):
        try:
            result = finished.get(timeout=max(0.0, ends - time.monotonic()))
        except queue.Empty:
            break
        results[result.broker, result.probe.name] = result
    return [
        results.get((broker.name, probe.name))
        or _hung(broker, probe, settings, deadlines.get((broker.name, probe.name)))
        for broker, probe in jobs
    ]


def run_one(
    broker: Broker,
    probe: Probe,
    settings: Settings,
    debug: Callable[[str], None] | None = None,
    book: identity.Book | None = None,
    deadline: Deadline | None = None,
) -> Result:
    """Run one probe on one broker and return its result; no exception escapes.

    `book` says which brokers answered so far; without it nobody is asked.
    """
    deadline = Deadline(settings.timeout) if deadline is None else deadline
    # Brokers of a cluster or a network share their queues: each is probed with queues of its own.
    prefix = f"brokerkit.smoke.{settings.run}.{_safe(broker.name)}.{probe.name}"
    context = Context(broker, deadline, prefix, settings)

    def result(status: Status, detail: str, finding: Finding | None = None, **marks: bool) -> Result:
        measures = tuple(context.measures)
        return Result(
            broker.name, probe, status, deadline.elapsed(), plain(detail), finding, measures=measures, **marks
        )

    reason = _not_applicable(broker, probe, settings)
    if reason:
        return result(Status.SKIP, reason)
    try:
        if book is not None:
            identity.check(context, probe, book)
        said = probe.run(context)
        return result(Status.PASS, said, warns=isinstance(said, Soon))
    except NotApplicable as stop:
        return result(Status.SKIP, str(stop))
    except ProbeStop as stop:
        _trace(debug, probe)
        status = stop.status
        # What amqp.connect and its like prove is the connection itself.
        if stop.unreachable and ".connect" in probe.name:
            status = Status.FAIL
        return result(status, stop.finding.meaning, stop.finding, unreachable=stop.unreachable)
    except DeadlineExceeded as stop:
        _trace(debug, probe)
        finding = _too_slow(broker, settings, str(stop))
        return result(Status.FAIL, finding.came_back, finding)
    except Exception as error:
        _trace(debug, probe)
        finding = _defect(probe, error)
        return result(Status.ERROR, finding.came_back, finding, defect=True)


def _safe(name: str) -> str:
    """Return a name that is valid in destinations of every broker: `/`, `*`, `>`, `,` and `?` mean something there."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)[:80]


def _not_applicable(broker: Broker, probe: Probe, settings: Settings) -> str:
    absent = [need for need in probe.needs if need not in broker.endpoints]
    if absent:
        kept = _kept_on_the_host(broker) if "management" in absent else ""
        return kept or f"No {_NAMES[absent[0]]} endpoint is given for this broker."
    return "" if probe.of_slaves else pairs.stands_by(broker, settings)


def _kept_on_the_host(broker: Broker) -> str:
    """Return why the management API cannot be asked from here, if it is declared to listen on its own host only."""
    for one in broker.listeners or ():
        if one.protocol == "http" and (one.address or "").startswith(("127.", "::1")):
            return f"It listens on {one.address} of the host alone, as declared: management cannot be seen from here."
    return ""


def _too_slow(broker: Broker, settings: Settings, step: str) -> Finding:
    came_back = plain(f"Not finished within {settings.timeout:g} s: {step}.")
    if broker.kind == "activemq" and step.startswith("waiting for the receipt of a message"):
        return Finding(
            came_back,
            f"{broker.name} does not take this message: at a limit of its store, memory or temporary store it lets "
            "whoever sends wait, without a word.",
            "`journalctl -u 'activemq-*' | grep -E 'is Full|Limit.*reached|No space left'` names the limit: have "
            "consumers empty the queues, or raise it (activemq_store_limit, activemq_memory_percent, "
            "activemq_temporary_limit).",
        )
    meaning = f"{broker.name} accepted the connection and did not do its part in time."
    if broker.kind == "activemq":
        return Finding(
            came_back,
            meaning,
            "See the broker's load and log (`journalctl -u 'activemq-*'`; a limit that is reached says 'is Full' "
            "there); if it is only slow, allow more with --timeout.",
        )
    return Finding(
        came_back,
        meaning,
        "See management.alarms (over STOMP an alarm blocks without a word) and the broker's load and log; if it is "
        "only slow, allow more with --timeout.",
    )


def _hung(broker: Broker, probe: Probe, settings: Settings, deadline: Deadline | None) -> Result:
    seconds = settings.timeout + DIAGNOSIS_SECONDS
    step = f": {deadline.step}" if deadline is not None else "; it did not even begin"
    finding = Finding(
        plain(f"The probe did not end within {seconds:g} s{step}."),
        "A call into the system or a client library does not return, or this machine is overloaded.",
        "Run it alone with --only and --debug, and look at the load of this machine.",
    )
    return Result(broker.name, probe, Status.ERROR, seconds, finding.came_back, finding)


def _defect(probe: Probe, error: Exception) -> Finding:
    if isinstance(error, ImportError):
        return Finding(
            f"The Python module {error.name} is not installed for this interpreter.",
            "The probe could not run.",
            "Run `make setup` once and start smoke.py with .venv/bin/python.",
        )
    return Finding(
        plain(f"{type(error).__name__}: {error}"),
        f"The probe {probe.name} itself is broken; nothing is known about the broker.",
        "Run it with --debug for the traceback, and report it.",
    )


def _trace(debug: Callable[[str], None] | None, probe: Probe) -> None:
    if debug is not None:
        debug(f"--- {probe.name}\n{traceback.format_exc()}")
