"""What an operator reads of a refusal: each sentence once, as a sentence, at 80 columns."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from role_files import ROOT

LONG = "rabbitmq_amqp_port: 'amqp' is a text; write a whole number, such as 5672, and a path is not broken: "
TYPO = "rabbitmq_x: is not a variable of the role rabbitmq"
PATH = (
    "/etc/systemd/system/rabbitmq-server.service.d/a-name-that-is-longer-than-what-is-left-of-the-line.conf"
)
# A try that has to wait, as a module in the folder of the play says it.
WAITING = """#!/usr/bin/python
from ansible.module_utils.basic import AnsibleModule
AnsibleModule({}).exit_json(waiting="rabbit@other is starting")
"""
PLAY = f"""
- hosts: one
  gather_facts: false
  vars: {{ansible_python_interpreter: "{{{{ ansible_playbook_python }}}}"}}
  tasks:
    - name: Ask until it is well
      asks: {{}}
      register: asked
      until: asked.attempts > 1
      retries: 2
      delay: 0
- hosts: all
  gather_facts: false
  tasks:
    - name: Refuse nothing
      brokerkit.brokers.broker_refusal:
        sentences: []
    - name: Refuse for two of three
      brokerkit.brokers.broker_refusal:
        sentences: ["{LONG}{PATH}", "rabbitmq_plugins: second sentence", "{TYPO}"]
        words: ["first line of the broker", "", "  second line"]
      when: inventory_hostname != "three"
    - name: Refuse for the third
      brokerkit.brokers.broker_refusal:
        sentences: "{{{{ inventory_hostname }}}}: one\\n  sentence"
    - name: Another
      ansible.builtin.debug:
        msg: never reached
"""


def run(
    folder: Path, *flags: str, playbook: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the play for three hosts that are this machine, with the project's ansible.cfg."""
    (folder / "play.yml").write_text(PLAY)
    (folder / "library").mkdir(exist_ok=True)
    (folder / "library" / "asks.py").write_text(WAITING)
    hosts = "".join(f"{name} ansible_connection=local\n" for name in ("one", "two", "three"))
    (folder / "hosts").write_text(hosts)
    command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(folder / "hosts")]
    return subprocess.run(
        [*command, playbook or str(folder / "play.yml"), *flags],
        cwd=ROOT,
        env={
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_HOME": str(folder),
            "ANSIBLE_NOCOLOR": "1",
            "LC_ALL": "C.UTF-8",
            "COLUMNS": "80",
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """The play's output."""
    return run(tmp_path_factory.mktemp("screen"))


def test_each_sentence_is_read_once_and_as_a_sentence(shown: subprocess.CompletedProcess[str]) -> None:
    text = " ".join((shown.stdout + shown.stderr).split())
    assert shown.returncode == 2
    assert text.count("write a whole number, such as 5672") == 1
    assert text.count("rabbitmq_plugins: second sentence") == 1
    assert text.count("three: one sentence") == 1
    for noise in ("[ERROR]", "Origin:", "assertion", "evaluated_to", "msg:", "- '", "['"):
        assert noise not in text


def test_hosts_of_which_the_same_is_true_are_named_together(shown: subprocess.CompletedProcess[str]) -> None:
    fatal = [line for line in shown.stderr.splitlines() if line.startswith("fatal:")]
    assert sorted(fatal[0]) == sorted("fatal: [one, two]: FAILED!")
    assert fatal[1:] == ["fatal: [three]: FAILED!"]


def test_lines_fit_the_terminal_and_paths_are_not_broken(shown: subprocess.CompletedProcess[str]) -> None:
    refused = [line for line in shown.stderr.splitlines() if line[:4] in ("  * ", "    ", "  | ", "  |")]
    assert [line for line in refused if len(line) > 80 and PATH not in line] == []
    assert sum(PATH in line for line in refused) == 1
    assert "  | first line of the broker" in refused
    assert "  |   second line" in refused


def test_a_refusal_leads_to_the_page_that_has_more(shown: subprocess.CompletedProcess[str]) -> None:
    assert shown.stderr.count("  more: docs/troubleshooting.md#unknown-variable\n") == 1


def test_a_sentence_stands_below_its_task(shown: subprocess.CompletedProcess[str]) -> None:
    """Seen with both streams on one screen, as a terminal has them: a refusal waits for its task's end, not longer."""
    order = ["Refuse for two of three", "Refuse for the third", "PLAY RECAP"]
    assert [word for line in shown.stdout.splitlines() for word in order if word in line] == order


def test_what_is_waited_for_is_said_below_its_task(shown: subprocess.CompletedProcess[str]) -> None:
    """A try of a task that waits has not failed, whatever Ansible calls it."""
    order = [
        "Ask until it is well",
        "waiting: [one]: rabbit@other is starting",
        "ok: [one]",
        "Refuse nothing",
    ]
    assert [word for line in shown.stdout.splitlines() for word in order if word in line][:4] == order
    assert "RETRYING" not in shown.stdout
    assert "Ask until it is well" not in shown.stderr


def test_another_callback_shows_a_text_with_a_line_for_each_sentence(tmp_path: Path) -> None:
    done = run(tmp_path, ANSIBLE_STDOUT_CALLBACK="ansible.builtin.default")
    assert "second sentence" in done.stderr
    assert "assertion" not in done.stderr


@pytest.mark.parametrize("playbook", ["site.yml", "playbooks/topology_drift.yml"])
def test_a_start_in_the_middle_is_refused(tmp_path: Path, playbook: str) -> None:
    """--start-at-task would skip the checks, or end with an undefined variable, or do nothing with exit code 0."""
    done = run(tmp_path, "--start-at-task", "Write the endpoints", playbook=playbook)
    assert done.returncode == 2
    assert "--start-at-task: skips the checks" in done.stderr
    assert "TASK" not in done.stdout


def test_a_run_that_would_do_nothing_is_refused(tmp_path: Path) -> None:
    """Both reasons are given at once."""
    done = run(tmp_path, "--tags", "provison", "--limit", "localhost,one", playbook="site.yml")
    assert done.returncode == 2
    assert "TASK [Refuse errors of the whole inventory" in done.stdout
    told = " ".join(done.stderr.split())
    assert "--tags: 'provison' is not a tag (did you mean provision?)" in told
    assert "no host is in the group" in told


@pytest.mark.parametrize(
    "playbook", ["playbooks/topology.yml", "playbooks/activemq_restart.yml", "brokerkit.brokers.topology"]
)
def test_a_tag_of_site_yml_is_none_of_a_playbook_that_does_one_thing(tmp_path: Path, playbook: str) -> None:
    done = run(tmp_path, "--tags", "declare", playbook=playbook)
    assert done.returncode == 2
    assert "--tags: 'declare' is not a tag; this playbook has none" in " ".join(done.stderr.split())


OWN = f"""
- hosts: all
  gather_facts: false
  tags: [firewall]
  tasks:
    - ansible.builtin.debug: {{msg: of somebody else's}}
- ansible.builtin.import_playbook: {ROOT / "site.yml"}
  tags: [brokers]
"""
LATE = "    - {ansible.builtin.include_tasks: late.yml, tags: [always]}\n"


@pytest.mark.parametrize(
    "own", [OWN, OWN.replace("- ansible.builtin.import", LATE + "- ansible.builtin.import")]
)
def test_a_tag_of_an_operators_own_playbook_is_one(tmp_path: Path, own: str) -> None:
    """What tasks carry that are included while a run is under way, nobody knows before."""
    (tmp_path / "own.yml").write_text(own)
    (tmp_path / "late.yml").write_text("[{ansible.builtin.debug: {}, tags: [nonsense]}]")
    done = run(tmp_path, "--tags", "brokers,nonsense", playbook=str(tmp_path / "own.yml"))
    told = " ".join(done.stderr.split())
    assert ("'nonsense' is not a tag" in told) is (own == OWN), done.stderr
    assert "'brokers' is not a tag" not in told
    assert "no host is in the group" in told


def test_every_playbook_refuses_an_inventory_in_which_it_would_do_nothing() -> None:
    """Ansible says "no hosts matched" and ends with exit code 0."""
    first = {"inventory.yml", "broker_hosts.yml", "topology_hosts.yml"}
    parts = {
        *first,
        *(f"{kind}_converge.yml" for kind in ("rabbitmq", "activemq", "haproxy", "message_relay")),
    }  # imported after them
    silent = [
        path.name
        for path in sorted((ROOT / "playbooks").glob("*.yml"))
        if path.name not in parts
        and yaml.safe_load(path.read_text())[0].get("ansible.builtin.import_playbook") not in first
    ]
    assert silent == []


def test_a_host_that_cannot_be_reached_is_one_for_the_doctor(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("[rabbitmq]\nmq1 ansible_host=127.0.0.1 ansible_port=9\n")
    variables = {
        "doctor_dir": str(tmp_path / "doctor"),
        "rabbitmq_admin_password": "3f0c77d1a9",
        "rabbitmq_erlang_cookie": "8b1f6a0c5d9e4b7788aa01c2d3e4f567",
    }
    (tmp_path / "variables.json").write_text(json.dumps(variables))
    command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(tmp_path / "hosts")]
    environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_HOME": str(tmp_path)}
    for playbook, offered in (("rabbitmq_drain", True), ("doctor", False)):
        done = subprocess.run(
            [*command, f"playbooks/{playbook}.yml", "-e", f"@{tmp_path / 'variables.json'}"],
            cwd=ROOT,
            env={**environment, "ANSIBLE_NOCOLOR": "1"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode != 0
        words = f"ansible-playbook -i {tmp_path / 'hosts'} playbooks/doctor.yml --limit mq1"
        assert (words in done.stdout) == offered, done.stdout
