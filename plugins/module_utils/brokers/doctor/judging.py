"""From what was read on hosts to findings in the words of the knowledge table, the most telling first.

A finding of a host names a row, what was seen there, and what fills the row's sentences. Checks (checks_*.py) find what
a state says; lines of logs are found by the patterns of the table itself.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .. import knowledge

Reading = Mapping[str, Any]
Details = Mapping[str, Any]

RABBITMQ, ACTIVEMQ = "rabbitmq", "activemq"


@dataclass(frozen=True)
class Finding:
    """That a row of the table is true on a host, and by what that was seen.

    `broker` is rabbitmq, activemq or '' (the host); `instance` tells ActiveMQ's apart; `words` are lines of its log.
    """

    row: str
    host: str
    saw: str
    details: Details = field(default_factory=dict)
    broker: str = ""
    instance: str = ""
    version: str = ""
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Explained:
    """A finding in the words of its row."""

    finding: Finding
    severity: str
    heading: str
    cause: str
    remedy: str
    cured: str
    question: str


class _Blank(dict[str, Any]):
    """Placeholders that nothing is known of become a word that reads as such."""

    def __missing__(self, key: str) -> str:
        return f"({key.rstrip('0123456789')} not known)"


def filled(text: str, details: Details) -> str:
    """Return a sentence of the table with its placeholders filled."""
    return text.format_map(_Blank(details))


def explained(finding: Finding) -> Explained:
    """Return a finding in the words of its row, for the version that it was seen on."""
    row = knowledge.table().rows[finding.row]
    details = {"host": finding.host, **finding.details}
    return Explained(
        finding,
        row.severity,
        row.heading,
        filled(row.cause, details),
        filled(row.remedy(finding.version), details),
        filled(row.cured, details),
        filled(row.question, details),
    )


def of_logs(
    host: str,
    broker: str,
    log: Mapping[str, Any],
    details: Details,
    version: str,
    instance: str,
    recent: float,
) -> Iterator[Finding]:
    """Yield a finding for each row whose pattern was in a log."""
    for row, hit in log["found"].items():
        if row not in knowledge.table().rows:
            continue
        count, at = hit["count"], hit["at"]
        when = time.strftime("%H:%M:%S UTC", time.gmtime(at)) if at else ""
        times = "once" if count == 1 else f"{count} times"
        fields = _merged(hit["fields"])
        yield Finding(
            row,
            host,
            f"'{hit['text'].strip()}': {times} in its log{', last at ' + when if when else ''}.",
            {**details, "count": count, "minutes": int(recent // 60), **fields},
            broker,
            instance,
            version,
            (hit["said"],),
        )


def _merged(fields: Mapping[str, str]) -> dict[str, str]:
    """Return groups of a pattern by their name; `port2` is another place where `port` may stand."""
    found: dict[str, str] = {}
    for name, value in fields.items():
        if value:
            found.setdefault(name.rstrip("0123456789"), value)
    return found


def ordered(findings: list[Finding]) -> list[Finding]:
    """Return the findings without those that another explains, the most telling of each host first."""
    rows = knowledge.table().rows
    kept = []
    for one in _distinct(findings):
        others = [
            two for two in findings if two is not one and two.host == one.host and _same_broker(one, two)
        ]
        if any(one.row in rows[two.row].explains for two in others):
            continue
        if rows[one.row].last_resort and any(
            not rows[two.row].last_resort and rows[two.row].severity == "page" for two in others
        ):
            continue
        kept.append(one)
    return sorted(kept, key=lambda one: (rows[one.row].severity != "page", knowledge.table().rank(one.row)))


def _same_broker(one: Finding, two: Finding) -> bool:
    return not one.broker or not two.broker or (one.broker, one.instance) == (two.broker, two.instance)


def _distinct(findings: list[Finding]) -> list[Finding]:
    """Return the findings, each row once for a broker: what a check has seen says more than a line of a log."""
    found: dict[tuple[str, str, str, str, str], Finding] = {}
    seen = {(one.row, one.host, bool(one.broker)) for one in findings if not one.words}
    for one in findings:
        elsewhere = (one.row, one.host, not one.broker) in seen
        # What a check has seen of the broker says more than what holds for the host, and both more than a log.
        if elsewhere and (one.words or not one.broker):
            continue
        key = (one.row, one.host, one.broker, one.instance, str(one.details.get("path", "")))
        plain = (one.row, one.host, one.broker, one.instance, "")
        if key in found or (not key[-1] and any(known[:4] == plain[:4] for known in found)):
            continue
        found[key] = one
    return list(found.values())


def amount(size: float) -> str:
    """Return bytes as people write them."""
    if size < 0:
        return "unknown"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 1000 or unit == "TB":
            return f"{size:.0f} {unit}" if unit in ("B", "kB") or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError


def queue(one: Mapping[str, Any]) -> str:
    """Return a queue as a sentence names it."""
    return f"{one['name']} in the vhost {one['vhost']}"
