"""Everything that went into a converged host: the key under which it is frozen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from testbed_lib.settings import PROJECT

# Everything in the project that a play reads. Better too much than too little: a new key only costs a converge.
SOURCES = (
    "roles",
    "plugins",
    "playbooks",
    "templates",
    "meta",
    "site.yml",
    "ansible.cfg",
    "requirements.txt",
)
_NOT_READ = {"__pycache__"}


def files(project: Path = PROJECT, sources: Sequence[str] = SOURCES) -> list[Path]:
    """The files of the project that go into a host, in one order."""
    found: set[Path] = set()
    for source in sources:
        top = project / source
        inside = top.rglob("*") if top.is_dir() else [top]
        found |= {path for path in inside if path.is_file() and not _NOT_READ & set(path.parts)}
    return sorted(found)


def digest(paths: Iterable[Path], project: Path = PROJECT) -> str:
    """A hash of the files' names and content."""
    total = hashlib.sha256()
    for path in paths:
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{path.relative_to(project)} {content}\n".encode())
    return total.hexdigest()


def variables(listing: Mapping[str, Any], address: str) -> dict[str, Any]:
    """Variables and groups of all that an inventory has at an address, from what ``ansible-inventory --list`` printed.

    A machine may be several hosts of an inventory: brokers that share it, each with variables of its own.
    """
    known = listing.get("_meta", {}).get("hostvars", {})
    groups = {
        group: _members(listing, group) for group, content in listing.items() if isinstance(content, dict)
    }
    return {
        name: {
            "variables": found,
            "groups": sorted(group for group, members in groups.items() if name in members),
        }
        for name, found in known.items()
        if found.get("ansible_host") == address
    }


def key(machine: Sequence[str], sources: str, inventory: Mapping[str, Any], step: str) -> str:
    """The key of a host: what its machine was made from, the project's files, its variables, what was done.

    ``sources`` is the digest of the files, ``inventory`` what ``variables`` returned. The key shows nothing of the
    secrets among the variables.
    """
    text = json.dumps([list(machine), sources, inventory, step], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def changed_since(paths: Iterable[Path], moment: float) -> list[Path]:
    """The files written after a time, in seconds since the epoch."""
    return [path for path in paths if path.stat().st_mtime > moment]


def _members(listing: Mapping[str, Any], group: str) -> set[str]:
    """The hosts of a group and of those below it."""
    content = listing.get(group, {})
    found = set(content.get("hosts", []))
    for child in content.get("children", []):
        found |= _members(listing, child)
    return found
