"""Which part of a partitioned cluster is kept, and which members are restarted."""

from __future__ import annotations

import pytest
from brokers.rabbitmq import healing

NODES = ["rabbit@a", "rabbit@b", "rabbit@c"]


def view(sees, parted=(), members=NODES):
    return {"members": members, "sees": list(sees), "partitions": list(parted)}


def test_a_whole_cluster_needs_no_cure():
    found = healing.plan({node: view(NODES) for node in NODES})
    assert found == {"keep": NODES, "restart": [], "refusals": []}


def test_the_part_with_a_majority_is_kept():
    views = {
        NODES[0]: view(NODES[:2], parted=NODES[2:]),
        NODES[1]: view(NODES[:2], parted=NODES[2:]),
        NODES[2]: view(NODES[2:], parted=NODES[:2]),
    }
    assert healing.plan(views) == {"keep": NODES[:2], "restart": NODES[2:], "refusals": []}


def test_a_member_that_one_other_does_not_see_is_restarted_although_no_partition_is_recorded():
    views = {NODES[0]: view(NODES[:2]), NODES[1]: view(NODES), NODES[2]: view(NODES)}
    found = healing.plan(views)
    assert len(found["keep"]) == 2 and len(found["restart"]) == 1 and found["restart"][0] != NODES[1]


def test_without_a_majority_an_operator_decides():
    views = {node: view([node], parted=[one for one in NODES if one != node]) for node in NODES}
    (sentence,) = healing.plan(views)["refusals"]
    assert sentence.startswith(
        "rabbitmq_keep: no part of the cluster has a majority (rabbit@a | rabbit@b | rabbit@c)"
    )
    assert healing.plan(views, "rabbit@b") == {
        "keep": ["rabbit@b"],
        "restart": ["rabbit@a", "rabbit@c"],
        "refusals": [],
    }


def test_members_that_do_not_answer_count_for_the_majority():
    views = {NODES[0]: view(NODES[:1], parted=NODES[1:2]), NODES[1]: view(NODES[1:2], parted=NODES[:1])}
    assert "rabbit@a | rabbit@b" in healing.plan(views)["refusals"][0]
    assert healing.plan({NODES[0]: view(NODES[:1])})["restart"] == []


@pytest.mark.parametrize("keep", ["rabbit@z", "a"])
def test_the_part_to_keep_has_to_answer(keep):
    (sentence,) = healing.plan({NODES[0]: view(NODES)}, keep)["refusals"]
    assert sentence == f"rabbitmq_keep: {keep} is not a member that answers; those are rabbit@a"
