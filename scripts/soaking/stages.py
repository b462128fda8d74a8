"""Marks on the time axis, from what an operation prints."""

from __future__ import annotations

import re
from dataclasses import dataclass

# What ansible-playbook prints as it goes: PLAY [name] ****, TASK [role : name] ****.
_HEADING = re.compile(r"^(PLAY|TASK|RUNNING HANDLER) \[(.*)\] *\**\s*$")
_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
AT_MOST = 2000  # marks of one operation


@dataclass(frozen=True)
class Stage:
    """The operation came to something, so many seconds after the run began."""

    at: float
    kind: str  # "begin", "play", "task" or "end"
    name: str


def plain(line: str) -> str:
    """Return a line without colours and other control characters."""
    return _CONTROL.sub("", _COLOURS.sub("", line)).rstrip()


def stage(line: str, at: float) -> Stage | None:
    """Return the stage that a line without colours begins, None if it begins none."""
    found = _HEADING.match(line)
    if found is None:
        return None
    return Stage(at, "play" if found[1] == "PLAY" else "task", found[2].strip() or "(without a name)")
