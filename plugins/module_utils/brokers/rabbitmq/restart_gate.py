"""Whether a cluster can spare a node: go, wait or refuse, with sentences naming members and next steps.

A pure function of what every member says (members.py). RabbitMQ's own question, check_if_node_is_quorum_critical, looks
at quorum queues alone: with one of three members down and no such queue it lets the second one go too.

Transient conditions are waited for: a member that is booting, replicas that are catching up, an alarm. What needs an
operator is refused at once. A standalone node may always go: that is its operator's decision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

GO, WAIT, REFUSE = "go", "wait", "refuse"
ACCEPT = "or accept the interruption for one run with `-e rabbitmq_accept_interruption=true`"
# Listeners that no client of messages connects to.
_NO_CLIENTS = frozenset({"clustering", "http", "https", "http/prometheus", "https/prometheus"})
_FEW = 5  # names in a sentence


@dataclass(frozen=True)
class Finding:
    """A reason against a restart. `passes`: it is transient. `acceptable`: an operator may accept the cost."""

    sentence: str
    passes: bool = False
    acceptable: bool = False


@dataclass(frozen=True)
class Verdict:
    """GO, WAIT or REFUSE. The sentences say why not; with GO, what the restart costs."""

    answer: str
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Cluster:
    """What the members say: `views` holds each one's own view, or {"unread": why}."""

    node: str
    views: Mapping[str, Mapping[str, Any]]
    asked: Mapping[str, Any]
    declared: frozenset[str]

    @property
    def own(self) -> Mapping[str, Any]:
        """The view of the node that would stop."""
        return self.views[self.node]

    @property
    def members(self) -> list[str]:
        """Every member that the node knows of, itself among them."""
        return sorted({*self.own["members"], self.node})

    @property
    def others(self) -> list[str]:
        """The members without the node."""
        return [name for name in self.members if name != self.node]

    @property
    def running(self) -> dict[str, Mapping[str, Any]]:
        """The views of those other members that answered and whose application runs."""
        views = {name: self.views.get(name, {"unread": "nodedown"}) for name in self.others}
        return {name: view for name, view in views.items() if "unread" not in view and view["running"]}


def _names(names: Iterable[str]) -> str:
    """Return names as a list in a sentence, the first few and how many more."""
    listed = sorted(names)
    more = f" and {len(listed) - _FEW} more" if len(listed) > _FEW else ""
    return ", ".join(listed[:_FEW]) + more


def _host(node: str) -> str:
    return node.partition("@")[2]


def _absent(cluster: Cluster) -> list[Finding]:
    """Members that do not run: while one is down, no second one may go."""
    found = []
    for name in cluster.others:
        view = cluster.views.get(name, {"unread": "nodedown"})
        why = view.get("unread")
        if why == "nodedown":
            found.append(
                Finding(
                    f"{name} is down, or cannot be reached from {cluster.node}: start it (`systemctl start "
                    f"rabbitmq-server` on {_host(name)}), or take it out of the cluster if it will not come back "
                    f"(`rabbitmqctl forget_cluster_node {name}`), {ACCEPT}",
                    acceptable=True,
                )
            )
        elif why is not None:
            said = "did not answer in time" if why == "timeout" else f"answered with an error ({why})"
            found.append(
                Finding(
                    f"{name} {said}, so its state is unknown: look at its log in /var/log/rabbitmq on "
                    f"{_host(name)}",
                    passes=True,
                )
            )
        elif not view["running"] and view["booting"]:
            found.append(Finding(f"{name} is starting: see its log if it does not come up", passes=True))
        elif not view["running"]:
            found.append(
                Finding(
                    f"the RabbitMQ application of {name} is stopped, by somebody or because the node paused itself: "
                    f"start it (`rabbitmqctl start_app` on {_host(name)}), {ACCEPT}",
                    acceptable=True,
                )
            )
    return found


def _partitions(cluster: Cluster) -> list[Finding]:
    """Members that report a partition. With Mnesia that does not heal by itself."""
    parted = {
        name: view["partitions"]
        for name, view in sorted({**cluster.running, cluster.node: cluster.own}.items())
        if view["partitions"]
    }
    if not parted:
        return []
    told = "; ".join(f"{name} is parted from {_names(others)}" for name, others in parted.items())
    return [
        Finding(
            f"the cluster is partitioned ({told}), and what its parts hold may differ: playbooks/rabbitmq_heal.yml "
            "keeps the part with a majority, or the one that you name, and restarts the others; run this again after it"
        )
    ]


def _disagreement(cluster: Cluster) -> list[Finding]:
    """Members that disagree about who is a member or who runs. Only this shows a partition of milliseconds."""
    found = []
    running = {**cluster.running, cluster.node: cluster.own}
    members = set(cluster.members)
    for name, view in sorted(running.items()):
        if set(view["members"]) != members:
            found.append(
                Finding(
                    f"{name} says that the members are {_names(view['members'])}, and {cluster.node} says "
                    f"{_names(members)}: have them agree first (`rabbitmqctl cluster_status` on both; a member that "
                    "lost its data is forgotten by the others and joins again)",
                    passes=True,
                )
            )
    for name, view in sorted(running.items()):
        unseen = sorted(set(running) & members - set(view["sees"]))
        if unseen:
            found.append(
                Finding(
                    f"{name} does not see {_names(unseen)} running, which answers: if that does not end by itself, "
                    "playbooks/rabbitmq_heal.yml restarts those that most members do not see",
                    passes=True,
                )
            )
    return found


def _undeclared(cluster: Cluster) -> list[Finding]:
    """Members that the inventory names and the cluster does not have."""
    missing = cluster.declared - set(cluster.members)
    if not missing:
        return []
    return [
        Finding(
            f"the inventory names {_names(missing)} as members, and the cluster of {_names(cluster.members)} has no "
            "such: let them join (site.yml does), or take them out of the inventory, or of rabbitmq_config"
        )
    ]


def _maintenance(cluster: Cluster) -> list[Finding]:
    """Other members in maintenance: they take no clients and lead no queue."""
    return [
        Finding(
            f"{name} is in maintenance and takes no clients: end that (`rabbitmq-upgrade revive` on {_host(name)}), "
            f"{ACCEPT}",
            acceptable=True,
        )
        for name, view in sorted(cluster.running.items())
        if view["drained"]
    ]


def _alarms(cluster: Cluster) -> list[Finding]:
    """Alarms of other members: publishers stand still, and the node's work would go to those that have no room.

    An alarm of the node itself is no reason: its restart takes work from it.
    """
    views = [cluster.own, *cluster.running.values()]
    raised = {(what, name) for view in views for what, name in view["alarms"] if name != cluster.node}
    return [
        Finding(
            f"{name} has a {what.replace('_', ' ')} alarm, which blocks publishers in the whole cluster: give it room "
            f"(consume or purge, free the disk, or raise its limit), {ACCEPT}",
            passes=True,
            acceptable=True,
        )
        for what, name in sorted(raised)
    ]


def _deaf(cluster: Cluster) -> list[Finding]:
    """Running members without client listeners, while this node has some."""
    if not set(cluster.own["listeners"]) - _NO_CLIENTS:
        return []
    return [
        Finding(
            f"{name} runs and listens for no client yet: see its log on {_host(name)} if that lasts",
            passes=True,
        )
        for name, view in sorted(cluster.running.items())
        if not view["drained"] and not set(view["listeners"]) - _NO_CLIENTS
    ]


def _quorum(cluster: Cluster) -> list[Finding]:
    """What would lose its majority. A node in maintenance has stopped its replicas already."""
    critical = cluster.asked["critical"]
    if cluster.own["drained"] or not critical:
        return []
    found = []
    few = [one["name"] for one in critical if 0 < one["replicas"] < 3]
    if few:
        found.append(
            Finding(
                f"without {cluster.node} there is no majority for {_names(few)}, with fewer than three replicas: give "
                f"them more (`rabbitmq-queues grow NODE all`), {ACCEPT}",
                acceptable=True,
            )
        )
    late = [one["name"] for one in critical if one["name"] not in few]
    if late and not _pair(cluster):  # which says it already
        count = max(cluster.asked["critical_count"] - len(few), len(late))
        found.append(
            Finding(
                f"without {cluster.node} there is no majority for {_names(late)} ({count} in all): their other "
                "replicas have to be up first (`rabbitmq-queues quorum_status NAME` shows those of a queue)",
                passes=len(cluster.members) > 2,
                acceptable=True,
            )
        )
    return found


def _pair(cluster: Cluster) -> list[Finding]:
    """Two members, neither of which works alone: the service stops until both are back."""
    if len(cluster.members) != 2 or _absent(cluster):
        return []
    if cluster.own["khepri"]:
        why = "Khepri, which keeps what the cluster knows, needs both"
    elif cluster.own["partition_handling"] == "pause_minority":
        why = "cluster_partition_handling = pause_minority pauses the one that stays"
    else:
        return []
    return [
        Finding(
            f"the cluster has two members, and {why}: the service would stand still until {cluster.node} is back. Add "
            f"a third member, {ACCEPT}",
            acceptable=True,
        )
    ]


_LOOKS: tuple[Callable[[Cluster], list[Finding]], ...] = (
    _absent,
    _partitions,
    _disagreement,
    _undeclared,
    _maintenance,
    _alarms,
    _deaf,
    _pair,
    _quorum,
)


def _cut_off(cluster: Cluster) -> bool:
    """Whether the others already work without the node: all run, agree, and none sees it."""
    others = set(cluster.others)
    if set(cluster.running) != others or 2 * len(others) <= len(cluster.members):
        return False
    return all(
        set(view["sees"]) == others
        and set(view["partitions"]) <= {cluster.node}
        and set(view["members"]) == set(cluster.members)
        for view in cluster.running.values()
    )


def _costs(cluster: Cluster) -> str:
    """Return the cost of a restart that may go ahead."""
    if len(cluster.members) == 1:
        return f"{cluster.node} is on its own: its clients are disconnected until it is back"
    leaders, alone = cluster.asked["leaders"], cluster.asked["alone"]
    told = f"{_names(cluster.others)} {'go' if len(cluster.others) > 1 else 'goes'} on without {cluster.node}"
    if leaders:
        told += f"; quorum queues and streams that find another leader: {leaders}"
    if alone:
        told += f"; classic queues that are on it alone, and away until it is back: {alone}"
    return told


def verdict(asked: Mapping[str, Any], declared: Iterable[str] = (), interrupts: bool = False) -> Verdict:
    """Return whether the node may stop now.

    `asked` is what the snippet of members.question() answered on it. `declared` names the members that the inventory
    knows; `interrupts`: an operator accepts that the service may stand still meanwhile.
    """
    cluster = Cluster(asked["node"], asked["views"], asked, frozenset(declared))
    if len(cluster.members) == 1:
        return Verdict(GO, (_costs(cluster),))
    if _cut_off(cluster):
        return Verdict(GO, (f"{_names(cluster.others)} do without {cluster.node} already",))
    found = [finding for look in _LOOKS for finding in look(cluster)]
    if interrupts:
        accepted = tuple(
            finding.sentence.replace(f", {ACCEPT}", "") for finding in found if finding.acceptable
        )
        found = [finding for finding in found if not finding.acceptable]
    else:
        accepted = ()
    final = tuple(finding.sentence for finding in found if not finding.passes)
    if final:
        return Verdict(REFUSE, final)
    if found:
        return Verdict(WAIT, tuple(finding.sentence for finding in found))
    if accepted:
        return Verdict(GO, (f"rabbitmq_accept_interruption lets {cluster.node} go all the same", *accepted))
    return Verdict(GO, (_costs(cluster),))


def without(asked: Mapping[str, Any], leaving: str) -> Verdict:
    """Return whether a member may be taken out of the cluster, by what the members that stay say of each other.

    `asked` is what members.question() answered on one that stays. Whether `leaving` itself runs is not looked at.
    """

    def less(names: Iterable[str]) -> list[str]:
        return [name for name in names if name != leaving]

    views = {
        node: view
        if "unread" in view
        else {**view, **{key: less(view[key]) for key in ("members", "sees", "partitions")}}
        for node, view in asked["views"].items()
        if node != leaving
    }
    cluster = Cluster(asked["node"], views, asked, frozenset())
    looks = (_absent, _partitions, _disagreement, _maintenance, _deaf)
    found = [finding for look in looks for finding in look(cluster)]
    if not found:
        return Verdict(GO, ())
    passing = all(finding.passes for finding in found)
    return Verdict(
        WAIT if passing else REFUSE, tuple(one.sentence.replace(f", {ACCEPT}", "") for one in found)
    )
