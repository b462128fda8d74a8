"""Test hosts, and converges of them: what every test of this folder is made of.

A host is a machine that scripts/testbed made. A converge is one run of ansible-playbook with an inventory, an
environment and a deadline of its own.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).resolve().parents[2]
INVENTORY = "tests/hosts/rabbitmq/inventory"
PLAYBOOK = str(Path(sys.executable).parent / "ansible-playbook")
NOT_FROZEN, CHANGED = 66, 75  # exit codes of scripts/testbed
CONVERGE_SECONDS = 420  # ten times what a converge takes on an idle machine: only a hang takes longer
RECAP = re.compile(r"^(?P<host>\S+)\s+: (?P<counts>ok=\d+.*)$", re.MULTILINE)

Settings = dict[str, Any]
T = TypeVar("T")


def wait_for(what: str, probe: Callable[[], T | None], seconds: float = 30, pause: float = 0.1) -> T:
    """Return the first true answer of `probe`; AssertionError that names `what` after the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        answer = probe()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"waited {seconds:g} s in vain for {what}"
        time.sleep(pause)


def listens(address: str, port: int) -> bool:
    """Whether a TCP connection is accepted there."""
    try:
        socket.create_connection((address, port), timeout=2).close()
    except OSError:
        return False
    return True


@dataclass(frozen=True)
class Host:
    """A test host and the ways to reach it."""

    name: str
    address: str

    def command(self, text: str) -> list[str]:
        """The ssh command line that runs a shell's text there as root."""
        state = ROOT / ".testbed"
        options = {
            "UserKnownHostsFile": state / "known_hosts",
            "GlobalKnownHostsFile": "none",
            "StrictHostKeyChecking": "yes",
            "IdentitiesOnly": "yes",
            "BatchMode": "yes",
            "ConnectTimeout": 10,
        }
        given = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
        remote = f"sudo sh -c {shlex.quote(text)}"
        return ["ssh", "-F", "none", "-i", str(state / "id_ed25519"), *given, f"ops@{self.address}", remote]

    def attempt(self, text: str, stdin: str = "", timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a shell's text there as root."""
        return subprocess.run(
            self.command(text), input=stdin, capture_output=True, text=True, timeout=timeout, check=False
        )

    def run(self, text: str, stdin: str = "", timeout: float = 120) -> str:
        """Standard output of a shell's text that has to succeed there, as root."""
        done = self.attempt(text, stdin, timeout)
        assert done.returncode == 0, f"{self.name}: {text}: code {done.returncode}, {done.stderr.strip()}"
        return done.stdout

    def write(self, path: str, content: str, mode: str = "0644") -> None:
        """Put a file there."""
        self.run(f"umask 077; cat > {path} && chmod {mode} {path}", stdin=content)

    def python(self, source: str, *arguments: str, timeout: float = 120) -> str:
        """Run a Python program there, as root, and return what it printed."""
        words = " ".join(shlex.quote(argument) for argument in arguments)
        return self.run(f"python3 - {words}", stdin=source, timeout=timeout)

    def snapshot(self) -> dict[str, Any]:
        """What a refused run must leave alone: see snapshot.py."""
        source = (Path(__file__).parent / "snapshot.py").read_text(encoding="utf-8")
        found: dict[str, Any] = json.loads(self.python(source))
        return found

    def broker_pid(self) -> int:
        """Process id of the broker; 0 where it does not run."""
        return int(self.run("systemctl show --property=MainPID --value rabbitmq-server"))

    def evaluate(self, expression: str) -> str:
        """The value of an Erlang expression inside the running broker."""
        return self.run(f"rabbitmqctl eval {shlex.quote(expression)}").strip()


def host(name: str, inventory: str = INVENTORY) -> Host:
    """The host of that name of an inventory."""
    text = (ROOT / inventory / "hosts.yml").read_text(encoding="utf-8")
    addresses = dict(re.findall(r"^    ([a-z0-9-]+): \{ansible_host: ([0-9.]+)", text, re.MULTILINE))
    return Host(name, addresses[name])


def testbed(verb: str, *words: str, inventory: str = INVENTORY, codes: Collection[int] = (0,)) -> int:
    """Run scripts/testbed for hosts of an inventory; returns which of `codes` it ended with."""
    command = [str(ROOT / "scripts" / "testbed"), verb, "-i", inventory, *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1800, check=False)
    assert done.returncode in codes, f"scripts/testbed {verb} {' '.join(words)}: {done.stderr or done.stdout}"
    return done.returncode


def reset(*wanted: Host) -> None:
    """Give hosts a clean start."""
    testbed("reset", *(one.name for one in wanted))


@contextmanager
def fresh(*names: str, inventory: str = INVENTORY) -> Iterator[list[Host]]:
    """Hosts with a clean start; removed at the end."""
    testbed("reset", *names, inventory=inventory)
    yield [host(name, inventory) for name in names]
    take_down(*names, inventory=inventory)


def take_down(*names: str, inventory: str = INVENTORY) -> None:
    """Remove hosts, unless BROKERKIT_KEEP_HOSTS asks to leave them for a look."""
    if not os.environ.get("BROKERKIT_KEEP_HOSTS"):
        testbed("down", *names, inventory=inventory)


def thawed_or(make: Callable[[], object], path: Path, name: str, inventory: str = INVENTORY) -> bool:
    """Give a host the disk that `make` has left it with, now or in an earlier run; says whether it was an earlier one.

    `path` is an inventory of the variables that `make` works with. It is not for the tests of what `make` does: on a
    host that was thawed it has not been done today.
    """
    words = ("-i", str(path), name)
    if testbed("thaw", *words, inventory=inventory, codes=(0, NOT_FROZEN)) != NOT_FROZEN:
        return True
    testbed("reset", name, inventory=inventory)
    make()
    # Continuous integration throws its machine away: nobody would thaw there what takes half a minute to freeze.
    if not os.environ.get("CI"):
        # Where somebody edits roles meanwhile, what the host was made of is not known: it is used, and not kept.
        testbed("freeze", *words, inventory=inventory, codes=(0, CHANGED))
    return False


def secret(owner: str, what: str, digits: int) -> str:
    """Hexadecimal digits: new ones in each run, or the same for the same owner."""
    if not owner:
        return secrets.token_hex(digits // 2)
    return hashlib.sha256(f"{owner} {what}".encode()).hexdigest()[:digits]


def settings(owner: str = "", **changes: Any) -> Settings:
    """What a converge needs to be right, with secrets of its own; `changes` are laid over it.

    The secrets of an `owner` are the same in each run: a host is thawed with the variables that it was frozen with.
    """
    smoke, shop = secret(owner, "smoke", 24), secret(owner, "shop", 24)
    everything = {"configure": ".*", "write": ".*", "read": ".*"}
    return {
        "rabbitmq_erlang_cookie": secret(owner, "cookie", 40),
        "rabbitmq_admin_password": secret(owner, "admin", 24),
        "rabbitmq_management_port": 8080,
        "rabbitmq_management_address": "0.0.0.0",  # noqa: S104 - a test host on a private bridge
        "rabbitmq_topology_vhosts": [{"name": "/"}, {"name": "shop"}, {"name": "brokerkit-smoke"}],
        "rabbitmq_topology_users": [
            {"name": "shop", "password": shop, "permissions": [{"vhost": "shop", **everything}]},
            {
                "name": "smoke",
                "password": smoke,
                "tags": ["monitoring"],
                "permissions": [{"vhost": "brokerkit-smoke", **everything}],
            },
        ],
        "endpoint_user": "smoke",
        "endpoint_password": smoke,
        "endpoint_vhost": "brokerkit-smoke",
        "endpoint_denied_vhost": "shop",
        **changes,
    }


@dataclass
class Run:
    """One run of ansible-playbook: its exit code, everything it printed, and its directory."""

    code: int
    output: str
    directory: Path

    @property
    def sentence(self) -> str:
        """What it printed, with line breaks and indentation folded away: sentences can be found in it."""
        return " ".join(self.output.split())

    def counts(self, name: str) -> dict[str, int]:
        """The recap's counts of a host."""
        for match in RECAP.finditer(self.output):
            if match["host"] == name:
                pairs = (pair.split("=") for pair in match["counts"].split())
                return {key: int(value) for key, value in pairs}
        raise AssertionError(f"no recap of {name} in:\n{self.output}")

    def succeeded(self) -> Run:
        """This run, which has to have ended well."""
        assert self.code == 0, self.output
        return self

    def refused(self, *words: str) -> Run:
        """This run, which has to have failed in sentences that hold all of `words`, without a traceback."""
        assert self.code != 0, f"nothing was refused:\n{self.output}"
        missing = [word for word in words if word not in self.sentence]
        assert not missing, f"{missing} not in:\n{self.output}"
        for trace in ("Traceback", "MODULE FAILURE", "Unexpected failure", "AnsibleFilterError"):
            assert trace not in self.output, f"{trace} in:\n{self.output}"
        return self


@dataclass
class Controller:
    """Where converges run from: a private home for Ansible, removed at the end."""

    directory: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="bk-")))
    runs: int = 0
    hosts_of: str = INVENTORY  # the inventory that knows the hosts' addresses

    def environment(self, home: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """An environment that holds nothing of the caller's Ansible."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "SUDO_UID") if name in os.environ}
        return {
            **kept,
            "LC_ALL": "C.UTF-8",
            "HOME": str(home),
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_HOME": str(home),
            "ANSIBLE_NOCOLOR": "1",
            # A host that was reset must not be talked to through the connection to the one it was.
            "ANSIBLE_SSH_ARGS": "-o ControlMaster=auto -o ControlPersist=10s",
            **(extra or {}),
        }

    def command(
        self, hosts: Sequence[Host], values: Settings, *flags: str, playbook: str = "site.yml"
    ) -> tuple[list[str], Path]:
        """The command line of one converge, and the directory that it has for itself."""
        endpoints = {"endpoints_file": str(self.directory / "endpoints.json")}
        path = self.inventory(
            {"rabbitmq": {"hosts": {one.name: {} for one in hosts}, "vars": {**endpoints, **values}}}
        )
        return [PLAYBOOK, "-i", self.hosts_of, "-i", str(path), playbook, *flags], path.parent

    def inventory(self, content: Mapping[str, Any]) -> Path:
        """An inventory file, for nobody else to read, in a directory of its own."""
        self.runs += 1
        home = self.directory / str(self.runs)
        home.mkdir(mode=0o700)
        path = home / "inventory.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(content), encoding="utf-8")
        return path

    def converge(
        self, hosts: Sequence[Host], values: Settings, *flags: str, playbook: str = "site.yml"
    ) -> Run:
        """Run a playbook, by default site.yml, on `hosts` as nodes with these settings."""
        command, home = self.command(hosts, values, *flags, playbook=playbook)
        return self.run(command, home)

    def converged(self, name: str, values: Settings) -> Host:
        """A host on which these settings were converged, from its frozen disk where there is one: see `thawed_or`."""
        found = host(name)
        path = self.inventory({"rabbitmq": {"hosts": {name: values}}})
        if thawed_or(lambda: self.converge([found], values).succeeded(), path, name):
            # The endpoints are the controller's: a disk that was thawed does not bring them along.
            self.converge([found], values, "--tags", "endpoints").succeeded()
        return found

    def run(self, command: Sequence[str], home: Path, seconds: float = CONVERGE_SECONDS) -> Run:
        """Run a command to its end, or for as many seconds."""
        with self.start(command, home) as process:
            try:
                output, _ = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                kill(process)
                output, _ = process.communicate()
                raise AssertionError(f"no end within {seconds:g} s:\n{output}") from None
        return Run(process.returncode, output, home)

    def start(self, command: Sequence[str], home: Path) -> subprocess.Popen[str]:
        """Start a command as the leader of a process group of its own."""
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env=self.environment(home),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )

    def close(self) -> None:
        """Remove what the runs left behind."""
        shutil.rmtree(self.directory, ignore_errors=True)


def kill(process: subprocess.Popen[str]) -> None:
    """End a process and its whole group at once, as a power cut at the controller would."""
    os.killpg(process.pid, signal.SIGKILL)
