"""The collection's archive: the same bytes from the same files, and nothing that only the checkout has a use for."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from role_files import ROLES, ROOT


def build(folder: Path) -> Path:
    command = [sys.executable, str(ROOT / "scripts/dist.py"), "--output", str(folder)]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    subprocess.run(command, check=True, capture_output=True, env=environment, timeout=120)
    return next(folder.glob("*.tar.gz"))


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("dist"))


def test_the_same_files_give_the_same_bytes(archive: Path, tmp_path: Path) -> None:
    assert build(tmp_path).read_bytes() == archive.read_bytes()


def test_it_holds_what_a_project_uses_and_no_more(archive: Path) -> None:
    with tarfile.open(archive) as tar:
        members = {member.name: member for member in tar.getmembers()}
    top = {name.partition("/")[0] for name in members}
    assert {"roles", "plugins", "playbooks", "templates", "meta", "docs", "README.md"} <= top
    assert not top & {
        "tests",
        "scripts",
        "inventory",
        "examples",
        "molecule",
        "collections",
        "artifacts",
        "site.yml",
        ".ci",
    }
    for role in ROLES:
        assert {f"roles/{role}/README.md", f"roles/{role}/meta/main.yml"} <= set(members)
    assert "roles/message_relay/files/brokerkit-relay.pyz" in members
    assert "roles/smoke_timer/files/brokerkit-smoke.pyz" in members
    assert {member.uname for member in members.values()} == {""}
    assert len({member.mtime for member in members.values()}) == 1
