"""The declared document: its shape is checked, its short forms are written out, and it becomes a list of
items.

Sentences name the variable as the operator wrote it: ``rabbitmq_topology_users[1].permissions[0].vhost``. The
part before the option's name is the ``prefix`` argument of the functions here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .kinds.registry import BY_NAME, KINDS, ShortForm, short_forms_of
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
    options = {part.name for part in kind.directives}
    not_fields = {"state", *(form.option for form in forms), *options}
    values = {key: value for key, value in raw.items() if value is not None and key not in not_fields}
    directives = {name: raw[name] for name in options if raw.get(name) is not None}
    absent = raw.get("state") == "absent"
    desired[kind.name].append(Item(kind, kind.complete(values), path, absent, directives))
    for form in forms:
        given = {name: raw[source] for name, source in form.inherit.items()}
        for place, child in _children(raw.get(form.option), form, f"{path}.{form.option}"):
            _add(desired, BY_NAME[form.child], {**child, **given, **form.constants}, place)


def _children(value: Any, form: ShortForm, path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The items of a short form, with where each stands; a name whose value is null shall be absent."""
    if form.mapping:
        for name, part in (value or {}).items():
            yield (
                f"{path}.{name}",
                {"name": name, "value": part, "state": "absent" if part is None else "present"},
            )
        return
    for index, child in enumerate(value or []):
        yield f"{path}[{index}]", child


def shape_refusals(document: Mapping[str, Any], prefix: str = "") -> list[str]:
    """All errors of the document that can be found without comparing items with one another."""
    refusals: list[str] = []
    for kind in KINDS:
        refusals += _list_refusals(document.get(kind.name), kind, f"{prefix}{kind.name}", set())
    unknown = sorted(str(key) for key in document if key not in BY_NAME)
    return refusals + [
        f"{prefix}{key}: there is no such kind of object; known are {_names(BY_NAME)}" for key in unknown
    ]


def _list_refusals(value: Any, kind: Kind, path: str, given: set[str]) -> Iterator[str]:
    if value is None:
        return
    if not isinstance(value, (list, tuple)):
        yield f"{path}: is {_what(value)}; write a list with one item per {kind.noun}"
        return
    for index, raw in enumerate(value):
        yield from _item_refusals(raw, kind, f"{path}[{index}]", given)


def _item_refusals(raw: Any, kind: Kind, path: str, given: set[str]) -> Iterator[str]:
    if not isinstance(raw, Mapping):
        yield f"{path}: is {_what(raw)}; write a dictionary with the keys {_names(kind.key)}"
        return
    forms = short_forms_of(kind)
    identity = [part for part in kind.identity if part.name not in given]
    known = {part.name: part for part in (*identity, *kind.fields, *kind.directives)}
    for key in raw:
        if key not in known and key != "state" and key not in {form.option for form in forms}:
            keys = [*known, *(form.option for form in forms), "state"]
            yield f"{path}.{key}: there is no such key; known are {_names(keys)}"
    if raw.get("state", "present") not in STATES:
        yield f"{path}.state: is {raw['state']!r}; write present or absent"
    needed = identity if raw.get("state") == "absent" else known.values()
    yield from (
        f"{path}.{part.name}: is missing; every {kind.noun} needs one"
        for part in needed
        if part.required and raw.get(part.name) is None
    )
    for name, part in known.items():
        if raw.get(name) is not None:
            yield from _field_refusals(raw[name], part, f"{path}.{name}", part in identity)
    yield from _combined_refusals(raw, kind, path)
    for form in forms:
        yield from _short_form_refusals(raw, form, path)


def _combined_refusals(raw: Mapping[str, Any], kind: Kind, path: str) -> Iterator[str]:
    parts = {part.name: part for part in (*kind.identity, *kind.fields)}
    values: Object = {name: raw[name] for name in parts if raw.get(name) is not None}
    if all(_has_type(value, parts[name]) for name, value in values.items()):
        for name, problem in kind.check(values):
            yield f"{path}.{name}: {problem}"


def _short_form_refusals(raw: Mapping[str, Any], form: ShortForm, path: str) -> Iterator[str]:
    value, path, child = raw.get(form.option), f"{path}.{form.option}", BY_NAME[form.child]
    if raw.get("state") == "absent" and value:
        yield (
            f"{path}: stands under a {BY_NAME[form.parent].noun} that is declared absent; remove one of the two"
        )
    elif not form.mapping:
        yield from _list_refusals(value, child, path, form.given)
    elif value is not None and not isinstance(value, Mapping):
        yield f"{path}: is {_what(value)}; write a dictionary of names and values"
    else:
        for place, item in _children(value, form, path):
            yield from (text.replace(f"{place}.value:", f"{place}:").replace(f"{place}.name:", f"{place}:")
                        for text in _item_refusals(item, child, place, form.given))  # fmt: skip


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
