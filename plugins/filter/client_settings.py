"""Filters of the role client_settings: what is wrong with the declared applications, and where their files go."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ..module_utils.brokers.clients import declared
from ..module_utils.brokers.clients.formats import Application
from ..module_utils.brokers.clients.places import Inventory
from ..module_utils.brokers.inventory import endpoints


def refusals(
    hostvars: Mapping[str, Mapping[str, Any]],
    groups: Mapping[str, list[str]],
    defaults: Mapping[str, Mapping[str, Any]],
    directory: str,
) -> list[str]:
    """Return a sentence for each thing that is wrong with the applications of the inventory."""
    inventory = Inventory(hostvars, groups, defaults)
    found = declared.refusals(inventory, directory, read)
    return found or _certificate_refusals(declared.wanted(inventory, directory, read).applications)


def _certificate_refusals(applications: Mapping[str, Application]) -> list[str]:
    """Return what a broker would refuse of the applications' certificates."""
    shown = {name: app for name, app in applications.items() if app.certificate}
    if not shown:
        return []
    from ..module_utils.brokers.certificates import checks

    now = datetime.now(timezone.utc)
    called = {name: f"{declared.VARIABLE}[{name}]" for name in shown}
    return [
        sentence
        for name, app in shown.items()
        for sentence in checks.client_refusals(
            (f"{called[name]}.certificate", f"{called[name]}.key"), app.certificate, app.key, now
        )
    ]


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
