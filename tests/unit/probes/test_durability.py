"""The state file between the two phases around a restart."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from probes.model import ExitCode, Refusal
from probes.rabbitmq.durability import read_state, write_state

STATE = {"rabbit1": {"queue": "brokerkit.smoke.x", "token": "4711", "planted": "1700000000"}}


def test_state_is_private_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_text("old", encoding="utf-8")
    path.chmod(0o644)
    write_state(path, STATE)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_state(path) == STATE
    assert list(tmp_path.iterdir()) == [path]


def test_where_it_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="cannot be written") as caught:
        write_state(tmp_path / "no" / "state.json", STATE)
    assert caught.value.code is ExitCode.CANNOT_CREATE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        json.dumps({"schema": 2, "planted": STATE}),
        json.dumps({"schema": 1}),
        json.dumps({"schema": 1, "planted": []}),
        json.dumps({"schema": 1, "planted": {"rabbit1": []}}),
        json.dumps({"schema": 1, "planted": {"rabbit1": {"queue": "q", "token": "t"}}}),
        json.dumps({"schema": 1, "planted": {"rabbit1": {"queue": "q", "token": 1, "planted": "1"}}}),
        json.dumps({"schema": 1, "planted": {"rabbit1": {"queue": "q", "token": "t", "planted": "now"}}}),
    ],
)
def test_anything_else_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "state.json"
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Refusal, match="--before-restart") as caught:
        read_state(path)
    assert caught.value.code is ExitCode.DATA


def test_a_missing_or_open_state_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    with pytest.raises(Refusal, match="does not exist") as caught:
        read_state(path)
    assert caught.value.code is ExitCode.NO_INPUT
    write_state(path, STATE)
    path.chmod(0o644)
    with pytest.raises(Refusal, match="chmod 600") as caught:
        read_state(path)
    assert caught.value.code is ExitCode.PERMISSION
