"""apt and dpkg: what is installed on a host of the Debian family, and what an installation would do.

The same functions as in dnf.py, for the other family; packages.py chooses.
"""

from __future__ import annotations

import glob
import os
import re
import time
from collections.abc import Callable, Sequence
from typing import Any

from .commands import run

NAME = "apt"
# Headings of apt-get's lists, and a line of them with --verbose-versions: name (version), or name (old => new).
_CHANGING = re.compile(
    r"^The following (?:NEW packages|packages) will be (?:installed|upgraded|DOWNGRADED):$"
)
_REMOVING = "The following packages will be REMOVED:"
_VERSION = re.compile(r"^   (?P<name>\S+) \((?:\S+ => )?(?P<to>\S+)\)$")


def installed(names: list[str]) -> dict[str, str]:
    """Return the version of each package of `names` that is installed and configured."""
    if not names:
        return {}
    done = run(["dpkg-query", "-W", "-f", "${db:Status-Abbrev}\t${Package}\t${Version}\n", *names])
    rows = (line.split("\t") for line in done.stdout.splitlines())
    return {row[1]: row[2] for row in rows if len(row) == 3 and row[0].startswith("ii")}


def states(names: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return name -> version and state (dpkg's, such as ii or iF) of packages whose files dpkg has."""
    done = run(["dpkg-query", "-W", "-f", "${db:Status-Abbrev}\t${Package}\t${Version}\n", *names])
    rows = (line.split("\t") for line in done.stdout.splitlines())
    return {
        row[1]: {"state": row[0].strip(), "version": row[2]}
        for row in rows
        if len(row) == 3 and row[0].strip() not in ("un", "rc", "pn")
    }


def interrupted() -> bool:
    """Return whether an installation was interrupted: dpkg's journal is not empty, or a package is not set up yet."""
    done = run(["dpkg-query", "-W", "-f", "${db:Status-Status}\n"])
    cut_off = {"half-installed", "unpacked", "half-configured"}  # dpkg(1), "Package states"
    return bool(cut_off & {*done.stdout.split()}) or bool(glob.glob("/var/lib/dpkg/updates/[0-9]*"))


def parse_plan(text: str) -> dict[str, str]:
    """Return package -> version of what `apt-get --verbose-versions install` would install."""
    return _listed(text, lambda heading: _CHANGING.match(heading) is not None)


def parse_errors(text: str) -> str:
    """Return what apt-get says of its errors in one line: lines that begin with "E: ", and those indented after them.

    In the latter apt's solver explains itself, from version 3 on.
    """
    told: list[str] = []
    inside = False
    for line in text.splitlines():
        inside = line.startswith("E: ") or (inside and line.startswith(" "))
        if line.startswith("E: "):
            told.append(line[3:].strip())
        elif inside:
            told[-1] += f" {line.strip()}"
    return "; ".join(told)


def parse_removed(text: str) -> list[str]:
    """Return the packages that `apt-get --verbose-versions install` would remove."""
    return sorted(_listed(text, lambda heading: heading == _REMOVING))


def _listed(text: str, wanted: Callable[[str], bool]) -> dict[str, str]:
    """Return package -> version of the lists below the headings that are wanted."""
    found, inside = {}, False
    for line in text.splitlines():
        row = _VERSION.match(line)
        if row is None:
            inside = wanted(line)
        elif inside:
            found[row["name"]] = row["to"]
    return found


def parse_available(text: str) -> dict[str, list[str]]:
    """Return package -> versions, the newest first, of what `apt-cache madison` prints."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        fields = [field.strip() for field in line.split("|")]
        if len(fields) == 3 and fields[1] not in found.setdefault(fields[0], []):
            found[fields[0]].append(fields[1])
    return found


def available(names: list[str]) -> dict[str, list[str]]:
    """Return the versions of packages in apt's repositories, the newest first; what dpkg alone has is not there."""
    return parse_available(run(["apt-cache", "madison", *names]).stdout)


def written(names: list[str]) -> float:
    """Return when the newest of these packages was put on the host (Unix time), 0.0 where that is not known."""
    # Of a package that may be installed for several architectures, the list has one of them in its name.
    patterns = (f"/var/lib/dpkg/info/{name}{rest}.list" for name in names for rest in ("", ":*"))
    times = [os.stat(path).st_mtime for pattern in patterns for path in glob.glob(pattern)]
    return max(times, default=0.0)


def refresh(patience: float = 120) -> str | None:
    """Fetch apt's package lists; return why that failed, or None. Waits `patience` seconds for another apt to end."""
    until = time.monotonic() + patience
    while True:
        done = run(["apt-get", "--quiet", "--quiet", "update"])
        if done.returncode == 0:
            return None
        if "Could not get lock" not in done.stderr or time.monotonic() > until:
            return "; ".join(line[3:] for line in done.stderr.splitlines() if line.startswith("E: "))
        time.sleep(1)  # apt waits for dpkg's lock, and not for that of the lists


def simulate(specs: list[str]) -> dict[str, Any]:
    """Return what installing `specs` would do now: packages (name: version), removed (names), error (text or None).

    Nothing is fetched and nothing locked: apt-get(8), --print-uris. It plans as --simulate does, and does not go
    through the installation of each package of the plan, which takes three times as long for a Java.
    """
    done = run(
        ["apt-get", "--print-uris", "--verbose-versions", "--no-install-recommends", "install", *specs]
    )
    error = parse_errors(done.stderr) or done.stderr.strip() or f"apt-get ended with code {done.returncode}"
    return {
        "packages": parse_plan(done.stdout),
        "removed": parse_removed(done.stdout),
        "error": error if done.returncode else None,
    }
