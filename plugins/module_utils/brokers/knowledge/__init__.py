"""The knowledge table: what is seen, why it happens, and what helps, one row each, in the YAML files beside this one.

It is read on the controller alone. The doctor, the alerts and docs/troubleshooting.md take their words from it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..versions import at_least

# In the order of the page, and of the suggestions: what explains other things comes before them.
FILES = ("host", "boot", "node", "cluster", "clients", "tls", "activemq", "monitoring")
WHEN = ("running", "down", "any")
SEVERITIES = ("page", "ticket")
PAGE = "docs/troubleshooting.md"


class Unfit(Exception):
    """A row that is not one; the message names it."""


@dataclass(frozen=True)
class Remedy:
    """What helps from one version of the broker on, '' for each; `below` is the first version that it does not help."""

    text: str
    since: str = ""
    below: str = ""


@dataclass(frozen=True)
class Row:
    """A row of the table.

    `heading` is the literal message, or what is seen. `log` is a regular expression for a line of a broker's log (in
    the files also a list of alternatives), which counts `when` the broker is running, down, or any. `explains` names
    rows that are not worth a word beside this one; a `last_resort` is dropped beside any other of its broker.
    """

    id: str
    heading: str
    cause: str
    remedies: tuple[Remedy, ...]
    cured: str
    severity: str = "ticket"
    question: str = ""
    broker: str = "any"
    log: str = ""
    when: str = "any"
    explains: tuple[str, ...] = ()
    last_resort: bool = False
    section: str = ""

    def remedy(self, version: str) -> str:
        """Return what helps on a version; '' is one that is not known, for which every text is returned."""
        if not version:
            return " ".join(
                f"{versions_of(one)}: {one.text}" if len(self.remedies) > 1 else one.text
                for one in self.remedies
            )
        fitting = [one.text for one in self.remedies if _fits(one, version)]
        return fitting[0] if fitting else self.remedies[-1].text


@dataclass
class Table:
    """The rows by their name, in order."""

    rows: dict[str, Row] = field(default_factory=dict)

    def patterns(self) -> dict[str, dict[str, dict[str, str]]]:
        """Return broker -> when -> row -> regular expression, as the module broker_doctor_info takes them."""
        found: dict[str, dict[str, dict[str, str]]] = {}
        for row in self.rows.values():
            for broker in ("rabbitmq", "activemq") if row.broker == "any" else (row.broker,):
                if row.log:
                    found.setdefault(broker, {}).setdefault(row.when, {})[row.id] = row.log
        return found

    def rank(self, row: str) -> int:
        """Return where a row stands."""
        return list(self.rows).index(row)


def _fits(remedy: Remedy, version: str) -> bool:
    return (not remedy.since or at_least(version, remedy.since)) and not (
        remedy.below and at_least(version, remedy.below)
    )


def versions_of(remedy: Remedy) -> str:
    """Return for which versions a remedy is, in words."""
    if remedy.since and remedy.below:
        return f"From {remedy.since} to before {remedy.below}"
    if remedy.since:
        return f"From {remedy.since} on"
    return f"Before {remedy.below}" if remedy.below else "On every version"


@lru_cache(maxsize=1)
def table() -> Table:
    """Return the table. Raises Unfit where a file of it has a row that is none."""
    import yaml

    found = Table()
    for name in FILES:
        path = Path(__file__).with_name(f"{name}.yml")
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        for entry in document["rows"]:
            row = _row(entry, document["section"])
            if row.id in found.rows:
                raise Unfit(f"{path.name}: {row.id} is there twice")
            found.rows[row.id] = row
    unknown = {one for row in found.rows.values() for one in row.explains} - {*found.rows}
    if unknown:
        raise Unfit(f"explains: {', '.join(sorted(unknown))} is no row")
    return found


_KEYS = {
    *(
        "id",
        "heading",
        "cause",
        "remedy",
        "cured",
        "severity",
        "question",
        "broker",
        "log",
        "when",
        "explains",
    ),
    "last_resort",
}


def _row(entry: Mapping[str, Any], section: str) -> Row:
    name = str(entry.get("id", ""))
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
        raise Unfit(f"'{name}' is no name for a row")
    strange = {*entry} - _KEYS
    missing = {"heading", "cause", "remedy", "cured"} - {*entry}
    if strange or missing:
        raise Unfit(f"{name}: has {sorted(strange)}, and lacks {sorted(missing)}")
    remedy = entry["remedy"]
    remedies = (
        [Remedy(_line(remedy))]
        if isinstance(remedy, str)
        else [
            Remedy(_line(one["text"]), str(one.get("since", "")), str(one.get("below", ""))) for one in remedy
        ]
    )
    row = Row(
        id=name,
        heading=_line(entry["heading"]),
        cause=_line(entry["cause"]),
        remedies=tuple(remedies),
        cured=_line(entry["cured"]),
        severity=entry.get("severity", "ticket"),
        question=_line(entry.get("question", "")),
        broker=entry.get("broker", "any"),
        log=log if isinstance(log := entry.get("log", ""), str) else "|".join(log),
        when=entry.get("when", "any"),
        explains=tuple(entry.get("explains", ())),
        last_resort=bool(entry.get("last_resort", False)),
        section=section,
    )
    if (
        row.when not in WHEN
        or row.severity not in SEVERITIES
        or row.broker not in ("any", "rabbitmq", "activemq")
    ):
        raise Unfit(f"{name}: when, severity or broker is none of those that exist")
    re.compile(row.log)
    return row


def _line(text: str) -> str:
    return " ".join(str(text).split())
