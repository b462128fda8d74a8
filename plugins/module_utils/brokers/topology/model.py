"""What a kind of broker object is, and the shapes that pass between reading, planning and writing.

A kind is data: how an object is told from its neighbours, which fields it has, what the broker fills in,
which fields can never change, and the one function each that reads it from the broker's definitions, writes
it and removes it. Everything else (comparison, order, diff, masking, refusals) is written once, for all
kinds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Callable, Union

from ..rabbitmq.request import Request

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
class Definition:
    """One entry for a list of ``POST /api/definitions``, which writes many objects in one request."""

    section: str
    body: Object


Write = Union[Request, Definition]


@dataclass(frozen=True)
class Context:
    """What a write depends on beside the object: the broker's version and the user who logs in."""

    version: Version = ()
    acting_user: str = ""


def unchanged(value: Any) -> Any:
    """The canonical form of a value that needs none."""
    return value


Problems = Iterable["tuple[str, str]"]
Lookup = Callable[[str, Identity], Union[Object, None]]


def no_problems(values: Object) -> Problems:
    """The check of a kind whose fields can be judged one by one."""
    return ()


def no_problems_there(values: Object, snapshot: Snapshot) -> Problems:
    """The check of a kind that is the same on every broker."""
    return ()


def no_references(values: Object) -> list[Reference]:
    """The references of a kind that stands by itself."""
    return []


def no_further_reads(desired: Desired, snapshot: Snapshot) -> list[str]:
    """The further reads of a kind that is whole in the definitions."""
    return []


def as_declared(values: Object, lookup: Lookup) -> Object:
    """A new object of a kind that takes nothing from others."""
    return values


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
    shown: Callable[[Any], Any] = unchanged
    check: Callable[[Any], str | None] | None = None
    empty: bool = False
    since: Version = ()
    updates_since: Version = ()
    values_since: Mapping[Any, Version] = field(default_factory=dict)

    def same(self, declared: Any, current: Object) -> bool:
        """Whether the broker's object already has what is declared for this field."""
        if self.matches is not None:
            return self.matches(declared, current)
        value = current.get(self.name)
        return bool(self.canonical(declared) == self.canonical(self.default if value is None else value))


@dataclass(frozen=True)
class Reference:
    """The field of an object that names another one, which has to exist: its kind and its identity."""

    field: str
    kind: str
    identity: Identity

    @property
    def needed(self) -> bool:
        """Whether the broker refuses to make the item without it; a policy or an argument may name what is nowhere."""
        return self.field in ("user", "vhost", "source", "destination")


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
    kept: tuple[Object, ...] = ()

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
    """A kind of object.

    ``name`` is the option, the key in results and, by habit, the list in the definitions; ``noun`` is for
    people. ``directives`` are keys of an item that say how to treat it and are nothing of the broker's.
    ``read`` lists the broker's objects. ``write`` returns what makes the object as the action wants it:
    Definitions go into the batch, Requests are sent by themselves. ``remove`` is None where the broker cannot
    remove. ``references`` are the other objects that must exist. ``further_reads`` names the paths to read
    beside the definitions. ``complete`` adds to a declaration what follows from it alone, ``derive`` to a new
    object what follows from others. ``check`` yields what is wrong with the values taken together, as pairs
    of a field and the rest of a sentence; ``check_on_broker`` what only the broker can tell. ``label_of``
    names an object for people.
    """

    name: str
    noun: str
    identity: tuple[Field, ...]
    fields: tuple[Field, ...]
    read: Callable[[Snapshot], list[Object]]
    write: Callable[[Action, Context], list[Write]]
    remove: Callable[[Object], Request] | None
    directives: tuple[Field, ...] = ()
    references: Callable[[Object], list[Reference]] = no_references
    further_reads: Callable[[Desired, Snapshot], list[str]] = no_further_reads
    complete: Callable[[Object], Object] = unchanged
    derive: Callable[[Object, Lookup], Object] = as_declared
    check: Callable[[Object], Problems] = no_problems
    check_on_broker: Callable[[Object, Snapshot], Problems] = no_problems_there
    label_of: Callable[[Object], str] | None = None
    since: Version = ()

    @property
    def key(self) -> tuple[str, ...]:
        """The names of the fields that identify an object."""
        return tuple(part.name for part in self.identity)

    def identify(self, item: Mapping[str, Any]) -> Identity:
        """The object's identity within its kind; hashable and sortable."""
        return tuple(part.canonical(item.get(part.name, part.default)) for part in self.identity)

    def label(self, item: Mapping[str, Any]) -> str:
        """The object's name for people: ``orders``, or ``app on orders`` where two names make one."""
        if self.label_of is not None:
            return self.label_of(dict(item))
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
    directives: Object = field(default_factory=dict)

    @cached_property
    def identity(self) -> Identity:
        """The object's identity within its kind; cached, as it is needed often."""
        return self.kind.identify(self.values)


Desired = dict[str, list[Item]]
Current = dict[str, dict[Identity, Object]]


@dataclass(frozen=True)
class QueueState:
    """What a queue holds: it may be removed only when that is nothing."""

    messages: int
    consumers: int

    @property
    def busy(self) -> bool:
        return bool(self.messages or self.consumers)

    def __str__(self) -> str:
        return f"{self.messages} messages and {self.consumers} consumers"


@dataclass(frozen=True)
class Prune:
    """Undeclared objects that may be removed.

    ``scopes`` maps a kind to regular expressions that fields of an object have to match whole; ``protected``
    are expressions for names that stay; ``limit`` is the most removals of one run.
    """

    scopes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    protected: tuple[str, ...] = ()
    limit: int = 10
    prefix: str = ""  # of the options' names in messages


@dataclass(frozen=True)
class Plan:
    """The actions in order, refusals, and warnings."""

    actions: tuple[Action, ...]
    refusals: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


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
