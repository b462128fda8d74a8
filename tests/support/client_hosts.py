"""A RabbitMQ and an ActiveMQ host, plain and inside TLS, with users whose passwords no format likes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import activemq_hosts
import hosts
from certificates import Authority
from hosts import PLAYBOOK, ROOT, Controller, Host, Run

INVENTORY = "tests/hosts/clients/inventory"
HERE = ROOT / "tests/hosts/clients"
# What some format takes for something else: comments, quotes, escapes, parts of URLs, variables.
HOSTILE = """test-host-only- #$HOME'"%41@/\\\\n:;,&<=>?!{}*[]`~|é€ """.strip() + "."
ALL = {"configure": ".*", "write": ".*", "read": ".*"}
OWN = {"read": ["shop"], "write": ["shop"], "admin": ["shop"]}


def applications(authority: Authority) -> list[dict[str, Any]]:
    """For each broker one in the clear, one inside TLS, and one that shows a certificate."""
    shown = authority.issue(common_name="shop")
    found = []
    for broker, talk, extra in (
        ("cl-rabbit", "/queue/talk", {"vhost": "shop/é 1"}),
        ("cl-active", "/queue/shop.talk", {}),
    ):
        kind = broker.removeprefix("cl-")
        common = {"broker": broker, "user": "shop", "destinations": {"talk": talk}, **extra}
        found += [
            {"name": f"{kind}-plain", "tls": False, **common},
            {"name": f"{kind}-tls", **common},
            {"name": f"{kind}-cert", "certificate": shown.certificate, "key": shown.key, **common},
        ]
    return [*found, {**found[1], "name": "rabbit-unit", "installed_at": "/etc/shop/mq"}]


def rabbitmq(authority: Authority, address: str) -> dict[str, Any]:
    """The RabbitMQ host's settings."""
    pair = authority.issue(address)
    values = hosts.settings()
    values["rabbitmq_topology_vhosts"] = [{"name": "shop/é 1"}, {"name": "brokerkit-smoke"}]
    values["endpoint_denied_vhost"] = "shop/é 1"
    shop = {
        "name": "shop",
        "password": HOSTILE,
        "permissions": [{"vhost": "shop/é 1", **ALL}, {"vhost": "brokerkit-smoke", **ALL}],
    }
    values["rabbitmq_topology_users"][0] = shop
    return {
        **values,
        "rabbitmq_plugins": ["rabbitmq_management", "rabbitmq_stomp"],
        "rabbitmq_tls": "both",
        "rabbitmq_tls_certificate": pair.certificate,
        "rabbitmq_tls_key": pair.key,
        "rabbitmq_tls_authority": authority.certificate,
        "rabbitmq_tls_client_certificates": "offered",
        "rabbitmq_tls_client_authority": authority.certificate,
    }


def activemq(authority: Authority, address: str) -> dict[str, Any]:
    """The ActiveMQ host's settings."""
    pair = authority.issue(address)
    values = activemq_hosts.settings()
    values["activemq_users"] = [
        {"name": "shop", "password": HOSTILE, "groups": ["shop"]},
        {"name": "smoke", "password": activemq_hosts.PASSWORDS["smoke"], "groups": ["smoke"]},
    ]
    values["activemq_authorization"] = [
        *values["activemq_authorization"],
        {"queue": "shop.>", **OWN},
        {"queue": "dead.shop.>", **OWN},
        {"topic": "shop.>", **OWN},
    ]
    return {
        **values,
        "activemq_tls": "both",
        "activemq_tls_certificate": pair.certificate,
        "activemq_tls_key": pair.key,
        "activemq_tls_authority": authority.certificate,
        "activemq_tls_client_certificates": "offered",
        "activemq_tls_client_authority": authority.certificate,
    }


@dataclass
class Site:
    """Both hosts, and the runs of playbooks on them; `directory` is where the applications' settings go."""

    controller: Controller
    rabbit: Host
    active: Host
    content: Mapping[str, Any]
    applications: Sequence[Mapping[str, Any]]
    directory: Path

    def play(self, playbook: str, *flags: str, **changes: Any) -> Run:
        """Run a playbook; `changes` are laid over the variables of all hosts."""
        variables = {
            "client_settings_applications": self.applications,
            "client_settings_directory": str(self.directory),
            **changes,
        }
        # Settings belong to an inventory: each run is of the same one.
        path = self.controller.inventory({**self.content, "all": {"vars": variables}})
        path = path.rename(self.controller.directory / "inventory.json")
        endpoints = ["-e", f"endpoints_file={path.parent / 'endpoints.json'}"]
        command = [PLAYBOOK, "-i", INVENTORY, "-i", str(path), *endpoints, playbook, *flags]
        return self.controller.run(command, self.controller.directory)


def site(controller: Controller, rabbit: Host, active: Host, directory: Path) -> Site:
    """Both hosts with settings of their own; nothing is converged yet."""
    authority = Authority.new()
    values = {rabbit: rabbitmq(authority, rabbit.address), active: activemq(authority, active.address)}
    content = {
        kind: {"hosts": {host.name: {"ansible_host": host.address, **values[host]}}}
        for kind, host in (("rabbitmq", rabbit), ("activemq", active))
    }
    return Site(controller, rabbit, active, content, applications(authority), directory)


def environment(directory: Path, requirements: Path) -> Path:
    """An environment of its own with locked libraries; returns its Python."""
    uv = str(Path(sys.executable).parent / "uv")
    python = directory / "bin" / "python"
    for command in (
        [uv, "venv", "--quiet", "--python", sys.executable, str(directory)],
        [
            uv,
            "pip",
            "install",
            "--quiet",
            "--python",
            str(python),
            "--require-hashes",
            "-r",
            str(requirements),
        ],
    ):
        subprocess.run(command, check=True, capture_output=True, timeout=300)
    return python
