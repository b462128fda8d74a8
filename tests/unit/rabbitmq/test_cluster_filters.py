"""What the tasks of a cluster make of the answers that are registered for its hosts."""

from __future__ import annotations

from templating import cluster_filters

FILTERS = cluster_filters.FilterModule().filters()
MEMBERS = [
    {"host": f"mq{number}", "node": f"rabbit@mq{number}", "address": f"10.0.0.{number}"}
    for number in (1, 2, 3)
]
NODES = [one["node"] for one in MEMBERS]
SKIPPED = {"changed": False, "skipped": True}


def answer(*members, **holds):
    nothing = {
        "users": ["admin"],
        "vhosts": ["/"],
        "queues": 0,
        "exchanges": 0,
        "policies": 0,
        "parameters": 0,
    }
    said = {"name": "prod", "members": [*members], "sees": [*members], "partitions": []}
    return {"own": {**said, "holds": {**nothing, **holds}}}


def hostvars(*said, last=(SKIPPED,) * 3):
    return {
        one["host"]: {"__rabbitmq_cluster_said": first, "__rabbitmq_cluster_said_last": again}
        for one, first, again in zip(MEMBERS, said, last, strict=True)
    }


def verdict(found, host):
    return FILTERS["rabbitmq_cluster_verdict"](MEMBERS, "prod", found, host)


def test_a_question_that_was_skipped_the_second_time_leaves_the_first_answer():
    found = hostvars(answer(*NODES[:2]), answer(*NODES[:2]), answer(NODES[2], queues=1))
    found["mq3"]["__rabbitmq_cluster_said_last"] = answer(NODES[2], queues=1)
    assert "made a cluster of its own" in verdict(found, "mq3")["refusals"][0]


def test_the_second_answer_counts():
    found = hostvars(answer(NODES[0]), answer(*NODES[1:]), answer(*NODES[1:]), last=(answer(*NODES),) * 3)
    assert [verdict(found, one["host"])["refusals"] for one in MEMBERS] == [[], [], []]


def test_members_are_asked_again_where_they_disagree_or_one_has_joined():
    unsettled = FILTERS["rabbitmq_cluster_unsettled"]
    agreed = hostvars(*[answer(*NODES)] * 3)
    assert not unsettled(MEMBERS, "prod", agreed)
    agreed["mq2"]["__rabbitmq_home"] = "rabbit@mq1"
    assert unsettled(MEMBERS, "prod", agreed)
    assert unsettled(MEMBERS, "prod", hostvars(answer(*NODES), answer(*NODES), answer(*NODES[1:])))


def test_a_member_whose_node_is_to_stay_down_says_nothing():
    found = hostvars(answer(*NODES), answer(*NODES), SKIPPED)
    assert verdict(found, "mq3") == {"join": "", "refusals": [], "notes": []}


def test_one_member_acts_for_all_and_a_node_of_its_own_for_itself():
    speaker, groups = FILTERS["rabbitmq_cluster_speaker"], {"rabbitmq": ["mq1", "mq2", "alone"]}
    variables = {
        "mq1": {"rabbitmq_cluster_name": "prod"},
        "mq2": {"rabbitmq_cluster_name": "prod"},
        "alone": {},
    }
    assert [speaker(variables, groups, "prod", host, ["mq1", "mq2"]) for host in ("mq1", "mq2")] == [
        "mq1",
        "mq1",
    ]
    assert speaker(variables, groups, "prod", "mq2", ["mq2"]) == "mq2", "the first one has failed"
    assert speaker(variables, groups, "", "alone", ["mq1", "mq2", "alone"]) == "alone"
