"""What somebody does to a node by hand between two runs is seen: a stop, a mask, a node that answers nobody.

A run says what it met and changes nothing that it was not told to; what it advises is what helps.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import hosts
import pytest

UNIT = "rabbitmq-server"
# A node that asks its cluster before it restarts: one that other hosts reach.
REACHED = {"rabbitmq_distribution_address": "", "rabbitmq_epmd_address": ""}
STATE = f"systemctl show --property=ActiveState,UnitFileState --value {UNIT}"


@dataclass
class Node:
    """A converged node, and the settings of its next run."""

    host: hosts.Host
    controller: hosts.Controller
    values: hosts.Settings

    def run(self, *flags: str, **changes: object) -> hosts.Run:
        """A run of site.yml with `changes` laid over the settings."""
        return self.controller.converge([self.host], {**self.values, **changes}, *flags)

    def changed(self, **changes: object) -> int:
        """How much a run changed, which has to have ended well."""
        return self.run(**changes).succeeded().counts(self.host.name)["changed"]

    def state(self) -> list[str]:
        """Whether the unit runs, and whether it starts at boot."""
        return self.host.run(STATE).split()

    def users(self) -> set[str]:
        """The broker's users."""
        return set(self.host.run("rabbitmqctl --silent list_users | cut -f 1").split())

    def prove(self) -> subprocess.CompletedProcess[str]:
        """Ask the prober for one probe of each protocol."""
        endpoints = self.controller.directory / "endpoints.json"
        command = [sys.executable, str(hosts.ROOT / "scripts" / "smoke.py"), "--endpoints", str(endpoints)]
        command += ["--only", "amqp.connect,stomp.connect*,management.*", "--timeout", "20"]
        return subprocess.run(
            command, cwd=hosts.ROOT, capture_output=True, text=True, timeout=120, check=False
        )


@pytest.fixture(scope="module")
def node(fresh: Callable[..., list[hosts.Host]], controller: hosts.Controller) -> Node:
    (machine,) = fresh("it-hand")
    made = Node(machine, controller, hosts.settings(**REACHED))
    made.run().succeeded()
    return made


def test_a_new_administrator_leaves_the_former_one_until_it_is_named(node: Node) -> None:
    node.values |= {"rabbitmq_admin_user": "chief"}
    for _ in range(2):  # not only in the run that made the new one
        said = node.run().succeeded().sentence
        assert "admin, an administrator of before, is still on the broker, with the old password" in said
        assert "rabbitmq_former_admin_users to [admin]" in said
    assert {"chief", "admin"} <= node.users()
    assert node.changed(rabbitmq_former_admin_users=["admin"]) == 1
    assert "admin" not in node.users()


def test_a_stop_by_hand_is_undone_with_a_word_and_kept_where_it_is_wanted(node: Node) -> None:
    node.host.run(f"systemctl disable --quiet --now {UNIT}")
    kept = node.run(rabbitmq_service_state="stopped").succeeded()
    assert "rabbitmq_service_state is stopped" in kept.sentence
    assert kept.counts(node.host.name)["changed"] == 0 and node.state() == ["inactive", "disabled"]
    node.host.run(f"systemctl --quiet mask {UNIT}")
    node.run().refused(f"an operator has masked {UNIT}.service", f"systemctl unmask {UNIT}.service")
    node.host.run(f"systemctl --quiet unmask {UNIT}.service")
    started = node.run().succeeded()
    assert "administrator of before" not in started.sentence
    assert f"{UNIT}.service had been stopped and disabled" in started.sentence
    assert "Set it to stopped for a node that is to stay down" in started.sentence
    assert node.state() == ["active", "enabled"]


@pytest.mark.drill
def test_a_mask_is_a_word_and_taken_away_by_nobody_else(node: Node) -> None:
    assert node.changed(rabbitmq_service_state="stopped") == 1
    assert node.state() == ["inactive", "disabled"]
    node.host.run(f"systemctl --quiet mask {UNIT}")
    before = node.host.snapshot()
    node.run().refused(
        "rabbitmq_service_state: 'started' is wanted, but an operator has masked rabbitmq-server.service",
        f"systemctl unmask {UNIT}.service",
    )
    node.run(rabbitmq_service_state="stopped").succeeded()
    assert node.host.snapshot() == before
    node.host.run(f"systemctl --quiet unmask {UNIT}.service")
    assert node.changed() > 0
    assert node.state() == ["active", "enabled"]


@contextmanager
def frozen(node: Node) -> Iterator[int]:
    """The node's process, while it is stopped by a signal."""
    pid = node.host.broker_pid()
    node.host.run(f"kill -STOP {pid}")
    yield pid
    node.host.run(f"kill -CONT {pid}")


def test_a_node_that_is_frozen_is_named_as_that(node: Node) -> None:
    before = node.host.snapshot()
    with frozen(node) as pid:
        run = node.run(rabbitmq_heartbeat=33)
        run.refused(f"the broker's process {pid} is stopped", f"kill -CONT {pid}")
        assert "cannot spare" not in run.sentence
    assert node.host.snapshot() == before


@pytest.mark.drill
def test_a_question_that_failed_is_no_answer_and_its_advice_helps(node: Node) -> None:
    node.host.evaluate("erlang:set_cookie(node(), another).")
    run = node.run(rabbitmq_heartbeat=34)
    advice = "systemctl restart rabbitmq-server"
    run.refused("did not let the tool in", "the restart is still owed", advice)
    assert "cannot spare" not in run.sentence
    node.host.run(advice)
    assert node.host.evaluate("application:get_env(rabbit, heartbeat).") == "{ok,34}"
    node.values |= {"rabbitmq_heartbeat": 34}
    node.run().succeeded()


def test_a_stopped_application_is_started_by_what_both_programs_advise(node: Node) -> None:
    advice = "rabbitmqctl start_app"
    node.host.run("rabbitmqctl --quiet stop_app")
    before = node.host.snapshot()
    node.run().refused("found the node running and its RabbitMQ application stopped", advice)
    assert node.host.snapshot() == before
    proof = node.prove()
    said = " ".join(proof.stdout.split())
    assert proof.returncode == 69 and advice in said, proof.stdout
    node.host.run(advice)
    assert node.prove().returncode == 0
    assert node.changed() == 0
