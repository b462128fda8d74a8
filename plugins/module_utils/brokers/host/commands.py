"""Commands on a host, with the words of the C locale and a limit in time."""

from __future__ import annotations

import os
import subprocess


def run(
    command: list[str], given: str | None = None, seconds: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end and return what it said; `given` is its standard input.

    Raises FileNotFoundError where there is no such program, and subprocess.TimeoutExpired.
    """
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(
        command, input=given, capture_output=True, text=True, env=environment, timeout=seconds, check=False
    )
