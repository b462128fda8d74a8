"""A diagnosis as text for a terminal, as JSON, and as one page. On the controller."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from .. import knowledge
from .diagnosis import Patient
from .judging import Explained

SCHEMA = 1
WIDTH = 80
_TEMPLATE = Path(__file__).with_name("page.html.j2")
_LABEL = 10  # columns of "because", "what to do" and so on


def verdict(patients: Sequence[Patient]) -> str:
    """Return the diagnosis in one sentence."""
    findings = [one for patient in patients for one in patient.findings]
    hosts = len(patients)
    examined = f"{hosts} host{'' if hosts == 1 else 's'} examined"
    if not findings:
        return f"{examined}, nothing found."
    ill = sum(bool(patient.findings) for patient in patients)
    urgent = sum(one.severity == "page" for one in findings)
    if len(findings) == 1:
        return f"{examined}: 1 finding, {'urgent' if urgent else 'not urgent'}."
    where = f" on {ill} of them" if hosts > 1 else ""
    return f"{examined}: {len(findings)} findings{where}, {urgent or 'none'} urgent."


def text(patients: Sequence[Patient], width: int = WIDTH) -> str:
    """Return the diagnosis as lines of at most `width` columns; names and paths are never broken."""
    lines = [verdict(patients)]
    for patient in patients:
        if not patient.findings:
            continue
        lines += ["", f"{patient.host}{' (' + ', '.join(patient.brokers) + ')' if patient.brokers else ''}"]
        for number, one in enumerate(patient.findings, 1):
            lines += _finding(number, one, width)
    well = [patient.host for patient in patients if not patient.findings]
    if well and len(well) < len(patients):
        lines += ["", *_wrapped(f"Nothing found on {', '.join(well)}.", width, "", "  ")]
    return "\n".join(lines)


def _finding(number: int, one: Explained, width: int) -> Iterator[str]:
    urgent = "" if one.severity == "page" else " (not urgent)"
    yield from _wrapped(f"{one.finding.saw}{urgent}", width, f" {number:2}  ", "     ")
    if one.question:
        yield from _labelled("ask first", one.question, width)
    yield from _labelled("because", one.cause, width)
    yield from _labelled("what to do", one.remedy, width)
    yield from _labelled("cured when", one.cured, width)
    for words in one.finding.words[-3:]:
        yield from _wrapped(words[:240], width, "     | ", "     |   ")
    yield from _labelled("more", f"{knowledge.PAGE}#{one.finding.row}", width)


def _labelled(label: str, words: str, width: int) -> list[str]:
    return _wrapped(words, width, f"     {label:<{_LABEL}} ", " " * (6 + _LABEL))


def _wrapped(words: str, width: int, first: str, further: str) -> list[str]:
    return textwrap.wrap(
        words,
        width,
        initial_indent=first,
        subsequent_indent=further,
        break_long_words=False,
        break_on_hyphens=False,
    )


def document(patients: Sequence[Patient], at: float) -> dict[str, Any]:
    """Return the diagnosis as JSON has it."""
    return {
        "schema": SCHEMA,
        "verdict": verdict(patients),
        "examined": moment(at),
        "hosts": [
            {
                "host": patient.host,
                "read": patient.read,
                "brokers": list(patient.brokers),
                "findings": [
                    {
                        "id": one.finding.row,
                        "severity": one.severity,
                        "broker": one.finding.broker,
                        "instance": one.finding.instance,
                        "version": one.finding.version,
                        "saw": one.finding.saw,
                        "question": one.question,
                        "cause": one.cause,
                        "remedy": one.remedy,
                        "cured": one.cured,
                        "words": list(one.finding.words),
                        "more": f"{knowledge.PAGE}#{one.finding.row}",
                    }
                    for one in patient.findings
                ],
            }
            for patient in patients
        ],
    }


def moment(at: float) -> str:
    """Return a moment as ISO 8601 has it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def page(patients: Sequence[Patient], at: float) -> str:
    """Return the diagnosis as one HTML page that needs nothing else."""
    from jinja2 import Environment

    template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        _TEMPLATE.read_text(encoding="utf-8")
    )
    template.globals["coded"] = coded
    return template.render(
        verdict=verdict(patients),
        at=time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at)),
        ill=[patient for patient in patients if patient.findings],
        well=[patient for patient in patients if not patient.findings],
        page=knowledge.PAGE,
    )


def coded(words: str) -> list[tuple[bool, str]]:
    """Return a sentence in pieces, each with whether it stood between backquotes."""
    return [(number % 2 == 1, piece) for number, piece in enumerate(words.split("`")) if piece]
