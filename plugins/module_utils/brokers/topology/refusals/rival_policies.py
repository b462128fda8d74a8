"""Policies of the same priority on the same objects, of which the broker would pick one at random."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import combinations

from ..model import Current, Desired, Identity, Object

QUEUES, EXCHANGES = "queues", "exchanges"
SCOPES = {
    "all": {"classic", "quorum", "stream", EXCHANGES},
    "queues": {"classic", "quorum", "stream"},
    "exchanges": {EXCHANGES},
    "classic_queues": {"classic"},
    "quorum_queues": {"quorum"},
    "streams": {"stream"},
}


def found(desired: Desired, current: Current) -> Iterator[str]:
    """Sentences on declared policies that meet one of the same priority on an object, or have its pattern."""
    for kind in ("policies", "operator_policies"):
        paths = {item.identity: item.path for item in desired.get(kind, []) if not item.absent}
        if not paths:
            continue
        objects = _objects(desired, current)
        for rivals in _rivals(_as_it_will_be(kind, desired, current)):
            if any(policy in paths for policy in rivals):
                yield from _refused(rivals, paths, objects)


def _objects(desired: Desired, current: Current) -> dict[str, list[tuple[str, str]]]:
    """Scope and name of every queue and exchange, by virtual host."""
    objects: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for (vhost, name), held in _as_it_will_be("queues", desired, current).items():
        objects[vhost].append((held.get("type", "classic"), name))
    for vhost, name in _as_it_will_be("exchanges", desired, current):
        objects[vhost].append((EXCHANGES, name))
    return objects


def _rivals(policies: dict[Identity, Object]) -> list[dict[Identity, Object]]:
    """Policies of one virtual host that have the same priority."""
    groups: dict[tuple[str, int], dict[Identity, Object]] = defaultdict(dict)
    for identity, policy in sorted(policies.items()):
        groups[policy["vhost"], policy.get("priority", 0)][identity] = policy
    return [group for group in groups.values() if len(group) > 1]


def _refused(
    rivals: dict[Identity, Object], paths: dict[Identity, str], objects: dict[str, list[tuple[str, str]]]
) -> Iterator[str]:
    seen: set[tuple[Identity, Identity]] = set()
    for what, meeting in _meetings(rivals, objects):
        for pair in combinations(meeting, 2):
            if pair not in seen and (pair[0] in paths or pair[1] in paths):
                seen.add(pair)
                one, other = reversed(pair) if pair[1] in paths else pair
                place = f" ({paths[other]})" if other in paths else ""
                yield (
                    f"{paths[one]}.priority: is {rivals[one].get('priority', 0)}, as that of policy "
                    f"{other[1]!r}{place}, and both apply to {what}, so the broker picks one of them at "
                    "random; give them different priorities"
                )


def _meetings(
    rivals: dict[Identity, Object], objects: dict[str, list[tuple[str, str]]]
) -> Iterator[tuple[str, list[Identity]]]:
    """What more than one of the rivals applies to, for a sentence, and who they are."""
    alike: dict[tuple[str, str], list[Identity]] = defaultdict(list)
    for identity, policy in rivals.items():
        for scope in SCOPES.get(policy.get("apply_to", "all"), ()):
            alike[policy.get("pattern", ""), scope].append(identity)
    for (pattern, _), meeting in alike.items():
        if len(meeting) > 1:
            yield f"what matches {pattern!r}", meeting
    vhost = next(iter(rivals))[0]
    tests = [(identity, test) for identity, policy in rivals.items() for test in _test(policy)]
    for scope, name in objects.get(vhost, []):
        meeting = [identity for identity, (search, scopes) in tests if scope in scopes and search(name)]
        if len(meeting) > 1:
            yield f"{'exchange' if scope == EXCHANGES else 'queue'} {name!r}", meeting


def _test(policy: Object) -> Iterator[tuple[Callable[[str], object], set[str]]]:
    """How to tell whether a policy applies; nothing for an expression that only the broker can read."""
    try:
        yield re.compile(policy.get("pattern", "")).search, SCOPES.get(policy.get("apply_to", "all"), set())
    except re.error:
        return


def _as_it_will_be(kind: str, desired: Desired, current: Current) -> dict[Identity, Object]:
    merged = {identity: dict(held) for identity, held in current.get(kind, {}).items()}
    for item in desired.get(kind, []):
        if item.absent:
            merged.pop(item.identity, None)
        else:
            merged[item.identity] = {**merged.get(item.identity, {}), **item.values}
    return merged
