"""A host with a broker that is ill, and what the doctor says of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import distribution
import doctor_clients
import doctor_tls
import hosts
from doctor_cases import Case, script

INVENTORY = "tests/hosts/doctor/inventory"


def rabbitmq_values() -> hosts.Settings:
    """What a healthy node is made of."""
    values = hosts.settings()
    shop = next(one["password"] for one in values["rabbitmq_topology_users"] if one["name"] == "shop")
    return {**values, "shop_password": shop}


def activemq_values() -> hosts.Settings:
    """What a healthy ActiveMQ broker is made of: the user shop may use everything but the queue `forbidden`."""
    shop = hosts.secret("", "shop", 24)
    rights = {name: ["shop"] for name in ("read", "write", "admin")}
    return {
        **distribution.metrics_agent(),
        "activemq_admin_password": hosts.secret("", "admin", 24),
        "activemq_users": [{"name": "shop", "password": shop, "groups": ["shop"]}],
        "activemq_authorization": [
            {"queue": "shop.>", **rights},
            {"topic": "ActiveMQ.Advisory.>", **rights},
            {"topic": "shop.>", **rights},
        ],
        "activemq_store_limit": "1 gb",
        "activemq_connectors": [{"protocol": "stomp"}, {"protocol": "openwire"}],
        "endpoint_user": "shop",
        "endpoint_password": shop,
        "shop_password": shop,
    }


@dataclass
class Site:
    """A test host with a broker of a kind."""

    host: hosts.Host
    controller: hosts.Controller
    kind: str
    values: hosts.Settings
    password: str
    inventory: str = INVENTORY
    bare: list[dict[str, Any]] = field(default_factory=list)  # what was found before anything was installed

    def run(self, playbook: str, *flags: str, **more: Any) -> hosts.Run:
        """Run a playbook on the host."""
        endpoints = {"endpoints_file": str(self.controller.directory / "endpoints.json")}
        path = self.controller.inventory(
            {self.kind: {"hosts": {self.host.name: {}}, "vars": {**endpoints, **self.values, **more}}}
        )
        return self.controller.run(
            [hosts.PLAYBOOK, "-i", INVENTORY, "-i", str(path), playbook, *flags], path.parent
        )

    def findings(self, since: float) -> list[dict[str, Any]]:
        """What the doctor finds on the host; lines of logs count from a moment on."""
        directory = self.controller.directory / "doctor"
        done = self.run("playbooks/doctor.yml", doctor_dir=str(directory), doctor_since=since)
        assert (directory / "report.json").exists(), done.output
        report = json.loads((directory / "report.json").read_text(encoding="utf-8"))
        (one,) = report["hosts"]
        assert (done.code != 0) == bool(one["findings"]), done.output
        found: list[dict[str, Any]] = one["findings"]
        return found

    def make(self, case: Case) -> Callable[[], object]:
        """Bring the host into a state; returns what ends it."""
        if case.breaks:
            self.host.run(script(self.kind, case.breaks), timeout=180)
        module = doctor_clients if hasattr(doctor_clients, case.client) else doctor_tls
        end = getattr(module, case.client)(self) if case.client else None

        def cure() -> None:
            if callable(end):
                end()
            if case.cures:
                self.host.run(script(self.kind, case.cures), timeout=180)
            if case.converges:
                self.run("site.yml").succeeded()

        return cure
