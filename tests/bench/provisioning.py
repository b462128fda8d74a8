"""Bare host to broker, a second run, and the probes: against the same work by hand, and against Ansible's facts."""

from __future__ import annotations

import time

from measuring import ROOT, Bench, head, medians, row, run

ENDPOINTS = ROOT / "artifacts/bench-endpoints.json"

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


def site(bench: Bench) -> float:
    """site.yml, up to the endpoints file."""
    return bench.timed_play("site.yml", "-e", f"endpoints_file={ENDPOINTS}")[0]


def report(bench: Bench) -> None:
    """Measure and print the table."""

    def by_hand() -> float:
        """A fresh host, its broker installed and started by hand over SSH."""
        bench.testbed("reset", "byhand")
        started = time.monotonic()
        bench.ssh("byhand", BY_HAND)
        return time.monotonic() - started

    def fresh() -> float:
        """A fresh host, and site.yml up to the endpoints file."""
        bench.testbed("reset", "rabbitmq")
        return site(bench)

    def setup() -> float:
        """Ansible's own facts of the same host, the floor of any run."""
        return run(
            ["ansible", "-i", str(bench.inventory), bench.host("rabbitmq"), "-m", "ansible.builtin.setup"]
        )

    def unchanged() -> float:
        """site.yml once more, with nothing to change."""
        return site(bench)

    def probes() -> float:
        """All probes against one broker, the start of Python included."""
        return run(["scripts/smoke.py", "--endpoints", str(ENDPOINTS)])

    title = head(bench.rounds)
    bench.testbed("reset")
    by_hand()  # warms the package cache, and is not counted
    hand, ours = medians(bench.rounds, by_hand, fresh)
    facts, again = medians(bench.rounds, setup, unchanged)
    (proof,) = medians(bench.rounds, probes)

    print(title)
    print("| what | Brokerkit | floor | ratio | target |\n|---|---|---|---|---|")
    print(row("fresh host to declared broker, against the same by hand over SSH", ours, hand, "at most 1.5"))
    print(row("second run that changes nothing, against `ansible -m setup`", again, facts, "at most 5"))
    print(row("all probes against one broker, Python's start included", proof, None, "under 2 s"))
