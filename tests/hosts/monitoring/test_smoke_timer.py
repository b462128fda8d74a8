"""The prober on a timer: metrics of real brokers, a second run that changes nothing, and no trace of it afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import hosts
import pytest

BROKERS = os.environ.get("MONITORING_INVENTORY", "")
INVENTORY = "tests/hosts/monitoring/inventory"
METRICS = "/var/lib/prometheus/node-exporter/brokerkit-smoke.prom"
ENDPOINTS = "/etc/brokerkit/smoke/endpoints.json"
pytestmark = pytest.mark.skipif(not BROKERS, reason="MONITORING_INVENTORY names no brokers")


@dataclass
class Site:
    """A host with a timer, and the controller that gives it one."""

    host: hosts.Host
    controller: hosts.Controller
    brokers: dict[str, Any]

    def run(self, playbook: str = "playbooks/smoke_timer.yml", *flags: str, **more: Any) -> hosts.Run:
        """Run a playbook on the host."""
        values = {"smoke_timer_endpoints": self.brokers, **more}
        path = self.controller.inventory({"smoke_timers": {"hosts": {self.host.name: {}}, "vars": values}})
        command = [hosts.PLAYBOOK, "-i", INVENTORY, "-i", str(path), playbook, *flags]
        return self.controller.run(command, path.parent)


@pytest.fixture(scope="module")
def site(watch: hosts.Host, controller: hosts.Controller) -> Site:
    """A host with node_exporter, and the brokers that are there."""
    subprocess.run(
        [sys.executable, str(hosts.ROOT / "scripts/smoke_archive.py")], check=True, capture_output=True
    )
    # As on a machine. In a container a unit would not see the credentials that systemd mounts for it.
    watch.run("mount --make-rshared /")
    text = (hosts.ROOT / "artifacts/endpoints.json").read_text(encoding="utf-8")
    found = json.loads(text)
    found["brokers"] = [one for one in found["brokers"] if one["inventory"] == BROKERS]
    assert found["brokers"], f"the endpoints file has no broker of {BROKERS}"
    return Site(watch, controller, found)


def test_a_bare_host_probes_the_brokers_and_serves_what_it_found(site: Site) -> None:
    before = site.run("playbooks/smoke_timer.yml", "--check").succeeded()
    assert before.counts("mo-watch")["failed"] == 0
    site.run().succeeded()
    text = site.host.run(f"cat {METRICS}")
    site.host.run("promtool check metrics", stdin=text)
    for one in site.brokers["brokers"]:
        assert f'brokerkit_probe_success{{broker="{one["name"]}",probe="amqp.confirm"}} 1' in text
        assert one["password"] not in text
    served = "import urllib.request; print(urllib.request.urlopen('http://127.0.0.1:9100/metrics').read().decode())"
    assert "brokerkit_probe_success{" in site.host.python(served)
    assert site.host.run("systemctl is-active brokerkit-smoke.timer").strip() == "active"


def test_a_second_run_changes_nothing(site: Site) -> None:
    assert site.run().succeeded().counts("mo-watch")["changed"] == 0
    assert (
        site.run("playbooks/smoke_timer.yml", "--check", "--diff").succeeded().counts("mo-watch")["changed"]
        == 0
    )


def test_the_passwords_are_roots_alone(site: Site) -> None:
    assert site.host.run(f"stat -c '%a %U' {ENDPOINTS}").split() == ["600", "root"]
    tried = site.host.attempt(f"runuser -u brokerkit-smoke -- cat {ENDPOINTS}")
    assert tried.returncode != 0 and not tried.stdout
    shown = site.host.run("systemctl show brokerkit-smoke.service; journalctl -u brokerkit-smoke.service")
    assert not [one["name"] for one in site.brokers["brokers"] if one["password"] in shown]


def test_a_broker_that_is_away_is_a_metric_and_no_failure_of_the_service(site: Site) -> None:
    away = {
        **site.brokers["brokers"][0],
        "name": "away",
        "host": "10.61.13.49",
        "management": None,
        "stomp": None,
    }
    lost = {**site.brokers, "brokers": [away]}
    site.run(smoke_timer_endpoints=lost, smoke_timer_probe_timeout=2).succeeded()
    assert 'brokerkit_broker_reachable{broker="away"} 0' in site.host.run(f"cat {METRICS}")
    assert (
        site.host.run("systemctl show --property=Result --value brokerkit-smoke.service").strip() == "success"
    )


def test_no_broker_and_a_misspelt_variable_are_refused(site: Site) -> None:
    site.run(smoke_timer_endpoints={}).refused("smoke_timer_endpoints: holds no broker")
    site.run(smoke_timer_intervall=10).refused("smoke_timer_intervall")


def test_nothing_is_left_of_it(site: Site) -> None:
    site.run("playbooks/smoke_timer_uninstall.yml").succeeded()
    left = site.host.run(
        "ls -d /etc/brokerkit/smoke /usr/local/lib/brokerkit-smoke.pyz /etc/systemd/system/brokerkit-smoke.* "
        f"{METRICS} /var/lib/brokerkit/smoke 2>/dev/null; id brokerkit-smoke 2>/dev/null; true"
    )
    assert left == ""
    assert site.host.run("stat -c '%a %U %G' /var/lib/prometheus/node-exporter").split() == [
        "755",
        "root",
        "root",
    ]
    assert site.run("playbooks/smoke_timer_uninstall.yml").succeeded().counts("mo-watch")["changed"] == 0
