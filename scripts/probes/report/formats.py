"""The outcome of a run: counts, exit code, and the formats for machines (JSON, JUnit, Prometheus, Nagios)."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from probes.endpoints import gone
from probes.model import Broker, ExitCode, Finding, Result, Status

# Version of the JSON report; report.schema.json beside this file describes it. Keys may be added to it, none
# is renamed or removed without a new number.
SCHEMA = 1

# What probes measure beside their verdict, as metrics with the prefix brokerkit_.
_MEASURES = {
    "broker_clock_offset_seconds": "How far the broker's clock is ahead of the prober's.",
    "certificate_expiry_timestamp_seconds": "When the first certificate of the chain ends, in seconds since 1970.",
    "certificate_valid": "Whether the prober trusts the certificate, for this host (1), or not (0).",
    "deprecated_feature_used": "A feature that RabbitMQ will remove is in use (always 1).",
}

_LABEL_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


@dataclass(frozen=True)
class Run:
    """A finished run. `seconds` is wall time, `started` is in seconds since 1970."""

    brokers: Sequence[Broker]
    results: Sequence[Result]
    seconds: float
    started: float = field(default_factory=time.time)

    def count(self, status: Status) -> int:
        """Return the number of probes that ended with `status`."""
        return sum(result.status is status for result in self.results)

    def of(self, broker: Broker) -> list[Result]:
        """Return the results of one broker."""
        return [result for result in self.results if result.broker == broker.name]

    def unavailable(self) -> list[Broker]:
        """Return the brokers that no probe could reach."""
        return [broker for broker in self.brokers if _unavailable(self.of(broker))]

    def inventories(self) -> list[str]:
        """Return where the brokers come from; empty where they were given by URLs."""
        return sorted({broker.inventory for broker in self.brokers if broker.inventory})

    def covers(self) -> list[str]:
        """Return what the run is about, a sentence each: the brokers by inventory, and what is no longer there."""
        parts = []
        for inventory in self.inventories():
            brokers = [broker for broker in self.brokers if broker.inventory == inventory]
            written = max((broker.written or "" for broker in brokers), default="")
            since = f", unchanged since {written[:16].replace('T', ' ')} UTC" if written else ""
            parts.append(f"{inventory} ({', '.join(broker.name for broker in brokers)}{since})")
        found = [f"Brokers of {listed(parts)}."] if parts else []
        lost = self.lost()
        if parts and not lost and gone(self.brokers):
            found.append(
                "No inventory of them is on this machine: whether they still name these brokers is not known."
            )
        return found + [
            f"{inventory} is no longer there: {listed(names)} {'is' if len(names) == 1 else 'are'} probed all the "
            "same; the next run of site.yml, with any inventory, takes what is gone out of the endpoints file."
            for inventory, names in lost.items()
        ]

    def lost(self) -> dict[str, list[str]]:
        """Return the inventories that no longer exist, with their brokers' names.

        None where no inventory is there at all: then the file was carried to a machine that has none of them.
        """
        found = gone(self.brokers)
        return found if set(found) < set(self.inventories()) else {}

    def exit_code(self) -> ExitCode:
        """Return the exit code: the most serious result decides."""
        if any(result.defect for result in self.results):
            return ExitCode.INTERNAL
        if self.unavailable():
            return ExitCode.UNAVAILABLE
        if self.count(Status.FAIL) or self.count(Status.ERROR) or not self.count(Status.PASS):
            return ExitCode.FAILED
        return ExitCode.OK

    def summary(self) -> str:
        """Return the run in one sentence."""
        ran = len(self.results) - self.count(Status.SKIP)
        whose = f" of {listed(self.inventories())}" if self.inventories() else ""
        parts = [f"{self.count(Status.PASS)} of {ran} probes passed on {_brokers(len(self.brokers))}{whose}"]
        for status, words in (
            (Status.FAIL, "failed"),
            (Status.ERROR, "could not run"),
            (Status.SKIP, "skipped"),
        ):
            if self.count(status):
                parts.append(f"{self.count(status)} {words}")
        sentence = ", ".join(parts) + f", in {self.seconds:.1f} s"
        down = self.unavailable()
        if down:
            sentence += f"; not reachable: {', '.join(broker.name for broker in down)}"
        proven = self.count(Status.PASS) or self.count(Status.FAIL)
        return sentence if proven or down else f"{sentence}; nothing was proven"


def _unavailable(results: Sequence[Result]) -> bool:
    ran = [result for result in results if result.status is not Status.SKIP]
    return bool(ran) and all(result.unreachable for result in ran)


def listed(words: Sequence[str]) -> str:
    """Return words as a sentence lists them."""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1]))) if words else ""


def _brokers(number: int) -> str:
    return "1 broker" if number == 1 else f"{number} brokers"


def failures(results: Sequence[Result]) -> list[tuple[Finding, list[Result]]]:
    """Return the failures: one entry for all results of a broker with the same meaning and remedy."""
    grouped: dict[tuple[str, str, str], list[Result]] = {}
    for result in results:
        if result.finding is not None:
            key = (result.broker, result.finding.meaning, result.finding.remedy)
            grouped.setdefault(key, []).append(result)
    return [(group[0].finding, group) for group in grouped.values() if group[0].finding is not None]


def to_json(run: Run) -> str:
    """Return the run as JSON, as report.schema.json describes it."""
    document = {
        "schema": SCHEMA,
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(run.started)),
        "seconds": round(run.seconds, 3),
        "exit_code": int(run.exit_code()),
        "summary": {str(status): run.count(status) for status in Status},
        "brokers": [
            {
                "name": broker.name,
                "kind": broker.kind,
                "host": broker.host,
                "version": broker.version,
                "inventory": broker.inventory,
                "written": broker.written,
                "reachable": broker not in run.unavailable(),
            }
            for broker in run.brokers
        ],
        "results": [_result(result) for result in run.results],
    }
    return json.dumps(document, indent=2) + "\n"


def _result(result: Result) -> dict[str, object]:
    finding = result.finding
    return {
        "broker": result.broker,
        "probe": result.probe.name,
        "proves": result.probe.proves,
        "field_notes": list(result.probe.notes),
        "status": str(result.status),
        "seconds": round(result.seconds, 3),
        "detail": result.detail,
        "warns": result.warns,
        "came_back": finding and finding.came_back,
        "meaning": finding and finding.meaning,
        "remedy": finding and finding.remedy,
    }


def to_junit(run: Run) -> str:
    """Return the run as JUnit XML: a suite for each broker, a case for each probe."""
    from xml.etree import ElementTree as xml

    root = xml.Element("testsuites", name="brokerkit", time=f"{run.seconds:.3f}")
    for broker in run.brokers:
        results = run.of(broker)
        suite = xml.SubElement(
            root,
            "testsuite",
            name=broker.name,
            hostname=broker.host,
            timestamp=time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(run.started)),
            time=f"{sum(result.seconds for result in results):.3f}",
            tests=str(len(results)),
            failures=str(sum(result.status is Status.FAIL for result in results)),
            errors=str(sum(result.status is Status.ERROR for result in results)),
            skipped=str(sum(result.status is Status.SKIP for result in results)),
        )
        for result in results:
            _case(xml.SubElement(suite, "testcase"), result)
    xml.indent(root)
    return xml.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _case(case: object, result: Result) -> None:
    from xml.etree import ElementTree as xml

    assert isinstance(case, xml.Element)  # noqa: S101 - for the type checker; the import above is late for speed
    group, _, _ = result.probe.name.partition(".")
    case.attrib.update(
        name=result.probe.name, classname=f"{result.broker}.{group}", time=f"{result.seconds:.3f}"
    )
    element = {Status.FAIL: "failure", Status.ERROR: "error", Status.SKIP: "skipped"}.get(result.status)
    if element is None:
        return
    child = xml.SubElement(case, element, message=result.detail)
    if result.finding is not None:
        child.text = "\n".join((result.finding.came_back, result.finding.meaning, result.finding.remedy))


def to_prometheus(run: Run) -> str:
    """Return the run for node_exporter's textfile collector. Skipped probes have no success sample."""
    lines: list[str] = []

    def metric(name: str, about: str, samples: Sequence[tuple[str, float]]) -> None:
        lines.extend((f"# HELP {name} {about}", f"# TYPE {name} gauge"))
        lines.extend(f"{name}{labels} {_number(value)}" for labels, value in samples)

    ran = [result for result in run.results if result.status is not Status.SKIP]
    skipped = [result for result in run.results if result.status is Status.SKIP]
    metric(
        "brokerkit_probe_success",
        "Whether the probe passed (1) or not (0).",
        [(_labels(result), float(result.status is Status.PASS)) for result in ran],
    )
    metric(
        "brokerkit_probe_duration_seconds", "How long the probe took.", [(_labels(r), r.seconds) for r in ran]
    )
    metric(
        "brokerkit_probe_skipped", "The probe did not apply (always 1).", [(_labels(r), 1.0) for r in skipped]
    )
    metric(
        "brokerkit_probe_warning",
        "The probe passed, and will fail before long (always 1).",
        [(_labels(result), 1.0) for result in ran if result.warns],
    )
    metric(
        "brokerkit_broker_reachable",
        "Whether any probe reached the broker (1) or none did (0).",
        [(f'{{broker="{_escape(b.name)}"}}', float(b not in run.unavailable())) for b in run.brokers],
    )
    metric(
        "brokerkit_brokers",
        "How many brokers of an inventory were probed.",
        [
            (f'{{inventory="{_escape(name)}"}}', sum(b.inventory == name for b in run.brokers))
            for name in run.inventories()
        ],
    )
    for name, about in _MEASURES.items():
        samples = [
            (_labels_of({"broker": result.broker, **dict(one.labels)}), one.value)
            for result in run.results
            for one in result.measures
            if one.name == name
        ]
        if samples:
            metric(f"brokerkit_{name}", about, samples)
    lines.extend(
        (
            "# HELP brokerkit_smoke_finished_timestamp_seconds When the run ended, in seconds since 1970.",
            "# TYPE brokerkit_smoke_finished_timestamp_seconds gauge",
            f"brokerkit_smoke_finished_timestamp_seconds {run.started + run.seconds:.3f}",
        )
    )
    return "\n".join(lines) + "\n"


def _number(value: float) -> str:
    """Return a sample's value; six digits are too few for a time since 1970."""
    return f"{value:.0f}" if value == int(value) else f"{value:.6g}"


def _labels(result: Result) -> str:
    return _labels_of({"broker": result.broker, "probe": result.probe.name})


def _labels_of(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{_escape(value)}"' for name, value in labels.items()) + "}"


def _escape(value: str) -> str:
    return value.translate(_LABEL_ESCAPES)


def to_nagios(run: Run) -> tuple[str, int]:
    """Return one line with performance data, and the state: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.

    The worst comes first: of a long line a pager shows the beginning.

    A failed probe or a broker that cannot be reached is CRITICAL; a probe that could not run, or a run that
    proved nothing, is UNKNOWN. A probe that passes and will not before long is a WARNING.
    """
    if run.count(Status.FAIL) or run.unavailable():
        word, state = "CRITICAL", 2
    elif run.count(Status.ERROR) or not run.count(Status.PASS):
        word, state = "UNKNOWN", 3
    elif any(result.warns for result in run.results):
        word, state = "WARNING", 1
    else:
        word, state = "OK", 0
    down = {broker.name for broker in run.unavailable()}
    worst = sorted(
        (result for result in run.results if result.warns or result.status in (Status.FAIL, Status.ERROR)),
        key=lambda result: (
            result.warns,
            result.broker not in down,  # unreachable brokers before misbehaving ones
            result.status is not Status.FAIL,
            ".connect" not in result.probe.name,
        ),
    )
    first = f"{worst[0].broker} {worst[0].probe.name}: {worst[0].detail.removesuffix('.')}; " if worst else ""
    performance = " ".join(f"{status}={run.count(status)};;;0" for status in Status)
    lost = "".join(f"; {inventory} is no longer there" for inventory in run.lost())
    text = f"BROKERKIT {word} - {first}{run.summary()}{lost}".replace("|", "/")
    return f"{text} | {performance} time={run.seconds:.3f}s;;;0\n", state
