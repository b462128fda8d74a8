"""A request to the management API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable


@dataclass(frozen=True)
class Find:
    """The last part of a request's path, where only the broker knows it: ``key`` of the row that matches at
    ``path``.
    """

    path: str
    key: str
    matches: Callable[[dict[str, Any]], bool]


@dataclass(frozen=True)
class Request:
    """One HTTP request that changes one object."""

    method: str
    path: str
    body: Any = None
    find: Find | None = None
