"""What a kind of broker object is, and the shapes that pass between reading, planning and writing.

A kind is data: how an object is told from its neighbours, which fields it has, what the broker fills in,
which fields can never change, and the one function each that reads it from the broker's definitions, writes
it and removes it. Everything else (comparison, order, diff, masking, refusals) is written once, for all
kinds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Callable, Union

Object = dict[str, Any]
Identity = tuple[Any, ...]
Version = tuple[int, ...]


@dataclass(frozen=True)
class Snapshot:
    """One read of the broker: its definitions, its version and, where the document asks for them, other
    lists.

    ``definitions`` is the body of ``GET /api/definitions``; ``extra`` maps the path of any further read to
    its body.
    """

    definitions: Mapping[str, Any]
    version: Version = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    def section(self, name: str) -> list[Object]:
        """The list ``name`` of the definitions, empty where this version has no such list."""
        return self.definitions.get(name) or []


@dataclass(frozen=True)
class Request:
    """One HTTP request that changes one object."""

    method: str
    path: str
    body: Any = None


@dataclass(frozen=True)
class Definition:
    """One entry for a list of ``POST /api/definitions``, which writes many objects in one request."""

    section: str
    body: Object


Write = Union[Request, Definition]


def unchanged(value: Any) -> Any:
    """The canonical form of a value that needs none."""
    return value


def no_problems(values: Object) -> Iterable[tuple[str, str]]:
    """The check of a kind whose fields can be judged one by one."""
    return ()


@dataclass(frozen=True)
class Field:
    """One property of an object.

    ``canonical`` maps equal values to one value; ``matches(declared, current object)`` replaces the
    comparison where the broker keeps something else than what is declared (a password and its hash).
    ``default`` is what a new object gets when the declaration leaves the field out. ``since`` is the first
    broker version that knows the field, ``updates_since`` the first that can change it on an object that
    exists.
    """

    name: str
    type: str = "str"
    elements: str | None = None
    choices: tuple[str, ...] = ()
    default: Any = None
    required: bool = False
    canonical: Callable[[Any], Any] = unchanged
    matches: Callable[[Any, Object], bool] | None = None
    immutable: bool = False
    secret: bool = False
    why_changed: str = ""
    check: Callable[[Any], str | None] | None = None
    empty: bool = False
    since: Version = ()
    updates_since: Version = ()

    def same(self, declared: Any, current: Object) -> bool:
        """Whether the broker's object already has what is declared for this field."""
        if self.matches is not None:
            return self.matches(declared, current)
        value = current.get(self.name)
        return bool(self.canonical(declared) == self.canonical(self.default if value is None else value))


@dataclass(frozen=True)
class Reference:
    """Fields of an object that name another object, which has to exist.

    ``fields`` are read from the object and, in this order, form the identity of an object of the kind
    ``kind``.
    """

    fields: tuple[str, ...]
    kind: str


@dataclass(frozen=True)
class Action:
    """One difference: an object to create, change or remove.

    ``declared`` is what the operator wrote, ``before`` what the broker has (None: nothing), ``after`` what it
    will have (None: nothing), ``changed`` the fields that differ, ``path`` where the declaration stands.
    """

    verb: str
    kind: Kind
    before: Object | None
    after: Object | None
    declared: Object
    changed: tuple[str, ...]
    path: str

    @property
    def target(self) -> Object:
        """The object in whichever state exists: to read its identity from."""
        return self.after if self.after is not None else self.before or {}

    @property
    def label(self) -> str:
        """The object's name for people."""
        return self.kind.label(self.target)


@dataclass(frozen=True)
class Kind:
    """A kind of object. ``name`` is the option, the key in results and, by habit, the list in the
    definitions.

    ``write`` may return a Definition (goes into the batch) or a Request (is sent by itself). ``complete``
    adds to a declaration what follows from it; ``check`` yields what is wrong with fields taken together, as
    pairs of a field and the rest of a sentence.
    """

    name: str
    noun: str
    identity: tuple[Field, ...]
    fields: tuple[Field, ...]
    read: Callable[[Snapshot], list[Object]]
    write: Callable[[Action, Version], Write]
    remove: Callable[[Object], Request]
    references: tuple[Reference, ...] = ()
    complete: Callable[[Object], Object] = unchanged
    check: Callable[[Object], Iterable[tuple[str, str]]] = no_problems

    @property
    def key(self) -> tuple[str, ...]:
        """The names of the fields that identify an object."""
        return tuple(part.name for part in self.identity)

    def identify(self, item: Mapping[str, Any]) -> Identity:
        """What tells this object from others of its kind; hashable and sortable."""
        return tuple(part.canonical(item.get(part.name, part.default)) for part in self.identity)

    def label(self, item: Mapping[str, Any]) -> str:
        """The object's name for people: ``orders``, or ``app on orders`` where two names make one."""
        return " on ".join(str(part) for part in self.identify(item))


@dataclass(frozen=True)
class Item:
    """One declared object: its values (only what was declared), where it stands, and whether it shall be
    absent.
    """

    kind: Kind
    values: Object
    path: str
    absent: bool = False

    @property
    def identity(self) -> Identity:
        return self.kind.identify(self.values)


Desired = dict[str, list[Item]]
Current = dict[str, dict[Identity, Object]]


@dataclass(frozen=True)
class Plan:
    """What to do, in the order in which it is done, and why it may not be done at all."""

    actions: tuple[Action, ...]
    refusals: tuple[str, ...] = ()


def parse_version(text: str) -> Version:
    """The numbers a version starts with: ``3.10.8`` and ``4.0.5+deb`` become (3, 10, 8) and (4, 0, 5)."""
    numbers = []
    for part in text.split("."):
        digits = ""
        for character in part:
            if not character.isdigit():
                break
            digits += character
        if not digits:
            break
        numbers.append(int(digits))
        if digits != part:
            break
    return tuple(numbers)


def show_version(version: Version) -> str:
    """A version for people."""
    return ".".join(str(number) for number in version)
