"""Uninstalling a node: what the role put there goes, and what the node holds stays until it is named."""

from __future__ import annotations

from collections.abc import Iterator

import hosts
import pytest

UNINSTALL = "playbooks/rabbitmq_uninstall.yml"
DATA = "/var/lib/rabbitmq/mnesia"
STATE = "/var/lib/brokerkit/rabbitmq"
LEFT = (
    f"ls -d {DATA} /etc/rabbitmq {STATE} /etc/systemd/system/*rabbitmq* /etc/systemd/system/epmd* 2>/dev/null"
)
LISTENING = "ss --no-header --listening --numeric --tcp | awk '{ print $4 }' | grep -vc ':22$'"
KEPT = "/etc/rabbitmq/mine.pem"


@pytest.fixture(scope="module")
def values() -> hosts.Settings:
    return hosts.settings("it-gone")


@pytest.fixture(scope="module")
def machine(controller: hosts.Controller, values: hosts.Settings) -> Iterator[hosts.Host]:
    """A host with a node that runs."""
    yield controller.converged("it-gone", values)
    hosts.take_down("it-gone")


def test_an_uninstalled_node_listens_on_nothing_and_leaves_its_data(machine, controller, values):
    machine.write(KEPT, "not ours\n")
    run = controller.converge([machine], values, playbook=UNINSTALL).succeeded()
    assert "the data is still in /var/lib/rabbitmq" in run.sentence
    assert machine.run(LISTENING + " || true").strip() == "0"
    assert machine.run(LEFT + " || true").split() == ["/etc/rabbitmq", STATE, DATA]
    assert machine.run("ls /etc/rabbitmq").split() == ["mine.pem"]
    secrets = machine.run(f"grep -rl {values['rabbitmq_erlang_cookie']} /etc /var/lib || true")
    assert secrets == ""


def test_a_second_uninstallation_changes_nothing(machine, controller, values):
    run = controller.converge([machine], values, playbook=UNINSTALL).succeeded()
    assert run.counts(machine.name)["changed"] == 0


def test_a_reinstalled_node_has_its_objects_and_a_removal_of_the_data_leaves_none(
    machine, controller, values
):
    run = controller.converge([machine], values).succeeded()
    assert "Converge the broker's objects" in run.output
    vhosts = machine.run("rabbitmqctl --silent list_vhosts name").split()
    assert sorted(vhosts) == ["/", "brokerkit-smoke", "shop"]
    assert "first time" not in run.output
    controller.converge([machine], {**values, "rabbitmq_remove_data": True}, playbook=UNINSTALL).succeeded()
    machine.run("rm " + KEPT)
    assert machine.run(LEFT + " || true").split() == ["/etc/rabbitmq"]


def test_a_broker_of_somebody_else_is_not_removed(machine, controller, values):
    machine.run("DEBIAN_FRONTEND=noninteractive apt-get -qq install rabbitmq-server >/dev/null", timeout=600)
    controller.converge([machine], values, playbook=UNINSTALL).refused("was not installed by this role")
    assert machine.broker_pid()
