"""Replicas that are added and removed, and what rules out that a member leaves."""

from __future__ import annotations

import pytest
from brokers.rabbitmq import membership
from hypothesis import given, strategies as st

NODES = [f"rabbit@mq{number}" for number in (1, 2, 3, 4)]
HOSTVARS = {"mq1": {}, "mq2": {"rabbitmq_node_name": "red@mq2"}}
GROUPS = {"rabbitmq": ["mq1", "mq2"]}


def queue(name, *nodes, kind="quorum", up=None, written=5, committed=5, votes=True):
    states = [
        {
            "node": node,
            "state": ("leader" if node == nodes[0] else "follower") if up is None or node in up else "noproc",
            "votes": votes,
            "written": written,
            "committed": committed,
        }
        for node in nodes
    ]
    return {
        "vhost": "/",
        "name": name,
        "kind": kind,
        "nodes": list(nodes),
        "states": states if kind == "quorum" else [],
    }


def said(members=NODES[:3], sees=None, khepri=False):
    return {"members": list(members), "sees": list(members if sees is None else sees), "khepri": khepri}


def refused(*queues, leaving=NODES[2], own=None, discard=(), pair=True, stoppable=True):
    return membership.leaving_refusals(leaving, own or said(), queues, discard, pair, stoppable)


# --- growth -------------------------------------------------------------------------------------------------


def test_queues_get_the_replicas_that_they_lack_where_the_fewest_are():
    queues = [queue("a", *NODES[:2]), queue("b", *NODES[:2]), queue("c", *NODES[:3])]
    found = membership.growth(queues, NODES, 3)
    assert [(one["name"], one["node"]) for one in found["changes"]] == [("a", NODES[3]), ("b", NODES[2])]
    assert found["skipped"] == []


def test_there_are_no_more_replicas_than_members():
    assert membership.growth([queue("a", NODES[0])], NODES[:2], 5)["changes"] == [
        {"do": "add", "kind": "quorum", "vhost": "/", "name": "a", "node": NODES[1]}
    ]


def test_classic_queues_and_queues_without_a_majority_are_left_alone():
    queues = [queue("k", NODES[0], kind="classic"), queue("q", *NODES[:2], up=NODES[:1])]
    assert membership.growth(queues, NODES[:3], 3) == {"changes": [], "skipped": ["'q' of vhost '/'"]}
    silent = {**queues[1], "states": []}
    assert membership.growth([silent], NODES[:3], 3)["skipped"] == ["'q' of vhost '/'"], "it did not answer"


def test_replicas_of_a_member_that_leaves_go_elsewhere_and_no_others_are_added():
    queues = [queue("a", *NODES[:3]), queue("b", NODES[2]), queue("c", NODES[0])]
    found = membership.growth(queues, NODES, 3, leaving=NODES[2])
    assert [(one["name"], one["node"]) for one in found["changes"]] == [("a", NODES[3]), ("b", NODES[1])]


@given(
    st.lists(st.sets(st.sampled_from(NODES), min_size=1), max_size=8),
    st.integers(min_value=1, max_value=6),
    st.sampled_from(["", *NODES]),
)
def test_growth_never_places_two_replicas_of_a_queue_on_a_member(places, replicas, leaving):
    queues = [queue(str(at), *sorted(nodes)) for at, nodes in enumerate(places)]
    changes = membership.growth(queues, NODES, replicas, leaving)["changes"]
    taken = [(one["name"], node) for one in queues for node in one["nodes"]]
    taken += [(one["name"], one["node"]) for one in changes]
    assert len(taken) == len(set(taken))
    assert leaving not in {one["node"] for one in changes}


def test_a_replica_is_behind_until_it_votes_and_has_what_was_committed():
    changes = [{"do": "add", "kind": "quorum", "vhost": "/", "name": "a", "node": NODES[2]}]
    before = [queue("a", *NODES[:3], committed=9)]
    late = ["'a' of vhost '/'"]
    assert membership.behind([queue("a", *NODES[:3], written=8)], before, changes) == late
    assert membership.behind([queue("a", *NODES[:3], written=9, votes=False)], before, changes) == late
    assert membership.behind([queue("a", *NODES[:3], written=9, up=NODES[:2])], before, changes) == late
    assert membership.behind([queue("a", *NODES[:3], written=9)], before, changes) == []


# --- a member that goes -------------------------------------------------------------------------------------


def test_the_last_replica_of_a_queue_is_not_removed():
    queues = [queue("a", *NODES[:3]), queue("b", NODES[2]), queue("k", NODES[2], kind="classic")]
    assert [one["name"] for one in membership.shrinking(queues, NODES[2])] == ["a"]


def test_a_member_is_named_by_its_host_or_its_node():
    named = [membership.node_named(one, HOSTVARS, GROUPS) for one in ("mq1", "mq2", "rabbit@gone", "mq9", "")]
    assert named == ["rabbit@mq1", "red@mq2", "rabbit@gone", "", ""]
    assert membership.host_of("red@mq2", HOSTVARS, GROUPS) == "mq2"
    assert membership.host_of("rabbit@gone", HOSTVARS, GROUPS) == ""


def test_another_member_acts():
    views = {
        "mq1": {"node": NODES[0], "members": NODES[:2]},
        "mq2": {"node": NODES[1], "members": NODES[:2]},
        "mq3": {},
    }
    assert membership.actor(views, NODES[0]) == "mq2"
    assert membership.actor(views, NODES[3]) == ""


def test_a_member_whose_replicas_are_elsewhere_as_well_may_leave():
    assert refused(queue("a", *NODES[:3]), queue("k", NODES[0], kind="classic")) == []


def test_the_only_copy_of_a_queue_is_not_lost_unasked():
    only = [queue("k", NODES[2], kind="classic"), queue("q", NODES[2])]
    (sentence,) = refused(*only)
    assert "1 queue is on rabbit@mq3 and nowhere else: 'k' of vhost '/'" in sentence, (
        "another can take over q"
    )
    (sentence,) = refused(*only, own=said(sees=NODES[:2]))
    assert "2 queues are on rabbit@mq3" in sentence and "rabbitmq_cluster_discard" in sentence
    assert refused(*only, discard=[NODES[2]]) == []


@pytest.mark.parametrize("runs", [True, False])
def test_a_queue_that_would_have_no_majority_is_named(runs):
    own = said(sees=NODES[:3] if runs else NODES[:2])
    (sentence,) = refused(queue("q", *NODES[:3], up=[NODES[0], NODES[2]]), own=own)
    assert "without rabbit@mq3 there is no majority for 'q' of vhost '/' (1 in all)" in sentence


def test_two_members_are_left_only_if_that_is_wanted():
    (sentence,) = refused(pair=False)
    assert sentence.startswith("rabbitmq_cluster_two_members: without rabbit@mq3 the cluster has two members")
    assert refused(pair=False, own=said(sees=NODES[:2])) == [], "it is down, so there are two already"
    assert refused(pair=False, own=said(NODES)) == []


def test_a_lost_one_of_two_on_khepri_cannot_be_taken_out():
    (sentence,) = refused(own=said(NODES[1:3], sees=NODES[1:2], khepri=True))
    assert "rabbit@mq2 alone has no majority in Khepri" in sentence


def test_a_node_that_runs_has_to_be_reached():
    (sentence,) = refused(stoppable=False)
    assert "run it without --limit" in sentence
