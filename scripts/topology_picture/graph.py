"""Exchanges, queues and the ways between them, from the objects of a virtual host; and the difference of two."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from brokers.topology.diff import scalar
from brokers.topology.model import Action, Current, Desired, Object
from brokers.topology.plan import plan
from brokers.topology.refusals.rival_policies import EXCHANGES, SCOPES
from probes.model import ExitCode, Refusal

from topology_picture.model import EXCHANGE, QUEUE, Edge, Key, Link, Node, Picture, Status, visible
from topology_picture.sources import Declared, Held

KIND_OF = {EXCHANGE: "exchanges", QUEUE: "queues"}
BUILT_IN = {"": "direct", "amq.match": "headers", "amq.rabbitmq.trace": "topic", "amq.rabbitmq.log": "topic"}
Way = tuple[Key, Key, Link, str]


@dataclass
class Side:
    """The nodes and ways that one side has; ``objects`` holds what was found, other nodes are only named."""

    objects: dict[Key, Object] = field(default_factory=dict)
    ways: set[Way] = field(default_factory=set)


def picture_of(vhost: str | None, left: Declared | Held, right: Held | None = None) -> Picture:
    """A virtual host of one source, or the difference between what ``left`` declares and ``right`` has.

    :raises Refusal: when it is not clear which virtual host is meant.
    """
    desired = left.desired if isinstance(left, Declared) else left.as_desired()
    current = {} if right is None else right.current
    actions = plan(desired, current).actions
    after = _carried_out(actions, current)
    name = _chosen(vhost, after, current)
    title = f"Virtual host {visible(name)}"
    if right is None:
        where = "is not declared" if isinstance(left, Declared) else "does not exist"
        shown = side(after, name)
        nodes = [_node(key, shown.objects.get(key), where) for key in _keys(shown)]
        return Picture(title, (left.origin,), tuple(nodes), tuple(_edges(shown.ways, {})))
    return Picture(
        f"{title}, difference",
        (left.origin, right.origin),
        *_difference(side(after, name), side(current, name), desired, actions, name),
        compared=True,
    )


def _carried_out(actions: Iterable[Action], current: Current) -> Current:
    """What would be there after a plan."""
    after = {kind: dict(objects) for kind, objects in current.items()}
    for action in actions:
        objects, identity = after.setdefault(action.kind.name, {}), action.kind.identify(action.target)
        if action.after is None:
            objects.pop(identity, None)
        else:
            objects[identity] = action.after
    return after


def _chosen(wanted: str | None, *states: Current) -> str:
    """The virtual host that was named, or the only one there is."""
    names: set[str] = {identity[0] for state in states for identity in state.get("vhosts", {})}
    names |= {
        held["vhost"]
        for state in states
        for kind in ("exchanges", "queues", "bindings")
        for held in state.get(kind, {}).values()
    }
    known = ", ".join(repr(name) for name in sorted(names)) or "none"
    if wanted is None and len(names) == 1:
        return names.pop()
    if wanted is None:
        raise Refusal(
            ExitCode.USAGE, f"--vhost: is missing, and there is more than one; name one of {known}."
        )
    if wanted not in names:
        raise Refusal(ExitCode.USAGE, f"--vhost: there is no virtual host {wanted!r}; name one of {known}.")
    return wanted


# --- one side ------------------------------------------------------------------------------------------------


def side(state: Current, vhost: str) -> Side:
    """What a virtual host has, and the ways that its messages take."""
    found = Side()
    for kind, section in KIND_OF.items():
        for held in state.get(section, {}).values():
            if held["vhost"] == vhost:
                found.objects[kind, held["name"]] = held
    policies = [held for held in state.get("policies", {}).values() if held["vhost"] == vhost]
    found.ways |= {_binding(held) for held in state.get("bindings", {}).values() if held["vhost"] == vhost}
    for key, held in found.objects.items():
        policy = _policy_of(key, held, policies)
        found.ways.update(
            _dead_letters(key, held, policy) if key[0] == QUEUE else _unrouted(key, held, policy)
        )
    return found


def _binding(held: Object) -> Way:
    kind = EXCHANGE if held.get("destination_type") == "exchange" else QUEUE
    arguments = held.get("arguments") or {}
    words = [held.get("routing_key") or "", *(f"{key}={scalar(arguments[key])}" for key in sorted(arguments))]
    label = ", ".join(visible(word) for word in words if word)
    return (EXCHANGE, held["source"]), (kind, held["destination"]), Link.BINDING, label


def _policy_of(key: Key, held: Object, policies: Iterable[Object]) -> Object:
    """The one policy that is in force for an object: that of the highest priority, by name among equals.

    The broker takes any of several equal ones; a picture has to be the same each time.
    """
    scope = EXCHANGES if key[0] == EXCHANGE else held.get("type") or "classic"
    for policy in sorted(policies, key=lambda one: (-one.get("priority", 0), one["name"])):
        if scope in SCOPES.get(policy.get("apply_to", "all"), ()) and _matches(policy["pattern"], key[1]):
            return policy
    return {}


def _matches(pattern: str, name: str) -> bool:
    """Whether a pattern matches; one that only the broker can read matches nothing here."""
    try:
        return re.search(pattern, name) is not None
    except re.error:
        return False


def _setting(held: Object, policy: Object, key: str, argument: str) -> tuple[Any, str]:
    """A setting and, where a policy makes it, the policy's name: an object's own argument comes first."""
    arguments = held.get("arguments") or {}
    if argument in arguments:
        return arguments[argument], ""
    return (policy.get("definition") or {}).get(key), policy.get("name", "")


def _dead_letters(key: Key, held: Object, policy: Object) -> Iterator[Way]:
    exchange, by_policy = _setting(held, policy, "dead-letter-exchange", "x-dead-letter-exchange")
    if not isinstance(exchange, str):
        return
    routing_key, _ = _setting(held, policy, "dead-letter-routing-key", "x-dead-letter-routing-key")
    words = [f"policy {visible(by_policy)}"] if by_policy else []
    if exchange == "" and routing_key:
        # The default exchange leads to the queue of that name: the picture shows where the messages end up.
        yield key, (QUEUE, str(routing_key)), Link.DEAD_LETTER, ", ".join(words)
        return
    named = [f"as {visible(str(routing_key))}"] if routing_key else []
    yield key, (EXCHANGE, exchange), Link.DEAD_LETTER, ", ".join([*named, *words])


def _unrouted(key: Key, held: Object, policy: Object) -> Iterator[Way]:
    exchange, by_policy = _setting(held, policy, "alternate-exchange", "alternate-exchange")
    if isinstance(exchange, str):
        yield key, (EXCHANGE, exchange), Link.ALTERNATE, f"policy {visible(by_policy)}" if by_policy else ""


def _keys(*sides: Side) -> list[Key]:
    """Every node of the sides, in one order: exchanges first, by name."""
    keys = {key for one in sides for key in one.objects}
    return sorted(keys | {key for one in sides for way in one.ways for key in way[:2]})


def _node(key: Key, held: Object | None, where: str, status: Status = Status.SAME) -> Node:
    if held is not None:
        return Node(key, (_about(key, held),), status)
    kind, name = key
    if kind == EXCHANGE and (name == "" or name.startswith("amq.")):
        return Node(key, (f"{BUILT_IN.get(name, name.removeprefix('amq.'))} exchange, built in",), status)
    return Node(key, (f"{kind}, {where}",), status, missing=True)


def _about(key: Key, held: Object) -> str:
    kind = held.get("type") or "classic"
    words = [kind if kind == "stream" else f"{kind} {key[0]}"]
    words += ["internal"] if held.get("internal") else []
    words += ["not durable"] if held.get("durable") is False else []
    return ", ".join(words + (["auto-delete"] if held.get("auto_delete") else []))


def _edges(ways: Iterable[Way], statuses: Mapping[Way, Status]) -> list[Edge]:
    """Ways of one kind and status between two nodes as one edge, in one order."""
    groups: dict[tuple[Key, Key, Link, Status], list[str]] = defaultdict(list)
    for way in sorted(ways):
        groups[way[0], way[1], way[2], statuses.get(way, Status.SAME)].append(way[3])
    return [
        Edge(source, target, link, tuple(label for label in labels if label), status)
        for (source, target, link, status), labels in groups.items()
    ]


# --- the difference ------------------------------------------------------------------------------------------


def _difference(
    wanted: Side, present: Side, desired: Desired, actions: Iterable[Action], vhost: str
) -> tuple[tuple[Node, ...], tuple[Edge, ...]]:
    named = {
        (kind, item.values["name"])
        for kind, section in KIND_OF.items()
        for item in desired.get(section, [])
        if item.values["vhost"] == vhost and not item.absent
    }
    bound = {_binding(item.values) for item in desired.get("bindings", []) if item.values["vhost"] == vhost}
    changed = {
        (kind, action.target["name"]): action
        for action in actions
        for kind, section in KIND_OF.items()
        if action.kind.name == section and action.target["vhost"] == vhost
    }
    nodes = [_compared(key, wanted, present, named, changed.get(key)) for key in _keys(wanted, present)]
    statuses = {way: _way_status(way, wanted, present, named, bound) for way in wanted.ways | present.ways}
    return tuple(nodes), tuple(_edges(statuses, statuses))


def _compared(key: Key, wanted: Side, present: Side, named: set[Key], action: Action | None) -> Node:
    before, after = present.objects.get(key), wanted.objects.get(key)
    status = Status.SAME
    if before is None and after is not None:
        status = Status.DECLARED
    elif before is not None and (after is None or key not in named):
        status = Status.BROKER
    elif action is not None:
        status = Status.DIFFERS
    node = _node(key, after or before, "neither declared nor on the broker", status)
    if status is not Status.DIFFERS or action is None:
        return node
    differing = [
        line
        for name in action.changed
        for line in _fields(name, (before or {}).get(name), (after or {}).get(name))
    ]
    return Node(key, (*node.about, *map(visible, differing)), status)


def _fields(name: str, before: Any, after: Any) -> Iterator[str]:
    """What differs in a field; of arguments, each one that does."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            if before.get(key) != after.get(key):
                yield from _fields(key, before.get(key), after.get(key))
        return
    shown = ["none" if value is None else scalar(value) for value in (before, after)]
    yield f"{name}: {shown[0]}, declared {shown[1]}"


def _way_status(way: Way, wanted: Side, present: Side, named: set[Key], bound: set[Way]) -> Status:
    if way not in present.ways:
        return Status.DECLARED
    declared = way in bound if way[2] is Link.BINDING else way[0] in named
    return Status.SAME if way in wanted.ways and declared else Status.BROKER
