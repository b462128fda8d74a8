#!/usr/bin/env python3
"""ansible-lint, with one start of Ansible for the syntax of all playbooks and roles.

It starts one for each of them, which is two thirds of its time. Only if something is wrong does it do so here, to say
what and where.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

import yaml
from ansiblelint import __main__ as ansible_lint
from ansiblelint.runner import Runner

one_by_one = Runner._map_syntax_check_workers


def all_sound(playbooks: Sequence[str], roles: Sequence[str]) -> bool:
    """Say whether Ansible can read all of these playbooks, and a playbook that imports all of these roles."""
    tasks = [{"name": f"Import {role}", "ansible.builtin.import_role": {"name": role}} for role in roles]
    with tempfile.NamedTemporaryFile("w", suffix=".yml", prefix="roles-", encoding="utf-8") as file:
        yaml.safe_dump([{"name": "Import roles", "hosts": "localhost", "tasks": tasks}], file)
        file.flush()
        command = ["ansible-playbook", "--syntax-check", *playbooks, file.name]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return done.returncode == 0


def together(self: Runner, worker: Callable[[Any], list[Any]], files: list[Any]) -> list[list[Any]]:
    """Stand in for the runner's own method: findings for each file, of which there are none if all are sound."""
    paths = {
        kind: [str(file.path.absolute()) for file in files if file.kind == kind]
        for kind in ("playbook", "role")
    }
    if all_sound(paths["playbook"], paths["role"]):
        return [[] for _ in files]
    return one_by_one(self, worker, files)


if __name__ == "__main__":
    Runner._map_syntax_check_workers = together  # type: ignore[method-assign]
    sys.exit(ansible_lint.main(sys.argv))
