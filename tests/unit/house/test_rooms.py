"""Imports between the rooms of the libraries go one way."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from role_files import ROOT

# Each room, and those it may import from; what stands at the top of the library is open to all.
LIBRARY = {
    "certificates": set(),
    "host": set(),
    "rabbitmq": {"host"},
    "topology": {"host", "rabbitmq"},
    "activemq": {"host"},
    "balancer": {"rabbitmq", "activemq"},
    "clients": {"host", "rabbitmq", "activemq", "balancer", "inventory"},
    "relay": set(),
    "knowledge": set(),
    "doctor": {"host", "rabbitmq", "knowledge"},
    "monitoring": {"host", "inventory", "knowledge"},
    "inventory": {"host", "rabbitmq", "activemq", "balancer", "relay"},
}
PROBER = {
    "wire": set(),
    "tls": {"wire"},
    "clients": {"wire", "tls"},
    "report": set(),
    "both": {"wire", "tls", "clients"},
    "rabbitmq": {"wire", "clients"},
    "activemq": {"wire", "tls", "clients"},
}


def rooms_imported(path: Path, library: Path, name: str) -> set[str]:
    """The rooms of the library that a file imports from, its own left out."""
    inside = path.relative_to(library).parts[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom):
            continue
        words = (node.module or "").split(".") if node.module else []
        if node.level:
            words = [*inside[: len(inside) - node.level + 1], *words]
        elif words[:1] == [name]:
            words = words[1:]
        else:
            continue
        found |= {words[0]} if words else {alias.name for alias in node.names}
    return {room for room in found if (library / room).is_dir()} - set(inside[:1])


@pytest.mark.parametrize(
    ("folder", "rooms"),
    [("plugins/module_utils/brokers", LIBRARY), ("scripts/probes", PROBER)],
    ids=["library", "prober"],
)
def test_imports_go_one_way(folder: str, rooms: dict[str, set[str]]) -> None:
    library = ROOT / folder
    assert {path.name for path in library.iterdir() if path.is_dir() and path.name != "__pycache__"} == set(
        rooms
    )
    wrong = [
        f"{path.relative_to(ROOT)} imports from {room}"
        for room, allowed in rooms.items()
        for path in sorted((library / room).rglob("*.py"))
        for room in sorted(rooms_imported(path, library, library.name) - allowed)
    ]
    assert wrong == []
