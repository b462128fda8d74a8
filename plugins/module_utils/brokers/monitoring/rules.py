"""Alert rules for Prometheus, from data files to the form that Debian 12's Prometheus reads.

A rule of alerts/*.yml has Prometheus's own keys alert, for and expr, and

    row           the row of the knowledge table that says what to do
    severity      page (somebody is woken up) or ticket (it waits for the morning)
    summary, description
    per_object    true where it needs the metrics of each queue
    absent        metric -> the versions of RabbitMQ without it; there the rule says it in other words, or not at all

@DEAD_LETTERS@ stands for the pattern of the names of queues that hold dead letters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ..knowledge import PAGE

FOLDER = Path(__file__).parent / "alerts"
GROUPS = ("rabbitmq", "activemq", "smoke")
SEVERITIES = ("page", "ticket")
DEAD_LETTERS = "(?i).*(dead|dlq|dlx).*"
_CHANGEABLE = ("enabled", "for", "severity")
_DURATION = re.compile(r"(?:\d+(?:ms|[smhdwy]))+\Z|0\Z")
_NAME = re.compile(r"(?<![\w:])(?:rabbitmq|activemq|brokerkit|erlang)_\w+|(?<![\w:])up(?=[{ ]|\Z)")
# Labels, which may begin as metrics do.
_LABELS = re.compile(r"\{[^}]*\}|\b(?:by|on|without|ignoring|group_left|group_right)\s*\([^)]*\)")

Rule = dict[str, Any]


def load(group: str) -> list[Rule]:
    """Return the rules of a group as they are declared."""
    found: list[Rule] = yaml.safe_load((FOLDER / f"{group}.yml").read_text(encoding="utf-8"))
    return found


def every() -> Iterator[tuple[str, Rule]]:
    """Return each rule with its group."""
    for group in GROUPS:
        for rule in load(group):
            yield group, rule


def metrics(expression: str) -> set[str]:
    """Return the names of the metrics in an expression; those inside texts and the names of labels are none."""
    return set(_NAME.findall(_LABELS.sub(lambda found: "{" if found[0][0] == "{" else "", expression)))


def refusals(changes: Any) -> list[str]:
    """Return what is wrong with monitoring_rules, one sentence each."""
    if not isinstance(changes, Mapping):
        return [
            "monitoring_rules: is not a mapping; write the name of an alert, and below it what is to change"
        ]
    known = {rule["alert"] for _, rule in every()}
    found = []
    for name, change in changes.items():
        where = f"monitoring_rules.{name}"
        if name not in known:
            found.append(f"{where}: there is no such alert; docs/monitoring.md lists them")
        elif not isinstance(change, Mapping) or set(change) - set(_CHANGEABLE):
            found.append(
                f"{where}: give {', '.join(_CHANGEABLE[:-1])} or {_CHANGEABLE[-1]}, and nothing else"
            )
        else:
            found += _change_refusals(where, change)
    return found


def _change_refusals(where: str, change: Mapping[str, Any]) -> list[str]:
    found = []
    if "for" in change and not _DURATION.match(str(change["for"])):
        found.append(f"{where}.for: '{change['for']}' is not a time of Prometheus; write 30s, 5m or 1h")
    if "severity" in change and change["severity"] not in SEVERITIES:
        found.append(f"{where}.severity: '{change['severity']}' is neither page nor ticket")
    if not isinstance(change.get("enabled", True), bool):
        found.append(f"{where}.enabled: '{change['enabled']}' is neither true nor false")
    return found


def _rendered(rule: Rule, change: Mapping[str, Any], settings: Mapping[str, str]) -> Rule:
    dead = settings["dead_letters"].replace("\\", "\\\\").replace('"', '\\"')
    return {
        "alert": rule["alert"],
        "expr": rule["expr"].replace("@DEAD_LETTERS@", dead),
        "for": str(change.get("for", rule["for"])),
        "labels": {"severity": change.get("severity", rule["severity"])},
        "annotations": {
            "summary": rule["summary"],
            "description": rule["description"],
            "runbook": f"{PAGE}#{rule['row']}",
            # Only a site knows where its people read that page.
            **({"runbook_url": f"{settings['runbook']}#{rule['row']}"} if settings["runbook"] else {}),
        },
    }


def render(
    groups: Sequence[str],
    changes: Mapping[str, Any] | None = None,
    runbook: str = "",
    dead_letters: str = DEAD_LETTERS,
) -> str:
    """Return the file of rules for those groups. `changes` is monitoring_rules."""
    changes, settings = changes or {}, {"runbook": runbook, "dead_letters": dead_letters}
    document = [
        {
            "name": f"brokerkit-{group}",
            "rules": [
                _rendered(rule, change, settings)
                for rule in load(group)
                if (change := changes.get(rule["alert"], {})).get("enabled", True)
            ],
        }
        for group in groups
    ]
    text: str = yaml.safe_dump({"groups": document}, sort_keys=False, width=110, allow_unicode=True)
    return text
