"""`make inventory` makes a copy of the example that is fit for one's own hosts, whole or not at all."""

from __future__ import annotations

import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import new_inventory
import pytest
import yaml
from brokers.inventory import published_secrets as published
from role_files import ROOT, defaults

EXAMPLES = [("rabbitmq", "single"), ("activemq", "activemq")]
each_broker = pytest.mark.parametrize("broker", ["rabbitmq", "activemq"])


@pytest.fixture
def inventories(tmp_path: Path) -> Path:
    """A folder of inventories that has the examples."""
    for _, name in EXAMPLES:
        shutil.copytree(ROOT / "inventory" / name, tmp_path / name)
    return tmp_path


def texts(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def variables(folder: Path) -> dict[str, Any]:
    """The group variables of an inventory, in no order: no name stands there twice."""
    found: dict[str, Any] = {}
    for path in folder.rglob("group_vars/**/*.yml"):
        content = yaml.safe_load(path.read_text()) or {}
        assert not set(content) & set(found), path
        found.update(content)
    return found


@each_broker
def test_what_belongs_to_test_hosts_stays_behind(inventories, broker):
    new_inventory.make("prod", broker, inventories)
    found = texts(inventories / "prod")
    example = texts(inventories / new_inventory.EXAMPLES[broker])
    assert set(found) == set(example) - {"group_vars/all/testbed.yml"} | {"group_vars/all/login.yml"}
    assert not published.refusals(found, "mq1", False, "192.0.2.7", broker)
    for text in found.values():
        assert "testbed" not in text and "10.61.13." not in text
    (host,) = yaml.safe_load(found["hosts.yml"])[broker]["hosts"].values()
    assert host["ansible_host"].endswith(".example.org")


@each_broker
def test_secrets_are_new_each_time_and_nobody_else_reads_them(inventories, broker):
    vaults = []
    for name in ("one", "two"):
        path = inventories / name / new_inventory.make(name, broker, inventories)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert (
            f"ansible-vault encrypt inventory/{name}/{path.relative_to(inventories / name)}"
            in path.read_text()
        )
        vaults.append(yaml.safe_load(path.read_text()))
    example = yaml.safe_load(
        next((inventories / new_inventory.EXAMPLES[broker]).rglob("vault.yml")).read_text()
    )
    assert set(vaults[0]) == set(vaults[1]) == set(example)
    values = [*vaults[0].values(), *vaults[1].values()]
    assert len(set(values)) == len(values)
    assert all(re.fullmatch("[0-9a-f]{48}", value) for value in values)


def test_the_management_page_of_a_copy_is_closed(inventories):
    new_inventory.make("prod", "rabbitmq", inventories)
    settings = {**defaults("rabbitmq"), **variables(inventories / "prod")}
    assert settings["rabbitmq_management_address"] == "127.0.0.1"
    # The file that a copy leaves out opens it, and the example shows the lines that do.
    assert variables(inventories / "single")["rabbitmq_management_address"] == "0.0.0.0"  # noqa: S104
    assert (
        "# rabbitmq_management_address: 0.0.0.0"
        in texts(inventories / "prod")["group_vars/rabbitmq/broker.yml"]
    )


@each_broker
def test_the_next_steps_name_what_is_there_and_no_secret(inventories, broker):
    path = new_inventory.make("prod", broker, inventories)
    said = new_inventory.next_steps("prod", broker, path)
    for name in set(re.findall(r"inventory/(prod/\S+)", said)):
        assert (inventories / name).exists()
    for secret in yaml.safe_load((inventories / "prod" / path).read_text()).values():
        assert secret not in said
    assert "-i inventory/prod site.yml --ask-vault-pass --check --diff" in said


@pytest.mark.parametrize(
    ("words", "code", "begins"),
    [
        ([""], 64, "NAME is not given"),
        (["../prod"], 64, "NAME is '../prod'"),
        (["."], 64, "NAME is '.'"),
        (["-i"], 64, "NAME is '-i'"),
        (["prod", "artemis"], 64, "BROKER is 'artemis'"),
        (["prod", "rabbitmq", "more"], 64, "usage:"),
        (["single"], 73, "inventory/single is there already"),
    ],
)
def test_what_cannot_be_made_is_refused_and_nothing_is_left(words, code, begins):
    before = sorted(os.listdir(ROOT / "inventory"))
    command = [sys.executable, ROOT / "scripts/new_inventory.py", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(f"inventory: {begins}") and "Traceback" not in done.stderr
    assert sorted(os.listdir(ROOT / "inventory")) == before


def test_a_link_that_leads_nowhere_is_no_place_for_an_inventory(inventories):
    (inventories / "prod").symlink_to(inventories / "elsewhere")
    with pytest.raises(new_inventory.Refused, match="is there already"):
        new_inventory.make("prod", "rabbitmq", inventories)


def test_an_error_half_way_leaves_nothing(inventories, monkeypatch):
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    before = sorted(os.listdir(inventories))
    monkeypatch.setattr(new_inventory, "put", full)
    with pytest.raises(OSError, match="No space"):
        new_inventory.make("prod", "rabbitmq", inventories)
    assert sorted(os.listdir(inventories)) == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_half_way_leaves_nothing(inventories, number):
    """The first file of the example is a pipe that nobody writes into: the program waits there."""
    (inventories / "scripts").mkdir()
    shutil.copy(ROOT / "scripts/new_inventory.py", inventories / "scripts")
    (inventories / "plugins").symlink_to(ROOT / "plugins")
    (inventories / "inventory").mkdir()
    shutil.move(inventories / "single", inventories / "inventory/single")
    os.mkfifo(inventories / "inventory/single/a.yml")
    command = [sys.executable, inventories / "scripts/new_inventory.py", "prod"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 30
        while len(os.listdir(inventories / "inventory")) < 2:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(number)
        process.communicate(timeout=30)
    assert process.returncode != 0
    assert os.listdir(inventories / "inventory") == ["single"]


def test_make_passes_the_name_on_as_it_is():
    """No shell takes a part of it for a command."""
    command = ["make", "--no-print-directory", "inventory", "NAME=x; echo never"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2 and "NAME is 'x; echo never'" in done.stderr and "never" not in done.stdout
