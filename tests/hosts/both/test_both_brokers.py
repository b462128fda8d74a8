"""RabbitMQ and ActiveMQ on one host: ports that collide are found before anything changes, and others let both run."""

from __future__ import annotations

import json
from collections.abc import Callable

import hosts
import pytest
from activemq_hosts import INVENTORY, failures, settings, smoke
from hosts import PLAYBOOK, Controller, Host, Run

Play = Callable[..., Run]


@pytest.fixture(scope="module")
def machine(fresh: Callable[..., list[Host]]) -> Host:
    """A bare host that is to have both."""
    (found,) = fresh("am-both")
    return found


@pytest.fixture(scope="module")
def play(controller: Controller, machine: Host) -> Play:
    """Runs site.yml on an inventory with both brokers on the host, with `changes` for both."""
    rabbit = hosts.settings()

    def run(**changes: object) -> Run:
        controller.runs += 1
        home = controller.directory / str(controller.runs)
        home.mkdir(mode=0o700)
        there = {"ansible_host": machine.address}
        inventory = {
            "rabbitmq": {"hosts": {"am-rabbit": {**there, **rabbit, **changes}}},
            "activemq": {"hosts": {"am-active": {**there, **settings(), **changes}}},
            "all": {"vars": {"endpoints_file": str(home / "endpoints.json")}},
        }
        path = home / "inventory.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(inventory), encoding="utf-8")
        return controller.run([PLAYBOOK, "-i", INVENTORY, "-i", str(path), "site.yml"], home)

    return run


def test_ports_that_collide_are_refused_before_anything_changes(play: Play, machine: Host) -> None:
    before = machine.snapshot()
    play().refused("activemq_connectors: port 61613", "rabbitmq_stomp_port", "another port")
    assert machine.snapshot() == before


def test_a_wrong_value_of_one_kind_leaves_the_hosts_of_the_other_alone(play: Play, machine: Host) -> None:
    before = machine.snapshot()
    run = play(rabbitmq_stomp_port=61623, activemq_admin_password="")
    run.refused("activemq_admin_password", "am-active: refused above, and no host was changed")
    assert run.counts("am-rabbit")["changed"] == 0
    assert machine.snapshot() == before


@pytest.mark.drill
def test_with_other_ports_both_brokers_run_and_every_probe_passes(play: Play, machine: Host) -> None:
    run = play(rabbitmq_stomp_port=61623).succeeded()
    report = smoke(run.directory / "endpoints.json", "--format", "json")
    assert failures(report) == {} and report.returncode == 0, report.stdout
    assert {one["broker"] for one in json.loads(report.stdout)["results"]} == {"am-rabbit", "am-active"}
