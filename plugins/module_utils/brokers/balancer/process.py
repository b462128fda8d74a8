"""Which process of HAProxy serves new clients, and a reload that is seen to come into effect.

A reload is a signal to the master, and succeeds whatever comes of it: if the new process cannot begin, the old one goes
on, and systemd calls the unit active. So the process that answers on HAProxy's own socket is asked for its number.
"""

from __future__ import annotations

import re
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_PID = re.compile(r"^Pid: (\d+)$", re.MULTILINE)
_WORDS = re.compile(r"^\[ALERT\][^:]*: *(?P<words>.+)$", re.MULTILINE)
_COMMON = ("Fatal errors found", "Error(s) found", "exited with code", "Loading failure")


def ask(path: str, command: str = "show info", seconds: float = 5) -> str:
    """Return what HAProxy answers on its socket; '' where nobody does."""
    pieces = []
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(seconds)
            line.connect(path)
            line.sendall(f"{command}\n".encode())
            while piece := line.recv(65536):
                pieces.append(piece)
    except OSError:
        return ""
    return b"".join(pieces).decode("utf-8", "replace")


def pid(answer: str) -> int:
    """Return the process that gave the answer to `show info`; 0 where there is none."""
    found = _PID.search(answer)
    return int(found[1]) if found else 0


def words(log: str, most: int = 5) -> list[str]:
    """Return what HAProxy's log says of its failure, without what it says of every failure."""
    said = (match["words"].strip() for match in _WORDS.finditer(log))
    return list(dict.fromkeys(one for one in said if not any(common in one for common in _COMMON)))[-most:]


@dataclass(frozen=True)
class Outcome:
    """What came of it: whether a new process serves, and what HAProxy's log says where none does."""

    serves: bool
    log: str = ""


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)


def _serving(sockets: Sequence[str]) -> set[int]:
    return {pid(ask(path)) for path in sockets} - {0}


def reload(
    unit: str,
    sockets: Sequence[str],
    seconds: float,
    run: Callable[[list[str]], subprocess.CompletedProcess[str]] = _run,
    now: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> Outcome:
    """Reload the unit, or start it where it does not run, and wait for a process that was not there before."""
    started = now()
    running = run(["systemctl", "is-active", unit]).stdout.strip() == "active"
    before = _serving(sockets)
    done = run(["systemctl", "reload" if running else "restart", unit])
    deadline = started + seconds
    while done.returncode == 0 and now() < deadline:
        if _serving(sockets) - before:
            return Outcome(True)
        sleep(0.1)
    journal = ["journalctl", "--unit", unit, "--since", f"@{int(started)}", "--output", "cat", "--no-pager"]
    return Outcome(False, run(journal).stdout)
