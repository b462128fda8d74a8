"""How hosts become one cluster: which node boots alone, which join it, and whether all of them see the same in the end.

A node that boots without data looks for the declared members and, where it finds none, goes on alone for good: RabbitMQ
never looks again (rabbitmq-server issue 1870). So one node boots first, the others ask it before they boot, and after
that every member is asked. Everything here is a pure function of what was read and said.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ..sentences import listed
from ..versions import starts_with
from .cluster import Member

_DATA = "/var/lib/rabbitmq/mnesia/"
_UNKNOWN_TO_THEM = (
    "; their packet filter (rabbitmq_cluster_filter) lets in a new member once a run for their hosts "
    "has told them of it"
)
_COUNTED = ("queues", "exchanges", "policies", "parameters")


def _has_data(member: Member, variables: Mapping[str, Any]) -> bool | None:
    """Whether the member has booted before; None where its host was not read."""
    read = variables.get("__rabbitmq_host") or {}
    return f"{_DATA}{member['node']}" in read["files"] if "files" in read else None


def plan(
    members: list[Member], hostvars: Mapping[str, Mapping[str, Any]], own: str, hosts: Collection[str]
) -> dict[str, Any]:
    """Return how a host whose first boot is not done becomes a member.

    first: it boots without asking, before those that ask. ask: the nodes of which one has to answer before it boots.
    formed: these may have been a cluster before this run, which others may be at work on.
    `hosts` are those of the run that have not failed.
    """
    data = {one["host"]: _has_data(one, hostvars[one["host"]]) for one in members}
    others = [one["node"] for one in members if one["host"] != own and data[one["host"]] is not False]
    if data[own]:  # an earlier run was ended before it saw the boot succeed
        return {"first": True, "ask": [], "formed": False}
    if others:  # they have booted, or it is not known whether they have
        return {"first": False, "ask": others, "formed": True}
    new = [one for one in members if one["host"] in hosts]
    if not new or new[0]["host"] == own:
        return {"first": True, "ask": [], "formed": False}
    return {"first": False, "ask": [new[0]["node"]], "formed": False}


def looked_for(members: list[Member], nodes: Mapping[str, Mapping[str, Any]], own: str) -> list[Member]:
    """Return the members that a node looks for at its first boot: those that have answered, and itself.

    From 4.0 on a list without the node itself is not good enough for it, and each member that cannot be reached costs
    it twenty seconds, several times over.
    """
    return [one for one in members if one["node"] == own or nodes.get(one["node"], {}).get("running")]


def joining_refusals(
    cluster: str, own: str, nodes: Mapping[str, Mapping[str, Any]], version: str, filtered: bool = False
) -> list[str]:
    """Return why a node without data must not boot, one sentence each; an empty list if it will find its cluster.

    `nodes` is what the module rabbitmq_cluster_info returned for other members; `filtered` is whether members let in
    only those that a run for their hosts has told them of.
    """
    answers = {node: one for node, one in nodes.items() if one["running"]}
    if not answers:
        return [_nobody(cluster, own, nodes) + (_UNKNOWN_TO_THEM if filtered else "")]
    node, one = sorted(answers.items())[0]
    if own in one["members"]:
        return [
            f"rabbitmq_cluster_name: {own} is a member of the cluster of {node}, and its host has lost the data that "
            "goes with it; take the old member out first (`rabbitmqctl forget_cluster_node "
            f"{own}` on {_host(node)}), and run this again: it joins as a new one"
        ]
    found = []
    if one["name"] != cluster:
        found.append(
            f"rabbitmq_cluster_name: {node} is in the cluster {one['name']}, and {own} is to join {cluster}; correct "
            "the name, or the inventory"
        )
    series = ".".join(one["version"].split(".")[:2])
    if version and not starts_with(version, series):
        found.append(
            f"rabbitmq_version: {own} has RabbitMQ {version}, and {node} runs {one['version']}; a node joins a cluster "
            f"of its own series: install {series} on it, or upgrade the cluster first"
        )
    return found


def _nobody(cluster: str, own: str, nodes: Mapping[str, Mapping[str, Any]]) -> str:
    told = "; ".join(f"{node} {one['why']}" for node, one in sorted(nodes.items()))
    return (
        f"rabbitmq_cluster_name: no member of {cluster} answers {own}: {told}. Without them the node would make a "
        "cluster of its own, so it was not booted. Start one of them, or see why it did not boot; where the cluster "
        "does not exist yet, run the play for all its hosts, without --limit"
    )


def _host(node: str) -> str:
    return node.partition("@")[2]


# --- what every member sees ---------------------------------------------------------------------------------


def _holds_nothing(one: Mapping[str, Any]) -> bool:
    holds = one["holds"]
    return (
        not any(holds[what] for what in _COUNTED)
        and [*holds["vhosts"]] in ([], ["/"])
        and len(holds["users"]) <= 1
    )


def _amounts(one: Mapping[str, Any]) -> str:
    holds = one["holds"]
    counts = {
        "vhosts": len([name for name in holds["vhosts"] if name != "/"]),
        "users": len(holds["users"]),
        **{what: holds[what] for what in _COUNTED},
    }
    return ", ".join(f"{what}: {count}" for what, count in counts.items() if count)


def _home(views: Mapping[str, Mapping[str, Any]], order: list[str]) -> set[str]:
    """The members of the cluster that the others are to join: the largest; of several, one that holds something."""

    def weight(node: str) -> tuple[int, int, int]:
        return (len(views[node]["members"]), int(not _holds_nothing(views[node])), -order.index(node))

    return set(views[max(views, key=weight)]["members"])


def verdict(
    cluster: str,
    members: list[Member],
    said: Mapping[str, Mapping[str, Any]],
    own: str,
    discard: Collection[str] = (),
) -> dict[str, Any]:
    """Return what remains to be done about one member, and what is wrong.

    join: the node whose cluster this one is to join, '' where it is a member. refusals: what an operator has to decide
    or to cure. notes: what is not as declared and hurts nobody. `said` is host -> what its node said, for the hosts of
    the run; `discard` are the nodes whose objects and messages may be dropped.
    """
    nodes = {one["host"]: one["node"] for one in members}
    order = [one["node"] for one in members]
    views = {nodes[host]: one for host, one in said.items()}
    node = nodes[own]
    if node not in views:
        return {"join": "", "refusals": [], "notes": []}
    home = _home(views, order)
    mine = views[node]
    if node not in home:
        return _outside(cluster, mine, node, home, sorted(home & set(views))[0], discard)
    if home == {node} and len(members) > 1 and len(views) == 1:
        return {"join": "", "refusals": [_alone(cluster, node, order)], "notes": []}
    return {
        "join": "",
        "refusals": [*_disagreements(node, mine, home, views), *_names(cluster, node, mine)],
        "notes": _undeclared(cluster, home, order, views) if node == sorted(set(views) & home)[0] else [],
    }


def _alone(cluster: str, node: str, order: list[str]) -> str:
    """A node on its own, of whose cluster nobody was asked: it may be the one that has to join."""
    others = [one for one in order if one != node]
    return (
        f"rabbitmq_cluster_name: {node} runs alone, and none of {listed(others)} was asked, so it is not known whether "
        f"it is the one that has to join {cluster}; run the play for all its hosts, without --limit"
    )


def _outside(
    cluster: str, mine: Mapping[str, Any], node: str, home: set[str], answered: str, discard: Collection[str]
) -> dict[str, Any]:
    """`home` are the members of the cluster that the node is not in, `answered` is one of them that runs."""
    others = sorted(set(mine["members"]) - {node})
    if others:
        sentence = (
            f"rabbitmq_cluster_name: {node} is in a cluster with {listed(others)}, and the members of {cluster} are "
            f"{listed(sorted(home))}; take it out of that one first (`rabbitmqctl forget_cluster_node {node}`, asked "
            "of another member of it), or correct the inventory"
        )
        return {"join": "", "refusals": [sentence], "notes": []}
    if _holds_nothing(mine) or node in discard:
        return {"join": answered, "refusals": [], "notes": []}
    sentence = (
        f"rabbitmq_cluster_discard: {node} made a cluster of its own and holds something ({_amounts(mine)}), which it "
        f"would lose by joining {cluster}; move it first (playbooks/topology_adopt.yml writes the objects down), or "
        f'drop it with `-e \'{{"rabbitmq_cluster_discard": ["{node}"]}}\'`'
    )
    return {"join": "", "refusals": [sentence], "notes": []}


def _disagreements(
    node: str, mine: Mapping[str, Any], home: set[str], views: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    found = []
    if mine["partitions"]:
        found.append(
            f"{node}: is parted from {listed(sorted(mine['partitions']))}, and what the parts hold may differ: "
            "playbooks/rabbitmq_heal.yml keeps the part with a majority, or the one that you name, and restarts the "
            "others"
        )
    if set(mine["members"]) != home:
        found.append(
            f"{node}: says that the members are {listed(sorted(mine['members']))}, and others say "
            f"{listed(sorted(home))}; see the log of {_host(node)} in /var/log/rabbitmq"
        )
    unseen = sorted((set(views) & home) - set(mine["sees"]))
    if unseen and not mine["partitions"]:
        found.append(
            f"{node}: does not see {listed(unseen)}, which runs: "
            "playbooks/rabbitmq_heal.yml restarts the one that most do not see, if that lasts"
        )
    return found


def _names(cluster: str, node: str, mine: Mapping[str, Any]) -> list[str]:
    if mine["name"] == cluster:
        return []
    return [f"rabbitmq_cluster_name: {node} calls the cluster {mine['name']}, and it is to be {cluster}"]


def _undeclared(
    cluster: str, home: set[str], order: list[str], views: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    notes = []
    strangers = sorted(home - set(order))
    if strangers:
        notes.append(
            f"{cluster} has {listed(strangers)} as a member, which the inventory does not name: add its host, or take "
            "it out of the cluster"
        )
    missing = [node for node in order if node not in home and node not in views]
    if missing:
        notes.append(f"{cluster} does not have {listed(missing)} yet: run the play for its host")
    away = sorted(home & set(order) - set(views))
    seen = {node for one in views.values() for node in one["sees"]}
    down = [node for node in away if node not in seen]
    if down:
        notes.append(f"{cluster} goes on without {listed(down)}, which does not run")
    return notes
