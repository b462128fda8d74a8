"""Reads the arguments of every process of a machine, over and over, until standard input is closed.

Prints `ready` after the first round, and at the end one JSON array: every command line that was seen.
"""

from __future__ import annotations

import contextlib
import glob
import json
import os
import select
import sys
import time

SECONDS = 1800  # nobody looks for longer, whatever became of the one who asked
PAUSE = 0.002  # shorter than any process that starts an interpreter lives


def command_lines() -> set[str]:
    """The arguments of all processes but this one, joined by blanks."""
    found = set()
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        if path == f"/proc/{os.getpid()}/cmdline":
            continue
        with contextlib.suppress(OSError), open(path, "rb") as handle:
            found.add(handle.read().replace(b"\0", b" ").decode(errors="replace").strip())
    return found


def main() -> None:
    """Sample until told to stop, then print what was seen."""
    seen = command_lines()
    print("ready", flush=True)
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and not select.select([sys.stdin], [], [], PAUSE)[0]:
        seen |= command_lines()
    print(json.dumps(sorted(seen)))


if __name__ == "__main__":
    main()
