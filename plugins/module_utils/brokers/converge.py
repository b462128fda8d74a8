"""Read once, plan once, write only the differences, and look whether the broker agrees."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import validate
from .api import Client, Interrupted
from .document import expand
from .kinds import read_current
from .model import Action, Definition, Plan, Request, Snapshot, Version, parse_version
from .plan import plan

ROUNDS = 3  # reads, plans and writes at most so often when connections break
BATCH = 500  # objects in one POST /api/definitions: bounds a request's time and size
DEFINITIONS = "/api/definitions"


class Refused(Exception):
    """The document, or the plan, was refused before any write; ``sentences`` says why and what to do."""

    def __init__(self, sentences: Iterable[str]) -> None:
        self.sentences = list(sentences)
        super().__init__("\n".join(self.sentences))


@dataclass
class Outcome:
    """What was (or, in check mode, would be) done."""

    actions: tuple[Action, ...] = ()
    version: str = ""
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Wanted:
    """What the operator asked for: the document, and how messages name its parts."""

    document: Mapping[str, Any]
    prefix: str = ""
    extra_tags: tuple[str, ...] = ()


def read(client: Client) -> Snapshot:
    """Everything the broker keeps as definitions, in one request. Raises ApiError."""
    definitions = client.get(DEFINITIONS)
    return Snapshot(definitions, parse_version(_version(definitions)))


def _version(definitions: Mapping[str, Any]) -> str:
    return str(definitions.get("rabbitmq_version") or definitions.get("rabbit_version") or "")


def converge(client: Client, wanted: Wanted, check: bool = False) -> Outcome:
    """Brings the broker to the declared document, or only says what that would take.

    A write that broke off is followed by a new read and a new plan, so nothing is written twice blindly.

    :raises Refused: before the first write.
    :raises ApiError: when the broker cannot be reached or refuses a request.
    """
    refused = validate.refusals(wanted.document, wanted.prefix, wanted.extra_tags)
    if refused:
        raise Refused(refused)
    desired = expand(wanted.document, wanted.prefix)
    outcome = Outcome()
    for attempt in range(ROUNDS):
        snapshot, todo = _planned(client, wanted, desired)
        if attempt == 0:
            outcome = Outcome(todo.actions, _version(snapshot.definitions))
        if check or not todo.actions:
            return outcome
        try:
            for request in requests(todo.actions, snapshot.version):
                client.send(request)
        except Interrupted:
            if attempt == ROUNDS - 1:
                raise
            continue
        break
    _, left = _planned(client, wanted, desired)
    outcome.warnings += [
        f"{action.path}: the broker accepted the {action.verb} of {action.kind.noun} {action.label!r} "
        f"but still differs{_in(action)}; another run, or another operator, may have changed it meanwhile"
        for action in left.actions
    ]
    return outcome


def _in(action: Action) -> str:
    return " in " + ", ".join(action.changed) if action.changed else ""


def _planned(client: Client, wanted: Wanted, desired: dict[str, Any]) -> tuple[Snapshot, Plan]:
    snapshot = read(client)
    current = read_current(snapshot)
    refused = validate.refusals_against(desired, current, snapshot.version, wanted.prefix)
    todo = plan(desired, current, client.access.username)
    if refused or todo.refusals:
        raise Refused([*refused, *todo.refusals])
    return snapshot, todo


def plan_without_broker(wanted: Wanted) -> Outcome:
    """What a new, empty broker would be given: the answer of check mode where nothing listens yet."""
    refused = validate.refusals(wanted.document, wanted.prefix, wanted.extra_tags)
    if refused:
        raise Refused(refused)
    return Outcome(plan(expand(wanted.document, wanted.prefix), {}).actions)


def requests(actions: Iterable[Action], version: Version) -> Iterator[Request]:
    """The requests that perform a plan, in order: objects that can share a request do."""
    batch: list[Definition] = []
    for action in actions:
        write = (
            action.kind.remove(action.before or {})
            if action.verb == "delete"
            else action.kind.write(action, version)
        )
        if isinstance(write, Definition) and len(batch) < BATCH:
            batch.append(write)
            continue
        yield from _posted(batch)
        batch = []
        if isinstance(write, Definition):
            batch.append(write)
        else:
            yield write
    yield from _posted(batch)


def _posted(batch: list[Definition]) -> Iterator[Request]:
    if batch:
        body: dict[str, list[Any]] = {}
        for definition in batch:
            body.setdefault(definition.section, []).append(definition.body)
        yield Request("POST", DEFINITIONS, body)
