"""Waits on a host until a moment of a converge has come, then ends what that converge runs there, if told to.

Runs on the host. Argument: a Python expression over `runs`, `exists`, `says`, which is true when the moment has
come. Prints "now" then, reads one line, and for "cut" ends every process that Ansible's sessions started, at
once and without a word to them, as a power cut would.
"""

from __future__ import annotations

import glob
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

PATIENCE = 400  # seconds: from the start of the converge
SESSION = b"BECOME-SUCCESS"  # in the command line of every shell that Ansible starts as root


def commands() -> dict[int, list[bytes]]:
    """Process id -> command line."""
    found = {}
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        with suppress(OSError), open(path, "rb") as handle:
            found[int(path.split("/")[2])] = handle.read().split(b"\0")
    return found


def parents() -> dict[int, int]:
    """Process id -> id of its parent."""
    found = {}
    for path in glob.glob("/proc/[0-9]*/stat"):
        with suppress(OSError), open(path) as handle:
            # The name in brackets may hold blanks: what follows the last bracket is state and parent.
            found[int(path.split("/")[2])] = int(handle.read().rpartition(")")[2].split()[1])
    return found


def session() -> set[int]:
    """The processes of Ansible's sessions: its shells and everything below them."""
    family = {pid for pid, words in commands().items() if any(SESSION in word for word in words)}
    above = parents()
    while True:
        children = {pid for pid, parent in above.items() if parent in family} - family
        if not children:
            return family - {os.getpid()}
        family |= children


def runs(*words: str) -> bool:
    """Whether a process has all of `words` in its command line, each as a word or as the name of a file."""
    wanted = {word.encode() for word in words}
    return any(wanted <= {*line, *(os.path.basename(word) for word in line)} for line in commands().values())


def exists(pattern: str, count: int = 1) -> bool:
    """Whether at least `count` paths match."""
    return len(glob.glob(pattern)) >= count


def says(answer: str, *command: str) -> bool:
    """Whether a command prints `answer`."""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() == answer


def main() -> None:
    """Wait for the moment and act."""
    deadline = time.monotonic() + PATIENCE
    known = {"runs": runs, "exists": exists, "says": says}
    while not eval(sys.argv[1], known):  # noqa: S307 - the test's own expression
        if time.monotonic() > deadline:
            sys.exit(f"the moment did not come: {sys.argv[1]}")
        time.sleep(0.01)
    print("now", flush=True)
    if sys.stdin.readline().strip() == "cut":
        while family := session():
            for pid in family:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)
    print("done", flush=True)


if __name__ == "__main__":
    main()
