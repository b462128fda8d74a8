"""Checks a role's variables against the types in its argument specs, with sentences an operator can act on.

Ansible's own validation of a role prints the whole specification with each refusal, and leaves the
variables as they were written: a port given with `-e` stays a string. `refusals` says what is wrong, `typed`
returns the values as the specification means them. Both are pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from .nearest import nearest

_TRUE, _FALSE = frozenset({"true", "yes", "on", "1"}), frozenset({"false", "no", "off", "0"})
_WHOLE = re.compile(r"[+-]?\d+\Z")
_NAMES = {
    "list": "a list",
    "dict": "a dictionary",
    "str": "a text",
    "int": "a whole number",
    "bool": "true or false",
}


def kind_of(value: Any) -> str:
    """Return a value's type in plain words."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "true or false"
    for types, name in (
        (Mapping, "a dictionary"),
        ((list, tuple), "a list"),
        (str, "a text"),
        ((int, float), "a number"),
    ):
        if isinstance(value, types):
            return name
    return type(value).__name__


def _show(name: str, value: Any) -> str:
    """Return the value for a message; nothing that may be a secret, and nothing long."""
    secret = re.search(r"pass|cookie|secret|token", name) is not None
    return "" if secret or not isinstance(value, (str, int, float)) else f"'{value}' "


def _whole(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return None
    return int(value) if isinstance(value, int) or _WHOLE.match(value.strip()) else None


def _boolean(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    return True if text in _TRUE else False if text in _FALSE else None


def _type_problem(name: str, value: Any, wanted: str, default: Any) -> str | None:
    shown = _show(name, value)
    if value is None:
        return "is empty; give it a value, or drop the line to get the default"
    if wanted == "int" and _whole(value) is None:
        example = f", such as {default}" if default else ""
        return f"{shown}is {kind_of(value)}; write a whole number{example}"
    if wanted == "bool" and _boolean(value) is None:
        return f"{shown}is {kind_of(value)}; write true or false"
    if wanted in ("list", "dict") and not isinstance(value, (list, tuple) if wanted == "list" else Mapping):
        return f"{shown}is {kind_of(value)}; write {_NAMES[wanted]} (with -e, as JSON)"
    if wanted == "str" and not isinstance(value, str):
        reason = (
            ", as YAML reads it: 3.10 becomes 3.1, 0123 becomes 83" if kind_of(value) == "a number" else ""
        )
        return (
            f"{shown}is {kind_of(value)}{reason}; put it in quotes"
            if reason
            else f"is {kind_of(value)}; write a text"
        )
    return None


def _elements_problem(value: Any, option: Mapping[str, Any]) -> str | None:
    if option.get("type") != "list" or option.get("elements", "str") != "str":
        return None
    wrong = [item for item in value if not isinstance(item, str)]
    return (
        f"holds {kind_of(wrong[0])} where a text is wanted; write each item as a text, in quotes if need be"
        if wrong
        else None
    )


def _choice_problem(name: str, value: Any, option: Mapping[str, Any]) -> str | None:
    choices = option.get("choices")
    if not choices or value in choices:
        return None
    known = ", ".join(repr(choice) for choice in choices)
    return f"{_show(name, value)}is not one of {known}; choose one of them"


def _worded(value: Any, option: Mapping[str, Any]) -> Any:
    """Return "off" for a false where that is one of the choices: YAML takes the one for the other."""
    return "off" if value is False and "off" in (option.get("choices") or ()) else value


def refusals(
    options: Mapping[str, Mapping[str, Any]], values: Mapping[str, Any], numbers: Iterable[str] = ()
) -> list[str]:
    """Return a sentence for each value that is not what its option says.

    `options` are those of an entry point in meta/argument_specs.yml. Options named in `numbers` are texts
    that may be written as numbers: their meaning survives it.
    """
    found = []
    for name, value in values.items():
        option = options.get(name)
        if option is None or (name in numbers and kind_of(value) == "a number"):
            continue
        value = _worded(value, option)
        wanted = str(option.get("type", "str"))
        problem = _type_problem(name, value, wanted, option.get("default"))
        problem = problem or _elements_problem(value, option) or _choice_problem(name, value, option)
        if problem:
            found.append(f"{name}: {problem}")
    return found


def _read(value: Any, wanted: str) -> Any:
    if wanted == "int":
        return _whole(value)
    if wanted == "bool":
        return _boolean(value)
    return str(value) if wanted == "str" and kind_of(value) == "a number" else value


def typed(options: Mapping[str, Mapping[str, Any]], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values as their options mean them; a value that cannot be read so stays what it is."""
    found = dict(values)
    for name, value in values.items():
        option = options.get(name, {})
        read = _read(_worded(value, option), str(option.get("type", "")))
        found[name] = value if read is None else read
    return found


def unknown(role: str, given: Iterable[str], known: Iterable[str]) -> list[str]:
    """Return a sentence for each variable of `given`, all with the role's prefix, that is not its own."""
    names, found = list(known), []
    for name in given:
        if name not in names:
            near = nearest(role, name, names)
            hint = (
                f"did you mean {' or '.join(near)}?" if near else "docs/variables.md lists those that exist"
            )
            found.append(f"{name}: is not a variable of the role {role}, whose prefix it has; {hint}")
    return found
