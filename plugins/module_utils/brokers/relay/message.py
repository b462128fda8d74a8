"""A message's body as JSON, and the fields that a request takes from it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

# Why a message can never become a request: the word that a dead letter has in its header, and `replay` will go by.
TOO_LARGE, NOT_UTF8, NOT_JSON, MISSING, UNFIT = (
    "too-large",
    "not-utf8",
    "not-json",
    "missing-field",
    "unfit-field",
)


class Unfit(Exception):
    """A message that can never become a request: one sentence, and one of the words above."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class Number(str):
    """A number as the sender wrote it: 1.10 stays 1.10, and 20 digits stay 20 digits."""


def _constant(name: str) -> Any:
    raise Unfit(NOT_JSON, f"the body has {name}, which JSON does not know")


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object; a name that is there twice means one thing here, and maybe another one to the API."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Unfit(NOT_JSON, "the body has a name twice in one object")
    return found


def read(body: bytes, largest: int) -> Any:
    """Return what the body says, numbers as text. Raises Unfit."""
    if len(body) > largest:
        raise Unfit(TOO_LARGE, f"the body has {len(body)} bytes, and the relay takes {largest}")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Unfit(
            NOT_UTF8, f"the body is not UTF-8: byte {error.start} is 0x{body[error.start]:02x}"
        ) from None
    try:
        return json.loads(
            text, parse_constant=_constant, parse_int=Number, parse_float=Number, object_pairs_hook=_object
        )
    except json.JSONDecodeError as error:
        raise Unfit(NOT_JSON, f"the body is not JSON: {error.msg} at character {error.pos}") from None
    except RecursionError:
        raise Unfit(NOT_JSON, "the body is JSON that is nested too deeply to be read") from None


def field(content: Any, path: str) -> str:
    """Return the text of a field, `a.b` for one inside an object. Raises Unfit where it cannot stand in a URL."""
    value = content
    done: list[str] = []
    for name in path.split("."):
        if not isinstance(value, Mapping):
            where = f"the field {'.'.join(done)}" if done else "the body"
            raise Unfit(
                MISSING, f"{where} is {_kind(value)} and no object, so there is no field {path} in it"
            )
        if name not in value:
            raise Unfit(MISSING, f"the body has no field {path}")
        value = value[name]
        done.append(name)
    return _text(path, value)


def _text(path: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        raise Unfit(UNFIT, f"the field {path} is {_kind(value)}, which has no place in a URL")
    if value == "":
        raise Unfit(UNFIT, f"the field {path} is empty, and the URL without it would mean something else")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise Unfit(UNFIT, f"the field {path} has half of a surrogate pair, which is no character") from None
    return str(value)


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    for types, name in ((Number, "a number"), (str, "a text"), (list, "a list")):
        if isinstance(value, types):
            return name
    return "an object"
