"""rpm and dnf: what is installed on a host of Enterprise Linux, and what an installation would do.

The same functions as in apt.py, for the other family; packages.py chooses. dnf has an answer only for people, so its
own library is asked, by the Python that dnf itself runs with: see dnf_planner.py.
"""

from __future__ import annotations

import fnmatch
import glob
import inspect
import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from typing import Any

from . import dnf_planner
from .commands import run

NAME = "dnf"
# Patience with metadata that is fetched, and with another dnf that holds it.
_SECONDS = 90
_LOCKS = ("/var/cache/dnf/*.pid", "/var/lib/dnf/*.pid", "/run/dnf/*.pid", "/var/run/*.pid.lock")
_ROW = "%{NAME}\t%|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}\t%{INSTALLTIME}\n"


def _rows(names: Sequence[str]) -> list[list[str]]:
    """Return name, version and time of each installed package whose name fits; a package has two rows half-way."""
    done = run(["rpm", "--query", "--all", "--queryformat", _ROW])
    rows = (line.split("\t") for line in done.stdout.splitlines())
    return [row for row in rows if len(row) == 3 and any(fnmatch.fnmatchcase(row[0], name) for name in names)]


def installed(names: Sequence[str]) -> dict[str, str]:
    """Return the version of each package of `names` that is installed: [epoch:]version-release.

    One that is there twice is not: the transaction that was to replace it has been cut off.
    """
    rows = _rows(names) if names else []
    there = [name for name, _, _ in rows]
    return {name: version for name, version, _ in rows if there.count(name) == 1}


def written(names: Sequence[str]) -> float:
    """Return when the newest of these packages was put on the host (Unix time), 0.0 where that is not known."""
    return max((float(row[2]) for row in _rows(names)), default=0.0) if names else 0.0


def states(names: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return name -> version and state of packages: ii, or "twice" where an old version was not removed."""
    found: dict[str, dict[str, str]] = {}
    for name, version, _ in _rows(names):
        found[name] = {"state": "twice" if name in found else "ii", "version": version}
    return found


def interrupted() -> bool:
    """Return whether a transaction with a broker's packages was cut off half-way: old and new are both there."""
    names = [row[0] for row in _rows(dnf_planner.BROKERS)]
    return len(names) != len({*names})


def _planned(**request: Any) -> dict[str, Any]:
    """Return what dnf_planner.plan() answers, or an error as a text."""
    program = shutil.which("dnf-3") or shutil.which("dnf")
    if program is None:
        return {"error": "there is no dnf on this host"}
    try:
        done = run(
            [_interpreter(program), "-"],
            given=f"{inspect.getsource(dnf_planner)}\nmain({json.dumps(json.dumps(request))})\n",
            seconds=_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return {"error": f"dnf gave no answer within {_SECONDS} s{_holder()}"}
    try:
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        return {"error": " ".join(done.stderr.split())[-500:] or f"dnf ended with code {done.returncode}"}
    return answer


def _interpreter(program: str) -> str:
    """Return the Python that a script names in its first line: the one that has dnf's library."""
    with open(program, encoding="utf-8", errors="replace") as handle:
        first = handle.readline()
    words = first[2:].split()
    return words[0] if first.startswith("#!") and words and "python" in words[0] else "/usr/bin/python3"


def _holder() -> str:
    """Return who holds dnf's locks, as a part of a sentence."""
    for path in (found for pattern in _LOCKS for found in sorted(glob.glob(pattern))):
        try:
            with open(path, encoding="ascii") as handle:
                pid = int(handle.read())
            os.kill(pid, 0)
        except (OSError, ValueError):
            continue
        return f"; process {pid} holds {path}"
    return ""


def refresh() -> str | None:
    """Fetch what is new of the broker's repositories; return why that failed, or None."""
    error: str | None = _planned(refresh=True).get("error")
    return error


def available(names: Sequence[str]) -> dict[str, list[str]]:
    """Return the versions of packages in dnf's repositories, the newest first, whatever they are pinned to."""
    found: dict[str, list[str]] = _planned(available=list(names)).get("available", {})
    return found


def simulate(specs: Sequence[str]) -> dict[str, Any]:
    """Return what installing `specs` (name, or name=version) would do now.

    packages (name: version), removed (names), error (text or None). Nothing is changed but dnf's cache.
    """
    answer = _planned(install=list(specs))
    return {
        "packages": answer.get("packages", {}),
        "removed": answer.get("removed", []),
        "error": answer.get("error"),
    }
