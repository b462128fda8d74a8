"""A restart asks the cluster first, and its entry point needs nothing of an earlier play.

Two nodes are joined by hand; the tests run in the order in which they stand, and each leaves both nodes well.
Drills: tests/hosts/cluster has clusters that are restarted, and one that cannot spare a member.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import hosts
import pytest

pytestmark = pytest.mark.drill
RESTART = "playbooks/rabbitmq_restart.yml"
OWN = """
- hosts: rabbitmq
  gather_facts: false
  serial: 1
  max_fail_percentage: 0
  tasks:
    - ansible.builtin.include_role: {name: brokerkit.brokers.rabbitmq, tasks_from: ENTRY}
"""
JOIN = """
set -e
rabbitmqctl -q stop_app
rabbitmqctl -q reset
rabbitmqctl -q join_cluster rabbit@it-pair-a
rabbitmqctl -q start_app
"""
UNIT = "rabbitmq-server"


@dataclass
class Pair:
    """Two members of one cluster, and what their runs are given."""

    a: hosts.Host
    b: hosts.Host
    controller: hosts.Controller
    values: hosts.Settings

    def run(self, *flags: str, playbook: str = RESTART, **changes: object) -> hosts.Run:
        """A run of a playbook with `changes` laid over the settings."""
        return self.controller.converge(
            [self.a, self.b], {**self.values, **changes}, *flags, playbook=playbook
        )

    def own(self, entry: str) -> str:
        """A playbook of somebody's own, outside the project, with nothing but that entry point."""
        path = self.controller.directory / f"{entry}.yml"
        path.write_text(OWN.replace("ENTRY", entry), encoding="utf-8")
        return str(path)

    def pids(self) -> tuple[int, int]:
        """The processes of both brokers."""
        return self.a.broker_pid(), self.b.broker_pid()


@pytest.fixture(scope="module")
def pair(fresh: Callable[..., list[hosts.Host]], controller: hosts.Controller) -> Pair:
    """The two of them, converged and joined."""
    a, b = fresh("it-pair-a", "it-pair-b")
    values = hosts.settings(
        rabbitmq_distribution_address="",
        rabbitmq_epmd_address="",
        rabbitmq_hosts_entries={a.name: a.address, b.name: b.address},
        rabbitmq_wait_for_members=20,
    )
    made = Pair(a, b, controller, values)
    made.run(playbook="site.yml").succeeded()
    b.run(JOIN)
    return made


def test_the_entry_points_stand_alone_and_restart_a_cluster_one_member_after_the_other(pair: Pair) -> None:
    """What one run has written and not restarted for, another one puts in force."""
    pair.run(playbook=pair.own("main"), rabbitmq_heartbeat=33).succeeded()
    before = pair.pids()
    assert pair.a.evaluate("application:get_env(rabbit, heartbeat).") == "{ok,60}"
    pair.run("--check", playbook=pair.own("restart"), rabbitmq_heartbeat=33).succeeded()
    assert pair.pids() == before
    said = pair.run(playbook=pair.own("restart"), rabbitmq_heartbeat=33).succeeded().sentence
    assert all(new != old for new, old in zip(pair.pids(), before, strict=True))
    assert "rabbit@it-pair-b goes on without rabbit@it-pair-a" in said
    assert "rabbit@it-pair-a goes on without rabbit@it-pair-b" in said
    assert pair.a.evaluate("application:get_env(rabbit, heartbeat).") == "{ok,33}"
    assert pair.a.attempt("test -e /var/lib/brokerkit/rabbitmq/pending.json").returncode == 1
    pair.run(playbook=pair.own("validate"), rabbitmq_heartbeat="often").refused("rabbitmq_heartbeat")
    pair.run(playbook=pair.own("uninstall")).refused("is a member of a cluster")
    pair.values |= {"rabbitmq_heartbeat": 33}


def test_with_one_member_down_the_other_is_kept(pair: Pair) -> None:
    """There is no quorum queue here: the broker's own question would let it go."""
    pair.b.run(f"systemctl stop {UNIT}")
    pid = pair.a.broker_pid()
    pair.a.run("rabbitmq-queues check_if_node_is_quorum_critical")
    pair.run("--limit", pair.a.name).refused(
        "cannot spare rabbit@it-pair-a now",
        "rabbit@it-pair-b is down",
        f"`systemctl start {UNIT}` on it-pair-b",
    )
    assert pair.a.broker_pid() == pid
    pair.run("--limit", pair.b.name).succeeded()  # a node that is down is started


def test_an_alarm_of_another_member_is_waited_for_and_then_refused(pair: Pair) -> None:
    pids = pair.pids()
    pair.b.run("rabbitmqctl -q set_vm_memory_high_watermark 0.00001")
    hosts.wait_for("the alarm", lambda: "memory" in pair.a.evaluate("rabbit_alarm:get_alarms()."))
    run = pair.run("--limit", pair.a.name)
    run.refused("waiting: [it-pair-a]: rabbit@it-pair-b has a memory alarm", "could not in the 20 s before")
    assert pair.pids() == pids
    pair.b.run("rabbitmqctl -q set_vm_memory_high_watermark 0.4")


def test_a_question_that_failed_is_not_a_no(pair: Pair) -> None:
    pair.a.run("rabbitmqctl -q stop_app")
    run = pair.run("--limit", pair.a.name)
    run.refused("found the node running and its RabbitMQ application stopped", "rabbitmqctl start_app")
    assert "cannot spare" not in run.sentence
    pair.a.run("rabbitmqctl -q start_app")


def test_a_host_without_the_node_is_named(pair: Pair) -> None:
    pair.run("--limit", pair.b.name, rabbitmq_node_name="rabbit@elsewhere").refused("rabbitmq_node_name")
