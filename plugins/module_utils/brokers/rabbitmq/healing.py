"""Which members of a partitioned cluster to restart: the cure of what does not heal by itself.

Mnesia merges nothing. After a partition one part is kept, and the members of the others are restarted, on which they
take what the kept part has. A cut of milliseconds can leave one member unseen by the others for good, without any part
recorded as one (rabbitmq-server issue 17319); the cure is the same. A pure function of what every member says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..sentences import listed

View = Mapping[str, Any]


def _together(views: Mapping[str, View], one: str, other: str) -> bool:
    """Whether two members see each other, and neither takes the other for parted."""
    mine, theirs = views[one], views[other]
    return (
        other in mine["sees"]
        and one in theirs["sees"]
        and other not in mine["partitions"]
        and one not in theirs["partitions"]
    )


def _part(views: Mapping[str, View], first: str, order: Sequence[str]) -> list[str]:
    """Return the members that all see each other, from `first` on."""
    part = [first]
    for node in order:
        if node != first and all(_together(views, node, one) for one in part):
            part.append(node)
    return part


def plan(views: Mapping[str, View], keep: str = "") -> dict[str, Any]:
    """Return `keep`, the members that stay as they are, `restart`, those that are restarted, and `refusals`.

    `views` are what the members that run say. `keep` names one of the part that is to be kept; without it that is the
    part with a majority of all members.
    """
    order = sorted(views)
    if keep and keep not in views:
        return _refused(f"rabbitmq_keep: {keep} is not a member that answers; those are {listed(order)}")
    parts = [_part(views, node, order) for node in ([keep] if keep else order)]
    kept = sorted(sorted(parts, key=len)[-1]) if parts else []
    members = {name for view in views.values() for name in view["members"]}
    restart = [node for node in order if node not in kept]
    if restart and not keep and 2 * len(kept) <= len(members):
        found = sorted({", ".join(sorted(part)) for part in parts})
        return _refused(
            f"rabbitmq_keep: no part of the cluster has a majority ({' | '.join(found)}); decide which one is kept, "
            "and name one of its members with -e rabbitmq_keep=NODE. The others take what it has, and lose what they "
            "alone have"
        )
    return {"keep": kept, "restart": restart, "refusals": []}


def _refused(sentence: str) -> dict[str, Any]:
    return {"keep": [], "restart": [], "refusals": [sentence]}
