"""The roles as they stand in the tree, for the tests that hold every one of them to the same rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from yaml import CSafeLoader

ROOT = Path(__file__).resolve().parents[2]
ROLES = sorted(path.parents[1].name for path in ROOT.glob("roles/*/meta/argument_specs.yml"))


def document(role: str, path: str) -> dict[str, Any]:
    """Return a YAML file of a role; an empty dictionary where the role has no such file."""
    file = ROOT / "roles" / role / path
    return yaml.load(file.read_text(), Loader=CSafeLoader) or {} if file.exists() else {}


def specs(role: str) -> dict[str, dict[str, Any]]:
    """Return the role's argument specs by entry point."""
    return document(role, "meta/argument_specs.yml")["argument_specs"]


def defaults(role: str) -> dict[str, Any]:
    """Return the role's defaults."""
    return document(role, "defaults/main.yml")


def entry_points() -> list[tuple[str, str]]:
    """Return (role, entry point) of every argument spec."""
    return [(role, entry) for role in ROLES for entry in specs(role)]
