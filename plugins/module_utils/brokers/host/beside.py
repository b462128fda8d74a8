"""Foreign files that influence a broker: drop-ins of its unit, apt pins."""

from __future__ import annotations

import fnmatch
import glob
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from .file_sets import read

# Where systemd looks for drop-ins that an administrator makes. systemd.unit(5)
_UNITS = ("/etc/systemd/system", "/run/systemd/system")
_PINS = ("/etc/apt/preferences", "/etc/apt/preferences.d/*")
OURS = "brokerkit"
_PACKAGES = re.compile(r"^Package:\s*(.*(?:\n[ \t].*)*)", re.MULTILINE | re.IGNORECASE)


def drop_ins(unit: str, root: str = "") -> list[str]:
    """Return a unit's foreign drop-ins, in the order in which systemd reads them."""
    found = {
        os.path.basename(path): path[len(root) :]
        for folder in reversed(_UNITS)
        for path in glob.glob(f"{root}{folder}/{glob.escape(unit)}.d/*.conf")
    }
    return [found[name] for name in sorted(found) if name != f"{OURS}.conf"]


def pins(packages: Sequence[str], root: str = "") -> list[str]:
    """Return foreign apt preferences files that choose the version of one of the packages."""
    paths = (path for pattern in _PINS for path in sorted(glob.glob(root + pattern)))
    return [
        path[len(root) :]
        for path in paths
        if not os.path.basename(path).startswith(f"{OURS}-") and _names(read(path) or "", packages)
    ]


def _names(text: str, packages: Sequence[str]) -> bool:
    """Whether a preferences file covers one of the packages by name or pattern, but not by `*` alone."""
    said = (one for found in _PACKAGES.findall(text) for one in found.split())
    return any(_fits(one, name) for one in said if one != "*" for name in packages)


def _fits(said: str, name: str) -> bool:
    if said.startswith("/"):  # an expression of POSIX's kind: its words tell enough
        return any(word in name for word in re.findall(r"[a-z0-9-]{3,}", said))
    return fnmatch.fnmatchcase(name, said.partition(":")[0])


def words(found: Mapping[str, Any], ours: str = f"{OURS}.conf") -> list[str]:
    """Return what is said of both, one sentence each; `ours` is the role's own drop-in, '' where it writes the unit."""
    name = found["hostname"]
    said = [
        f"{name}: {path} stays as it is, a drop-in of the unit that "
        + ("wins over" if os.path.basename(path) > ours else "is read before")
        + " what this role writes; remove what is no longer wanted."
        for path in found["drop_ins"]
    ]
    return said + [
        f"{name}: {path} stays as it is, and says which of the broker's packages apt takes, beside what this role says "
        "(`apt-cache policy`); remove it if it is no longer wanted."
        for path in found["pins"]
    ]
