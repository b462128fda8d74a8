"""Guards against dangerous plans. Each is pure and returns sentences, which stop a run before its first write."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..kinds.parts import as_json
from ..model import Action, Current, Identity, Object, Prune, QueueState

ADMINISTRATOR = "administrator"
ROUTING = ("exchanges", "queues", "bindings")
# Arguments of queues and exchanges that a policy can set as well, without a new object.
# Source: RabbitMQ's guides "Policies" and "Queues", tables of optional arguments.
POLICY_CAN = frozenset(
    [
        "x-max-length",
        "x-max-length-bytes",
        "x-message-ttl",
        "x-expires",
        "x-overflow",
        "x-dead-letter-exchange",
        "x-dead-letter-routing-key",
        "x-dead-letter-strategy",
        "x-delivery-limit",
        "x-max-age",
        "x-queue-version",
        "x-queue-leader-locator",
        "x-stream-max-segment-size-bytes",
        "x-initial-cluster-size",
        "alternate-exchange",
    ]
)


def immutable(actions: Iterable[Action]) -> Iterator[str]:
    """Updates of what the broker cannot change in place, each with what would do instead."""
    for action in actions:
        fixed = [part for part in action.kind.fields if part.immutable and part.name in action.changed]
        if action.verb != "update" or not fixed:
            continue
        before, after = action.before or {}, action.after or {}
        differences = [
            text for part in fixed for text in _differences(part.name, before[part.name], after[part.name])
        ]
        yield (
            f"{action.path}: {action.kind.noun} {action.label!r} exists and cannot be changed in place: "
            f"{'; '.join(differences)}. {_instead(action, [part.name for part in fixed])}"
        )


def _differences(name: str, held: Any, declared: Any) -> list[str]:
    if not isinstance(held, dict) or not isinstance(declared, dict):
        return [f"{name} is {_text(held)} on the broker and {_text(declared)} here"]
    keys = sorted(key for key in {*held, *declared} if as_json(held.get(key)) != as_json(declared.get(key)))
    return [
        f"{key} is {_text(held.get(key))} on the broker and {_text(declared.get(key))} here" for key in keys
    ]


def _text(value: Any) -> str:
    return "not set" if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _instead(action: Action, fields: Sequence[str]) -> str:
    before, after = action.before or {}, action.after or {}
    held, declared = before.get("arguments") or {}, after.get("arguments") or {}
    keys = {key for key in {*held, *declared} if as_json(held.get(key)) != as_json(declared.get(key))}
    ways = []
    if list(fields) == ["arguments"] and keys <= POLICY_CAN:
        ways.append("leave the arguments as they are and declare a policy, which does the same at once")
    if action.kind.name == "queues":
        ways.append("set `replace: when_empty` to have the queue recreated if it is empty and unused")
    else:
        ways.append("declare it under another name, or remove it with `state: absent` first")
    ways.append("correct the declaration")
    text = "; or ".join(ways)
    return text[0].upper() + text[1:]


def login(actions: Iterable[Action], current: Current, acting_user: str) -> Iterator[str]:
    """The user of this run must still be an administrator afterwards."""
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
            ADMINISTRATOR in (action.before or {})["tags"]
            and ADMINISTRATOR not in (action.after or {})["tags"]
        ):
            yield (
                f"{action.path}.tags: would take the tag administrator from {acting_user!r}, the user this "
                "run "
                "logs in with; keep the tag, or log in as another administrator"
            )


def last_administrator(actions: Iterable[Action], current: Current) -> Iterator[str]:
    """A broker that has administrators keeps one."""
    tags = {identity: held["tags"] for identity, held in current.get("users", {}).items()}
    had = any(ADMINISTRATOR in held for held in tags.values())
    paths = []
    for action in actions:
        if action.kind.name != "users":
            continue
        identity = action.kind.identify(action.target)
        if ADMINISTRATOR in tags.get(identity, ()):
            paths.append(action.path)
        tags[identity] = [] if action.after is None else action.after["tags"]
    if had and not any(ADMINISTRATOR in held for held in tags.values()):
        yield (
            f"{', '.join(paths)}: would leave the broker without an administrator; keep one, or "
            "declare another"
        )


def access(actions: Iterable[Action], current: Current, acting_user: str) -> Iterator[str]:
    """Exchanges, queues and bindings are removed only by a user who has permissions where they are.

    Everything else an administrator may do without; creating a virtual host gives its creator all
    permissions.
    """
    if (acting_user,) not in current.get("users", {}):
        return  # another authentication backend knows what it may do
    actions = list(actions)
    given = {action.kind.identify(action.target) for action in actions if action.kind.name == "permissions"}
    for vhost in sorted(
        {a.target["vhost"] for a in actions if a.verb in ("delete", "replace") and a.kind.name in ROUTING}
    ):
        if (acting_user, vhost) not in {*current.get("permissions", {}), *given}:
            yield (
                f"permissions: {acting_user!r}, the user this run logs in with, has none on virtual host "
                f"{vhost!r}, and "
                "without them the broker lets nobody remove exchanges, queues and bindings; declare a "
                "permission for "
                "it there (configure, write and read: '.*')"
            )


def queues_lost(action: Action, current: Current) -> list[Identity]:
    """The queues that an action removes: one, or all of a virtual host."""
    if action.verb not in ("delete", "replace") or (action.before or {}).get("force"):
        return []
    if action.kind.name == "queues":
        return [action.kind.identify(action.target)]
    if action.kind.name == "vhosts" and action.verb == "delete":
        return [identity for identity in current.get("queues", {}) if identity[0] == action.target["name"]]
    return []


def removals(
    actions: Iterable[Action], current: Current, states: Mapping[Identity, QueueState]
) -> Iterator[str]:
    """Removals that would lose messages, cut off consumers or meet the broker's own protection."""
    for action in actions:
        if action.verb == "delete" and action.kind.remove is None:
            yield f"{action.path}.state: a {action.kind.noun} cannot be undone; remove the item"
        if action.verb == "delete" and _protected(action.before):
            yield (
                f"{action.path}: {action.kind.noun} {action.label!r} is protected from deletion; declare "
                "`protected_from_deletion: false` in a run before"
            )
        busy = _busy(action, current, states)
        if busy:
            remedy = (
                "wait until it is empty and unused, or make a queue of another name"
                if action.verb == "replace"
                else "empty it and stop its consumers first, or set `force: true` to lose them"
            )
            yield (
                f"{action.path}: {action.kind.noun} {action.label!r} would be removed while {busy}; {remedy}"
            )


def _protected(held: Object | None) -> bool:
    return bool(held and held.get("protected_from_deletion"))


def _busy(action: Action, current: Current, states: Mapping[Identity, QueueState]) -> str:
    """Which of the queues that an action removes are in use, for a sentence; empty when none is."""
    found = []
    for identity in queues_lost(action, current):
        state = states.get(identity)
        if state is None:
            found.append(f"what queue {identity[1]!r} holds is not known")
        elif state.busy:
            found.append(f"queue {identity[1]!r} has {state}")
    return ", ".join(found)


def prunable(
    surplus: Iterable[Action], states: Mapping[Identity, QueueState], current: Current
) -> tuple[list[Action], list[str]]:
    """What of the surplus may be pruned, and why the rest stays."""
    pruned, warnings = [], []
    for action in surplus:
        busy = _busy(action, current, states)
        if busy or _protected(action.before):
            why = busy or "it is protected from deletion"
            warnings.append(f"{action.path}: {action.kind.noun} {action.label!r} stays: {why}")
        else:
            pruned.append(action)
    return pruned, warnings


def limit(pruned: Sequence[Action], prune: Prune) -> Iterator[str]:
    """A run that would prune more than the limit prunes nothing."""
    if len(pruned) > prune.limit:
        names = ", ".join(f"{action.kind.noun} {action.label!r}" for action in pruned[:20])
        more = f" and {len(pruned) - 20} more" if len(pruned) > 20 else ""
        yield (
            f"{prune.prefix}prune: {len(pruned)} objects would be removed, the limit is {prune.limit}: {names}{more}; "
            f"declare what is to stay, narrow the scope, or raise {prune.prefix}prune_limit"
        )
