"""Real brokers of an inventory: reached over SSH, so that a management listener on loopback will do."""

from __future__ import annotations

import fcntl
import functools
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, ClassVar

from brokers.rabbitmq import api
from brokers.topology import converge, diff

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
INVENTORY_VARIABLE = "TOPOLOGY_INVENTORY"
HOSTS_VARIABLE = "TOPOLOGY_HOSTS"
PLUGINS = ("rabbitmq_shovel", "rabbitmq_federation")  # whose runtime parameters are declared by the tests


def inventory() -> Path:
    """The inventory to test; its variables say how to log in."""
    path = os.environ.get(INVENTORY_VARIABLE)
    if not path:
        raise SystemExit(
            f"{INVENTORY_VARIABLE} is not set; name an inventory whose group rabbitmq runs brokers"
        )
    return Path(path)


@functools.cache
def host_variables() -> dict[str, dict[str, Any]]:
    """What Ansible knows of each host of the group rabbitmq: asked once, though every test is made for each host."""
    command = [BIN / "ansible-inventory", "-i", inventory(), "--list"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    listed = json.loads(done.stdout)
    names = limited_to() or listed["rabbitmq"]["hosts"]
    if unknown := set(names) - set(listed["rabbitmq"]["hosts"]):
        raise SystemExit(
            f"{HOSTS_VARIABLE}: {', '.join(sorted(unknown))}: not in the group rabbitmq of {inventory()}"
        )
    return {name: listed["_meta"]["hostvars"].get(name, {}) for name in names}


def limited_to() -> list[str]:
    """The hosts that the tests are for, where that is not all of the inventory."""
    return os.environ.get(HOSTS_VARIABLE, "").replace(",", " ").split()


def free_port() -> int:
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@dataclass
class Result:
    """One converge: what it did or would do."""

    plan: list[tuple[str, str, str, tuple[str, ...]]]
    before: str
    after: str
    warnings: list[str]

    @property
    def changed(self) -> bool:
        return bool(self.plan)


@dataclass
class Broker:
    """A broker on a host of the inventory."""

    name: str
    variables: dict[str, Any]
    port: int = field(default_factory=free_port)
    tunnel: subprocess.Popen[bytes] | None = None
    locks: ClassVar[dict[str, tuple[IO[str], int]]] = {}

    @property
    def user(self) -> str:
        return str(self.variables.get("rabbitmq_admin_user", "admin"))

    @property
    def password(self) -> str:
        return str(self.variables["rabbitmq_admin_password"])

    def open(self) -> None:
        """Takes the broker for this process alone, and forwards a local port to its management listener."""
        self._take()
        remote = self.variables.get("rabbitmq_management_port", 15672)
        self.tunnel = subprocess.Popen(
            [*self._ssh("-N", "-L", f"127.0.0.1:{self.port}:127.0.0.1:{remote}")], stdin=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 20
        while socket.socket().connect_ex(("127.0.0.1", self.port)):
            assert self.tunnel.poll() is None, f"no tunnel to {self.name}"
            assert time.monotonic() < deadline, f"no tunnel to {self.name} within 20 s"
            time.sleep(0.1)
        self._enable_plugins()

    def close(self) -> None:
        if self.tunnel is not None:
            self.tunnel.terminate()
            self.tunnel.wait(timeout=10)
        self._give_back()

    def _ssh(self, *words: str) -> list[str]:
        state = ROOT / ".testbed"
        options = [f"UserKnownHostsFile={state / 'known_hosts'}", "StrictHostKeyChecking=yes", "BatchMode=yes",
                   "ExitOnForwardFailure=yes", "IdentitiesOnly=yes"]  # fmt: skip
        command = ["ssh", "-i", str(state / "id_ed25519")]
        for option in options:
            command += ["-o", option]
        return [
            *command,
            *words,
            f"{self.variables.get('ansible_user', 'ops')}@{self.variables['ansible_host']}",
        ]

    def _enable_plugins(self) -> None:
        """A broker knows the runtime parameters of the plugins that it runs."""
        enabled = {name for node in self.get("/api/nodes") for name in node["enabled_plugins"]}
        missing = [name for name in PLUGINS if name not in enabled]
        if missing:
            command = [*self._ssh(), "sudo", "rabbitmq-plugins", "enable", *missing]
            subprocess.run(command, check=True, capture_output=True, timeout=120)

    def _take(self) -> None:
        """Tests of one host never run side by side, whichever processes they are in."""
        lock, users = self.locks.get(self.name, (None, 0))
        if lock is None:
            address = self.variables["ansible_host"]
            lock = (Path(tempfile.gettempdir()) / f"brokerkit-topology-{address}.lock").open("a")
            fcntl.flock(lock, fcntl.LOCK_EX)
        self.locks[self.name] = (lock, users + 1)

    def _give_back(self) -> None:
        lock, users = self.locks[self.name]
        self.locks[self.name] = (lock, users - 1)
        if users == 1:
            lock.close()
            del self.locks[self.name]

    def client(self, **access: Any) -> api.Client:
        settings = {"url": f"http://127.0.0.1:{self.port}", "username": self.user, "password": self.password}
        return api.Client(api.Access(**{**settings, **access}))

    def converge(self, check: bool = False, **document: Any) -> Result:
        """Brings the broker to a document."""
        with closing(self.client()) as client:
            outcome = converge.converge(client, converge.Wanted(document), check)
        plan = [(action.verb, action.kind.name, action.label, action.changed) for action in outcome.actions]
        return Result(plan, **diff.render(outcome.actions), warnings=outcome.warnings)

    def get(self, path: str) -> Any:
        with closing(self.client()) as client:
            return client.get(path)

    def clean(self) -> None:
        """Removes what tests make: everything whose name starts with ``bk``."""
        held = self.get("/api/definitions")
        document: dict[str, list[dict[str, Any]]] = {"vhosts": [], "users": [], "global_parameters": []}
        for kind, items in document.items():
            for item in held[kind]:
                if item["name"].startswith("bk"):
                    force = {"force": True} if kind == "vhosts" else {}
                    items.append({"name": item["name"], "state": "absent", **force})
        if not any(document.values()):
            return
        unprotected = [
            {"name": item["name"], "protected_from_deletion": False} for item in document["vhosts"]
        ]
        if self.version >= (4, 1):
            self.converge(vhosts=unprotected)
        self.converge(**document)

    @property
    def version(self) -> tuple[int, ...]:
        from brokers.topology.model import parse_version

        return parse_version(self.get("/api/overview")["rabbitmq_version"])
