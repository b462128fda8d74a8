"""The collection as somebody uses it who has nothing else of this repository.

Each host is its own controller: Debian's Python, an ansible-core from PyPI, the archive that `make dist` builds, and an
empty project. From there it makes itself a broker of each kind. Once with the newest ansible-core, and as a drill with
the one that Debian 13 ships, which is next to that of all other tests.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import activemq_hosts
import hosts
import pytest
from hosts import ROOT, Host

HERE = ROOT / "tests/hosts/collection"
INVENTORY = "tests/hosts/collection/inventory"
PROJECT = "/srv/project"
# What Debian 13 and PyPI agree on: wheels for glibc, of whichever age of it.
PLATFORMS = [f"manylinux{age}_{platform.machine()}" for age in ("_2_34", "_2_28", "2014")]
# Both brokers are on one host: one of the two STOMP listeners has to move.
RABBITMQ = {"rabbitmq_stomp_port": 61623, "rabbitmq_plugins": ["rabbitmq_management", "rabbitmq_stomp"]}
# Names from outside: an entry point of a role, a filter, a module and the action, each by its full name.
OWN_PLAYBOOK = """
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.include_role:
        name: brokerkit.brokers.activemq
        tasks_from: validate
    - brokerkit.brokers.broker_host_facts:
        packages: [rabbitmq-server]
      register: found
    - brokerkit.brokers.broker_refusal:
        sentences: "It is {{ version | brokerkit.brokers.upstream_version }}"
      vars:
        version: "{{ found.packages['rabbitmq-server'] }}"
"""


def wheels(which: str, folder: Path) -> None:
    """Fetch an ansible-core and what it needs, by hash, as the host's Python takes it."""
    fits = [part for name in PLATFORMS for part in ("--platform", name)]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--require-hashes", "--no-deps"]
    command += ["--only-binary", ":all:", "--python-version", "3.13", *fits]
    command += ["--dest", str(folder), "--requirement", str(HERE / f"ansible-core-{which}.txt")]
    subprocess.run(command, check=True, capture_output=True, timeout=300)


def put(host: Host, folder: Path, where: str) -> None:
    """Copy the files of a folder to a host."""
    packed = subprocess.run(["tar", "c", "-C", str(folder), "."], check=True, capture_output=True).stdout
    command = host.command(f"mkdir -p {where} && tar x -C {where}")
    subprocess.run(command, input=packed, check=True, capture_output=True, timeout=120)


def inventory(host: Host) -> str:
    """The empty project's inventory: the host is in both groups, and reaches itself without SSH."""
    there = {"ansible_connection": "local", "ansible_host": host.address}
    of_both = {
        "rabbitmq": {"hosts": {"rabbit": {**there, **hosts.settings(), **RABBITMQ}}},
        "activemq": {"hosts": {"active": {**there, **activemq_hosts.settings(), "testbed_host": True}}},
    }
    return json.dumps(of_both)


class Project:
    """A project of somebody else's on a host, with the collection and an ansible-core of its own."""

    def __init__(self, host: Host) -> None:
        self.host = host

    def play(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run ansible-playbook in the project."""
        command = (
            f"cd {PROJECT} && env -i PATH=/opt/core/bin:$PATH HOME=/root LC_ALL=C.UTF-8 ANSIBLE_NOCOLOR=1"
        )
        return self.host.attempt(
            f"{command} ansible-playbook -i inventory.json {' '.join(words)} 2>&1", timeout=600
        )


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive that `make dist` builds."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, str(ROOT / "scripts/dist.py"), "--output", str(folder)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return next(folder.glob("*.tar.gz"))


@pytest.fixture(scope="module", params=[pytest.param("oldest", marks=pytest.mark.drill), "newest"])
def project(
    request: pytest.FixtureRequest, archive: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Project]:
    """An empty project on a bare host, with the collection and that ansible-core."""
    name = f"co-{request.param}"
    hosts.testbed("reset", name, inventory=INVENTORY)
    host = hosts.host(name, INVENTORY)
    folder = tmp_path_factory.mktemp(name)
    wheels(request.param, folder)
    (folder / archive.name).write_bytes(archive.read_bytes())
    (folder / "requirements.txt").write_bytes((HERE / f"ansible-core-{request.param}.txt").read_bytes())
    put(host, folder, "/opt/wheels")
    host.run(
        "python3 -m venv --without-pip /opt/core && cd /opt/wheels && export PYTHONPATH=$(echo pip-*.whl) && "
        "/opt/core/bin/python -m pip install --quiet --no-index --find-links . -r requirements.txt",
        timeout=300,
    )
    host.run(f"mkdir -m 0700 {PROJECT}")
    host.run(f"/opt/core/bin/ansible-galaxy collection install /opt/wheels/{archive.name}")
    host.write(f"{PROJECT}/inventory.json", inventory(host), mode="0600")
    host.write(f"{PROJECT}/own.yml", OWN_PLAYBOOK)
    yield Project(host)
    hosts.take_down(name, inventory=INVENTORY)


def test_a_bare_host_becomes_a_declared_broker_of_each_kind(project: Project, tmp_path: Path) -> None:
    first = project.play("brokerkit.brokers.site")
    assert first.returncode == 0, first.stdout
    assert "DEPRECATION WARNING" not in first.stdout, first.stdout
    again = project.play("brokerkit.brokers.site")
    assert again.returncode == 0 and again.stdout.count("changed=0") == 2, again.stdout
    endpoints = tmp_path / "endpoints.json"
    endpoints.touch(mode=0o600)
    endpoints.write_text(project.host.run(f"cat {PROJECT}/artifacts/endpoints.json"))
    report = activemq_hosts.smoke(endpoints, "--format", "json")
    assert report.returncode == 0 and activemq_hosts.failures(report) == {}, report.stdout
    assert {one["broker"] for one in json.loads(report.stdout)["results"]} == {"rabbit", "active"}


def test_its_parts_have_full_names(project: Project) -> None:
    """Plain callbacks show a refusal as text: no configuration of ours is there."""
    done = project.play("own.yml", "--limit", "active")
    assert done.returncode == 2 and "It is 4.0.5" in done.stdout, done.stdout


def test_its_other_playbooks_run_by_name(project: Project) -> None:
    done = project.play("brokerkit.brokers.topology_backup")
    assert done.returncode == 0, done.stdout
    assert "definitions-" in project.host.run(f"ls {PROJECT}/artifacts/backups/rabbit")
