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


@pytest.fixture(scope="module")
def uninstalled(
    machine: hosts.Host, controller: hosts.Controller, values: hosts.Settings
) -> tuple[hosts.Host, hosts.Run]:
    """The host without it, and the run that has uninstalled it."""
    machine.write(KEPT, "not ours\n")
    return machine, controller.converge([machine], values, playbook=UNINSTALL).succeeded()


def test_an_uninstalled_node_listens_on_nothing_and_leaves_its_data(uninstalled, values):
    machine, run = uninstalled
    assert "the data is still in /var/lib/rabbitmq" in run.sentence
    assert machine.run(LISTENING + " || true").strip() == "0"
    assert machine.run(LEFT + " || true").split() == ["/etc/rabbitmq", STATE, DATA]
    assert machine.run("ls /etc/rabbitmq").split() == ["mine.pem"]
    secrets = machine.run(f"grep -rl {values['rabbitmq_erlang_cookie']} /etc /var/lib || true")
    assert secrets == ""


def test_a_second_uninstallation_changes_nothing(uninstalled, controller, values):
    machine, _ = uninstalled
    run = controller.converge([machine], values, playbook=UNINSTALL).succeeded()
    assert run.counts(machine.name)["changed"] == 0


@pytest.mark.drill
def test_a_reinstalled_node_has_its_objects_and_a_removal_of_the_data_leaves_none(
    uninstalled, controller, values
):
    machine, _ = uninstalled
    run = controller.converge([machine], values).succeeded()
    assert "Converge the broker's objects" in run.output
    vhosts = machine.run("rabbitmqctl --silent list_vhosts name").split()
    assert sorted(vhosts) == ["/", "brokerkit-smoke", "shop"]
    assert "first time" not in run.output
    controller.converge([machine], {**values, "rabbitmq_remove_data": True}, playbook=UNINSTALL).succeeded()
    machine.run("rm " + KEPT)
    assert machine.run(LEFT + " || true").split() == ["/etc/rabbitmq"]
