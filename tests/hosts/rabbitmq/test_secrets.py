"""No secret leaves its place: not in what a run prints, not in a log, a process's arguments or a file others can read.

One host goes through a life of converges, all with -vvv --diff: refusals, a first boot, a change of every secret, a
change of mind under --check, and a configuration that the broker does not come up on. Then everything that it left is
searched. Each search is shown to find a secret that was planted.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import background
import hosts
import pytest

# Hexadecimal digits look alike raw, percent-encoded, in JSON and in an Erlang term: what is around them may be escaped.
TOKEN = re.compile(r"[0-9a-f]{18,}")
AWKWARD = "/+ %&'\"\\$"
READABLE = ["/etc", "/var", "/run", "/tmp", "/home", "/usr/local", "/root", "/opt", "/srv", "/dev/shm"]
LOGS = ["/var/log", "/run/log"]
FEDERATION = ["rabbitmq_management", "rabbitmq_stomp", "rabbitmq_federation"]


def token() -> str:
    """A secret that stands nowhere else."""
    return secrets.token_hex(12)


def tokens(value: Any) -> set[str]:
    """Every secret that stands in settings."""
    return set(TOKEN.findall(json.dumps(value)))


def forms(secret: str) -> set[str]:
    """A secret raw, and in base64 at each of the three offsets that it can have in a longer text."""
    found = {secret}
    for offset, skip in ((0, 0), (1, 2), (2, 3)):
        raw = b"\0" * offset + secret.encode()
        found.add(base64.b64encode(raw).decode()[skip : len(raw) * 8 // 6])
    return found


def all_forms(known: set[str]) -> list[str]:
    """Every form of every secret."""
    return sorted(form for secret in known for form in forms(secret))


def leaks(text: str, known: set[str]) -> list[str]:
    """The lines of a text that hold a secret, cut to what shows where they come from."""
    wanted = all_forms(known)
    return [line[:300] for line in text.splitlines() if any(form in line for form in wanted)]


def search(where: hosts.Host | None, known: set[str], roots: list[str], who: str) -> list[str]:
    """Files of a host, or of the controller, that hold a secret: see search_files.py."""
    question = json.dumps({"texts": all_forms(known), "roots": roots, "who": who})
    program = background.HERE / "search_files.py"
    if where is not None:
        where.write("/root/search_files.py", program.read_text(encoding="utf-8"), mode="0600")
        answer = where.run("python3 /root/search_files.py", stdin=question, timeout=300)
    else:
        command = [sys.executable, str(program)]
        answer = subprocess.run(command, input=question, capture_output=True, text=True, check=True).stdout
    found: list[str] = json.loads(answer)
    return found


def journal(where: hosts.Host) -> str:
    """The whole journal, with the fields that no reader of messages sees, among them arguments of processes."""
    return where.run(r"journalctl --no-pager --all --output export | tr -cd '\11\12\40-\176'", timeout=300)


def sampled(where: hosts.Host) -> tuple[list[str], list[str]]:
    """The command lines that sample processes on the host and on the controller."""
    program = "sample_processes.py"
    return background.on_host(where, program), background.here(program)


def first() -> hosts.Settings:
    """Settings with a secret in every place that takes one."""
    values = hosts.settings(
        rabbitmq_admin_password=token() + AWKWARD,
        rabbitmq_plugins=FEDERATION,
        rabbitmq_config={"ssl_options.password": token()},
        rabbitmq_advanced_config={"rabbit": {"cluster_partition_handling_secret": token()}},
        rabbitmq_topology_parameters=[
            {
                "component": "federation-upstream",
                "vhost": "shop",
                "name": "elsewhere",
                "value": {"uri": f"amqp://shop:{token()}@192.0.2.1"},
            }
        ],
    )
    values["rabbitmq_topology_users"][0]["password"] += AWKWARD
    return values


def second(values: hosts.Settings) -> hosts.Settings:
    """The same settings with every secret replaced."""
    text = json.dumps(values)
    for old in tokens(values):
        text = text.replace(old, secrets.token_hex(len(old) // 2))
    changed: hosts.Settings = json.loads(text)
    return changed


def refused_early(values: hosts.Settings) -> dict[str, hosts.Settings]:
    """Settings with secrets of the wrong form or in the wrong place, refused from the variables alone."""
    users = [{"name": "shop", "password": {"clear": token()}}, {"name": "smoke", "pasword": token()}]
    return {
        "a password that is a list, and a misspelt variable": {
            **values,
            "rabbitmq_admin_password": [token()],
            "rabbitmq_admin_pasword": token(),
        },
        "a cookie that is too short, and a threshold that is none": {
            **values,
            "rabbitmq_erlang_cookie": secrets.token_hex(9),
            "rabbitmq_memory_high_watermark": "much",
        },
        "a user's password that is a mapping, and one under a misspelt key": {
            **values,
            "rabbitmq_topology_users": users,
        },
    }


def with_unknown_key(values: hosts.Settings) -> hosts.Settings:
    """Settings that the broker's parser refuses, with a secret beside what it refuses."""
    return {**values, "rabbitmq_config": {"ssl_options.password": token(), "no_such.password": token()}}


def that_do_not_boot(values: hosts.Settings) -> hosts.Settings:
    """Settings that parse, and then the node finds that the address is not the host's."""
    return {
        **values,
        "rabbitmq_plugins": [*FEDERATION, "rabbitmq_mqtt"],
        "rabbitmq_config": {"ssl_options.password": token(), "mqtt.listeners.tcp.1": "192.0.2.1:1883"},
    }


@dataclass
class Life:
    """What a host's life left: every run by name, the settings' secrets, and the arguments of its processes."""

    machine: hosts.Host
    controller: hosts.Controller
    runs: dict[str, hosts.Run]
    known: set[str]
    arguments: list[str]


class Runs(dict[str, hosts.Run]):
    """Runs by name, and the secrets of their settings."""

    def __init__(self, machine: hosts.Host, controller: hosts.Controller) -> None:
        super().__init__()
        self.machine, self.controller = machine, controller
        self.known: set[str] = set()

    def add(self, name: str, values: hosts.Settings, *flags: str) -> hosts.Run:
        """Converge, and remember the secrets of the settings."""
        self.known |= tokens(values)
        self[name] = self.controller.converge([self.machine], values, "-vvv", "--diff", *flags)
        return self[name]


def live(runs: Runs) -> None:
    """The runs of the host's life; each has to end as it should."""
    old = first()
    new = second(old)
    for name, values in refused_early(old).items():
        assert runs.add(name, values).code != 0, name
    unknown = with_unknown_key(old)
    assert "no_such" in runs.add("an unknown key on a bare host", unknown).output
    runs.add("a first boot", old).succeeded()
    look = {**new, "rabbitmq_admin_password": old["rabbitmq_admin_password"]}
    runs.add("a look at a change", look, "--check").succeeded()
    # The administrator has its old password until the change is made: this look ends before the topology, and says so.
    without_login = runs.add("a look at a change of the login", new, "--check").succeeded()
    assert "the topology was not compared" in without_login.output
    runs.add("a change of every secret", new).succeeded()
    assert "no_such" in runs.add("an unknown key", with_unknown_key(new)).output
    rolled_back = runs.add("a configuration that does not boot", that_do_not_boot(new))
    assert "It runs again on the last good one" in rolled_back.sentence, rolled_back.output


@pytest.fixture(scope="module")
def machine(fresh: Callable[..., list[hosts.Host]]) -> hosts.Host:
    return fresh("it-secret")[0]


@pytest.fixture(scope="module")
def life(machine: hosts.Host, controller: hosts.Controller) -> Iterator[Life]:
    """One life of a host, sampled on both ends."""
    runs = Runs(machine, controller)
    there, here = sampled(machine)
    with background.running(there) as on_host, background.running(here) as on_controller:
        live(runs)
    yield Life(machine, controller, runs, runs.known, [*on_host.report, *on_controller.report])


def test_no_run_prints_a_secret(life):
    found = {name: leaks(run.output, life.known) for name, run in life.runs.items()}
    assert {name: lines for name, lines in found.items() if lines} == {}
    # The runs did show the files and objects that the secrets belong to.
    for name in ("a first boot", "a change of every secret"):
        assert "/etc/rabbitmq/rabbitmq.conf" in life.runs[name].output
        assert "elsewhere" in life.runs[name].output


def test_no_log_holds_a_secret(life):
    assert leaks(journal(life.machine), life.known) == []
    assert search(life.machine, life.known, LOGS, "root") == []


def test_no_process_had_a_secret_in_its_arguments(life):
    assert leaks("\n".join(life.arguments), life.known) == []
    # The samplers were awake: the broker, its tools and Ansible went by.
    for word in ("beam.smp", "rabbitmqctl", "ansible-playbook", "load_definitions"):
        assert any(word in line for line in life.arguments), word


def test_no_file_that_others_can_read_holds_a_secret(life):
    assert search(life.machine, life.known, READABLE, "others") == []
    assert search(None, life.known, [str(life.controller.directory)], "mode") == []
    # The secrets are on the host, where they belong, and the search knows how they look there.
    held = search(life.machine, life.known, ["/etc", "/var/lib"], "root")
    assert {"/etc/rabbitmq/rabbitmq.conf", "/var/lib/rabbitmq/.erlang.cookie"} <= set(held)


SHOW = """
- hosts: rabbitmq
  gather_facts: false
  vars:
    login: "admin:{{ rabbitmq_admin_password }}"
  tasks:
"""
SHOWN = ("login", "login | b64encode", "login | urlencode", "login | to_json")


@pytest.fixture(scope="module")
def shown(machine: hosts.Host, controller: hosts.Controller) -> tuple[dict[str, str], set[str]]:
    """What a run printed that shows a secret in each of these forms, by form; and the secret."""
    tasks = [
        f'    - name: "{form}"\n      ansible.builtin.debug: {{msg: "{{{{ {form} }}}}"}}\n' for form in SHOWN
    ]
    playbook = controller.directory / "show.yml"
    playbook.write_text(SHOW + "".join(tasks), encoding="utf-8")
    values = {"rabbitmq_admin_password": token() + AWKWARD}
    run = controller.converge([machine], values, playbook=str(playbook)).succeeded()
    _, *printed = run.output.split("TASK [")
    return dict(zip(SHOWN, printed, strict=True)), tokens(values)


@pytest.mark.parametrize("form", SHOWN)
def test_a_secret_that_a_run_prints_is_found(form, shown):
    printed, known = shown
    assert leaks(printed[form], known)


@pytest.mark.parametrize("lead", ["", "a", "ab"])
def test_a_secret_is_found_in_base64_wherever_it_begins(lead):
    secret = token()
    text = base64.b64encode(f"{lead}{secret}:more".encode()).decode()
    assert leaks(text, {secret}) and not leaks(text, {token()})


def test_a_secret_in_an_argument_is_found_on_both_ends(machine):
    secret = token()
    there, here = sampled(machine)
    with background.running(there) as on_host, background.running(here) as on_controller:
        machine.run(f"sh -c 'sleep 1; :' {secret}")
    assert leaks("\n".join(on_host.report), {secret})
    assert leaks("\n".join(on_controller.report), {secret})


def test_a_secret_in_a_log_is_found(machine):
    secret = token()
    machine.run("logger", stdin=f"password={secret}\n")
    machine.write("/var/log/planted.log", f"password={secret}\n", mode="0600")
    assert hosts.wait_for("the line in the journal", lambda: leaks(journal(machine), {secret}))
    assert "/var/log/planted.log" in search(machine, {secret}, LOGS, "root")


def test_a_file_that_others_can_read_is_found(machine, tmp_path):
    secret = token()
    machine.run("install -d -m 0700 /var/tmp/closed && install -d -m 0711 /var/tmp/hidden")
    modes = {"/var/tmp/open": "0644", "/var/tmp/mine": "0640", "/var/tmp/closed/open": "0644"}
    for path, mode in {**modes, "/var/tmp/hidden/open": "0604"}.items():
        machine.write(path, f"password={secret}\n", mode=mode)
    assert search(machine, {secret}, READABLE, "others") == ["/var/tmp/hidden/open", "/var/tmp/open"]
    planted = tmp_path / "planted"
    planted.write_text(base64.b64encode(f"admin:{secret}".encode()).decode(), encoding="utf-8")
    planted.chmod(0o644)
    assert search(None, {secret}, [str(tmp_path)], "mode") == [str(planted)]
