"""Argument specs of the kinds, made from their declarations."""

from __future__ import annotations

from typing import Any

from .document import STATES
from .kinds import BY_NAME, KINDS, short_forms_of
from .model import Field, Kind


def kind_options() -> dict[str, Any]:
    """One option per kind, for AnsibleModule."""
    return {kind.name: _list_of(kind, ()) for kind in KINDS}


def _list_of(kind: Kind, inherited: tuple[str, ...]) -> dict[str, Any]:
    suboptions = {
        part.name: _option(part) for part in (*kind.identity, *kind.fields) if part.name not in inherited
    }
    for form in short_forms_of(kind):
        suboptions[form.option] = _list_of(BY_NAME[form.child], tuple(form.inherit))
    suboptions["state"] = {"type": "str", "choices": list(STATES), "default": STATES[0]}
    return {"type": "list", "elements": "dict", "options": suboptions}


def _option(part: Field) -> dict[str, Any]:
    option: dict[str, Any] = {"type": part.type}
    if part.elements:
        option["elements"] = part.elements
    if part.choices:
        option["choices"] = list(part.choices)
    if part.required:
        option["required"] = True
    option["no_log"] = part.secret
    return option
