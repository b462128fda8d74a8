"""Filters of playbooks/tasks/endpoints.yml: the document that the probes read, what an inventory is called, and where
the files of a run go."""

from __future__ import annotations

import os
from typing import Any

from ..module_utils.brokers.inventory import endpoints


class FilterModule:
    """Loaded by Ansible under this name."""

    def filters(self) -> dict[str, Any]:
        """Return name -> function for each filter."""
        return {
            "broker_endpoints": endpoints.document,
            "broker_inventory_name": endpoints.inventory_name,
            "broker_project": lambda playbook_dir: endpoints.project(playbook_dir, os.getcwd()),
        }
