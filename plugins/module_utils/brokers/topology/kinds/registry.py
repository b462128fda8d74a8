"""The kinds of object this project declares, in the order of writing (and, reversed, of removal)."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..model import Current, Desired, Kind, Snapshot
from .access import PERMISSIONS, TOPIC_PERMISSIONS, USERS, VHOSTS
from .routing import BINDINGS, EXCHANGES, QUEUES
from .rules import (
    FEATURE_FLAGS_KIND,
    GLOBAL_PARAMETERS,
    OPERATOR_POLICIES,
    PARAMETERS,
    POLICIES,
    USER_LIMITS_KIND,
    VHOST_LIMITS_KIND,
)

KINDS: tuple[Kind, ...] = (
    FEATURE_FLAGS_KIND,
    VHOSTS,
    VHOST_LIMITS_KIND,
    USERS,
    USER_LIMITS_KIND,
    PERMISSIONS,
    GLOBAL_PARAMETERS,
    PARAMETERS,
    POLICIES,
    OPERATOR_POLICIES,
    EXCHANGES,
    TOPIC_PERMISSIONS,
    QUEUES,
    BINDINGS,
)
BY_NAME: dict[str, Kind] = {kind.name: kind for kind in KINDS}


@dataclass(frozen=True)
class ShortForm:
    """Objects that people write inside another one: ``option`` of the kind ``parent`` holds items of
    ``child``.

    ``inherit`` names the child's fields that are filled from the parent: {child's field: parent's field};
    ``constants`` are the same for every item. With ``mapping`` the option is a dictionary of names and
    values.
    """

    parent: str
    option: str
    child: str
    inherit: dict[str, str] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)
    mapping: bool = False

    @property
    def given(self) -> set[str]:
        """The child's fields that its place says already."""
        return {*self.inherit, *self.constants}


SHORT_FORMS: tuple[ShortForm, ...] = (
    ShortForm("vhosts", "limits", "vhost_limits", {"vhost": "name"}, mapping=True),
    ShortForm("users", "limits", "user_limits", {"user": "name"}, mapping=True),
    ShortForm("users", "permissions", "permissions", {"user": "name"}),
    ShortForm("users", "topic_permissions", "topic_permissions", {"user": "name"}),
    ShortForm(
        "queues",
        "bindings",
        "bindings",
        {"vhost": "vhost", "destination": "name"},
        {"destination_type": "queue"},
    ),
    ShortForm(
        "exchanges",
        "bindings",
        "bindings",
        {"vhost": "vhost", "destination": "name"},
        {"destination_type": "exchange"},
    ),
)


def short_forms_of(kind: Kind) -> list[ShortForm]:
    """The short forms that may stand inside an item of this kind."""
    return [form for form in SHORT_FORMS if form.parent == kind.name]


def read_current(snapshot: Snapshot) -> Current:
    """Everything the broker has of every kind, by identity."""
    return {kind.name: {kind.identify(item): item for item in kind.read(snapshot)} for kind in KINDS}


def further_reads(desired: Desired, snapshot: Snapshot) -> list[str]:
    """Paths to read beside the definitions, because some declared field is not in them."""
    paths = [path for kind in KINDS for path in kind.further_reads(desired, snapshot)]
    return sorted(set(paths))
