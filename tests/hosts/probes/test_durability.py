"""The proof across a restart passes after a restart, and only then."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from broken import Node


@pytest.fixture
def state(node: Node, tmp_path: Path) -> Path:
    path = tmp_path / "state.json"
    code, results = node.smoke("--before-restart", str(path))
    assert (code, results["durability.plant"]["status"]) == (0, "pass")
    return path


def queue_of(node: Node, state: Path) -> str:
    return str(json.loads(state.read_text(encoding="utf-8"))["planted"][node.broker.name]["queue"])


def test_the_persistent_message_survives_a_restart(node: Node, state: Path) -> None:
    node.host.run("systemctl restart rabbitmq-server")
    code, results = node.smoke("--after-restart", str(state))
    assert (code, results["durability.collect"]["status"]) == (0, "pass")
    assert [line for line in node.leftovers() if "durability" in line] == []


def test_without_a_restart_nothing_is_proven(node: Node, state: Path) -> None:
    code, results = node.smoke("--after-restart", str(state))
    assert (code, results["durability.collect"]["status"]) == (1, "error")
    assert "was not restarted" in results["durability.collect"]["meaning"]
    assert [line for line in node.leftovers() if "durability" in line] == []


def test_a_lost_message_is_found_out(node: Node, state: Path) -> None:
    node.ctl("purge_queue", "-p", node.broker.vhost, queue_of(node, state))
    node.host.run("systemctl restart rabbitmq-server")
    code, results = node.smoke("--after-restart", str(state))
    assert (code, results["durability.collect"]["status"]) == (1, "fail")
    assert "it was lost" in results["durability.collect"]["meaning"]


def test_a_lost_queue_is_found_out(node: Node, state: Path) -> None:
    node.ctl("delete_queue", "-p", node.broker.vhost, queue_of(node, state))
    code, results = node.smoke("--after-restart", str(state))
    assert (code, results["durability.collect"]["status"]) == (1, "fail")
    assert "did not survive" in results["durability.collect"]["meaning"]
