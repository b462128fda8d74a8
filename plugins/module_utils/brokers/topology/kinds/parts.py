"""What the declarations of kinds share: paths, names, and the canonical forms in which the broker compares."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from ..model import Field, Object

NAME = Field("name", required=True)
VHOST = Field("vhost", required=True)
NOTHING = "[]"
USER = Field("user", required=True)


def path(*parts: str) -> str:
    """An API path with every name percent-encoded: names hold slashes, spaces, percent signs and newlines."""
    return "/api/" + "/".join(quote(part, safe="") for part in parts)


def name_in_vhost(values: Object) -> str:
    """How people name an object that lives in a virtual host."""
    return f"{values['name']} on {values['vhost']}"


def as_set(value: Any) -> frozenset[str]:
    """Tags as a set: order means nothing, and RabbitMQ 3.8 keeps a user's tags as one comma-separated text."""
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    return frozenset(value or ())


def as_json(value: Any) -> str:
    """A nested value as text that is equal where the broker sees no difference.

    The order of a dictionary's keys means nothing, 1000.0 is 1000, true is not 1, and an empty dictionary
    comes back from the broker as an empty list.
    """
    if value == {}:
        return NOTHING  # by far the most frequent value
    return json.dumps(_plain(value), sort_keys=True, ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()} or []
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
