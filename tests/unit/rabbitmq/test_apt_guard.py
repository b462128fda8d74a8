"""The hook of apt on a member of a cluster: which changes of packages it stops."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from role_files import ROOT

GUARD = ROOT / "roles/rabbitmq/files/apt_guard.sh"
STOPS, GOES_ON = 10, 0
HEAD = ["VERSION 3", "APT::Architecture=amd64", "rabbitmq-server 1 amd64 none < 2 amd64 none x.deb", ""]
UPGRADE = "rabbitmq-server 4.0.5-6 all none < 4.0.5-7 all none /var/cache/apt/archives/r.deb"
ERLANG = "erlang-base 1:27.3.4 amd64 none < 1:27.3.5 amd64 none /var/cache/apt/archives/e.deb"
REMOVAL = "rabbitmq-server 4.0.5-6 all none > - - none **REMOVE**"
REINSTALL = "rabbitmq-server 4.0.5-6 all none = 4.0.5-6 all none /var/cache/apt/archives/r.deb"
NEW = "erlang-doc - - none < 1:27.3.4 all none /var/cache/apt/archives/d.deb"
OTHER = "hostname 3.25 amd64 none < 3.26 amd64 none /var/cache/apt/archives/h.deb"
CONFIGURE = "rabbitmq-server 4.0.5-6 all none < 4.0.5-7 all none **CONFIGURE**"


def guard(
    directory: Path, *packages: str, state: str = "ActiveState=active", word: str = ""
) -> tuple[int, str]:
    """What the hook ends with, and says, where systemd says `state` of the node."""
    tool = directory / "systemctl"
    tool.write_text(f"#!/bin/sh\n{f'echo {state}' if state else 'exit 1'}\n", encoding="utf-8")
    tool.chmod(0o755)
    done = subprocess.run(
        ["sh", str(GUARD), "prod"],
        input="\n".join([*HEAD, *packages, ""]),
        env={"PATH": f"{directory}:{os.environ['PATH']}", "BROKERKIT_MEMBER_MAY_STOP": word},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.stdout
    return done.returncode, " ".join(done.stderr.split())


@pytest.mark.parametrize("change", [UPGRADE, ERLANG, REMOVAL, REINSTALL])
def test_a_change_that_stops_the_node_or_replaces_its_files_is_stopped(tmp_path: Path, change: str) -> None:
    code, said = guard(tmp_path, OTHER, change)
    assert code == STOPS
    assert f"apt-mark hold {change.split()[0]}; apt-get upgrade;" in said


@pytest.mark.parametrize("changes", [(), (OTHER,), (NEW,)])
def test_other_packages_go_through_without_a_word(tmp_path: Path, changes: tuple[str, ...]) -> None:
    assert guard(tmp_path, *changes) == (GOES_ON, "")


def test_apts_own_configuration_names_no_packages(tmp_path: Path) -> None:
    """Its lines come first, and one may look like a package."""
    assert HEAD[2].startswith("rabbitmq-server ")
    assert guard(tmp_path, OTHER)[0] == GOES_ON


@pytest.mark.parametrize("state", ["ActiveState=inactive", "ActiveState=failed", ""])
def test_a_node_that_does_not_run_stops_nothing(tmp_path: Path, state: str) -> None:
    assert guard(tmp_path, UPGRADE, state=state) == (GOES_ON, "")


@pytest.mark.parametrize("state", ["activating", "deactivating", "reloading"])
def test_a_node_on_its_way_is_one_that_runs(tmp_path: Path, state: str) -> None:
    assert guard(tmp_path, UPGRADE, state=f"ActiveState={state}")[0] == STOPS


def test_the_word_lets_it_through_and_no_other_does(tmp_path: Path) -> None:
    assert guard(tmp_path, UPGRADE, word="yes") == (GOES_ON, "")
    assert guard(tmp_path, UPGRADE, word="no")[0] == STOPS


def test_each_package_is_named_once_with_what_becomes_of_it(tmp_path: Path) -> None:
    _, said = guard(tmp_path, UPGRADE, ERLANG, CONFIGURE)
    named = "rabbitmq-server (4.0.5-6 to 4.0.5-7), erlang-base (1:27.3.4 to 1:27.3.5)."
    assert named in said and "apt-mark hold rabbitmq-server erlang-base;" in said
    assert "member of the cluster 'prod'" in said and "playbooks/rabbitmq_upgrade.yml" in said
    assert "rabbitmq-server (removed)" in guard(tmp_path, REMOVAL)[1]
    assert "rabbitmq-server (reinstalled)" in guard(tmp_path, REINSTALL)[1]
