"""Filters for what is wrong with a run or an inventory as a whole."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

# The library ships to targets as ansible.module_utils.brokers; the controller finds it beside this file.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "module_utils"))

from brokers import collisions, runs


class FilterModule:
    """What Ansible looks for in this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return name -> function for each filter."""
        return {
            "broker_inventory_refusals": collisions.refusals,
            "broker_elsewhere_refusals": runs.elsewhere_refusals,
            "broker_run_refusals": runs.refusals,
        }
