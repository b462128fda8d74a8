"""plan(desired, current): the differences between a declared document and a broker.

Pure: no I/O, clock or randomness.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from . import kept_bindings as kept
from .kinds.registry import KINDS
from .model import Action, Current, Desired, Identity, Item, Kind, Lookup, Object, Plan, Prune, QueueState
from .refusals import guards

NO_PRUNE = Prune()
QueueStates = Mapping[Identity, QueueState]


def plan(
    desired: Desired,
    current: Current,
    acting_user: str = "",
    states: QueueStates | None = None,
    prune: Prune = NO_PRUNE,
    owed: Iterable[Object] = (),
) -> Plan:
    """What has to be written so that the broker has what is declared; the order of the declarations means
    nothing.

    Fields that are not declared keep what the broker has; an object that nobody named is left alone, unless
    pruning was asked for where it is.

    :param acting_user: the user whose login is used; it must not lose its way in.
    :param states: what the queues that would be removed hold (see queues_at_stake); one that is missing
        counts as busy.
    :param owed: bindings that an earlier run took away with a queue and did not bring back.
    :returns: actions in the order of writing (removals last, in reverse order of kinds), refusals and
        warnings.
    """
    states = states or {}
    wanted = [*_wanted(desired, current), *kept.restored(owed, desired, current)]
    pruned, warnings = guards.prunable(_surplus(desired, current, prune, acting_user), states, current)
    actions = sorted([*wanted, *pruned], key=_order)
    refusals = [
        *guards.immutable(wanted),
        *guards.login(actions, current, acting_user),
        *guards.access(actions, current, acting_user),
        *guards.last_administrator(actions, current),
        *guards.removals(wanted, current, states),
        *guards.limit(pruned, prune),
    ]
    return Plan(tuple(actions), tuple(refusals), tuple(warnings))


def queues_at_stake(desired: Desired, current: Current, prune: Prune = NO_PRUNE) -> list[Identity]:
    """The queues that a plan would remove or replace: what they hold has to be known before."""
    if not prune.scopes and not any(
        item.absent or item.directives for items in desired.values() for item in items
    ):
        return []
    actions = [*_wanted(desired, current), *_surplus(desired, current, prune, "")]
    return sorted({identity for action in actions for identity in guards.queues_lost(action, current)})


def _order(action: Action) -> tuple[bool, int, Identity]:
    removal = action.verb == "delete"
    place = [kind.name for kind in KINDS].index(action.kind.name)
    return removal, -place if removal else place, action.kind.identify(action.target)


def _wanted(desired: Desired, current: Current) -> Iterator[Action]:
    lookup = _lookup(desired, current)
    for kind in KINDS:
        for item in desired.get(kind.name, []):
            action = _action(item, current.get(kind.name, {}).get(item.identity), lookup)
            if action is not None:
                yield _with_bindings(action, current) if action.verb == "replace" else action


def _lookup(desired: Desired, current: Current) -> Lookup:
    """An object by kind and identity as it will be: declared fields over the broker's."""
    declared = {(kind, item.identity): item.values for kind, items in desired.items() for item in items}

    def lookup(kind: str, identity: Identity) -> Object | None:
        held, values = current.get(kind, {}).get(identity), declared.get((kind, identity))
        return None if held is None and values is None else {**(held or {}), **(values or {})}

    return lookup


def _action(item: Item, before: Object | None, lookup: Lookup) -> Action | None:
    if item.absent:
        if before is None:
            return None
        return Action("delete", item.kind, {**before, **item.directives}, None, item.values, (), item.path)
    if before is None:
        return _create(item, lookup)
    changed = tuple(
        part.name
        for part in item.kind.fields
        if part.name in item.values and not part.same(item.values[part.name], before)
    )
    if not changed:
        return None
    fixed = any(part.immutable and part.name in changed for part in item.kind.fields)
    verb = "replace" if fixed and item.directives.get("replace") == "when_empty" else "update"
    return Action(verb, item.kind, before, {**before, **item.values}, item.values, changed, item.path)


def _create(item: Item, lookup: Lookup) -> Action:
    parts = (*item.kind.identity, *item.kind.fields)
    filled = {part.name: part.default for part in parts if part.default is not None}
    after = {**filled, **item.kind.derive(item.values, lookup)}
    changed = tuple(part.name for part in item.kind.fields if part.name in after)
    return Action("create", item.kind, None, after, item.values, changed, item.path)


def _with_bindings(action: Action, current: Current) -> Action:
    """A replaced queue gets the bindings back that go to it."""
    home = (action.target["vhost"], "queue", action.target["name"])
    bindings = current.get("bindings", {}).values()
    own = [raw for raw in bindings if (raw["vhost"], raw["destination_type"], raw["destination"]) == home]
    return replace(action, kept=tuple(own))


def _surplus(desired: Desired, current: Current, prune: Prune, acting_user: str) -> Iterator[Action]:
    """Removals of what is in a pruned scope and not declared. The acting user and its permissions stay."""
    for kind in KINDS:
        if kind.name not in prune.scopes or kind.remove is None:
            continue
        named = {item.identity for item in desired.get(kind.name, [])}
        for identity, held in current.get(kind.name, {}).items():
            own = held.get("user", held["name"] if kind.name == "users" else None) == acting_user
            if identity not in named and not own and _in_scope(kind, held, prune):
                yield Action("delete", kind, held, None, {}, (), f"prune.{kind.name}")


def _in_scope(kind: Kind, held: Object, prune: Prune) -> bool:
    names = [str(held.get(name, "")) for name in kind.key]
    if any(re.fullmatch(pattern, name) for pattern in prune.protected for name in names):
        return False
    scope: Iterable[tuple[str, str]] = prune.scopes[kind.name].items()
    return all(re.fullmatch(pattern, str(held.get(name, ""))) for name, pattern in scope)
