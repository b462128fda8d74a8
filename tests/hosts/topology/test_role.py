"""The role and its playbooks, on every host under test at once: check mode, diff, secrets, refusals."""

from __future__ import annotations

import base64
import json
import os
import re
import shlex
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml
from brokers.rabbitmq import passwords
from brokers.rabbitmq.request import Request
from brokers_under_test import BIN, ROOT, Broker, host_variables, inventory, limited_to

SECRETS = ("Role-secret-one-1", "Role-secret-two-2", "Uri-secret-3")
PLAY = """
- hosts: rabbitmq
  gather_facts: false
  vars_files: [{login}]
  tasks:
    - ansible.builtin.include_role: {{name: brokerkit.brokers.rabbitmq_topology}}
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
ELSEWHERE = {
    "vhosts": [{"name": "bk elsewhere"}],
    "queues": [{"vhost": "bk elsewhere", "name": "q"}],
}


def odd(version: tuple[int, ...]) -> dict[str, Any]:
    """What brokers hold and operators do not declare: tags of one's own, names that look like something else."""
    name = 'bk jürgen "x" \\ {{ y }}\n\u2028'
    tags = ["own {{ t }}", "monitoring"]
    odd_names = ["yes", "0x1F", " lead", "nul\x00", "\x85", "{# c", "n" * 300, ""]
    at = {"vhost": VHOST, "name": name}
    policy = {"vhost": VHOST, "pattern": "^a{{ b }}", "apply-to": "exchanges", "priority": 0,
              "definition": {"alternate-exchange": "nowhere"}}  # fmt: skip
    uri = {"uri": "amqp://u:odd-secret{{x}}@127.0.0.1:1"}
    return {
        "vhosts": [{"name": VHOST}, {"name": "bk %2F/"}],
        "users": [{"name": name, "tags": ",".join(tags) if version < (3, 9) else tags,
                   "password_hash": passwords.make_hash("x"), "hashing_algorithm": "rabbit_password_hashing_sha256"}],
        "permissions": [{"user": name, "vhost": VHOST, "configure": "", "write": "{{ a }}", "read": ".*"}],
        "parameters": [{**at, "component": "federation-upstream", "value": uri},
                       {**at, "component": "federation-upstream-set", "value": [{"upstream": "gone"}]}],
        "global_parameters": [{"name": name, "value": {"f": 1e-7, "g": 1e16, "n": [None, True], "{{ k }}": "{{ v }}"}}],
        "policies": [{**policy, "name": name}, {**policy, "name": "fraction", "priority": 1.5}],
        "exchanges": [{**at, "type": "topic", "durable": True, "auto_delete": False, "internal": False,
                       "arguments": {"n": {"a": [1, 2.5, {"b": "{{ c }}"}]}}}],
        "queues": [{"vhost": VHOST, "name": one, "durable": True, "auto_delete": False, "arguments": {}}
                   for one in odd_names],
        "bindings": [{"vhost": VHOST, "source": name, "destination": "yes", "destination_type": "queue",
                      "routing_key": "{{ k }}\x7f", "arguments": {}}],
    }  # fmt: skip


CHANGED_BEFORE = (
    'users:\n  - name: bk-role\n    password: "********"  # the stored hash does not match the declared password\n'
    "    tags: [monitoring]\n"
)
CHANGED_AFTER = 'users:\n  - name: bk-role\n    password: "********"  # as declared\n    tags: []\n'


def ansible(*words: Any, status: int = 0, of: Path | None = None) -> str:
    """Runs ansible-playbook from the project's root, `of` an inventory; returns what it printed."""
    command = [BIN / "ansible-playbook", "-i", of or inventory(), *words]
    if not of and limited_to():
        command += ["--limit", ",".join(["localhost", *limited_to()])]
    environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    output = done.stdout + done.stderr
    assert done.returncode == status, output[-3000:]
    return output


def unwrapped(output: str) -> str:
    """What was wrapped for the terminal, on one line."""
    return " ".join(output.split())


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("role")
    (folder / "play.yml").write_text(PLAY.format(login=ROOT / "playbooks/vars/rabbitmq_login.yml"))
    return folder


@pytest.fixture(scope="module", autouse=True)
def brokers():
    brokers = [Broker(name, variables) for name, variables in host_variables().items()]
    for broker in brokers:
        broker.open()
        broker.clean()
    yield brokers
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
        "playbooks/topology_drift.yml",
        "-e",
        document(folder, drifted),
        "-e",
        f"drift_report_dir={folder}",
        status=2,
    )
    for name in host_variables():
        assert f"{name} does not hold what is declared: update users bk-role" in output
        report = json.loads((folder / f"{name}.json").read_text())
        assert report["drifted"] and report["plan"][0]["fields"] == ["tags"]


def test_whatever_a_broker_holds_what_is_adopted_has_not_drifted(folder, brokers):
    """The files lie where Ansible looks for a host's variables, one vault encrypted; an empty broker takes them."""
    for broker in brokers:
        with closing(broker.client()) as client:
            client.send(Request("POST", "/api/definitions", odd(broker.version)))
    ansible("playbooks/topology_adopt.yml", "-e", f"adopt_dir={folder}/adopted/host_vars")
    (folder / "adopted" / "hosts.yml").write_text("all:\n")
    for broker in brokers:
        host = folder / "adopted" / "host_vars" / broker.name
        assert oct((host / "vault.yml").stat().st_mode)[-3:] == "600"
        assert "odd-secret" in (host / "vault.yml").read_text()
        assert "odd-secret" not in (host / "topology.yml").read_text()
    (folder / "password").write_text("of the vault")
    vault = ("--vault-password-file", folder / "password")
    subprocess.run(
        [BIN / "ansible-vault", "encrypt", *vault, host / "vault.yml"], check=True, capture_output=True
    )
    adopted = ("-i", folder / "adopted/hosts.yml", *vault)
    ansible("playbooks/topology_drift.yml", *adopted, "-e", f"drift_report_dir={folder}")
    for broker in brokers:
        text = (folder / "adopted/host_vars" / broker.name / "topology.yml").read_text()
        assert '#   policy "fraction on bk role": its priority 1.5 is a decimal number' in text
        assert "rabbitmq_topology_extra_tags: [" in text and "name: nowhere" in text
        assert json.loads((folder / f"{broker.name}.json").read_text())["drifted"] is False
        broker.clean()
    ansible("playbooks/topology.yml", *adopted)
    output = ansible("playbooks/topology.yml", *adopted)
    assert len(re.findall(r"changed=0 .*failed=0", output)) == len(brokers) + 1
    output = ansible("playbooks/topology_adopt.yml", "-e", f"adopt_dir={folder}/adopted/host_vars", status=2)
    assert "or it is encrypted" in unwrapped(output)
    assert (host / "vault.yml").read_text().startswith("$ANSIBLE_VAULT")


def test_a_broker_of_somebody_else_needs_an_address_and_a_login(folder, brokers):
    """No SSH, no root, no cookie, no other variable: what the inventory of the nodes says is not there."""
    elsewhere = {
        f"elsewhere-{broker.name}": {
            "rabbitmq_topology_url": f"http://127.0.0.1:{broker.port}",
            "rabbitmq_topology_user": broker.user,
            "rabbitmq_topology_password": broker.password,
            "rabbitmq_topology_backup_dir": f"{folder}/here/{broker.name}",
        }
        for broker in brokers
    }
    hosts = folder / "elsewhere.yml"
    hosts.write_text(yaml.safe_dump({"rabbitmq_topology": {"hosts": elsewhere}}))
    declared = ("-e", document(folder, ELSEWHERE))
    assert "+  - name: bk elsewhere" in ansible(
        "playbooks/topology.yml", *declared, "--check", "--diff", of=hosts
    )
    ansible("playbooks/topology_drift.yml", *declared, of=hosts, status=2)
    ansible("playbooks/topology.yml", *declared, of=hosts)
    ansible("playbooks/topology_drift.yml", *declared, of=hosts)
    ansible("playbooks/topology_backup.yml", "-e", f"backup_dir={folder}/elsewhere", of=hosts)
    for broker in brokers:
        assert (
            len(list((folder / "here" / broker.name).iterdir())) == 2
        )  # before the first write, and by name
    output = ansible("site.yml", "--tags", "declare", of=hosts, status=2)
    assert "which somebody else runs, are for playbooks/topology.yml" in unwrapped(output)
    hosts.write_text(yaml.safe_dump({"rabbitmq": {"hosts": elsewhere}}))
    output = ansible("site.yml", "--tags", "declare", of=hosts, status=2)
    assert "has rabbitmq_topology_url and no rabbitmq_erlang_cookie" in unwrapped(output)


def commands(heading: str) -> list[str]:
    """The commands that docs/operations.md gives under a heading, each on one line."""
    section = (ROOT / "docs/operations.md").read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    blocks = section.replace("\\\n", "")
    return re.findall(r"^    (ansible.*)$", blocks, re.MULTILINE)


def test_definitions_are_restored_as_the_documentation_says(folder, brokers):
    broker = brokers[0]
    converge(folder, SECOND)
    kept = ROOT / "artifacts/backups"
    before = set(kept.glob("*/*"))
    backup, listing, fetch = commands("Definitions before a change")
    look, restore = commands("Restore definitions")

    def run(command: str, file: str = "") -> str:
        words = (
            command.replace("INVENTORY", str(inventory())).replace("HOST", broker.name).replace("FILE", file)
        )
        program, *rest = shlex.split(words)
        environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
        done = subprocess.run([BIN / program, *rest], cwd=ROOT, env=environment, capture_output=True, text=True,
                              timeout=300)  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    try:
        run(backup)
        (file,) = {path.name for path in set(kept.glob(f"{broker.name}/*")) - before}
        assert file in run(listing)
        (kept / broker.name / file).unlink()
        run(fetch, file)
        broker.converge(**GONE)
        assert "bk-role" in run(look, file) and "bk-role" not in str(broker.get("/api/users"))
        run(restore, file)
        assert not broker.converge(check=True, **SECOND).changed
    finally:
        for path in set(kept.glob("*/*")) - before:
            path.unlink()


def test_a_wrong_document_is_refused_by_the_variables_name(folder):
    wrong = {"permissions": [{"user": "nobody", "vhost": VHOST}]}
    output = unwrapped(ansible(folder / "play.yml", "-e", document(folder, wrong), status=2))
    assert (
        "rabbitmq_topology_permissions[0].user: 'nobody' is neither declared in rabbitmq_topology_users nor"
        in output
    )
    closed = ("-e", "rabbitmq_topology_references=declared")
    output = unwrapped(ansible(folder / "play.yml", "-e", document(folder, wrong), *closed, status=2))
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
