#!/usr/bin/env python3
"""Measures Brokerkit against the same work done by hand, on the same machine in the same run: `make bench`.

Every figure is the median of several rounds; what is compared takes turns, so that a machine that is slow for a while
is slow for both. The package cache of the test bed is warm for both. Prints a table in Markdown, for
docs/performance.md.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
INVENTORY = ROOT / "tests/bench/inventory"
ENDPOINTS = ROOT / "artifacts/bench-endpoints.json"
PLAY = ["ansible-playbook", "-i", str(INVENTORY), "site.yml", "-e", f"endpoints_file={ENDPOINTS}"]

# What an operator types on the host: one configured start, as the role does it, and nothing it does not need.
BY_HAND = r"""
set -e
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
ln -s /dev/null /etc/systemd/system/rabbitmq-server.service
apt-get install -qq --no-install-recommends rabbitmq-server >/dev/null 2>&1
echo '[rabbitmq_management,rabbitmq_stomp].' > /etc/rabbitmq/enabled_plugins
printf 'management.tcp.port = 8080\nloopback_users.guest = true\n' > /etc/rabbitmq/rabbitmq.conf
rm /etc/systemd/system/rabbitmq-server.service
systemctl daemon-reload
systemctl enable --now rabbitmq-server >/dev/null 2>&1
"""


def run(command: list[str], stdin: str | None = None) -> float:
    """Run a command from the project's root and return the seconds it took; end with its output if it failed."""
    started = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"bench: {' '.join(command)} ended with code {done.returncode}:\n{done.stdout}{done.stderr}")
    return time.monotonic() - started


def ssh(host: str, script: str) -> float:
    """Run a script as root on a host of the bench, over a plain SSH connection; return the seconds it took."""
    keys = ROOT / ".testbed"
    options = ["-o", f"UserKnownHostsFile={keys / 'known_hosts'}", "-o", "IdentitiesOnly=yes"]
    return run(["ssh", "-i", str(keys / "id_ed25519"), *options, f"ops@{host}", "sudo", "sh"], stdin=script)


def testbed(verb: str, *hosts: str) -> None:
    """Have the test bed do `verb` for the hosts of the bench."""
    run(["scripts/testbed", verb, "-i", str(INVENTORY), *hosts])


def by_hand() -> float:
    """A fresh host, its broker installed and started by hand over SSH."""
    testbed("reset", "bench-hand")
    return ssh("10.61.13.32", BY_HAND)


def fresh() -> float:
    """A fresh host, and site.yml up to the endpoints file."""
    testbed("reset", "bench-site")
    return run(PLAY)


def setup() -> float:
    """Ansible's own facts of the same host, the floor of any run."""
    return run(["ansible", "-i", str(INVENTORY), "bench-site", "-m", "ansible.builtin.setup"])


def unchanged() -> float:
    """site.yml once more, with nothing to change."""
    return run(PLAY)


def probes() -> float:
    """All probes against one broker, the start of Python included."""
    return run(["scripts/smoke.py", "--endpoints", str(ENDPOINTS)])


def medians(rounds: int, *measured: Callable[[], float]) -> list[float]:
    """Return the median of each function over `rounds` rounds in which they take turns."""
    taken: list[list[float]] = [[] for _ in measured]
    for number in range(rounds):
        for seconds, function in zip(taken, measured, strict=True):
            seconds.append(function())
            print(f"bench: round {number + 1}: {function.__name__} {seconds[-1]:.2f} s", file=sys.stderr)
    return [statistics.median(seconds) for seconds in taken]


def row(what: str, ours: float, theirs: float | None, target: str) -> str:
    """Return one line of the table."""
    ratio = "" if theirs is None else f"{ours / theirs:.2f}"
    floor = "" if theirs is None else f"{theirs:.2f} s"
    return f"| {what} | {ours:.2f} s | {floor} | {ratio} | {target} |"


def main() -> int:
    """Measure and print the table; returns the exit code."""
    parser = argparse.ArgumentParser(description="Measure Brokerkit against the same work by hand.")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each measurement (3)")
    rounds = parser.parse_args().rounds
    os.environ.setdefault("ANSIBLE_CONFIG", str(ROOT / "ansible.cfg"))

    testbed("reset")
    by_hand()  # warms the package cache, and is not counted
    hand, site = medians(rounds, by_hand, fresh)
    facts, again = medians(rounds, setup, unchanged)
    (proof,) = medians(rounds, probes)
    testbed("down")

    print(f"\nMedian of {rounds} rounds on {os.cpu_count()} cores.\n")
    print("| what | Brokerkit | floor | ratio | target |\n|---|---|---|---|---|")
    print(row("fresh host to declared broker, against the same by hand over SSH", site, hand, "at most 1.5"))
    print(row("second run that changes nothing, against `ansible -m setup`", again, facts, "at most 5"))
    print(row("all probes against one broker, Python's start included", proof, None, "under 2 s"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
