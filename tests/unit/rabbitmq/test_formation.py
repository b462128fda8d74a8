"""How hosts become one cluster: who boots first, who joins, and what every member has to say in the end."""

from __future__ import annotations

import pytest
from brokers.rabbitmq import formation
from hypothesis import given, strategies as st

MEMBERS = [
    {"host": f"mq{number}", "node": f"rabbit@mq{number}", "address": f"10.0.0.{number}"}
    for number in (1, 2, 3)
]
HOSTS = [one["host"] for one in MEMBERS]
NODES = [one["node"] for one in MEMBERS]


def read(*with_data, unread=()):
    """The hosts as they were read: those with data of their node, and those that the run has not read."""
    found = {}
    for one in MEMBERS:
        files = [f"/var/lib/rabbitmq/mnesia/{one['node']}"] if one["host"] in with_data else ["/etc/rabbitmq"]
        found[one["host"]] = {} if one["host"] in unread else {"__rabbitmq_host": {"files": files}}
    return found


def plans(hostvars, hosts=HOSTS):
    return {host: formation.plan(MEMBERS, hostvars, host, hosts) for host in hosts}


def test_the_first_of_three_new_hosts_boots_first_and_the_others_ask_it():
    found = plans(read())
    assert found["mq1"] == {"first": True, "ask": [], "formed": False}
    assert found["mq2"] == found["mq3"] == {"first": False, "ask": ["rabbit@mq1"], "formed": False}


def test_a_new_host_asks_those_that_have_booted_and_never_boots_first():
    found = plans(read("mq2", "mq3"))
    assert found["mq1"] == {"first": False, "ask": ["rabbit@mq2", "rabbit@mq3"], "formed": True}


def test_a_host_that_was_not_read_may_have_data():
    found = plans(read(unread=("mq3",)), ["mq1", "mq2"])
    assert found["mq1"] == found["mq2"] == {"first": False, "ask": ["rabbit@mq3"], "formed": True}


def test_a_host_that_failed_before_it_had_data_is_not_waited_for():
    found = plans(read(), ["mq2", "mq3"])
    assert found["mq2"]["first"]
    assert found["mq3"] == {"first": False, "ask": ["rabbit@mq2"], "formed": False}


def test_a_first_boot_that_was_interrupted_goes_on_from_there():
    found = plans(read("mq2"))
    assert found["mq2"] == {"first": True, "ask": [], "formed": False}
    assert found["mq1"] == found["mq3"] == {"first": False, "ask": ["rabbit@mq2"], "formed": True}


@given(st.lists(st.sampled_from(["new", "data", "unread", "failed"]), min_size=3, max_size=3))
def test_never_do_two_hosts_without_data_boot_first(states):
    state = dict(zip(HOSTS, states, strict=True))
    hostvars = read(
        *(host for host in HOSTS if state[host] == "data"),
        unread=tuple(host for host in HOSTS if state[host] == "unread"),
    )
    there = [host for host in HOSTS if state[host] in ("new", "data")]
    found = plans(hostvars, there)
    new_and_first = [host for host in there if state[host] == "new" and found[host]["first"]]
    assert len(new_and_first) <= 1
    if "data" in states or "unread" in states:
        assert new_and_first == [], "somebody else may hold the cluster"


# --- before a node joins --------------------------------------------------------------------------


def answer(node="rabbit@mq1", **fields):
    return {
        node: {
            "running": True,
            "name": "prod",
            "version": "4.0.5",
            "members": [node],
            "sees": [node],
            **fields,
        }
    }


def joining(nodes, version="4.0.5"):
    return formation.joining_refusals("prod", "rabbit@mq2", nodes, version)


def test_a_member_that_answers_lets_the_node_boot():
    assert joining(answer()) == []
    assert joining({"rabbit@mq3": {"running": False, "why": "is away"}, **answer()}) == []


def test_it_looks_for_those_that_answered_and_itself():
    nodes = {"rabbit@mq3": {"running": False, "why": "is away"}, **answer()}
    assert [one["host"] for one in formation.looked_for(MEMBERS, nodes, "rabbit@mq2")] == ["mq1", "mq2"]


def test_without_an_answer_the_node_is_not_booted():
    (sentence,) = joining({"rabbit@mq1": {"running": False, "why": "could not reach the node (nodedown)"}})
    assert "no member of prod answers rabbit@mq2: rabbit@mq1 could not reach the node (nodedown)" in sentence
    assert "so it was not booted" in sentence


def test_a_member_whose_data_is_gone_has_to_be_taken_out_first():
    (sentence,) = joining(answer(members=["rabbit@mq1", "rabbit@mq2"]))
    assert "its host has lost the data" in sentence
    assert "`rabbitmqctl forget_cluster_node rabbit@mq2` on mq1" in sentence


def test_another_cluster_and_another_series_are_refused():
    assert "rabbit@mq1 is in the cluster test" in joining(answer(name="test"))[0]
    assert "rabbit@mq2 has RabbitMQ 3.10.8, and rabbit@mq1 runs 4.0.5" in joining(answer(), "3.10.8")[0]
    assert joining(answer(), "4.0.9") == []
    assert joining(answer(), "") == []


# --- what every member sees -----------------------------------------------------------------------

NOTHING = {"users": ["admin"], "vhosts": ["/"], "queues": 0, "exchanges": 0, "policies": 0, "parameters": 0}


def said(*members, sees=None, holds=None, **fields):
    return {
        "name": "prod",
        "members": list(members),
        "sees": list(members if sees is None else sees),
        "partitions": [],
        "holds": {**NOTHING, **(holds or {})},
        **fields,
    }


def judged(own, discard=(), members=MEMBERS, **views):
    return formation.verdict("prod", members, views, own, discard)


CLEAN = {"join": "", "refusals": [], "notes": []}


def test_three_that_agree_are_one_cluster():
    views = {host: said(*NODES) for host in HOSTS}
    assert all(judged(host, **views) == CLEAN for host in HOSTS)


def test_a_node_that_came_up_alone_and_holds_nothing_joins_the_larger_one():
    views = {"mq1": said(NODES[0]), "mq2": said(*NODES[1:]), "mq3": said(*NODES[1:])}
    assert judged("mq1", **views)["join"] == "rabbit@mq2"
    assert judged("mq2", **views)["join"] == ""


def test_it_joins_a_member_that_has_answered():
    views = {"mq2": said(*NODES[:2], sees=[NODES[1]]), "mq3": said(NODES[2])}
    assert judged("mq3", **views)["join"] == "rabbit@mq2", "rabbit@mq1 does not run"


def test_a_node_alone_is_not_judged_by_itself():
    found = judged("mq3", mq3=said(NODES[2]))
    assert "rabbit@mq3 runs alone, and none of rabbit@mq1, rabbit@mq2 was asked" in found["refusals"][0]
    assert "without --limit" in found["refusals"][0]
    assert judged("mq1", members=MEMBERS[:1], mq1=said(NODES[0])) == CLEAN, "a cluster of one"


def test_of_equals_the_one_that_holds_something_stays():
    views = {"mq1": said(NODES[0]), "mq2": said(NODES[1], holds={"queues": 3}), "mq3": said(NODES[2])}
    assert [judged(host, **views)["join"] for host in HOSTS] == ["rabbit@mq2", "", "rabbit@mq2"]


def test_of_equals_that_hold_nothing_the_first_stays():
    views = {host: said(node) for host, node in zip(HOSTS, NODES, strict=True)}
    assert [judged(host, **views)["join"] for host in HOSTS] == ["", "rabbit@mq1", "rabbit@mq1"]


@pytest.mark.parametrize(
    "holds",
    [
        {"queues": 1},
        {"vhosts": ["/", "shop"]},
        {"users": ["admin", "shop"]},
        {"exchanges": 1},
        {"policies": 2},
    ],
)
def test_what_a_node_holds_is_dropped_for_the_word_alone(holds):
    views = {"mq1": said(*NODES[:2]), "mq2": said(*NODES[:2]), "mq3": said(NODES[2], holds=holds)}
    found = judged("mq3", **views)
    assert found["join"] == ""
    assert "rabbit@mq3 made a cluster of its own and holds something" in found["refusals"][0]
    assert judged("mq3", discard=["rabbit@mq1"], **views)["join"] == ""
    assert judged("mq3", discard=["rabbit@mq3"], **views)["join"] == "rabbit@mq1"


def test_a_member_of_another_cluster_is_never_taken_out_of_it():
    views = {"mq1": said(*NODES[:2]), "mq2": said(*NODES[:2]), "mq3": said("rabbit@x", "rabbit@mq3")}
    found = judged("mq3", discard=["rabbit@mq3"], **views)
    assert found["join"] == ""
    assert "rabbit@mq3 is in a cluster with rabbit@x" in found["refusals"][0]


def test_a_partition_and_a_view_of_ones_own_are_named():
    parted = {host: said(*NODES) for host in HOSTS} | {"mq2": said(*NODES, partitions=["rabbit@mq3"])}
    assert "rabbit@mq2: is parted from rabbit@mq3" in judged("mq2", **parted)["refusals"][0]
    blind = {host: said(*NODES) for host in HOSTS} | {"mq3": said(*NODES, sees=[NODES[2]])}
    assert "rabbit@mq3: does not see rabbit@mq1, rabbit@mq2" in judged("mq3", **blind)["refusals"][0]
    other = {host: said(*NODES) for host in HOSTS} | {"mq3": said(*NODES[1:])}
    assert (
        "rabbit@mq3: says that the members are rabbit@mq2, rabbit@mq3"
        in judged("mq3", **other)["refusals"][0]
    )


def test_another_name_is_refused():
    views = {host: said(*NODES, name="test") for host in HOSTS}
    assert judged("mq1", **views)["refusals"] == [
        "rabbitmq_cluster_name: rabbit@mq1 calls the cluster test, and it is to be prod"
    ]


def test_what_differs_from_the_inventory_is_told_once():
    extra = {host: said(*NODES, "rabbit@old") for host in HOSTS}
    assert judged("mq1", **extra)["notes"] == [
        "prod has rabbit@old as a member, which the inventory does not name: add its host, or take it out of the "
        "cluster"
    ]
    assert judged("mq2", **extra)["notes"] == []
    missing = {host: said(*NODES[:2]) for host in HOSTS[:2]}
    assert judged("mq1", **missing)["notes"] == [
        "prod does not have rabbit@mq3 yet: run the play for its host"
    ]
    away = {host: said(*NODES, sees=NODES[:2]) for host in HOSTS[:2]}
    assert judged("mq1", **away)["notes"] == ["prod goes on without rabbit@mq3, which does not run"]
    limited = {"mq1": said(*NODES)}
    assert judged("mq1", **limited) == CLEAN, "--limit leaves out those that are well"


def test_a_host_that_was_not_asked_is_not_judged():
    assert judged("mq3", mq1=said(*NODES)) == CLEAN


def test_a_node_that_nobody_answers_is_told_of_their_packet_filter() -> None:
    nodes = {"rabbit@a": {"running": False, "why": "is not there"}}
    (plain,) = formation.joining_refusals("prod", "rabbit@b", nodes, "4.0.5")
    (told,) = formation.joining_refusals("prod", "rabbit@b", nodes, "4.0.5", True)
    assert "rabbitmq_cluster_filter" not in plain
    assert told.startswith(plain) and "lets in a new member once a run for their hosts" in told
