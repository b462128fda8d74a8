"""Bare host to broker, a second run, and the probes: against the same work by hand, and against Ansible's facts."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

from measuring import ROOT, Bench, head, medians, row, run

HERE = ROOT / "tests/bench"
SMOKE = "scripts/smoke.py"


@dataclass(frozen=True)
class Product:
    """A broker, and what is measured of it."""

    name: str
    group: str  # of the inventory; the script by hand has its name too
    proven: bool  # whether a fresh host's time includes the proof, on either side
    skip: str  # probes that are not timed
    probes: str  # what the others are
    target: str  # of their time


RABBITMQ = Product("RabbitMQ", "rabbitmq", False, "", "all probes against one broker", "under 2 s")
# Left out is what waits by its nature: for a message to expire, for a heart-beat, for the end of a silence.
WAITING = "activemq.expiry,activemq.heartbeat"
ACTIVEMQ = Product("ActiveMQ", "activemq", True, WAITING, "probes that do not wait", "under 3 s")


def rabbitmq(bench: Bench) -> None:
    """Measure RabbitMQ and print its table."""
    report(bench, RABBITMQ)


def activemq(bench: Bench) -> None:
    """Measure ActiveMQ and print its table."""
    report(bench, ACTIVEMQ)


def typed_endpoints(bench: Bench) -> Path:
    """Write what somebody who set the broker up by hand would tell the probes of it; return the file's path."""
    broker = {
        "name": "hand",
        "kind": "activemq",
        "host": bench.address("byhand"),
        "vhost": "/",
        "user": "smoke",
        "password": "test-host-only-by-hand",
        "stomp": {"port": 61613, "tls": False},
        "listeners": [
            {"address": "0.0.0.0", "port": port, "protocol": protocol}  # noqa: S104 - told, not bound
            for protocol, port in (("stomp", 61613), ("openwire", 61616))
        ],
        "frame_limit": 10485760,
        "dead_letter_prefix": "dead.",
        "denied_destination": "shop.orders",
    }
    path = ROOT / "artifacts/bench-byhand-endpoints.json"
    path.parent.mkdir(exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(json.dumps({"schema": 1, "brokers": [broker]}), encoding="utf-8")
    return path


def report(bench: Bench, product: Product) -> None:
    """Measure and print the table."""
    endpoints = ROOT / f"artifacts/bench-{product.group}-endpoints.json"
    script = (HERE / "by_hand" / f"{product.group}.sh").read_text(encoding="utf-8")
    smoke = [SMOKE, "--endpoints", str(endpoints)]

    def unchanged() -> float:
        """site.yml once more, with nothing to change."""
        return bench.timed_play("site.yml", "-e", f"endpoints_file={endpoints}")[0]

    def by_hand() -> float:
        """A fresh host, its broker installed and started by hand over SSH."""
        bench.testbed("reset", "byhand")
        started = time.monotonic()
        bench.ssh("byhand", script)
        if product.proven:
            run([SMOKE, "--endpoints", str(typed_endpoints(bench))])
        return time.monotonic() - started

    def fresh() -> float:
        """A fresh host, and site.yml up to the endpoints file, or to the proof."""
        bench.testbed("reset", product.group)
        return unchanged() + (run(smoke) if product.proven else 0)

    def setup() -> float:
        """Ansible's own facts of the same host, the floor of any run."""
        return run(
            ["ansible", "-i", str(bench.inventory), bench.host(product.group), "-m", "ansible.builtin.setup"]
        )

    def probes() -> float:
        """The probes, the start of Python included."""
        return run([*smoke, "--skip", product.skip] if product.skip else smoke)

    title = head(bench.rounds)
    bench.testbed("reset", "byhand")
    by_hand()  # warms the package cache, and is not counted
    hand, ours = medians(bench.rounds, by_hand, fresh)
    facts, again = medians(bench.rounds, setup, unchanged)
    (proof,) = medians(bench.rounds, probes)

    state = "proven" if product.proven else "declared"
    first = f"{product.name}: fresh host to {state} broker, against the same by hand over SSH"
    print(title)
    print("| what | Brokerkit | floor | ratio | target |\n|---|---|---|---|---|")
    print(row(first, ours, hand, "at most 1.5"))
    print(row("second run that changes nothing, against `ansible -m setup`", again, facts, "at most 5"))
    print(row(f"{product.probes}, Python's start included", proof, None, product.target))
