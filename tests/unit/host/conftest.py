"""Programs of a host that say what a test wants."""

from __future__ import annotations

import pytest


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Put a program of that name first in PATH, which prints texts and ends with a code."""

    def put(name: str, stdout: str = "", stderr: str = "", code: int = 0) -> None:
        (tmp_path / "out").write_text(stdout)
        (tmp_path / "err").write_text(stderr)
        script = tmp_path / name
        script.write_text(f'#!/bin/sh\ncd {tmp_path}\necho "$@" >asked\ncat out\ncat err >&2\nexit {code}\n')
        script.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    put.asked = lambda: (tmp_path / "asked").read_text().split()
    return put
