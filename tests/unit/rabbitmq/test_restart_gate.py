"""The gate before a restart: what every member says, and whether the node may go.

The laws first, for clusters of one to ten nodes in every mixture of states; then each case by its sentence.
"""

from __future__ import annotations

import pytest
from brokers.rabbitmq.restart_gate import ACCEPT, GO, REFUSE, WAIT, Verdict, verdict, without
from hypothesis import assume, given, strategies as st

CLIENTS = ["amqp", "clustering", "http", "stomp"]


def names(count):
    return [f"rabbit@n{number}" for number in range(count)]


def view(members, **fields):
    """What a member says that is well and sees all the others."""
    return {
        "running": True,
        "booting": False,
        "members": list(members),
        "sees": list(members),
        "khepri": False,
        "partitions": [],
        "partition_handling": "ignore",
        "alarms": [],
        "drained": False,
        "listeners": CLIENTS,
        **fields,
    }


def said(count=3, changes=None, **fields):
    """What a cluster of `count` well nodes answers to its first; `changes` lays other fields over a member's view."""
    members = names(count)
    views = {name: view(members) for name in members}
    for number, change in (changes or {}).items():
        name = members[number]
        views[name] = change if "unread" in change else {**views[name], **change}
    return {
        "node": members[0],
        "views": views,
        "critical": [],
        "critical_count": 0,
        "leaders": 0,
        "alone": 0,
        **fields,
    }


def down(count, *gone):
    """The same with members that nobody reaches."""
    members = names(count)
    left = [name for name in members if name not in {members[number] for number in gone}]
    changes = {number: {"sees": left} for number in range(count) if number not in gone}
    return said(count, {**changes, **{number: {"unread": "nodedown"} for number in gone}})


def critical(*replicas):
    queues = [
        {"name": f"queue 'q{number}' in vhost '/'", "replicas": one} for number, one in enumerate(replicas)
    ]
    return {"critical": queues, "critical_count": len(queues)}


# --- laws ---------------------------------------------------------------------------------------

TROUBLES = {
    "down": {"unread": "nodedown"},
    "silent": {"unread": "timeout"},
    "failed": {"unread": "{'EXIT', x}"},
    "stopped": {"running": False},
    "booting": {"running": False, "booting": True},
    "parted": {"partitions": ["rabbit@n0"]},
    "drained": {"drained": True},
    "alarmed": {"alarms": [["memory", None]]},
    "deaf": {"listeners": ["clustering", "http"]},
    "blind": {"sees": []},
    "elsewhere": {"members": ["rabbit@n0", "rabbit@other"]},
}
PASSING = {"silent", "failed", "booting", "alarmed", "deaf", "blind", "elsewhere"}


@st.composite
def clusters(draw):
    """A cluster of two to ten nodes, and the trouble of some of the others by their number."""
    count = draw(st.integers(2, 10))
    sick = draw(st.dictionaries(st.integers(1, count - 1), st.sampled_from(sorted(TROUBLES)), min_size=1))
    changes = {}
    for number, trouble in sick.items():
        change = dict(TROUBLES[trouble])
        if "alarms" in change:
            change["alarms"] = [["memory", names(count)[number]]]
        changes[number] = change
    return count, sick, said(count, changes)


@pytest.mark.parametrize("count", range(1, 11))
def test_a_cluster_that_is_well_spares_any_of_its_nodes(count):
    asked = said(count)
    for node in names(count):
        assert verdict({**asked, "node": node}).answer == GO


@given(st.integers(1, 10), st.data())
def test_a_node_on_its_own_always_goes(number, data):
    """Whatever it says of itself: its operator alone decides."""
    fields = data.draw(
        st.fixed_dictionaries(
            {
                "drained": st.booleans(),
                "khepri": st.booleans(),
                "alarms": st.sampled_from([[], [["disk", "rabbit@n0"]]]),
                "listeners": st.sampled_from([[], CLIENTS]),
            }
        )
    )
    declared = names(number)
    assert verdict(said(1, {0: fields}, **critical(1)), declared).answer == GO


@given(clusters())
def test_with_one_member_away_no_second_one_goes(cluster):
    _, sick, asked = cluster
    assume({"down", "stopped"} & set(sick.values()))
    assert verdict(asked).answer == REFUSE


@given(clusters())
def test_no_trouble_of_another_member_is_overlooked(cluster):
    count, sick, asked = cluster
    members = names(count)
    # All of the others blind and at one is a node that is cut off: see its own test.
    assume(set(sick.values()) != {"blind"} or len(sick) < count - 1)
    found = verdict(asked)
    assert found.answer in (WAIT, REFUSE)
    assert any(members[number] in sentence for number in sick for sentence in found.sentences)


@given(clusters())
def test_only_what_passes_by_itself_is_waited_for(cluster):
    count, sick, asked = cluster
    assume(count > 2)
    found = verdict(asked)
    if found.answer == WAIT:
        assert set(sick.values()) <= PASSING
    elif found.answer == REFUSE:
        assert not set(sick.values()) <= PASSING


@given(clusters(), st.booleans())
def test_every_sentence_names_a_member_and_a_step(cluster, interrupts):
    _, _, asked = cluster
    for sentence in verdict(asked, interrupts=interrupts).sentences:
        assert "rabbit@n" in sentence
        assert not sentence.endswith(".") and "  " not in sentence and "\n" not in sentence


@given(clusters())
def test_a_word_of_the_operator_never_opens_a_partition_or_a_view_that_failed(cluster):
    _, sick, asked = cluster
    assume({"parted", "silent", "failed", "elsewhere"} & set(sick.values()))
    assert verdict(asked, interrupts=True).answer != GO


@given(clusters())
def test_a_word_of_the_operator_never_shuts_the_gate(cluster):
    _, _, asked = cluster
    order = [GO, WAIT, REFUSE]
    said_no, accepted = verdict(asked), verdict(asked, interrupts=True)
    assert order.index(accepted.answer) <= order.index(said_no.answer)
    assert all(ACCEPT not in sentence for sentence in accepted.sentences if accepted.answer == GO)


@given(clusters())
def test_the_order_of_the_views_does_not_matter(cluster):
    _, _, asked = cluster
    turned = {**asked, "views": dict(reversed(list(asked["views"].items())))}
    assert verdict(turned) == verdict(asked)


@pytest.mark.parametrize(
    ("count", "gone"), [(2, 1)] + [(count, gone) for count in range(3, 11) for gone in (1, 2)]
)
def test_one_member_down_refuses_at_every_size(count, gone):
    found = verdict(down(count, *range(1, gone + 1)))
    assert found.answer == REFUSE
    for number in range(1, gone + 1):
        assert any(f"rabbit@n{number} is down" in sentence for sentence in found.sentences)


# --- cases --------------------------------------------------------------------------------------


def test_what_a_restart_costs_is_said():
    assert verdict(said(3, leaders=4, alone=2)) == Verdict(
        GO,
        (
            "rabbit@n1, rabbit@n2 go on without rabbit@n0; quorum queues and streams that find another leader: 4; "
            "classic queues that are on it alone, and away until it is back: 2",
        ),
    )
    assert verdict(said(1)).sentences == (
        "rabbit@n0 is on its own: its clients are disconnected until it is back",
    )


def test_the_second_of_three_is_refused_without_any_quorum_queue():
    found = verdict(down(3, 2))
    assert found.answer == REFUSE
    assert found.sentences == (
        "rabbit@n2 is down, or cannot be reached from rabbit@n0: start it (`systemctl start rabbitmq-server` on n2), "
        "or take it out of the cluster if it will not come back (`rabbitmqctl forget_cluster_node rabbit@n2`), or "
        "accept the interruption for one run with `-e rabbitmq_accept_interruption=true`",
    )


@pytest.mark.parametrize(
    ("changes", "answer", "words"),
    [
        ({1: {"running": False}}, REFUSE, ("rabbit@n1 is stopped", "`rabbitmqctl start_app` on n1")),
        ({1: {"running": False, "booting": True}}, WAIT, ("rabbit@n1 is starting",)),
        ({1: {"unread": "timeout"}}, WAIT, ("rabbit@n1 did not answer in time", "on n1")),
        ({1: {"unread": "{badrpc, x}"}}, WAIT, ("rabbit@n1 answered with an error ({badrpc, x})",)),
        ({1: {"unread": "badarg"}}, WAIT, ("rabbit@n1 answered with an error (badarg)",)),
        (
            {1: {"partitions": ["rabbit@n2"]}, 2: {"partitions": ["rabbit@n1"]}},
            REFUSE,
            ("rabbit@n1 is parted from rabbit@n2; rabbit@n2 is parted from rabbit@n1", "rabbitmq_heal.yml"),
        ),
        ({1: {"drained": True}}, REFUSE, ("rabbit@n1 is in maintenance", "`rabbitmq-upgrade revive` on n1")),
        ({0: {"alarms": [["memory", "rabbit@n1"]]}}, WAIT, ("rabbit@n1 has a memory alarm", "give it room")),
        ({2: {"alarms": [["file_descriptor_limit", "rabbit@n2"]]}}, WAIT, ("a file descriptor limit alarm",)),
        ({1: {"listeners": ["clustering", "http"]}}, WAIT, ("rabbit@n1 runs and listens for no client yet",)),
        (
            {1: {"sees": ["rabbit@n0", "rabbit@n1"]}},
            WAIT,
            ("rabbit@n1 does not see rabbit@n2 running, which answers", "playbooks/rabbitmq_heal.yml"),
        ),
        (
            {1: {"members": ["rabbit@n1", "rabbit@n0"]}},
            WAIT,
            ("rabbit@n1 says that the members are rabbit@n0, rabbit@n1", "`rabbitmqctl cluster_status`"),
        ),
    ],
)
def test_the_trouble_of_another_member(changes, answer, words):
    found = verdict(said(3, changes))
    assert found.answer == answer
    assert all(any(word in sentence for sentence in found.sentences) for word in words), found.sentences


@pytest.mark.parametrize(
    "own",
    [
        {"alarms": [["disk", "rabbit@n0"]]},  # its restart takes work from it
        {"drained": True},  # what an operator does before a restart
        {"listeners": ["clustering"]},
    ],
)
def test_the_nodes_own_trouble_is_no_reason(own):
    assert verdict(said(3, {0: own})).answer == GO


def test_a_member_that_the_inventory_names_and_the_cluster_lacks():
    found = verdict(said(3), [*names(3), "rabbit@n3"])
    assert found.answer == REFUSE
    assert "the inventory names rabbit@n3 as members" in found.sentences[0]
    assert verdict(said(3), names(3)).answer == GO
    assert verdict(said(3), []).answer == GO


def test_queues_whose_replicas_catch_up_are_waited_for():
    found = verdict(said(3, **critical(3, 5)))
    assert found.answer == WAIT
    assert "queue 'q0' in vhost '/', queue 'q1' in vhost '/' (2 in all)" in found.sentences[0]
    assert "`rabbitmq-queues quorum_status NAME` shows" in found.sentences[0]


def test_what_is_no_queue_is_waited_for_too():
    """From 4.x the broker names parts of itself too, such as the coordinator of streams."""
    asked = said(3, critical=[{"name": "coordinator", "replicas": 0}], critical_count=1)
    assert verdict(asked).answer == WAIT


@pytest.mark.parametrize("replicas", [1, 2])
def test_queues_with_too_few_replicas_are_refused(replicas):
    found = verdict(said(3, **critical(replicas)))
    assert found.answer == REFUSE
    assert "`rabbitmq-queues grow NODE all`" in found.sentences[0]
    assert verdict(said(3, **critical(replicas)), interrupts=True).answer == GO


def test_a_node_in_maintenance_has_stopped_its_replicas_already():
    assert verdict(said(3, {0: {"drained": True}}, **critical(3))).answer == GO


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"khepri": True}, "Khepri"),
        ({"khepri": False, "partition_handling": "pause_minority"}, "pauses the one that stays"),
    ],
)
def test_of_two_members_neither_is_spared_where_one_does_not_work_alone(fields, why):
    asked = said(2, {0: fields, 1: fields})
    found = verdict(asked)
    assert found.answer == REFUSE and why in found.sentences[0] and "third member" in found.sentences[0]
    accepted = verdict(asked, interrupts=True)
    assert accepted.answer == GO and accepted.sentences[1].startswith("the cluster has two members")


@pytest.mark.parametrize("handling", ["ignore", "autoheal"])
def test_of_two_members_on_mnesia_one_goes_on_alone(handling):
    fields = {"partition_handling": handling}
    assert verdict(said(2, {0: fields, 1: fields})).answer == GO


@pytest.mark.parametrize("count", range(3, 11))
@pytest.mark.parametrize("parted", [True, False])
def test_a_node_that_the_others_do_without_already_goes(count, parted):
    """The cure of a partition, also of one of milliseconds, is to restart the node that the others do not see."""
    members = names(count)
    others = {"sees": members[1:], "partitions": members[:1] if parted else []}
    own = {"sees": members[:1], "partitions": members[1:] if parted else []}
    found = verdict(said(count, {0: own, **{number: others for number in range(1, count)}}))
    assert found.answer == GO and "do without rabbit@n0 already" in found.sentences[0]
    # Of the others none goes while the first is not back.
    asked = {**said(count, {0: own, **{number: others for number in range(1, count)}}), "node": members[1]}
    assert verdict(asked).answer != GO


def test_of_two_neither_knows_which_is_cut_off():
    own, other = {"sees": names(2)[:1]}, {"sees": names(2)[1:]}
    assert verdict(said(2, {0: own, 1: other})).answer != GO


def test_many_names_are_counted():
    found = verdict(down(10, *range(1, 10)))
    assert len(found.sentences) == 9
    assert "rabbit@n5 and 4 more go on" in verdict(said(10)).sentences[0]


# --- a member that leaves for good --------------------------------------------------------------------------


def test_a_member_may_leave_whether_it_runs_or_not():
    leaving = names(3)[2]
    assert without(said(), leaving) == Verdict(GO, ())
    assert without(down(3, 2), leaving) == Verdict(GO, ())
    parted = said(changes={0: {"partitions": [leaving], "sees": names(2)}, 2: {"partitions": names(2)}})
    assert without(parted, leaving) == Verdict(GO, ()), "it is what is wrong"


def test_those_that_stay_have_to_run_and_agree():
    leaving = names(3)[2]
    found = without(down(3, 1), leaving)
    assert (
        found.answer == REFUSE
        and "rabbit@n1 is down" in found.sentences[0]
        and ACCEPT not in found.sentences[0]
    )
    parted = said(changes={0: {"partitions": [names(3)[1]]}})
    assert "the cluster is partitioned" in without(parted, leaving).sentences[0]
    assert without(said(changes={1: {"sees": names(1)}}), leaving).answer == WAIT
    assert without(said(changes={1: {"drained": True}}), leaving).answer == REFUSE
