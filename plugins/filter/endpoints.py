"""Filters of playbooks/tasks/endpoints.yml: the document that the probes read, and what an inventory is called."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

# The library ships to targets as ansible.module_utils.brokers; on the controller it is found beside this file.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "module_utils"))

from brokers import endpoints


class FilterModule:
    """What Ansible looks for in this file."""

    def filters(self) -> dict[str, Any]:
        """Return name -> function for each filter."""
        return {
            "broker_endpoints": endpoints.document,
            "broker_inventory_name": endpoints.inventory_name,
        }
