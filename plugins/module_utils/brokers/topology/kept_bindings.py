"""Bindings of a queue that is being replaced, kept in the broker itself so that no crash loses them.

Before the queue goes, its bindings are written into a global parameter, which goes when they are back. A run that
finds one left over finishes what an earlier run began.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..rabbitmq.request import Request
from .kinds.parts import path
from .kinds.routing import BINDINGS
from .model import Action, Current, Definition, Desired, Object, Snapshot

PREFIX = "brokerkit.replacing."


def note(action: Action) -> Definition:
    """The parameter that keeps the bindings of the queue that an action replaces."""
    return Definition("global_parameters", {"name": _name(action), "value": list(action.kept)})


def done(action: Action) -> Request:
    """Removes the parameter of an action that is finished."""
    return _removal(_name(action))


def _name(action: Action) -> str:
    identity = "\0".join(map(str, action.kind.identify(action.target)))
    return PREFIX + hashlib.sha256(identity.encode()).hexdigest()[:16]


def _removal(name: str) -> Request:
    return Request("DELETE", path("global-parameters", name))


def is_note(raw: Mapping[str, Any]) -> bool:
    """Whether a global parameter is one of these."""
    return str(raw["name"]).startswith(PREFIX)


def left_over(snapshot: Snapshot) -> list[Object]:
    """The bindings that an earlier run has not restored yet."""
    notes = [raw for raw in snapshot.section("global_parameters") if is_note(raw)]
    return [dict(binding) for raw in notes for binding in raw["value"]]


def finish(snapshot: Snapshot) -> list[Request]:
    """Removes what an earlier run left."""
    return [_removal(raw["name"]) for raw in snapshot.section("global_parameters") if is_note(raw)]


def restored(owed: Iterable[Object], desired: Desired, current: Current) -> Iterator[Action]:
    """Restores bindings that are missing and not declared anyway, if their queue exists."""
    declared = {item.identity for item in desired.get("bindings", [])}
    queues = {item.identity for item in desired.get("queues", []) if not item.absent} | set(
        current.get("queues", {})
    )
    for binding in owed:
        identity = BINDINGS.identify(binding)
        known = identity in declared or identity in current.get("bindings", {})
        if not known and (binding["vhost"], binding["destination"]) in queues:
            yield Action("create", BINDINGS, None, binding, {}, (), "kept")
