"""A converge that is killed at any moment and run again ends in the state of an undisturbed one.

Two hosts work side by side: one is killed while it is a bare host, the other from its configuration on. What is
killed is the controller's whole process group; at half of the points also everything that it runs on the host,
as when the host loses its power. Where only the controller dies, what it started on the host goes on.
"""

from __future__ import annotations

import json
import re
import secrets
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Timer
from typing import Any

import hosts
import pytest

SUPPORT = hosts.ROOT / "tests/support"
TASK = re.compile(r"^TASK \[(?:\S+ : )?(?P<name>.+?)\] \*", re.MULTILINE)

# Packages stay; what comes after them is taken away, and the unit is masked as it is then.
UNCONFIGURE = """
systemctl stop rabbitmq-server epmd.service
rm -rf /etc/rabbitmq/* /etc/systemd/system/rabbitmq-server.service.d /var/lib/brokerkit/rabbitmq
rm -rf /var/lib/rabbitmq/mnesia /var/lib/rabbitmq/administrator.json /var/lib/rabbitmq/.erlang.cookie
ln -sf /dev/null /etc/systemd/system/rabbitmq-server.service
systemctl daemon-reload
"""
# The broker goes with the host, and systemd does not bring it back before somebody asks.
CRASH = "systemctl kill --signal=KILL rabbitmq-server; systemctl stop rabbitmq-server"
UNDECLARE = """
set -e
for vhost in shop brokerkit-smoke; do rabbitmqctl -q delete_vhost $vhost; done
for user in shop smoke; do rabbitmqctl -q delete_user $user; done
"""
UNPACKING = "runs('dpkg', '--unpack') and exists('/var/lib/dpkg/info/erlang-*.list', 6)"
ACTIVATING = "says('activating', 'systemctl', 'is-active', 'rabbitmq-server')"
PENDING = "exists('/var/lib/brokerkit/rabbitmq/pending.json')"
BOTH, CONTROLLER = True, False  # which sides of a converge are killed


@dataclass(frozen=True)
class Kill:
    """The end of a converge: in which task, on which sides, and at which moment of the task (see power_cut.py)."""

    task: str
    both: bool
    moment: str = ""  # the task's beginning
    after: str = ""  # done on the host when everything is dead


@dataclass(frozen=True)
class Case:
    """Kills in a row, after which one converge has to heal the host."""

    kills: tuple[Kill, ...]
    before: str = ""  # done on the host first; a bare host where it is RESET
    changed: bool = False  # whether the converge brings another value of a setting


RESET = "reset"
INSTALL = "Install the packages"
BARE = {
    "four times on the way to the packages": Case(
        (
            Kill("Read the host", CONTROLLER),
            Kill("Ask the package manager what it would install", CONTROLLER, "runs('apt-get', 'update')"),
            Kill(INSTALL, BOTH),
            Kill(INSTALL, BOTH, UNPACKING),
        ),
        RESET,
    ),
    "unpacking, and apt goes on": Case((Kill(INSTALL, CONTROLLER, UNPACKING),), RESET),
    "setting the broker's package up": Case(
        (Kill(INSTALL, BOTH, "runs('rabbitmq-server.postinst', 'configure')"),), RESET
    ),
}
INSTALLED = {
    "judging the configuration": Case(
        (Kill("Write the configuration", BOTH, "exists('/tmp/brokerkit-*')"),), UNCONFIGURE
    ),
    "writing the configuration": Case((Kill("Write the configuration", BOTH, PENDING),), UNCONFIGURE),
    "booting, and systemd goes on": Case((Kill("Boot the node", BOTH, ACTIVATING),), UNCONFIGURE),
    "booting, and the broker dies too": Case(
        (Kill("Boot the node", BOTH, f"{ACTIVATING} and exists('/var/lib/rabbitmq/mnesia/*/*')", CRASH),),
        UNCONFIGURE,
    ),
    "booted, not yet remembered as good": Case(
        (
            Kill(
                "Remember the configuration as good, and import no definitions at the next start", CONTROLLER
            ),
        ),
        UNCONFIGURE,
    ),
    "owing a restart": Case((Kill("Ask the cluster first", CONTROLLER),), changed=True),
    "restarting": Case(
        (Kill("Restart the node", BOTH, "not says('active', 'systemctl', 'is-active', 'rabbitmq-server')"),),
        changed=True,
    ),
    "restarted, with the administrator's old password": Case(
        (Kill("Give the administrator the declared password", BOTH),), changed=True
    ),
    "declaring the topology": Case(
        (
            Kill(
                "Converge the broker's objects",
                BOTH,
                "exists('/var/lib/rabbitmq/mnesia/*/msg_stores/vhosts/*', 2)",
            ),
        ),
        UNDECLARE,
    ),
    "writing the endpoints": Case((Kill("Write the endpoints", CONTROLLER),)),
}


@contextmanager
def moment(host: hosts.Host, expression: str) -> Iterator[subprocess.Popen[str]]:
    """Wait on the host, from now on, for a moment of a converge: see power_cut.py."""
    host.write("/run/power_cut.py", (SUPPORT / "power_cut.py").read_text(encoding="utf-8"))
    command = host.command(f'exec python3 /run/power_cut.py "{expression}"')
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as waiting:
        yield waiting


@dataclass
class Machine:
    """A host, where its converges run from, and the settings that it is to have now or after the next change."""

    host: hosts.Host
    settings: list[hosts.Settings]
    controller: hosts.Controller = field(default_factory=hosts.Controller)

    def converge(self) -> hosts.Run:
        return self.controller.converge([self.host], self.settings[0]).succeeded()

    def state(self) -> dict[str, Any]:
        """What the last converge has left on the host, and on the controller."""
        source = (SUPPORT / "host_state.py").read_text(encoding="utf-8")
        found = json.loads(self.host.python(source, self.settings[0]["rabbitmq_admin_password"]))
        left = json.loads((self.controller.directory / "endpoints.json").read_text(encoding="utf-8"))
        for broker in left["brokers"]:  # each run here has an inventory file of its own
            del broker["inventory"], broker["written"]
        endpoints = json.dumps(left)
        for text in (self.host.name, self.host.address):
            endpoints = endpoints.replace(text, "HOST")
        return {
            **found,
            "endpoints": endpoints,
            "heartbeat": self.settings[0]["rabbitmq_heartbeat"],
            "heartbeat in force": self.host.evaluate("application:get_env(rabbit, heartbeat)."),
        }

    def kill(self, where: Kill) -> None:
        """Start a converge and end it there."""
        command, home = self.controller.command([self.host], self.settings[0])
        # Only so is a task named when it begins; otherwise Ansible waits for its first result.
        command = ["env", "ANSIBLE_DISPLAY_SKIPPED_HOSTS=1", *command]
        with (
            moment(self.host, where.moment or "True") as waiting,
            self.controller.start(command, home) as process,
        ):
            deadline = Timer(hosts.CONVERGE_SECONDS, hosts.kill, [process])
            deadline.start()
            output = ""
            assert process.stdout and waiting.stdout and waiting.stdin and waiting.stderr
            while last_task(output) != where.task:
                line = process.stdout.readline()
                assert line, f"'{where.task}' did not begin:\n{output}"
                output += line
            said = waiting.stdout.readline()
            hosts.kill(process)
            waiting.stdin.write("cut\n" if where.both else "leave\n")
            waiting.stdin.close()
            assert said == "now\n", f"{where}: {waiting.stderr.read()}"
            output += process.stdout.read()
            assert waiting.stdout.readline() == "done\n", waiting.stderr.read()
            deadline.cancel()
        assert last_task(output) == where.task, f"killed too late for '{where.task}':\n{output}"
        if where.after:
            self.host.run(where.after)

    def suffer(self, case: Case) -> dict[str, Any]:
        """What is there after the kills of a case, and the converge that heals."""
        if case.before == RESET:
            hosts.reset(self.host)
        elif case.before:
            self.host.run(case.before)
        if case.changed:
            self.settings.reverse()
        for one in case.kills:
            self.kill(one)
        self.converge()
        return self.state()


def last_task(output: str) -> str:
    """The name of the task that began last, as far as ansible-playbook has said."""
    return (TASK.findall(output) or [""])[-1]


@dataclass
class Outcome:
    """The state that a case ended in, or what kept it from an end."""

    state: dict[str, Any] | None = None
    error: AssertionError | None = None


def suffer_all(machine: Machine, cases: dict[str, Case], seen: dict[str, Outcome]) -> int:
    """Go through cases one after the other; return how much a further converge changes after the last."""
    for name, case in cases.items():
        try:
            seen[name] = Outcome(machine.suffer(case))
        except AssertionError as error:
            seen[name] = Outcome(error=error)
    return machine.converge().counts(machine.host.name)["changed"] if cases else 0


@dataclass
class Results:
    """States of undisturbed converges by the value of the setting that changes, and those after kills."""

    undisturbed: dict[int, dict[str, Any]] = field(default_factory=dict)
    killed: dict[str, Outcome] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)


@pytest.fixture(scope="module")
def results(fresh: Callable[..., list[hosts.Host]], request: pytest.FixtureRequest) -> Iterator[Results]:
    """All cases that are asked for, those of the bare host beside those of the installed one."""
    mine = [item for item in request.session.items if item.path == Path(__file__)]
    asked = {item.callspec.params["name"] for item in mine if hasattr(item, "callspec")}
    common = hosts.settings()
    # A setting that costs a restart, and one that the node takes online, once it is up again.
    variants = [
        {**common, "rabbitmq_heartbeat": heartbeat, "rabbitmq_admin_password": secrets.token_hex(12)}
        for heartbeat in (30, 60)
    ]
    first, second = (Machine(one, list(variants)) for one in fresh("it-kill-a", "it-kill-b"))
    found = Results()

    def selected(cases: dict[str, Case]) -> dict[str, Case]:
        return {name: case for name, case in cases.items() if name in asked or not asked}

    def installed() -> int:
        for _ in variants:
            second.converge()
            found.undisturbed[second.settings[0]["rabbitmq_heartbeat"]] = second.state()
            second.settings.reverse()
        second.settings.reverse()
        return suffer_all(second, selected(INSTALLED), found.killed)

    with ThreadPoolExecutor(2) as pool:
        bare = pool.submit(suffer_all, first, selected(BARE), found.killed)
        rest = pool.submit(installed)
        found.changed = {first.host.name: bare.result(), second.host.name: rest.result()}
    yield found
    for machine in (first, second):
        machine.controller.close()


# A kill at each of them takes a minute; these have the most to heal: packages, files, a restart that is owed.
BRIEF = ("unpacking, and apt goes on", "restarting")
CASES = [pytest.param(name, marks=[] if name in BRIEF else pytest.mark.drill) for name in [*BARE, *INSTALLED]]


@pytest.mark.parametrize("name", CASES)
def test_a_converge_after_a_kill_ends_in_the_state_of_an_undisturbed_one(name, results):
    outcome = results.killed[name]
    if outcome.error:
        raise outcome.error
    assert outcome.state == results.undisturbed[outcome.state["heartbeat"]]


def test_an_undisturbed_converge_leaves_nothing_open(results):
    for state in results.undisturbed.values():
        assert not state["half installed"] and not state["leftovers"]
        assert "/var/lib/brokerkit/rabbitmq/pending.json" not in state["files"]
        assert "ActiveState=active" in state["units"]["rabbitmq-server.service"]
        assert "UnitFileState=enabled" in state["units"]["rabbitmq-server.service"]
        users = [json.loads(user)[0] for user in state["definitions"]["users"]]
        assert users == ["admin", "shop", "smoke"]


def test_a_further_converge_changes_nothing(results):
    assert results.changed == {"it-kill-a": 0, "it-kill-b": 0}
