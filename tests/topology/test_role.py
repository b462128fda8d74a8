"""The role and its playbooks, on every host of the inventory at once: check mode, diff, secrets, refusals."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from brokers_under_test import BIN, ROOT, Broker, host_variables, inventory

SECRETS = ("Role-secret-one-1", "Role-secret-two-2", "Uri-secret-3")
PLAY = """
- hosts: rabbitmq
  gather_facts: false
  vars_files: [{login}]
  tasks:
    - ansible.builtin.include_role: {{name: rabbitmq_topology}}
    # In base64, on a line of its own: the output is made for people. A file would cost a module run for each host.
    - ansible.builtin.debug:
        msg: "RESULT={{{{ inventory_hostname }}}}={{{{ rabbitmq_topology_result | to_json | b64encode }}}}"
"""
RESULT = re.compile(r"RESULT=([^=]+)=([A-Za-z0-9+/=]+)")
VHOST = "bk role"
FIRST: dict[str, Any] = {
    "vhosts": [{"name": VHOST, "limits": {"max-queues": 20}}],
    "users": [{"name": "bk-role", "password": SECRETS[0], "tags": ["monitoring"],
               "permissions": [{"vhost": VHOST, "configure": "^a", "write": ".*", "read": ".*"}]}],
    "policies": [{"vhost": VHOST, "name": "p", "pattern": "^a", "definition": {"max-length": 5}}],
    "parameters": [{"component": "shovel", "vhost": VHOST, "name": "s", "value": {
        "src-protocol": "amqp091", "src-uri": f"amqp://u:{SECRETS[2]}@127.0.0.1", "src-queue": "a",
        "dest-protocol": "amqp091", "dest-uri": "amqp://", "dest-queue": "b"}}],
    "queues": [{"vhost": VHOST, "name": "a", "type": "quorum",
                "bindings": [{"source": "amq.topic", "routing_key": "a.#"}]}],
}  # fmt: skip
SECOND = {**FIRST, "users": [{**FIRST["users"][0], "password": SECRETS[1], "tags": []}]}
GONE = {
    "vhosts": [{"name": VHOST, "state": "absent", "force": True}],
    "users": [{"name": "bk-role", "state": "absent"}],
}
ONE_GONE = {"policies": [{"vhost": VHOST, "name": "p", "state": "absent"}]}
CHANGED_BEFORE = (
    'users:\n  - name: bk-role\n    password: "********"  # the stored hash does not match the declared password\n'
    "    tags: [monitoring]\n"
)
CHANGED_AFTER = 'users:\n  - name: bk-role\n    password: "********"  # as declared\n    tags: []\n'


def ansible(*words: Any, status: int = 0) -> str:
    """Runs ansible-playbook from the project's root and returns what it printed."""
    command = [BIN / "ansible-playbook", "-i", inventory(), *words]
    environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    output = done.stdout + done.stderr
    assert done.returncode == status, output[-3000:]
    return output


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("role")
    (folder / "play.yml").write_text(PLAY.format(login=ROOT / "playbooks/vars/rabbitmq_login.yml"))
    return folder


@pytest.fixture(scope="module", autouse=True)
def clean_brokers():
    brokers = [Broker(name, variables) for name, variables in host_variables().items()]
    for broker in brokers:
        broker.open()
        broker.clean()
    yield
    for broker in brokers:
        broker.clean()
        broker.close()


def document(folder: Path, declared: dict[str, Any]) -> str:
    path = folder / "document.yml"
    path.write_text(yaml.safe_dump({f"rabbitmq_topology_{kind}": items for kind, items in declared.items()}))
    return f"@{path}"


def converge(folder: Path, declared: dict[str, Any], *words: str) -> tuple[dict[str, Any], str]:
    """The role's result on every host, and the output of a run that hides nothing it need not hide."""
    output = ansible(
        folder / "play.yml",
        "-e",
        document(folder, declared),
        "--diff",
        "-vvv",
        *words,
    )
    found = {name: base64.b64decode(text).decode() for name, text in RESULT.findall(output)}
    for secret in SECRETS:
        assert secret not in output + "".join(found.values())
    assert set(found) == set(host_variables())
    return {name: json.loads(text) for name, text in found.items()}, output


def both_modes(folder: Path, declared: dict[str, Any]) -> list[dict[str, Any]]:
    """Check mode foresees on every host what the run then does."""
    foreseen, _ = converge(folder, declared, "--check")
    done, _ = converge(folder, declared)
    for name, result in done.items():
        for key in ("changed", "plan", "diff", "counts"):
            assert result.get(key) == foreseen[name].get(key), (name, key)
    return list(done.values())


def test_the_life_of_a_document(folder):
    for result in both_modes(folder, FIRST):
        assert result["changed"] and result["counts"] == {"create": 8, "update": 0, "replace": 0, "delete": 0}
        assert result["backup_file"].endswith(".json.gz")
        assert result["diff"]["before"] == ""
    for result in converge(folder, FIRST)[0].values():
        assert not result["changed"] and result["plan"] == []
    for result in both_modes(folder, SECOND):
        assert result["plan"] == [
            {"action": "update", "kind": "users", "name": "bk-role", "fields": ["password", "tags"]}
        ]
        assert (result["diff"]["before"], result["diff"]["after"]) == (CHANGED_BEFORE, CHANGED_AFTER)
    for result in both_modes(folder, ONE_GONE):
        assert result["plan"] == [
            {"action": "delete", "kind": "policies", "name": f"p on {VHOST}", "fields": []}
        ]
    for result in converge(folder, SECOND)[0].values():
        assert result["counts"] == {"create": 1, "update": 0, "replace": 0, "delete": 0}


def test_drift_ends_with_an_error_and_a_report(folder):
    """On every host at once: each of these runs costs the controller seconds."""
    drifted = {**SECOND, "users": [{**SECOND["users"][0], "tags": ["policymaker"]}]}
    output = ansible(
        "playbooks/drift.yml", "-e", document(folder, drifted), "-e", f"drift_report_dir={folder}", status=2
    )
    for name in host_variables():
        assert f"{name} does not hold what is declared: update users bk-role" in output
        report = json.loads((folder / f"{name}.json").read_text())
        assert report["drifted"] and report["plan"][0]["fields"] == ["tags"]


def test_what_is_adopted_has_not_drifted(folder):
    """The files lie where Ansible looks for a host's variables, beside an inventory that says nothing else."""
    ansible("playbooks/adopt.yml", "-e", f"adopt_dir={folder}/adopted/host_vars")
    (folder / "adopted" / "hosts.yml").write_text("all:\n")
    for name in host_variables():
        host = folder / "adopted" / "host_vars" / name
        assert oct((host / "vault.yml").stat().st_mode)[-3:] == "600"
    output = ansible(
        "playbooks/drift.yml", "-i", folder / "adopted/hosts.yml", "-e", "drift_report_dir=" + str(folder)
    )
    assert "failed=0" in output
    for name in host_variables():
        adopted = yaml.safe_load((folder / "adopted/host_vars" / name / "topology.yml").read_text())
        assert VHOST in [item["name"] for item in adopted["rabbitmq_topology_vhosts"]]
        assert json.loads((folder / f"{name}.json").read_text())["drifted"] is False


def test_a_backup_restores_what_was_removed(folder):
    ansible("playbooks/backup.yml", "-e", f"backup_dir={folder}/backups")
    converge(folder, GONE)
    files = {}
    for name in host_variables():
        (path,) = (folder / "backups" / name).iterdir()
        assert oct(path.stat().st_mode)[-3:] == "600"
        files[name] = str(path)
    chosen = json.dumps({"files": files, "restore_file": "{{ files[inventory_hostname] | default('-') }}"})
    output = ansible("playbooks/restore.yml", "-e", chosen, "--diff")
    assert output.count("name: bk-role") >= len(files)
    ansible("playbooks/drift.yml", "-e", document(folder, SECOND))


def test_a_wrong_document_is_refused_by_the_variables_name(folder):
    wrong = {"permissions": [{"user": "nobody", "vhost": VHOST}]}
    output = ansible(folder / "play.yml", "-e", document(folder, wrong), status=2)
    assert (
        "rabbitmq_topology_permissions[0].user: 'nobody' is neither declared in rabbitmq_topology_users nor"
        in output
    )
    closed = ("-e", "rabbitmq_topology_references=declared")
    output = ansible(folder / "play.yml", "-e", document(folder, wrong), *closed, status=2)
    assert (
        "rabbitmq_topology_permissions[0].vhost: 'bk role' is not declared in rabbitmq_topology_vhosts"
        in output
    )


def test_a_wrong_login_is_one_sentence(folder):
    login = ("-e", "rabbitmq_admin_password=Role-secret-wrong")
    output = ansible(folder / "play.yml", "-e", document(folder, FIRST), *login, status=2)
    assert (
        "refused the login of 'admin'" in output
        and "Traceback" not in output
        and "Role-secret-wrong" not in output
    )
