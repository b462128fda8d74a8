"""Filters of playbooks/monitoring.yml and the role smoke_timer: their files, and what rules their variables out."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ..module_utils.brokers.monitoring import dashboard, prober, prometheus, rules, targets


def files(found: dict[str, Any], settings: dict[str, Any]) -> list[dict[str, str]]:
    """Return every file as its path and content; `found` is what the filter monitoring_targets returned."""
    # Ansible marks texts by where they are from, and PyYAML writes none but plain ones.
    found, settings = json.loads(json.dumps([found, dict(settings)]))
    # Without a prober nothing is known of messages, and the alert that it does not run would never end.
    groups = [name for name in rules.GROUPS if found["files"][name]]
    held = {f"targets/{name}.json": json.dumps(found["files"][name], indent=2) + "\n" for name in groups}
    held[prometheus.RULES] = prometheus.HEADER + rules.render(
        groups, settings["rules"], settings["runbook_base"], settings["dead_letter_queues"]
    )
    held["prometheus.yml"] = prometheus.configuration(groups, settings)
    held["dashboards/brokers.json"] = dashboard.text()
    return [{"path": path, "content": content} for path, content in held.items()]


def refusals(settings: dict[str, Any], unknown: list[str]) -> list[str]:
    """Return what is wrong with the playbook's variables, one sentence each."""
    return prometheus.refusals(settings, unknown) + rules.refusals(settings["rules"])


class FilterModule:
    """Loaded by Ansible under this name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return name -> function for each filter."""
        return {
            "monitoring_files": files,
            "monitoring_refusals": refusals,
            "monitoring_targets": targets.targets,
            "smoke_timer_document": prober.document,
            "smoke_timer_refusals": prober.refusals,
        }
