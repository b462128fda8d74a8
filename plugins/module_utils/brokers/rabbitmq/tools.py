"""RabbitMQ's command line tools, with time-outs. A failed question is not a "no".

The tools exit with the same code for a "no" and for an unreachable node, so their output decides.
They are the same from 3.8 to 4.3.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from typing import Any

_STOPPED_WORDS = re.compile(r"requires the 'rabbit' app to be running|is not running or has not fully")
_UNREACHED = re.compile(r"unable to perform an operation on node|nodedown")
_NOT_LET_IN = "Erlang distribution failed"
_TIMED_OUT = "timed out. Timeout value used"
# Of the tool's diagnostics; what it says of itself helps nobody, and the hash of the cookie is half a secret.
_FINDING = re.compile(
    r"^ +\* (?!suggestion|node name:|effective user's home|Erlang cookie hash)(.*\S)", re.MULTILINE
)


@dataclass(frozen=True)
class Said:
    """What a tool said: its exit code, None where it had to be ended, its standard output and all its words."""

    code: int | None
    output: str
    words: str


@dataclass(frozen=True)
class Trouble:
    """Why a tool failed, and the remedy. `asked`: whether the node was asked at all."""

    asked: bool
    what: str
    remedy: str


APPLICATION_STOPPED = Trouble(
    False,
    "found the node running and its RabbitMQ application stopped, or not started yet",
    "start it with `rabbitmqctl start_app`, unless the node waits for other members of its cluster",
)


def run(command: list[str], seconds: float) -> Said:
    """Run a tool to its end, or until `seconds` have passed.

    Its words go to files: what a tool leaves behind when it is ended may keep a pipe open.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
            start_new_session=True,
        )
        code: int | None
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            code = None
            _end(process)
        output.seek(0)
        errors.seek(0)
        printed = output.read().decode(errors="replace")
        return Said(code, printed, errors.read().decode(errors="replace") + printed)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a tool and what it runs: su passes on a signal that asks, and not one that kills."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
            return


def of_the_unit(name: str, unit: dict[str, Any]) -> Trouble | None:
    """Return why the node of a unit, as hostfacts.unit() describes it, cannot answer; None where it may."""
    pid = unit["main_pid"]
    if unit["process_state"] == "T":
        return Trouble(
            False,
            f"could not ask: the broker's process {pid} is stopped (state T in /proc/{pid}/stat, as SIGSTOP leaves "
            "it) and answers nobody",
            f"resume it with `kill -CONT {pid}`",
        )
    if not pid:
        return Trouble(
            False,
            f"could not ask: {name} is {unit['active_state']}",
            f"`journalctl -u {name}` and the log in /var/log/rabbitmq say why; start it with `systemctl start {name}`",
        )
    return None


def of_the_words(said: Said, seconds: float) -> Trouble:
    """Return why a tool failed."""
    if _STOPPED_WORDS.search(said.words):
        return APPLICATION_STOPPED
    if said.code is None or _TIMED_OUT in said.words:
        return Trouble(
            False,
            f"got no answer within {seconds:g} s",
            "the node hangs or is overloaded: its log in /var/log/rabbitmq says more",
        )
    if _NOT_LET_IN in said.words:
        return Trouble(
            False,
            "could not ask: the node took the connection and did not let the tool in, most often because it was "
            "started with another cookie than that of /var/lib/rabbitmq/.erlang.cookie",
            "restart it by hand, on which it takes the file's: `systemctl restart rabbitmq-server`",
        )
    if _UNREACHED.search(said.words):
        found = "; ".join(_FINDING.findall(said.words.partition("attempted to contact")[2]))
        return Trouble(
            False,
            f"could not reach the node ({found or 'nodedown'})",
            "see that its host name resolves there, and that the node was started with the ports that "
            "/etc/rabbitmq/rabbitmq-env.conf names",
        )
    words = " ".join(line.strip() for line in said.words.splitlines() if line.strip())
    return Trouble(
        True,
        f"ended with code {said.code}: {words[:600] or 'no words'}",
        "correct what it names and try again",
    )


def sentence(host: str, command: list[str], trouble: Trouble, meanwhile: str = "") -> str:
    """Return `trouble` as a message; `meanwhile` describes the present state."""
    told = f"{host}: `{' '.join(command)}` {trouble.what}; {trouble.remedy}."
    return f"{told} {meanwhile}".strip()
