"""A cluster of test hosts: runs of playbooks for its members, and what each of them says of it."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import hosts
from brokers.rabbitmq import operation

INVENTORY = "tests/hosts/cluster/inventory"
NAME = "test"


@dataclass(frozen=True)
class Load:
    """What soak.py found while something was done to a cluster, and its run."""

    account: dict[str, Any]
    run: hosts.Run

    @property
    def confirmed(self) -> int:
        """Messages that the cluster confirmed."""
        return int(self.account["messages"]["confirmed"])

    @property
    def lost(self) -> int:
        """Those of them that never came."""
        return int(self.account["messages"]["lost"])

    @property
    def outage(self) -> float:
        """The longest time, in seconds, for which a client was without service."""
        return float(self.account["seconds_without_service"]["longest"])

    def succeeded(self) -> Load:
        """Itself, if the command ended well, messages were confirmed, and none of those was lost."""
        operation = self.account["operation"]
        assert operation["exit_code"] == 0, "\n".join(operation["output"][-60:])
        assert self.lost == 0 < self.confirmed, self.account["verdict"]
        return self


@dataclass
class Cluster:
    """Hosts that are to be one cluster, and what their runs are given."""

    hosts: list[hosts.Host]
    controller: hosts.Controller
    values: hosts.Settings
    beside: dict[str, Any] = field(default_factory=dict)  # groups of other hosts
    inventory: str = INVENTORY

    @property
    def names(self) -> list[str]:
        """The names of all hosts."""
        return [one.name for one in self.hosts]

    @property
    def nodes(self) -> list[str]:
        """The names of all nodes."""
        return [f"rabbit@{one.name}" for one in self.hosts]

    def command(
        self, playbook: str, *flags: str, only: Sequence[hosts.Host] = (), **changes: Any
    ) -> tuple[list[str], Any]:
        """The command line of a run, and the directory that it has for itself; `only` are the hosts that it knows."""
        endpoints = {"endpoints_file": str(self.controller.directory / "endpoints.json")}
        content = {
            **self.beside,
            "rabbitmq": {
                "hosts": {one.name: {} for one in only or self.hosts},
                "vars": {**endpoints, "rabbitmq_cluster_name": NAME, **self.values, **changes},
            },
        }
        path = self.controller.inventory(content)
        return [hosts.PLAYBOOK, "-i", self.inventory, "-i", str(path), playbook, *flags], path.parent

    def run(self, playbook: str, *flags: str, only: Sequence[hosts.Host] = (), **changes: Any) -> hosts.Run:
        """A run of a playbook, to its end."""
        command, home = self.command(playbook, *flags, only=only, **changes)
        return self.controller.run(command, home)

    def killed(self, task: str, *line: str, **changes: Any) -> None:
        """Begin a run of a playbook, and kill it as it comes to a task."""
        command, home = self.command(*line, **changes)
        with self.controller.start(command, home) as process:
            assert process.stdout is not None
            for printed in process.stdout:
                if printed.startswith("TASK") and task in printed:
                    break
            hosts.kill(process)

    def soaked(self, during: Sequence[str], *words: str) -> Load:
        """Run a command while numbered messages go through the cluster; `words` are options of soak.py."""
        home = self.controller.inventory({}).parent
        account = home / "soak.json"
        endpoints = str(self.controller.directory / "endpoints.json")
        command = [
            sys.executable,
            "scripts/soak.py",
            "--endpoints",
            endpoints,
            "--json",
            str(account),
            *words,
        ]
        # soak.py ends an operation after half an hour.
        run = self.controller.run([*command, "--during", shlex.join(during)], home, 2000)
        assert account.exists(), run.output
        return Load(json.loads(account.read_text()), run)

    def views(self) -> list[tuple[str, list[str], list[str]]]:
        """By each member that runs: the cluster's name, its members, and those that run."""
        found = []
        for one in self.hosts:
            said = one.attempt("rabbitmqctl --quiet --formatter json cluster_status")
            if said.returncode == 0:
                status = json.loads(said.stdout)
                found.append(
                    (status["cluster_name"], sorted(status["disk_nodes"]), sorted(status["running_nodes"]))
                )
        return found

    def probes(self, *flags: str) -> hosts.Run:
        """A run of scripts/smoke.py on all members."""
        endpoints = str(self.controller.directory / "endpoints.json")
        command = [sys.executable, "scripts/smoke.py", "--endpoints", endpoints, "--timeout", "30", *flags]
        return self.controller.run(command, self.controller.inventory({}).parent)

    def pids(self) -> list[int]:
        """The processes of the brokers."""
        return [one.broker_pid() for one in self.hosts]

    def is_whole(self) -> bool:
        """Whether every member runs and sees the same members, all of them running."""
        return self.views() == [(NAME, sorted(self.nodes), sorted(self.nodes))] * len(self.hosts)

    def elsewhere(self, what: str, state: str) -> str:
        """Take or release the lock as another operator does, on a controller of their own."""
        me = {"by": "bob@elsewhere", "run": "bob@elsewhere/1", "what": what}
        snippet = operation.question(me, state)
        return self.hosts[1].run(f"rabbitmqctl eval {shlex.quote('begin' + snippet + ' end.')}")

    def declare(self, name: str, kind: str, on: hosts.Host) -> None:
        """Declare a durable queue of vhost / on a member."""
        arguments = f'[{{<<"x-queue-type">>, longstr, <<"{kind}">>}}]'
        resource = f'rabbit_misc:r(<<"/">>, queue, <<"{name}">>)'
        said = on.evaluate(
            f'element(1, rabbit_amqqueue:declare({resource}, true, false, {arguments}, none, <<"test">>)).'
        )
        assert said.strip() in ("new", "existing"), said

    def replicas(self, name: str) -> list[str]:
        """The nodes with a replica of a quorum queue of vhost /."""
        first = next(one for one in self.hosts if one.broker_pid())
        said = json.loads(first.run(f"rabbitmq-queues --quiet --formatter json quorum_status {name}"))
        return sorted(one["Node Name"] for one in said)


@contextmanager
def cut_off(cluster: Cluster, at: int) -> Iterator[None]:
    """Let no packet pass between a member and the others."""
    others = [one.address for one in cluster.hosts if one is not cluster.hosts[at]]
    cluster.hosts[at].run("; ".join(f"ip route add blackhole {address}" for address in others))
    try:
        yield
    finally:
        cluster.hosts[at].run("; ".join(f"ip route del blackhole {address}" for address in others))
