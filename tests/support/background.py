"""Programs that run beside a converge and say at its end what they have seen."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hosts

HERE = Path(__file__).parent
STOP_SECONDS = 60  # a loaded machine may take a while to finish the round it is in


@dataclass
class Seen:
    """What a program printed when it was stopped; empty until then."""

    report: Any = field(default=None)


def on_host(where: hosts.Host, program: str, *arguments: str) -> list[str]:
    """Put a program of this folder on a host; the command line that runs it there as root."""
    path = f"/root/{program}"
    where.write(path, (HERE / program).read_text(encoding="utf-8"), mode="0600")
    return where.command(shlex.join(["exec", "python3", path, *arguments]))


def here(program: str, *arguments: str) -> list[str]:
    """The command line that runs a program of this folder on the controller."""
    return [sys.executable, str(HERE / program), *arguments]


@contextmanager
def running(command: Sequence[str]) -> Iterator[Seen]:
    """Run a program that prints `ready`, then at the end of its standard input one JSON value: the report."""
    seen = Seen()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n", f"did not start: {shlex.join(command)}"
            yield seen
            output, _ = process.communicate(timeout=STOP_SECONDS)
            assert process.returncode == 0, f"ended early: {shlex.join(command)}"
            seen.report = json.loads(output)
        finally:
            if process.poll() is None:
                process.kill()
