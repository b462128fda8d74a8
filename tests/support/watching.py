"""Brokers under Debian's own Prometheus: which alerts are in force."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hosts


@dataclass
class Watch:
    """The host with Prometheus, and the names of the brokers that it scrapes."""

    watch: hosts.Host
    brokers: Sequence[str]

    def asked(self, path: str) -> Any:
        """What Prometheus answers to a path of its API."""
        with urllib.request.urlopen(f"http://{self.watch.address}:9090/api/v1/{path}", timeout=20) as answer:
            return json.load(answer)["data"]

    def is_scraped(self) -> None:
        """Wait until every broker's metrics have been read."""

        def up() -> bool:
            found = self.asked("query?query=up==1")["result"]
            return {one["metric"].get("broker") for one in found} >= set(self.brokers)

        hosts.wait_for("every broker to be scraped", up, 60, 1)

    def firing(self) -> list[dict[str, Any]]:
        """Every alert that is in force."""
        return [one for one in self.asked("alerts")["alerts"] if one["state"] == "firing"]

    def alerts(self, name: str) -> list[dict[str, Any]]:
        """The alerts of this name that are in force."""
        return [one for one in self.firing() if one["labels"]["alertname"] == name]

    def about(self, name: str, queue: str = "") -> set[str]:
        """The brokers that an alert is in force for, in the end for a queue of theirs."""
        found = [one["labels"] for one in self.alerts(name)]
        return {one.get("broker", "") for one in found if not queue or one.get("queue") == queue}

    def fires(self, name: str, *brokers: str, queue: str = "", seconds: float = 120) -> None:
        """Wait until an alert is in force for brokers, by default all, in words that are whole."""
        wanted = set(brokers or self.brokers)
        hosts.wait_for(f"{name} of {sorted(wanted)}", lambda: wanted <= self.about(name, queue), seconds, 1)
        for one in self.alerts(name):
            for text in one["annotations"].values():
                assert "<error" not in text and "<no value>" not in text, text
            assert "#" in one["annotations"]["runbook"]

    def ends(self, name: str, seconds: float = 120) -> None:
        """Wait until an alert is in force no more."""
        hosts.wait_for(f"the end of {name}", lambda: not self.alerts(name), seconds, 1)


def deliver(folder: Path, watch: hosts.Host) -> None:
    """Give Prometheus the files that playbooks/monitoring.yml wrote, in place of those of another test."""
    watch.run("rm -rf /etc/prometheus/targets /etc/prometheus/rules")
    for path in folder.rglob("*"):
        place = f"/etc/prometheus/{path.relative_to(folder)}"
        if path.is_dir():
            watch.run(f"mkdir -p {place}")
    for path in (one for one in folder.rglob("*") if one.is_file()):
        watch.write(f"/etc/prometheus/{path.relative_to(folder)}", path.read_text(encoding="utf-8"))
    watch.run("promtool check config /etc/prometheus/prometheus.yml && systemctl restart prometheus")
    hosts.wait_for("Prometheus", lambda: _is_ready(watch))


def _is_ready(watch: hosts.Host) -> bool:
    """Whether Prometheus answers: it listens before it has read its data, and until then says 503."""
    try:
        with urllib.request.urlopen(f"http://{watch.address}:9090/-/ready", timeout=5):
            return True
    except OSError:
        return False
