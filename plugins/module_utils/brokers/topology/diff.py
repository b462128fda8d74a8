"""The plan as text for people, before and after, and as a list for programs. Neither contains secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from .kinds.registry import KINDS
from .model import Action, Field, Object

MASK = "********"
PLAIN = re.compile(r"[A-Za-z0-9_/.][A-Za-z0-9_/. @-]*\Z")
NOT_TEXT = re.compile(
    r"(?i)(null|true|false|yes|no|on|off|y|n|~|[0-9._+-]+(e[0-9]+)?|0x[0-9a-f_]+|0b[01_]+|[.](inf|nan))\Z"
)


def render(actions: Iterable[Action]) -> dict[str, str]:
    """``before`` and ``after`` for Ansible's diff: YAML text that holds only the objects that differ."""
    actions = list(actions)
    return {"before": _side(actions, after=False), "after": _side(actions, after=True)}


def listing(actions: Iterable[Action]) -> list[dict[str, Any]]:
    """The plan as data: what is done to which object and which of its fields differ."""
    return [
        {
            "action": action.verb,
            "kind": action.kind.name,
            "name": action.label,
            "fields": _field_names(action),
        }
        for action in actions
    ]


def _side(actions: list[Action], after: bool) -> str:
    lines: list[str] = []
    for kind in KINDS:
        of_kind = [action for action in actions if action.kind is kind]
        shown = [(action, action.after if after else action.before) for action in of_kind]
        shown = sorted(
            ((action, item) for action, item in shown if item is not None),
            key=lambda pair: kind.identify(pair[0].target),
        )
        if shown:
            lines.append(f"{kind.name}:")
        for action, item in shown:
            lines += _object(action, item or {}, after)
    return "".join(line + "\n" for line in lines)


def _object(action: Action, item: Object, after: bool) -> list[str]:
    """An object's lines: its name and, of a changed one, the fields that differ; of a new one, all that it
    gets; of a removed one, all that is not as every new one has it.
    """
    entries = [_entry(part, item) for part in action.kind.identity if item.get(part.name) is not None]
    entries += _secret_entries(action, after)
    for part in action.kind.fields:
        if not part.secret and item.get(part.name) is not None and _is_shown(part, action, item):
            entries.append(_entry(part, item) + _hidden_difference(part, action, after))
    return [f"  - {entries[0]}", *(f"    {entry}" for entry in entries[1:])]


def _is_shown(part: Field, action: Action, item: Object) -> bool:
    if action.verb == "delete":
        return bool(part.canonical(item[part.name]) != part.canonical(part.default))
    return action.verb == "create" or part.name in action.changed


def _entry(part: Field, item: Object) -> str:
    return f"{part.name}: {_value(part.shown(item[part.name]), part)}"


def _hidden_difference(part: Field, action: Action, after: bool) -> str:
    """A note where both sides look alike because what differs is masked."""
    before, wanted = action.before or {}, action.after or {}
    if part.name not in action.changed or action.before is None:
        return ""
    if part.shown(before.get(part.name)) != part.shown(wanted.get(part.name)):
        return ""
    return "  # as declared" if after else "  # a masked password differs"


def _secret_entries(action: Action, after: bool) -> list[str]:
    """One masked line for a declared secret; the reason of a change stands beside it, so that the change is
    visible.
    """
    entries = []
    for part in action.kind.fields:
        if not part.secret or part.name not in action.declared:
            continue
        note = ""
        if action.before is not None and part.name in action.changed:
            note = "  # as declared" if after else f"  # {part.why_changed}"
        entries.append(f'{part.name}: "{MASK}"{note}')
    return entries


def _field_names(action: Action) -> list[str]:
    """Names of the fields that differ; those of a new object are the ones that were declared."""
    if action.verb == "update":
        return list(action.changed)
    return [part.name for part in action.kind.fields if part.name in action.declared]


def _value(value: Any, part: Field) -> str:
    if part.elements is not None:
        items = sorted(value) if part.canonical([]) == frozenset() else value
        return "[" + ", ".join(scalar(item) for item in items) + "]"
    return scalar(value)


def scalar(value: Any) -> str:
    """A value on one line of YAML; JSON is YAML, so anything that is not a plain word is written as JSON."""
    if (
        isinstance(value, str)
        and PLAIN.match(value)
        and not NOT_TEXT.match(value)
        and not value.endswith(" ")
    ):
        return value
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
