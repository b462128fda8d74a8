"""Probes of a cluster: its members agree, and what one of them takes another one gives.

They run on members alone, and know the others from the endpoints file: brokers of the run with the same cluster.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from probes.clients import management as api
from probes.clients.amqp import Session, session
from probes.model import ARRIVAL_SECONDS, LEFTOVER_EXPIRES_MS, Astray, Broker, Context, Failed, NotApplicable
from probes.registry import probe


def _others(context: Context) -> list[Broker]:
    """Return the other members that the run knows."""
    members = context.settings.clusters.get(context.broker.cluster or "", [])
    return [one for one in members if one.name != context.broker.name]


@probe(
    "cluster.members",
    needs=["management"],
    notes=["3.3"],
    of_members=True,
    proves="The member sees as many members as are declared, all of them running and none parted from it.",
)
def members(context: Context) -> str:
    name = api.get(context, "/api/cluster-name").get("name")
    if name != context.broker.cluster:
        raise Failed(
            f"It calls its cluster {name}, and the endpoints file says {context.broker.cluster}.",
            "It is in another cluster than its clients take it for, or in one of its own.",
            "Run the converge for all members: it names what holds a node apart, and joins an empty one.",
        )
    nodes = api.get(context, "/api/nodes")
    _all_well(nodes)
    declared = 1 + len(_others(context))
    if len(nodes) < declared:
        raise Failed(
            f"It sees {', '.join(sorted(node['name'] for node in nodes))}, and {declared} members are declared.",
            "It came up without the others and made a cluster of its own, or a member was taken out of the cluster.",
            "Run the converge for all members: it names what holds a node apart, and joins an empty one.",
        )
    return f"{context.broker.cluster}: {', '.join(sorted(node['name'] for node in nodes))}"


def _all_well(nodes: Sequence[dict[str, Any]]) -> None:
    down = sorted(node["name"] for node in nodes if not node.get("running"))
    if down:
        raise Failed(
            f"{', '.join(down)}: this member does not see {'it' if len(down) == 1 else 'them'} running.",
            "It is down, cut off, or was left apart by a short partition, of which there is no other sign "
            "(rabbitmq-server issue 17319).",
            "Start it (`systemctl status rabbitmq-server` there); if it runs, playbooks/rabbitmq_heal.yml restarts the "
            "members that most do not see.",
        )
    parted = sorted({str(other) for node in nodes for other in node.get("partitions") or ()})
    if parted:
        raise Failed(
            f"The cluster is partitioned: {', '.join(parted)} is parted from others.",
            "Its parts may hold different things, and do not come together by themselves.",
            "playbooks/rabbitmq_heal.yml keeps the part with a majority, or the one that you name, and restarts the "
            "others.",
        )


@probe(
    "cluster.across",
    needs=["amqp"],
    notes=["3.3"],
    of_members=True,
    proves="A message that this member takes is handed out by every other one.",
)
def across(context: Context) -> str:
    others = [one for one in _others(context) if "amqp" in one.endpoints]
    if not others:
        raise NotApplicable("The endpoints file has no other member that speaks AMQP.")
    with session(context) as opened:
        queue = opened.shared_queue("q")
        for other in others:
            opened.publish("", queue, other.name, delivery_mode=2)
            with session(replace(context, broker=other)) as there:
                _hand_out(there, queue, other)
    return f"taken here, handed out by {', '.join(one.name for one in others)}"


def _hand_out(there: Session, queue: str, other: Broker) -> None:
    """Take the message that has to be there; a member may learn of a new queue a moment later than its client."""
    ends = time.monotonic() + ARRIVAL_SECONDS
    while (message := there.get(queue)) is None:
        if time.monotonic() > ends:
            raise Astray(
                f"{other.name} does not hand out a message that this member has confirmed.",
                "The members do not know the same queues, or the message was lost between them.",
                "Compare `rabbitmqctl cluster_status` of both members, and read their logs for this moment.",
            )
        there.connection.sleep(0.05)
    there.channel.basic_ack(message[0].delivery_tag)


@probe(
    "cluster.quorum",
    needs=["amqp", "management"],
    notes=["3.3"],
    of_members=True,
    proves="A new quorum queue has a replica on every member (up to five), all of them online.",
)
def quorum(context: Context) -> str:
    with session(context) as opened:
        queue = context.name("q")
        opened.adopt(queue)
        opened.channel.queue_declare(
            queue, durable=True, arguments={"x-queue-type": "quorum", "x-expires": LEFTOVER_EXPIRES_MS}
        )
        opened.publish("", queue, "to a majority", delivery_mode=2)
        opened.take(queue)
        wanted = min(5, len(api.get(context, "/api/nodes")))
        ends = time.monotonic() + ARRIVAL_SECONDS
        while len((shown := _replicas(context, queue))["online"]) < wanted:
            if time.monotonic() > ends:
                raise Failed(
                    f"Of {wanted} replicas {len(shown['online'])} are online: {', '.join(shown['online']) or 'none'}.",
                    "A member that is down or cut off keeps no copy: one more loss, and quorum queues stand still.",
                    "See which member is missing in `rabbitmqctl cluster_status`, and read its log.",
                )
            opened.connection.sleep(0.1)
    return f"led by {shown['leader']}, {wanted} replicas online"


def _replicas(context: Context, queue: str) -> dict[str, Any]:
    where = f"/api/queues/{api.segment(context.broker.vhost)}/{api.segment(queue)}"
    found = api.get(context, where)
    return {"online": sorted(found.get("online") or ()), "leader": found.get("leader")}
