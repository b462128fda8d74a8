"""The kinds of object this project declares, in the order of writing (and, reversed, of removal)."""

from __future__ import annotations

from dataclasses import dataclass, field

from .kinds_access import PERMISSIONS, USERS, VHOSTS
from .model import Current, Kind, Snapshot

KINDS: tuple[Kind, ...] = (VHOSTS, USERS, PERMISSIONS)
BY_NAME: dict[str, Kind] = {kind.name: kind for kind in KINDS}


@dataclass(frozen=True)
class ShortForm:
    """Objects that people write inside another one: ``option`` of the kind ``parent`` holds items of
    ``child``.

    ``inherit`` names the child's fields that are filled from the parent: {child's field: parent's field}.
    """

    parent: str
    option: str
    child: str
    inherit: dict[str, str] = field(default_factory=dict)


SHORT_FORMS: tuple[ShortForm, ...] = (ShortForm("users", "permissions", "permissions", {"user": "name"}),)


def short_forms_of(kind: Kind) -> list[ShortForm]:
    """The short forms that may stand inside an item of this kind."""
    return [form for form in SHORT_FORMS if form.parent == kind.name]


def read_current(snapshot: Snapshot) -> Current:
    """Everything the broker has of every kind, by identity."""
    return {kind.name: {kind.identify(item): item for item in kind.read(snapshot)} for kind in KINDS}
