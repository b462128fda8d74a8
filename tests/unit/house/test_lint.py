"""make check: the syntax of all playbooks and roles is looked at in one go, and no error in any of them is missed."""

from __future__ import annotations

from pathlib import Path

import pytest
from role_files import ROOT
from testing import lint

TASKS = "- name: Nothing\n  no.such.module: {}\n"


@pytest.mark.parametrize("kind", ["playbook", "role"])
def test_an_error_in_one_of_them_is_not_missed(kind: str, tmp_path: Path) -> None:
    (tmp_path / "role/tasks").mkdir(parents=True)
    (tmp_path / "role/tasks/main.yml").write_text(TASKS)
    (tmp_path / "play.yml").write_text(
        f"- hosts: all\n  tasks:\n    {TASKS.replace(chr(10), chr(10) + '    ')}"
    )
    playbooks = [str(ROOT / "tests/bench/plays/empty.yml")]
    if kind == "playbook":
        assert not lint.all_sound([*playbooks, str(tmp_path / "play.yml")], [])
    else:
        assert not lint.all_sound(playbooks, [str(tmp_path / "role")])


def test_files_without_an_error_pass() -> None:
    assert lint.all_sound([str(ROOT / "tests/bench/plays/empty.yml")], [str(ROOT / "roles/erlang")])
