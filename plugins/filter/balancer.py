"""Filters about a balancer in front of a cluster: what it passes on, and what rules it out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..module_utils.brokers.balancer import settings


class FilterModule:
    """Loaded by Ansible under this name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return name -> function for each filter."""
        return {
            "balancer_host_refusals": settings.host_refusals,
            "balancer_refusals": settings.refusals,
            "balancer_services": settings.services,
        }
