"""Lines of a broker's logs that say what is wrong, found on the host so that a log need not travel.

A line counts if it is recent; of a broker that is down, only what came after its last attempt to start counts.
Lines without a time of their own, such as those of a crash report, belong to the one before.
"""

from __future__ import annotations

import glob
import os
import re
import subprocess
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any, NamedTuple

TAIL = 1 << 20  # bytes of a file that are read
LONGEST = 400  # letters of a line that are kept
FIELD = 120  # letters of what a pattern's group found
_UNTIMED = 60  # lines of a log without times, such as what a program printed when it ended
_JOURNAL_LINES = "1500"
# With what a node ends that it prints, whatever it ends of.
_END = re.compile("Kernel pid terminated|Gracefully halting Erlang VM|Stopping and halting node")

# 2026-11-29 18:43:51.123456+00:00 (RabbitMQ 3.9 on), 2026-11-29 18:43:51.123 (3.8, local time),
# 2026-11-29T18:43:51+0000 (journalctl -o short-iso), 2026-11-29 18:43:51,123 (log4j)
_TIME = re.compile(r"\s*(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:[.,]\d+)?\s?([+-]\d\d:?\d\d)?")
_PREFIX = re.compile(r"^\s*\d{4}-\d\d-\d\dT\S+ \S+ [^:]{1,80}\[\d+\]: ")  # host, unit and pid of the journal
# What may be a secret in a line: what follows a word for one, and the password of a URL.
_SECRETS = (
    (
        re.compile(r"(?i)((?:pass(?:word|phrase|code)?|secret|token|cookie)[\"'>]*\s*[=:,]\s*)(?!\s)(\S+)"),
        r"\1***",
    ),
    (re.compile(r"(\w+://[^\s:/@]+:)[^\s@/]+(@)"), r"\1***\2"),
    (re.compile(r"(?i)((?:<<)?\"?(?:default_pass|password)\"?(?:>>)?\s*,\s*)(<<)?\"[^\"]*\"(>>)?"), r"\1***"),
)


class Line(NamedTuple):
    """A line of a log; `at` is Unix time, 0.0 where nothing says it."""

    at: float
    text: str


def redacted(text: str) -> str:
    """Return `text` without what looks like a secret."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


def moment(text: str) -> float:
    """Return the Unix time at which a line of a log begins; 0.0 where it begins with something else."""
    found = _TIME.match(text)
    if found is None:
        return 0.0
    try:
        at = datetime.strptime(f"{found[1]} {found[2]}", "%Y-%m-%d %H:%M:%S")
        if found[3]:
            zone = datetime.strptime(found[3].replace(":", ""), "%z").tzinfo
            return at.replace(tzinfo=zone or timezone.utc).timestamp()
        return at.timestamp()
    except (ValueError, OverflowError, OSError):
        return 0.0


def lines(text: str) -> list[Line]:
    """Return the lines of a log with their times."""
    found: list[Line] = []
    at = 0.0
    for one in text.splitlines():
        at = moment(one) or at
        found.append(Line(at, one))
    return found


def since_start(found: list[Line], start: str) -> list[Line]:
    """Return the last line that holds `start` (a regular expression), and what came after it; all without one."""
    pattern = re.compile(start)
    for number in range(len(found) - 1, -1, -1):
        if pattern.search(found[number].text):
            return found[number:]
    return found


def of_last_start(parts: Iterable[list[Line]], journal: list[Line], start: str, again: bool) -> list[Line]:
    """Return the lines since a service was last started, as the journal has it.

    A start that fails early is in the journal alone: without its time the log would be read from the start before it.
    `again` says that it is being started right now, after it has failed: what is telling came before that.
    """
    pattern = re.compile(start)
    starts = sorted({line.at for line in journal if line.at and pattern.search(line.text)})
    if not starts:
        return [line for part in (*parts, journal) for line in since_start(part, start)]
    began = starts[-2] if again and len(starts) > 1 else starts[-1]
    return [line for part in (*parts, journal) for line in part if line.at >= began]


def starts_again(unit: Mapping[str, str]) -> bool:
    """Return whether a unit is being started right now, after it has failed; while it waits for that, it is not."""
    return (
        unit.get("ActiveState") == "activating"
        and unit.get("SubState") != "auto-restart"
        and int(unit.get("NRestarts") or 0) > 0
    )


def matches(found: Iterable[Line], patterns: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return by name of the pattern how often it matched, and when and with which words it did at last.

    `text` is what it matched there, `fields` are what its named groups found.
    """
    compiled = {name: re.compile(pattern) for name, pattern in patterns.items()}
    result: dict[str, dict[str, Any]] = {}
    for line in found:
        text = line.text[:4000]  # a line may be as long as a dumped message
        for name, pattern in compiled.items():
            hit = pattern.search(text)
            if hit:
                before = result.get(name, {"count": 0})
                said = redacted(_PREFIX.sub("", text)).strip()[:LONGEST]
                fields = {key: redacted(value or "")[:FIELD] for key, value in hit.groupdict().items()}
                result[name] = {
                    "count": before["count"] + 1,
                    "at": line.at,
                    "text": redacted(hit[0])[:FIELD],
                    "said": said,
                    "fields": fields,
                }
    return result


def tail(path: str, size: int = TAIL) -> str:
    """Return the end of a file, from its first whole line; '' where it cannot be read."""
    try:
        with open(path, "rb") as handle:
            length = os.fstat(handle.fileno()).st_size
            if length > size:
                handle.seek(length - size)
                handle.readline()
            return handle.read(size).decode(errors="replace").replace("\0", "")
    except OSError:
        return ""


def of_file(path: str) -> list[Line]:
    """Return the last lines of a log. Where none has a time, those of the last run have that of the file."""
    found = lines(tail(path))
    if any(line.at for line in found):
        return found
    try:
        written = os.stat(path).st_mtime
    except OSError:
        return []
    return [Line(written, line.text) for line in _last_run(found)[-_UNTIMED:]]


def _last_run(found: list[Line]) -> list[Line]:
    """Return what the last run of a node has printed: one that has ended may be followed by blank lines alone."""
    ends = [number for number, line in enumerate(found) if _END.search(line.text)]
    if not ends or any(line.text.strip() for line in found[ends[-1] + 1 :]):
        return found[ends[-1] + 1 if ends else 0 :]
    return found[ends[-2] + 1 if len(ends) > 1 else 0 :]


def newest(patterns: Iterable[str], most: int = 2) -> list[str]:
    """Return the files that were written last of those that the patterns find."""
    found = {path for pattern in patterns for path in glob.glob(pattern) if os.path.isfile(path)}

    def written(path: str) -> float:
        try:
            return os.stat(path).st_mtime
        except OSError:
            return 0.0

    return sorted(found, key=written, reverse=True)[:most]


def journal(unit: str, *more: str) -> str:
    """Return the last lines of the journal of a unit, '' where there is none."""
    command = [
        "journalctl",
        "--unit",
        unit,
        "--lines",
        _JOURNAL_LINES,
        "--output",
        "short-iso",
        "--no-pager",
        *more,
    ]
    return _said(command)


def kernel() -> str:
    """Return what the kernel said since it booted, '' where that cannot be read."""
    return _said(["journalctl", "--dmesg", "--lines", _JOURNAL_LINES, "--output", "short-iso", "--no-pager"])


def _said(command: list[str]) -> str:
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode(errors="replace").replace("\0", "")


def last_words(found: list[Line], telling: str, most: int = 6) -> list[str]:
    """Return the last lines that hold `telling` (a regular expression), or the last lines at all."""
    chosen = [one for one in found if re.search(telling, one.text)] or found
    return [redacted(one.text).strip()[:LONGEST] for one in chosen[-most:] if one.text.strip()]
