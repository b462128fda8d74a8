"""The declared document: its shape is checked, its short forms are written out, and it becomes a list of
items.

Sentences name the variable as the operator wrote it: ``rabbitmq_topology_users[1].permissions[0].vhost``. The
part before the option's name is the ``prefix`` argument of the functions here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .kinds import BY_NAME, KINDS, ShortForm, short_forms_of
from .model import Desired, Field, Item, Kind, Object

STATES = ("present", "absent")
NAME_BYTES = 255  # AMQP 0-9-1 short strings; the broker keeps every name as one
PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "list": (list, tuple),
    "dict": (dict,),
    "bool": (bool,),
    "int": (int,),
}
TYPE_NAMES = {
    "str": "a text",
    "list": "a list",
    "dict": "a dictionary",
    "bool": "true or false",
    "int": "a whole number",
}


def expand(document: Mapping[str, Any], prefix: str = "") -> Desired:
    """Items by kind, short forms written out, in the order in which they stand. The shape must have been
    checked.
    """
    desired: Desired = {kind.name: [] for kind in KINDS}
    for kind in KINDS:
        for index, raw in enumerate(document.get(kind.name) or []):
            _add(desired, kind, raw, f"{prefix}{kind.name}[{index}]")
    return desired


def _add(desired: Desired, kind: Kind, raw: Mapping[str, Any], path: str) -> None:
    forms = short_forms_of(kind)
    not_fields = {"state", *(form.option for form in forms)}
    values = {key: value for key, value in raw.items() if value is not None and key not in not_fields}
    desired[kind.name].append(Item(kind, kind.complete(values), path, raw.get("state") == "absent"))
    for form in forms:
        for index, child in enumerate(raw.get(form.option) or []):
            inherited = {name: raw[source] for name, source in form.inherit.items()}
            _add(desired, BY_NAME[form.child], {**child, **inherited}, f"{path}.{form.option}[{index}]")


def shape_refusals(document: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Everything wrong with the document that can be told without comparing its items with one another."""
    refusals: list[str] = []
    for kind in KINDS:
        refusals += _list_refusals(document.get(kind.name), kind, f"{prefix}{kind.name}", ())
    unknown = sorted(str(key) for key in document if key not in BY_NAME)
    return refusals + [
        f"{prefix}{key}: there is no such kind of object; known are {_names(BY_NAME)}" for key in unknown
    ]


def _list_refusals(value: Any, kind: Kind, path: str, inherited: Iterable[str]) -> Iterator[str]:
    if value is None:
        return
    if not isinstance(value, (list, tuple)):
        yield f"{path}: is {_what(value)}; write a list with one item per {kind.noun}"
        return
    for index, raw in enumerate(value):
        yield from _item_refusals(raw, kind, f"{path}[{index}]", inherited)


def _item_refusals(raw: Any, kind: Kind, path: str, inherited: Iterable[str]) -> Iterator[str]:
    if not isinstance(raw, Mapping):
        yield f"{path}: is {_what(raw)}; write a dictionary with the keys {_names(kind.key)}"
        return
    forms = short_forms_of(kind)
    inherited = set(inherited)
    identity = [part for part in kind.identity if part.name not in inherited]
    known = {part.name: part for part in (*identity, *kind.fields)}
    for key in raw:
        if key not in known and key != "state" and key not in {form.option for form in forms}:
            yield (
                f"{path}.{key}: there is no such key; known are "
                f"{_names([*known, *(f.option for f in forms), 'state'])}"
            )
    if raw.get("state", "present") not in STATES:
        yield f"{path}.state: is {raw['state']!r}; write present or absent"
    yield from (
        f"{path}.{part.name}: is missing; every {kind.noun} needs one"
        for part in known.values()
        if part.required and raw.get(part.name) is None
    )
    for name, part in known.items():
        if raw.get(name) is not None:
            yield from _field_refusals(raw[name], part, f"{path}.{name}", part in identity)
    yield from _combined_refusals(raw, kind, path)
    for form in forms:
        yield from _short_form_refusals(raw, form, path)


def _combined_refusals(raw: Mapping[str, Any], kind: Kind, path: str) -> Iterator[str]:
    values: Object = {part.name: raw[part.name] for part in kind.fields if raw.get(part.name) is not None}
    if all(_has_type(values[part.name], part) for part in kind.fields if part.name in values):
        for name, problem in kind.check(values):
            yield f"{path}.{name}: {problem}"


def _short_form_refusals(raw: Mapping[str, Any], form: ShortForm, path: str) -> Iterator[str]:
    if raw.get("state") == "absent" and raw.get(form.option):
        yield (
            f"{path}.{form.option}: stands under a {BY_NAME[form.parent].noun} that shall be absent; "
            "remove one of the two"
        )
        return
    yield from _list_refusals(
        raw.get(form.option), BY_NAME[form.child], f"{path}.{form.option}", form.inherit
    )


def _field_refusals(value: Any, part: Field, path: str, is_name: bool) -> Iterator[str]:
    shown = "the value" if part.secret else repr(value)
    if not _has_type(value, part):
        hint = "; put it in quotes" if part.type == "str" and not isinstance(value, (list, dict)) else ""
        yield f"{path}: {shown} is {_what(value)}, not {_wanted(part)}{hint or '; correct the type'}"
        return
    if part.choices and value not in part.choices:
        yield f"{path}: {shown} is not one of {_names(part.choices)}"
    problem = part.check(value) if part.check else None
    if problem:
        yield f"{path}: {problem}"
    if is_name and isinstance(value, str):
        if not value and not part.empty:
            yield f"{path}: is empty; write the name"
        if len(value.encode()) > NAME_BYTES:
            yield (
                f"{path}: {value[:20]!r}... has {len(value.encode())} bytes, the broker takes "
                f"{NAME_BYTES}; shorten it"
            )


def _has_type(value: Any, part: Field) -> bool:
    if part.type not in PYTHON_TYPES:
        return True
    if isinstance(value, bool) and part.type != "bool":
        return False
    if not isinstance(value, PYTHON_TYPES[part.type]):
        return False
    if part.elements is None or not isinstance(value, (list, tuple)):
        return True
    return all(isinstance(item, PYTHON_TYPES[part.elements]) for item in value)


def _wanted(part: Field) -> str:
    return f"a list of {TYPE_NAMES[part.elements][2:]}s" if part.elements else TYPE_NAMES[part.type]


def _what(value: Any) -> str:
    for name in ("bool", "int", "str", "list", "dict"):
        if isinstance(value, PYTHON_TYPES[name]):
            return TYPE_NAMES[name]
    return "a decimal number" if isinstance(value, float) else f"a {type(value).__name__}"


def _names(names: Iterable[str]) -> str:
    return ", ".join(names)
