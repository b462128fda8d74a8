"""plan(desired, current): the differences between a declared document and a broker. Pure: no I/O, no clock,
no chance.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from .kinds import KINDS
from .model import Action, Current, Desired, Item, Object, Plan

ADMINISTRATOR = "administrator"


def plan(desired: Desired, current: Current, acting_user: str = "") -> Plan:
    """What has to be written so that the broker has what is declared; the order of the declarations means
    nothing.

    Fields that are not declared keep what the broker has; an object that nobody named is left alone.

    :param acting_user: the user whose login is used; it must not lose its way in.
    :returns: actions in the order of writing (removals last, in reverse order of kinds) and refusals.
    """
    actions = [
        action
        for kind in KINDS
        for action in _actions(desired.get(kind.name, []), current.get(kind.name, {}))
    ]
    order = {kind.name: index for index, kind in enumerate(KINDS)}
    writes = [action for action in actions if action.verb != "delete"]
    deletes = [action for action in actions if action.verb == "delete"]
    writes.sort(key=lambda action: (order[action.kind.name], action.kind.identify(action.target)))
    deletes.sort(key=lambda action: (-order[action.kind.name], action.kind.identify(action.target)))
    return Plan((*writes, *deletes), tuple(_guards(actions, current, acting_user)))


def _actions(items: Iterable[Item], current: Mapping[tuple[object, ...], Object]) -> Iterator[Action]:
    for item in items:
        before = current.get(item.identity)
        if item.absent:
            if before is not None:
                yield Action("delete", item.kind, before, None, item.values, (), item.path)
        elif before is None:
            yield _create(item)
        else:
            changed = tuple(
                part.name
                for part in item.kind.fields
                if part.name in item.values and not part.same(item.values[part.name], before)
            )
            if changed:
                yield Action(
                    "update", item.kind, before, {**before, **item.values}, item.values, changed, item.path
                )


def _create(item: Item) -> Action:
    filled = {part.name: part.default for part in item.kind.fields if part.default is not None}
    after = {**filled, **item.values}
    changed = tuple(part.name for part in item.kind.fields if part.name in after)
    return Action("create", item.kind, None, after, item.values, changed, item.path)


def _guards(actions: Iterable[Action], current: Current, acting_user: str) -> Iterator[str]:
    """The user who does all this must still be an administrator afterwards."""
    if (acting_user,) not in current.get("users", {}):
        return  # known to another authentication backend; its tags are not the broker's to change
    for action in actions:
        if action.kind.name != "users" or action.label != acting_user:
            continue
        if action.verb == "delete":
            yield (
                f"{action.path}: {acting_user!r} is the user this run logs in with and cannot be removed "
                "by it; "
                "log in as another administrator to remove it"
            )
        elif (
            ADMINISTRATOR in (action.before or {}).get("tags", ())
            and ADMINISTRATOR not in (action.after or {})["tags"]
        ):
            yield (
                f"{action.path}.tags: would take the tag administrator from {acting_user!r}, the user this "
                "run logs "
                "in with; keep the tag, or log in as another administrator"
            )
