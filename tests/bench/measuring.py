"""What every measurement needs: hosts, commands with their time, medians of rounds, and lines of a table."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Bench:
    """The hosts to measure on: one of the group ``rabbitmq`` for Brokerkit, one of ``byhand`` for the other way."""

    inventory: Path
    rounds: int

    @cached_property
    def _listed(self) -> dict:
        command = ["ansible-inventory", "-i", str(self.inventory), "--list"]
        return json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout)

    def host(self, group: str) -> str:
        """The name of the group's first host."""
        return self._listed[group]["hosts"][0]

    def address(self, group: str) -> str:
        """Its address."""
        return self._listed["_meta"]["hostvars"][self.host(group)]["ansible_host"]

    def testbed(self, verb: str, *groups: str) -> None:
        """Have the test bed do `verb` for the hosts of these groups, or for all."""
        run(["scripts/testbed", verb, "-i", str(self.inventory), *map(self.host, groups)])

    def timed_play(self, playbook: str, *words: str) -> tuple[float, str]:
        """Run a playbook; return the seconds of the whole process, and what it printed."""
        started = time.monotonic()
        text = output(["ansible-playbook", "-i", str(self.inventory), playbook, *words])
        return time.monotonic() - started, text

    def ssh(self, group: str, script: str) -> str:
        """Run a script as root on a group's host, over a plain SSH connection; return what it printed."""
        keys = ROOT / ".testbed"
        options = ["-o", f"UserKnownHostsFile={keys / 'known_hosts'}", "-o", "IdentitiesOnly=yes"]
        target = f"ops@{self.address(group)}"
        return output(["ssh", "-i", str(keys / "id_ed25519"), *options, target, "sudo", "sh"], script)


def output(command: list[str], stdin: str | None = None) -> str:
    """Run a command from the project's root and return what it printed; end with that if it failed."""
    done = subprocess.run(command, cwd=ROOT, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"bench: {' '.join(command)} ended with code {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def run(command: list[str], stdin: str | None = None) -> float:
    """Run a command from the project's root and return the seconds it took; end with its output if it failed."""
    started = time.monotonic()
    output(command, stdin)
    return time.monotonic() - started


def medians(rounds: int, *measured: Callable[[], float]) -> list[float]:
    """Return the median of each function over `rounds` rounds in which they take turns."""
    taken: list[list[float]] = [[] for _ in measured]
    for number in range(rounds):
        for seconds, function in zip(taken, measured, strict=True):
            seconds.append(function())
            say(f"round {number + 1}: {function.__name__} {seconds[-1]:.2f} s")
    return [statistics.median(seconds) for seconds in taken]


def say(text: str) -> None:
    """Progress, apart from the tables on standard output."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


def head(rounds: int) -> str:
    """What a table's figures are, and on which machine."""
    busy = os.getloadavg()[0]
    return f"\nMedian of {rounds} rounds on {os.cpu_count()} cores (load before it {busy:.1f}).\n"


def row(what: str, ours: float, theirs: float | None, target: str) -> str:
    """Return one line of a table: what | Brokerkit | floor | ratio | target."""
    ratio = "" if theirs is None else f"{ours / theirs:.2f}"
    floor = "" if theirs is None else f"{theirs:.2f} s"
    return f"| {what} | {ours:.2f} s | {floor} | {ratio} | {target} |"
