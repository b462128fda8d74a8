"""Read once, plan once, write only the differences, and look whether the broker agrees."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from ..rabbitmq.api import Client, Interrupted, Rejected
from ..rabbitmq.request import Request
from . import adopt, backup, kept_bindings as kept
from .document import expand
from .kinds.registry import further_reads, read_current
from .model import Action, Context, Definition, Desired, Plan, Prune, Snapshot, Write, parse_version
from .plan import NO_PRUNE, plan, queues_at_stake
from .queue_states import queue_states
from .refusals import cross_checks as validate

ROUNDS = 3  # reads, plans and writes at most so often when connections break
BATCH = 500  # objects in one POST /api/definitions: bounds a request's time and size
DEFINITIONS = "/api/definitions"


class Refused(Exception):
    """The document or plan was refused before any write; ``sentences`` says why and what to do."""

    def __init__(self, sentences: Iterable[str]) -> None:
        self.sentences = list(sentences)
        super().__init__("\n".join(self.sentences))


@dataclass
class Outcome:
    """What was (or, in check mode, would be) done."""

    actions: tuple[Action, ...] = ()
    version: str = ""
    warnings: list[str] = field(default_factory=list)
    backup_file: str = ""


@dataclass(frozen=True)
class Wanted:
    """What the operator asked for: the document, and how messages name its parts."""

    document: Mapping[str, Any]
    prefix: str = ""
    extra_tags: tuple[str, ...] = ()
    extra_references: tuple[Any, ...] = ()
    prune: Prune = NO_PRUNE


def read(client: Client, desired: Desired) -> Snapshot:
    """Everything the broker keeps as definitions, in one request, and what the declared items need beside it.

    :raises ApiError: when the broker cannot be reached or refuses.
    """
    definitions = client.get(DEFINITIONS)
    snapshot = Snapshot(definitions, parse_version(_version(definitions)))
    return replace(snapshot, extra={path: client.get(path) for path in further_reads(desired, snapshot)})


def _version(definitions: Mapping[str, Any]) -> str:
    return str(definitions.get("rabbitmq_version") or definitions.get("rabbit_version") or "")


def converge(
    client: Client, wanted: Wanted, check: bool = False, store: backup.Store | None = None
) -> Outcome:
    """Converges the broker to the declared document, or only plans that.

    A write that broke off is followed by a new read and a new plan, so nothing is written twice blindly.

    :param store: where the definitions as read are kept before the first write.
    :raises Refused: before the first write.
    :raises ApiError: when the broker cannot be reached or refuses a request.
    :raises BackupFailed: before the first write.
    """
    desired = _checked(wanted)
    outcome = Outcome()
    for attempt in range(ROUNDS):
        snapshot, todo = _planned(client, wanted, desired)
        if attempt == 0:
            outcome = Outcome(todo.actions, _version(snapshot.definitions), list(todo.warnings))
        finish = kept.finish(snapshot)
        if check or not (todo.actions or finish):
            return outcome
        if attempt == 0 and store is not None:
            outcome.backup_file = store.keep(adopt.whole_definitions(client), outcome.version)
        try:
            context = Context(snapshot.version, client.access.username)
            for request in (*requests(todo.actions, context), *finish):
                _send(client, request)
            break
        except Interrupted:
            if attempt == ROUNDS - 1:
                raise
        except Rejected:
            # Another operator may have changed the broker since it was read; what is wrong is rejected again.
            if attempt > 0:
                raise
    _, left = _planned(client, wanted, desired)
    outcome.warnings += [
        f"{action.path}: the broker accepted the {action.verb} of {action.kind.noun} {action.label!r} "
        f"but still differs{_in(action)}; another run, or another operator, may have changed it meanwhile"
        for action in left.actions
    ]
    return outcome


def _checked(wanted: Wanted) -> Desired:
    refused = validate.refusals(
        wanted.document, wanted.prefix, wanted.extra_tags, extra_references=wanted.extra_references
    )
    refused += validate.prune_refusals(wanted.prune, wanted.prefix)
    if refused:
        raise Refused(refused)
    return expand(wanted.document, wanted.prefix)


def _in(action: Action) -> str:
    return " in " + ", ".join(action.changed) if action.changed else ""


def _planned(client: Client, wanted: Wanted, desired: Desired) -> tuple[Snapshot, Plan]:
    snapshot = read(client, desired)
    current = read_current(snapshot)
    states = queue_states(client, queues_at_stake(desired, current, wanted.prune), current)
    user, owed = client.access.username, kept.left_over(snapshot)
    todo = plan(desired, current, user, states, wanted.prune, owed)
    wrong = validate.refusals_against(desired, current, snapshot, wanted.prefix, wanted.extra_references)
    refused = [text for action in todo.actions for text in wrong.get(action.path, ())]
    if refused or todo.refusals:
        raise Refused([*refused, *todo.refusals])
    warnings = validate.warnings(desired, current, snapshot.version)
    return snapshot, replace(todo, warnings=(*warnings, *todo.warnings))


def plan_without_broker(wanted: Wanted) -> Outcome:
    """What a new, empty broker would be given: the answer of check mode where nothing listens yet."""
    return Outcome(plan(_checked(wanted), {}).actions)


def _send(client: Client, request: Request) -> None:
    """Performs a request, looking up first what only the broker knows of its path."""
    if request.find is None:
        client.send(request)
        return
    for row in client.get(request.find.path):
        if request.find.matches(row):
            client.send(
                replace(request, path=f"{request.path}/{quote(row[request.find.key], safe='')}", find=None)
            )


def requests(actions: Iterable[Action], context: Context) -> Iterator[Request]:
    """The requests that perform a plan, in order: objects that can share a request do."""
    batch: list[Definition] = []
    for write in (write for action in actions for write in _writes(action, context)):
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


def _writes(action: Action, context: Context) -> list[Write]:
    if action.verb == "delete":
        return [action.kind.remove(action.before or {})] if action.kind.remove is not None else []
    writes = action.kind.write(action, context)
    if action.verb != "replace" or action.kind.remove is None:
        return writes
    removal = action.kind.remove(action.before or {})
    if not action.kept:
        return [removal, *writes]
    bindings = [Definition("bindings", dict(binding)) for binding in action.kept]
    return [kept.note(action), removal, *writes, *bindings, kept.done(action)]


def _posted(batch: list[Definition]) -> Iterator[Request]:
    if batch:
        body: dict[str, list[Any]] = {}
        for definition in batch:
            body.setdefault(definition.section, []).append(definition.body)
        yield Request("POST", DEFINITIONS, body)
