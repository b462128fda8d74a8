"""Filters of the role client_settings: what is wrong with the declared applications, and where their files go."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..module_utils.brokers.clients import declared
from ..module_utils.brokers.clients.places import Inventory
from ..module_utils.brokers.inventory import endpoints


def refusals(
    hostvars: Mapping[str, Mapping[str, Any]],
    groups: Mapping[str, list[str]],
    defaults: Mapping[str, Mapping[str, Any]],
    directory: str,
) -> list[str]:
    """Return a sentence for each thing that is wrong with the applications of the inventory."""
    return declared.refusals(Inventory(hostvars, groups, defaults), directory, read)


def read(path: str) -> str:
    """Return the text of a file of the controller; a relative path is seen from where the run was started."""
    return Path(path).expanduser().read_text(encoding="utf-8")


def directory(given: str, playbook_dir: str) -> str:
    """Return the directory of the applications: absolute, or below the project."""
    project = endpoints.project(playbook_dir, os.getcwd())
    return os.path.normpath(os.path.join(project, os.path.expanduser(given)))


class FilterModule:
    """Loaded by Ansible under this name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return name -> function for each filter."""
        return {"client_settings_refusals": refusals, "client_settings_directory": directory}
