"""Filters for what is wrong with a run or an inventory as a whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..module_utils.brokers.inventory import runs, shared_machines


class FilterModule:
    """What Ansible looks for in this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return name -> function for each filter."""
        return {
            "broker_inventory_refusals": shared_machines.refusals,
            "broker_elsewhere_refusals": runs.elsewhere_refusals,
            "broker_run_refusals": runs.refusals,
        }
