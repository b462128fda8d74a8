"""Debian's promtool takes what is written for Prometheus; each rule fires when it is to, and only then.

MONITORING_INVENTORY names hosts that are brokers already, one of each version: their metrics are compared with what the
unit tests take for them, and the prober's are written of them.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import alert_rules
import hosts
import pytest

SCRAPES = hosts.ROOT / "tests/unit/monitoring/scrapes"
BROKERS = os.environ.get("MONITORING_INVENTORY", "")
VERSIONS = {"bullseye": "3.8", "bookworm": "3.10", "trixie": "4.0", "sid": "4.3"}
needs_brokers = pytest.mark.skipif(not BROKERS, reason="MONITORING_INVENTORY names no brokers")


def test_each_rule_fires_when_it_is_to_and_only_then(watch: hosts.Host) -> None:
    watch.run("mkdir -p /var/tmp/rules")
    watch.write("/var/tmp/rules/brokerkit.yml", alert_rules.rendered())
    watch.write("/var/tmp/rules/tests.yml", alert_rules.unit_tests("brokerkit.yml"))
    watch.run("promtool check rules /var/tmp/rules/brokerkit.yml")
    done = watch.attempt("promtool test rules /var/tmp/rules/tests.yml", timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_brokers
def test_the_probers_metrics_are_valid(watch: hosts.Host) -> None:
    command = [sys.executable, "scripts/smoke.py", "--inventory", BROKERS, "--format", "prometheus"]
    done = subprocess.run(command, cwd=hosts.ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    watch.run("promtool check metrics", stdin=done.stdout)
    for name in ("probe_success", "broker_reachable", "broker_clock_offset_seconds"):
        assert f"brokerkit_{name}{{" in done.stdout


@contextmanager
def metrics(node: hosts.Host) -> Iterator[str]:
    """What a node answers Prometheus, with the plugin switched on for as long."""
    node.run("rabbitmq-plugins enable rabbitmq_prometheus", timeout=180)
    try:
        with urllib.request.urlopen(f"http://{node.address}:15692/metrics", timeout=30) as answer:
            yield answer.read().decode()
    finally:
        node.run("rabbitmq-plugins disable rabbitmq_prometheus", timeout=180)


def broker_of(suite: str) -> hosts.Host:
    """The first host of the inventory with this release of Debian."""
    text = (hosts.ROOT / BROKERS / "hosts.yml").read_text(encoding="utf-8")
    found = re.search(rf"^    (\S+): {{ansible_host: \S+, testbed_suite: {suite}\b", text, re.MULTILINE)
    assert found, f"{BROKERS} has no host with {suite}"
    return hosts.host(found[1], BROKERS)


@needs_brokers
@pytest.mark.parametrize("suite", VERSIONS)
def test_a_node_has_the_metrics_that_the_unit_tests_take_for_its_own(suite: str) -> None:
    wanted = (SCRAPES / f"rabbitmq-{VERSIONS[suite]}.txt").read_text().split()
    with metrics(broker_of(suite)) as text:
        found = sorted({line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ")})
    assert found == wanted
