"""Members that come and go: which replicas are added and removed, and what must not be lost with a member.

Pure functions of what replicas.py lists and members say. A replica counts as up where it said that it leads or follows.
Membership of a quorum queue changes only while a majority of its replicas is up (rabbitmq-server issues 6505 and 7650),
so a queue without one is left alone and named.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ..sentences import listed
from . import cluster

Queue = Mapping[str, Any]
Change = dict[str, str]

_COPIED = ("quorum", "stream")
_UP = frozenset({"leader", "follower", "writer", "replica"})


def label(queue: Queue) -> str:
    """Return a queue's name in a sentence."""
    return f"'{queue['name']}' of vhost '{queue['vhost']}'"


def _up(queue: Queue) -> set[str]:
    """The nodes on which a replica is up: none where the queue did not say, which is no yes."""
    return {one["node"] for one in queue.get("states") or () if one["state"] in _UP}


def _has_majority(queue: Queue) -> bool:
    return 2 * len(_up(queue) & set(queue["nodes"])) > len(queue["nodes"])


# --- more replicas ------------------------------------------------------------------------------------------


def growth(
    queues: Sequence[Queue], members: Collection[str], replicas: int, leaving: str = ""
) -> dict[str, Any]:
    """Return the replicas to add, as `changes` (replicas.py), and `skipped`, the queues that cannot take one now.

    Each quorum queue and stream gets as many as `replicas` says, or as there are members. With `leaving`, only the
    queues with a replica there do, and as many as they have now, on other members. New ones go where the fewest are.
    """
    places = [node for node in sorted(members) if node != leaving]
    load = {node: sum(node in queue["nodes"] for queue in queues) for node in places}
    changes: list[Change] = []
    skipped: list[str] = []
    for queue in sorted(queues, key=lambda one: (one["vhost"], one["name"])):
        if queue["kind"] not in _COPIED or (leaving and leaving not in queue["nodes"]):
            continue
        kept = [node for node in queue["nodes"] if node != leaving]
        wanted = min(len(queue["nodes"]) if leaving else replicas, len(places)) - len(kept)
        if wanted > 0 and not _has_majority(queue):
            skipped.append(label(queue))
            continue
        for node in sorted(set(places) - set(kept), key=lambda one: (load[one], one))[: max(wanted, 0)]:
            load[node] += 1
            changes.append(_change("add", queue, node))
    return {"changes": changes, "skipped": skipped}


def shrinking(queues: Sequence[Queue], leaving: str) -> list[Change]:
    """Return the replicas to remove so that `leaving` has none; the last one of a queue stays."""
    return [
        _change("delete", queue, leaving)
        for queue in queues
        if queue["kind"] in _COPIED and leaving in queue["nodes"] and len(queue["nodes"]) > 1
    ]


def _change(what: str, queue: Queue, node: str) -> Change:
    return {
        "do": what,
        "kind": queue["kind"],
        "vhost": queue["vhost"],
        "name": queue["name"],
        "node": node,
    }


def behind(queues: Sequence[Queue], before: Sequence[Queue], changes: Sequence[Change]) -> list[str]:
    """Return the queues of `changes` whose replicas have not caught up with what was committed in `before`.

    A replica that is promoted to a voter has caught up; up to 3.13 each votes at once, and its log tells.
    """
    marks = {(one["vhost"], one["name"]): _committed(one) for one in before}
    grown = {(one["vhost"], one["name"]) for one in changes if one["do"] == "add"}
    return [
        label(queue)
        for queue in queues
        if (queue["vhost"], queue["name"]) in grown
        and not _caught_up(queue, marks.get((queue["vhost"], queue["name"]), -1))
    ]


def _committed(queue: Queue) -> int:
    return max((one["committed"] for one in queue.get("states") or ()), default=-1)


def _caught_up(queue: Queue, mark: int) -> bool:
    said = {one["node"]: one for one in queue.get("states") or ()}
    return all(
        node in said and said[node]["state"] in _UP and said[node]["votes"] and said[node]["written"] >= mark
        for node in queue["nodes"]
    )


# --- a member that goes -------------------------------------------------------------------------------------


def node_named(
    name: str, hostvars: Mapping[str, Mapping[str, Any]], groups: Mapping[str, Collection[str]]
) -> str:
    """Return the node that an operator names, as a node or as a host of the inventory. '' where it is neither."""
    if "@" in name:
        return name
    return cluster.node_name(name, hostvars[name]) if name in groups.get("rabbitmq", ()) else ""


def host_of(
    node: str, hostvars: Mapping[str, Mapping[str, Any]], groups: Mapping[str, Collection[str]]
) -> str:
    """Return the host of a node in the inventory, '' where it names none."""
    hosts = groups.get("rabbitmq", ())
    return next((host for host in hosts if cluster.node_name(host, hostvars[host]) == node), "")


def actor(said: Mapping[str, Mapping[str, Any]], node: str) -> str:
    """Return the host that acts for the cluster of `node`: the first whose own node is another member of it.

    `said` is what the nodes of the hosts of a run said (rabbitmq_cluster_info), in the inventory's order.
    """
    return next(
        (host for host, own in said.items() if node in own.get("members", ()) and own["node"] != node), ""
    )


def leaving_refusals(
    leaving: str,
    own: Mapping[str, Any],
    queues: Sequence[Queue],
    discard: Collection[str],
    two_members: bool,
    stoppable: bool,
) -> list[str]:
    """Return why a member cannot be taken out of its cluster now, one sentence each.

    `own` is what another member said (members.CLUSTER), `queues` are listed with their states, `stoppable` says whether
    the run reaches the leaving node's host.
    """
    running = leaving in own["sees"]
    stay = sorted(set(own["members"]) - {leaving})
    return [
        *_running_elsewhere(leaving, running, stoppable),
        *_few(leaving, running, stay, own, two_members),
        *_only_there(leaving, running, queues, leaving in discard),
        *_no_majority(leaving, running, queues),
    ]


def _running_elsewhere(leaving: str, running: bool, stoppable: bool) -> list[str]:
    if not running or stoppable:
        return []
    return [
        f"rabbitmq_leaving: {leaving} runs, and this run does not reach its host, to stop it; run it without --limit, "
        "with the host in the inventory, or stop the node first"
    ]


def _few(
    leaving: str, running: bool, stay: list[str], own: Mapping[str, Any], two_members: bool
) -> list[str]:
    if not running and own["khepri"] and len(stay) < 2:
        return [
            f"{leaving} is down, and {listed(stay)} alone has no majority in Khepri, so that it cannot be taken out: "
            f"start it, or see playbooks/rabbitmq_force_boot.yml if it is lost"
        ]
    if running and len(stay) == 2 and not two_members:
        return [
            f"rabbitmq_cluster_two_members: without {leaving} the cluster has two members, {listed(stay)}, and neither "
            "can go on alone; let a new member join first, or set it to true"
        ]
    return []


def _only_there(leaving: str, running: bool, queues: Sequence[Queue], discarded: bool) -> list[str]:
    """Queues whose only copy would go. While the node runs, another member can take that of a queue with replicas."""
    alone = [
        label(queue)
        for queue in queues
        if list(queue["nodes"]) == [leaving] and not (running and queue["kind"] in _COPIED)
    ]
    if not alone or discarded:
        return []
    count = f"{len(alone)} queues are" if len(alone) > 1 else "1 queue is"
    return [
        f"{count} on {leaving} and nowhere else: {listed(alone)}; consume or move what is in there and delete them, "
        "or lose it with "
        f'-e \'{{"rabbitmq_cluster_discard": ["{leaving}"]}}\''
    ]


def _no_majority(leaving: str, running: bool, queues: Sequence[Queue]) -> list[str]:
    """Quorum queues that could not change their membership, or would have no majority after it."""
    stuck = []
    for queue in queues:
        up = _up(queue)
        if queue["kind"] != "quorum" or leaving not in queue["nodes"] or len(queue["nodes"]) < 2:
            continue
        rest = set(queue["nodes"]) - {leaving}
        there = up & rest
        votes = len(there) + (running and leaving in up)
        if 2 * votes <= len(queue["nodes"]) or 2 * len(there) <= len(rest):
            stuck.append(label(queue))
    if not stuck:
        return []
    return [
        f"without {leaving} there is no majority for {listed(stuck)} ({len(stuck)} in all): "
        "their other replicas have to be up first (`rabbitmq-queues quorum_status NAME` shows those of a queue)"
    ]
