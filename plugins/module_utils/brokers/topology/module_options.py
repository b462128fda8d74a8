"""Argument specs: those of the kinds, made from their declarations, and those of the connection."""

from __future__ import annotations

from typing import Any

from .document import STATES
from .kinds.registry import BY_NAME, KINDS, short_forms_of
from .model import Field, Kind

CONNECTION: dict[str, Any] = {
    "url": {"type": "str", "default": "http://127.0.0.1:15672"},
    "username": {"type": "str", "required": True},
    "password": {"type": "str", "required": True, "no_log": True},
    "validate_certs": {"type": "bool", "default": True},
    "ca_file": {"type": "path"},
    "client_cert": {"type": "path"},
    "client_key": {"type": "path"},
    "server_name": {"type": "str"},
    "timeout": {"type": "int", "default": 60},
    "wait": {"type": "int", "default": 30},
}


def kind_options() -> dict[str, Any]:
    """One option per kind, for AnsibleModule."""
    return {kind.name: _list_of(kind, set()) for kind in KINDS}


def _list_of(kind: Kind, given: set[str]) -> dict[str, Any]:
    parts = (*kind.identity, *kind.fields, *kind.directives)
    suboptions = {part.name: _option(part, part in kind.identity) for part in parts if part.name not in given}
    for form in short_forms_of(kind):
        suboptions[form.option] = (
            {"type": "dict"} if form.mapping else _list_of(BY_NAME[form.child], form.given)
        )
    suboptions["state"] = {"type": "str", "choices": list(STATES), "default": STATES[0]}
    return {"type": "list", "elements": "dict", "options": suboptions}


def _option(part: Field, is_name: bool) -> dict[str, Any]:
    """A field that is needed is not required here: an item that shall be absent is told by its name alone."""
    option: dict[str, Any] = {"type": part.type}
    if part.elements:
        option["elements"] = part.elements
    if part.choices:
        option["choices"] = list(part.choices)
    if part.required and is_name:
        option["required"] = True
    option["no_log"] = part.secret
    return option
