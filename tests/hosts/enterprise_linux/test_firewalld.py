"""firewalld, as Debian packages it: what it keeps out is said by a run and by the doctor, and opened on request."""

from __future__ import annotations

import json
from collections.abc import Callable

import activemq_hosts
import hosts
import pytest

_INSTALL = """
set -e
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
apt-get -qq install --no-install-recommends firewalld >/dev/null
firewall-cmd --state
"""
SERVICE = "/etc/firewalld/services/brokerkit-rabbitmq.xml"


@pytest.fixture(scope="module")
def walled(fresh: Callable[..., list[hosts.Host]]) -> hosts.Host:
    """A host on which firewalld lets in ssh and nothing else."""
    found = fresh("el-walled")[0]
    found.run(_INSTALL, timeout=300)
    return found


def rows(controller: hosts.Controller, host: hosts.Host, values: hosts.Settings) -> set[str]:
    """The rows that the doctor finds."""
    folder = controller.directory / "doctor"
    flags = ("-e", f"doctor_dir={folder}", "-e", "doctor_since=4000000000")
    controller.converge([host], values, *flags, playbook="playbooks/doctor.yml")
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return {one["id"] for patient in report["hosts"] for one in patient["findings"]}


@pytest.mark.drill
def test_what_firewalld_keeps_out_is_said_and_opened_on_request(walled, controller):
    values = hosts.settings()
    run = controller.converge([walled], values).succeeded()
    assert "firewalld keeps clients from 5672, 8080, 61613 there" in run.sentence
    assert not hosts.listens(walled.address, 5672)
    assert "firewalld-keeps-out" in rows(controller, walled, values)

    opened = {**values, "rabbitmq_firewalld": True}
    controller.converge([walled], opened).succeeded()
    assert hosts.listens(walled.address, 5672) and hosts.listens(walled.address, 61613)
    assert "firewalld-keeps-out" not in rows(controller, walled, opened)
    assert controller.converge([walled], opened).succeeded().counts(walled.name)["changed"] == 0
    walled.run("systemctl restart firewalld")
    assert hosts.listens(walled.address, 5672)

    controller.converge([walled], values).succeeded()
    assert not hosts.listens(walled.address, 5672)
    assert walled.attempt(f"test -e {SERVICE}").returncode != 0
    # What else the zone lets in is not ours.
    assert "ssh" in walled.run("firewall-cmd --list-services").split()


@pytest.mark.drill
def test_an_activemq_broker_is_let_in_to_on_request(walled, controller):
    inventory = "tests/hosts/enterprise_linux/inventory"
    # RabbitMQ has the usual port of STOMP there.
    connectors = [{"protocol": "stomp", "port": 61713}, {"protocol": "openwire"}]
    values = activemq_hosts.settings(activemq_connectors=connectors)
    broker = activemq_hosts.Brokers(controller, {walled.name: values}, {walled.name: walled}, inventory)
    run = broker.play("site.yml").succeeded()
    assert "firewalld keeps clients from 61616, 61713 there" in run.sentence
    assert not hosts.listens(walled.address, 61713)

    broker.play("site.yml", activemq_firewalld=True).succeeded()
    assert hosts.listens(walled.address, 61713) and hosts.listens(walled.address, 61616)
    again = broker.play("site.yml", "--skip-tags", "endpoints", activemq_firewalld=True).succeeded()
    assert again.counts(walled.name)["changed"] == 0

    broker.play("playbooks/activemq_uninstall.yml").succeeded()
    assert walled.attempt("ls /etc/firewalld/services/brokerkit-activemq-*").returncode != 0
    assert "brokerkit-activemq" not in walled.run("firewall-cmd --list-services")


@pytest.mark.drill
def test_a_firewalld_that_does_not_run_is_not_asked_to_open_anything(walled, controller):
    walled.run("systemctl stop firewalld")
    run = controller.converge([walled], hosts.settings(rabbitmq_firewalld=True))
    run.refused("rabbitmq_firewalld: is true, and firewalld does not run on el-walled")
