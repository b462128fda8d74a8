"""What a plan refuses before any write, what pruning leaves alone, and what is said about old and rival policies."""

from __future__ import annotations

import pytest
from brokers.topology.document import expand
from brokers.topology.kinds.registry import read_current
from brokers.topology.model import Prune, QueueState, Snapshot
from brokers.topology.plan import plan, queues_at_stake
from brokers.topology.refusals import (
    cross_checks as validate,
    obsolete_keys as obsolete,
    rival_policies as shadows,
)

QUEUE = {
    "vhost": "v",
    "name": "q",
    "durable": True,
    "auto_delete": False,
    "arguments": {"x-queue-type": "quorum"},
}
BINDING = {
    "vhost": "v",
    "source": "e",
    "destination": "q",
    "destination_type": "queue",
    "routing_key": "k",
    "arguments": {},
}
EMPTY, BUSY = QueueState(0, 0), QueueState(12, 1)


def held(**sections):
    base = {
        "vhosts": [{"name": "v", "metadata": {}}],
        "users": [{"name": "admin", "password_hash": "", "tags": ["administrator"]}],
        "permissions": [{"user": "admin", "vhost": "v", "configure": ".*", "write": ".*", "read": ".*"}],
    }
    return read_current(Snapshot({**base, **sections}, (4, 0)))


def planned(document, current, states=None, **prune):
    return plan(expand(document), current, "admin", states, Prune(**prune))


def verbs(result):
    return [(action.verb, action.kind.name, action.label) for action in result.actions]


# --- what cannot be changed in place -----------------------------------------------------------------------------


def test_an_immutable_change_names_both_values_and_a_policy_where_one_would_do():
    document = {"queues": [{"vhost": "v", "name": "q", "arguments": {"x-max-length": 20}}]}
    current = held(queues=[{**QUEUE, "arguments": {"x-queue-type": "quorum", "x-max-length": 10}}])
    (refusal,) = planned(document, current).refusals
    assert refusal == (
        "queues[0]: queue 'q on v' exists and cannot be changed in place: x-max-length is 10 on the broker and "
        "20 here. Leave the arguments as they are and declare a policy, which does the same at once; or set "
        "`replace: when_empty` to have the queue recreated if it is empty and unused; or correct the declaration"
    )


@pytest.mark.parametrize(
    ("fields", "difference"),
    [
        ({"type": "classic"}, 'type is "quorum" on the broker and "classic" here'),
        ({"durable": False}, "durable is true on the broker and false here"),
        (
            {"arguments": {"x-single-active-consumer": True}},
            "x-single-active-consumer is not set on the broker",
        ),
    ],
)
def test_no_policy_is_offered_where_none_would_do(fields, difference):
    (refusal,) = planned({"queues": [{"vhost": "v", "name": "q", **fields}]}, held(queues=[QUEUE])).refusals
    assert difference in refusal and "policy" not in refusal


def test_an_exchange_is_not_offered_a_replacement():
    exchange = {
        "vhost": "v",
        "name": "e",
        "type": "direct",
        "durable": True,
        "auto_delete": False,
        "arguments": {},
    }
    (refusal,) = planned(
        {"exchanges": [{"vhost": "v", "name": "e", "type": "topic"}]}, held(exchanges=[exchange])
    ).refusals
    assert 'type is "direct" on the broker and "topic" here. Declare it under another name' in refusal


def test_an_empty_queue_is_replaced_with_its_bindings():
    document = {"queues": [{"vhost": "v", "name": "q", "type": "classic", "replace": "when_empty"}]}
    current = held(queues=[QUEUE], bindings=[BINDING, {**BINDING, "destination": "other"}])
    assert queues_at_stake(expand(document), current) == [("v", "q")]
    result = planned(document, current, {("v", "q"): EMPTY})
    assert result.refusals == () and verbs(result) == [("replace", "queues", "q on v")]
    assert result.actions[0].kept == (BINDING,)


@pytest.mark.parametrize(
    ("states", "said"), [({("v", "q"): BUSY}, "has 12 messages and 1 consumers"), ({}, "is not known")]
)
@pytest.mark.parametrize("item", [{"type": "classic", "replace": "when_empty"}, {"state": "absent"}])
def test_a_queue_in_use_is_neither_replaced_nor_removed(states, said, item):
    result = planned({"queues": [{"vhost": "v", "name": "q", **item}]}, held(queues=[QUEUE]), states)
    assert len(result.refusals) == 1 and said in result.refusals[0]


def test_force_removes_a_queue_in_use():
    document = {"queues": [{"vhost": "v", "name": "q", "state": "absent", "force": True}]}
    assert planned(document, held(queues=[QUEUE]), {}).refusals == ()


def test_a_virtual_host_is_not_removed_over_its_messages():
    document = {"vhosts": [{"name": "v", "state": "absent"}]}
    current = held(queues=[QUEUE])
    (refusal,) = planned(document, current, {("v", "q"): BUSY}).refusals
    assert "queue 'q' has 12 messages" in refusal and "force: true" in refusal
    assert planned(document, current, {("v", "q"): EMPTY}).refusals == ()
    assert planned({"vhosts": [{"name": "v", "state": "absent", "force": True}]}, current).refusals == ()


def test_a_protected_virtual_host_is_not_removed():
    current = held(vhosts=[{"name": "v", "metadata": {"protected_from_deletion": True}}])
    (refusal,) = planned({"vhosts": [{"name": "v", "state": "absent"}]}, current).refusals
    assert "protected from deletion" in refusal


def test_a_feature_flag_cannot_be_disabled():
    current = {"feature_flags": {("f",): {"name": "f"}}}
    (refusal,) = planned({"feature_flags": [{"name": "f", "state": "absent"}]}, current).refusals
    assert "cannot be undone" in refusal


def test_removing_a_queue_needs_a_permission():
    document = {"queues": [{"vhost": "v", "name": "q", "state": "absent"}]}
    current = held(queues=[QUEUE], permissions=[])
    (refusal,) = planned(document, current, {("v", "q"): EMPTY}).refusals
    assert "'admin', the user this run logs in with, has none on virtual host 'v'" in refusal
    document["permissions"] = [{"user": "admin", "vhost": "v", "configure": ".*"}]
    assert planned(document, current, {("v", "q"): EMPTY}).refusals == ()


# --- pruning -----------------------------------------------------------------------------------------------------


def queues(*names):
    return [{**QUEUE, "name": name} for name in names]


def test_nothing_is_pruned_unless_asked_for():
    assert planned({"queues": [{"vhost": "v", "name": "a"}]}, held(queues=queues("a", "b"))).actions == ()


def test_pruning_keeps_to_its_scope_and_to_what_is_not_declared():
    current = held(queues=[*queues("app.a", "app.b", "tmp"), {**QUEUE, "vhost": "w", "name": "app.c"}])
    states = {identity: EMPTY for identity in current["queues"]}
    scope = {"queues": {"vhost": "v", "name": r"app\..*"}}
    result = planned({"queues": [{"vhost": "v", "name": "app.a"}]}, current, states, scopes=scope)
    assert verbs(result) == [("delete", "queues", "app.b on v")]


def test_protected_names_are_not_pruned():
    current = held(queues=queues("a", "keep.a"))
    states = {identity: EMPTY for identity in current["queues"]}
    result = planned({}, current, states, scopes={"queues": {}}, protected=("keep.*",))
    assert verbs(result) == [("delete", "queues", "a on v")]


def test_queues_in_use_stay_with_a_warning():
    current = held(queues=queues("a", "b", "c"))
    result = planned({}, current, {("v", "a"): EMPTY, ("v", "b"): BUSY}, scopes={"queues": {}})
    assert verbs(result) == [("delete", "queues", "a on v")]
    assert [text.split(": ", 1)[1] for text in result.warnings] == [
        "queue 'b on v' stays: queue 'b' has 12 messages and 1 consumers",
        "queue 'c on v' stays: what queue 'c' holds is not known",
    ]


def test_the_acting_user_and_its_permissions_are_not_pruned():
    users = [{"name": name, "password_hash": "", "tags": ["administrator"]} for name in ("admin", "other")]
    result = planned({}, held(users=users), scopes={"users": {}, "permissions": {}})
    assert verbs(result) == [("delete", "users", "other")]


def test_the_limit_stops_a_run_that_would_prune_more():
    current = held(queues=queues(*"abcdef"))
    states = {identity: EMPTY for identity in current["queues"]}
    assert planned({}, current, states, scopes={"queues": {}}, limit=6).refusals == ()
    (refusal,) = planned({}, current, states, scopes={"queues": {}}, limit=5).refusals
    assert refusal.startswith("prune: 6 objects would be removed, the limit is 5: queue 'a on v'")
    assert refusal.endswith("or raise prune_limit")
    role = {"scopes": {"queues": {}}, "limit": 5, "prefix": "rabbitmq_topology_"}
    (refusal,) = planned({}, current, states, **role).refusals
    assert refusal.startswith("rabbitmq_topology_prune: 6 objects")
    assert refusal.endswith("or raise rabbitmq_topology_prune_limit")


@pytest.mark.parametrize(
    ("prune", "where"),
    [
        (Prune({"queue": {}}), "prune.queue:"),
        (Prune({"feature_flags": {}}), "prune.feature_flags:"),
        (Prune({"queues": "all"}), "prune.queues:"),
        (Prune({"queues": {"nme": "x"}}), "prune.queues.nme:"),
        (Prune({"queues": {"name": "("}}), "prune.queues.name:"),
        (Prune({"queues": {"name": 1}}), "prune.queues.name:"),
        (Prune({}, ("(",)), "prune_protected[0]:"),
    ],
)
def test_a_wrong_scope_is_refused(prune, where):
    (refusal,) = validate.prune_refusals(prune, "rabbitmq_topology_")
    assert refusal.startswith("rabbitmq_topology_" + where)


# --- versions ----------------------------------------------------------------------------------------------------

MIRRORED = {"policies": [{"vhost": "v", "name": "p", "pattern": "a", "definition": {"ha-mode": "all"}}]}
LAZY = {"queues": [{"vhost": "v", "name": "q", "arguments": {"x-queue-mode": "lazy"}}]}


@pytest.mark.parametrize(
    ("document", "version", "fatal"),
    [
        (MIRRORED, (3, 13), None),
        (MIRRORED, (4, 0), True),
        (LAZY, (3, 11), None),
        (LAZY, (3, 12), False),
        ({"queues": [{"vhost": "v", "name": "q", "arguments": {"x-queue-version": 1}}]}, (4, 3), True),
        ({"queues": [{"vhost": "v", "name": "q", "arguments": {"x-queue-version": 2}}]}, (4, 3), None),
    ],
)
def test_what_a_version_rejects_or_ignores_is_said(document, version, fatal):
    found = list(obsolete.found(expand(document), version))
    assert [is_fatal for _, is_fatal, _ in found] == ([] if fatal is None else [fatal])
    assert all(("rejects" if is_fatal else "ignores") in text for _, is_fatal, text in found)


@pytest.mark.parametrize(
    ("document", "version", "word"),
    [
        ({"vhosts": [{"name": "new", "default_queue_type": "quorum"}]}, (3, 9), "default_queue_type"),
        (
            {"vhosts": [{"name": "new", "protected_from_deletion": True}]},
            (4, 0, 5),
            "protected_from_deletion",
        ),
        ({"queues": [{"vhost": "v", "name": "s", "type": "stream"}]}, (3, 8, 9), "'stream'"),
        ({"users": [{"name": "admin", "limits": {"max-channels": 1}}]}, (3, 8, 9), "limits.max-channels"),
        ({"vhosts": [{"name": "v", "description": "new"}]}, (3, 8, 9), "cannot change it"),
    ],
)
def test_what_a_version_does_not_know_is_refused(document, version, word):
    ((refusal,),) = validate.refusals_against(expand(document), held(), Snapshot({}, version)).values()
    assert word in refusal and "upgrade the broker" in refusal


def on_the_policy(scope):
    policy = {"vhost": "v", "name": "p", "pattern": "", "definition": {"max-length": 1}, "apply_to": scope}
    return {"policies": [policy]}


@pytest.mark.parametrize(
    ("document", "last_without", "first_with"),
    [
        ({"vhosts": [{"name": "v", "description": "new"}]}, (3, 8, 35), (3, 9, 0)),
        ({"vhosts": [{"name": "v", "tags": ["new"]}]}, (3, 8, 35), (3, 9, 0)),
        ({"vhosts": [{"name": "new", "default_queue_type": "quorum"}]}, (3, 9, 29), (3, 10, 0)),
        ({"vhosts": [{"name": "v", "default_queue_type": "quorum"}]}, (3, 10, 25), (3, 11, 0)),
        ({"queues": [{"vhost": "v", "name": "s", "type": "stream"}]}, (3, 8, 35), (3, 9, 0)),
        ({"users": [{"name": "admin", "limits": {"max-channels": 1}}]}, (3, 8, 9), (3, 8, 10)),
        (
            {
                "queues": [
                    {"vhost": "v", "name": "new", "arguments": {"x-dead-letter-strategy": "at-least-once"}}
                ]
            },
            (3, 9, 29),
            (3, 10, 0),
        ),
        (on_the_policy("classic_queues"), (3, 11, 28), (3, 12, 0)),
        (on_the_policy("quorum_queues"), (3, 11, 28), (3, 12, 0)),
        (on_the_policy("streams"), (3, 11, 28), (3, 12, 0)),
    ],
)
def test_each_key_is_refused_up_to_the_version_before_the_first_that_has_it(
    document, last_without, first_with
):
    def refused(version):
        return list(validate.refusals_against(expand(document), held(), Snapshot({}, version)).values())

    ((refusal,),) = refused(last_without)
    assert f"{'.'.join(map(str, first_with)).removesuffix('.0')} is the first that" in refusal
    assert refused(first_with) == []


# --- rival policies ----------------------------------------------------------------------------------------------


def policy(name, pattern, **fields):
    return {"vhost": "v", "name": name, "pattern": pattern, "definition": {"max-length": 1}, **fields}


def rivals(*policies, **sections):
    return list(shadows.found(expand({"policies": list(policies), **sections}), {}))


def test_policies_of_one_priority_and_pattern_are_rivals():
    (refusal,) = rivals(policy("a", "^q"), policy("b", "^q"))
    assert (
        "policies[1].priority: is 0, as that of policy 'a' (policies[0]), and both apply to what matches '^q'"
        in refusal
    )


def test_policies_that_meet_on_a_declared_queue_are_rivals():
    queue = {"vhost": "v", "name": "q.x", "type": "quorum"}
    (refusal,) = rivals(policy("a", "^q"), policy("b", "x$", apply_to="queues"), queues=[queue])
    assert "queue 'q.x'" in refusal


def test_policies_that_do_not_meet_are_no_rivals():
    queue = {"vhost": "v", "name": "q.x", "type": "quorum"}
    assert rivals(policy("a", "^q"), policy("b", "^q", priority=1)) == []
    assert (
        rivals(policy("a", "^q", apply_to="exchanges"), policy("b", "^q", apply_to="queues"), queues=[queue])
        == []
    )
    assert rivals(policy("a", "^q", apply_to="streams"), policy("b", "x$"), queues=[queue]) == []
    assert rivals(policy("a", "^q"), policy("b", "^z"), queues=[queue]) == []


def test_a_policy_that_only_the_broker_can_read_is_no_rival():
    assert rivals(policy("a", "(?<n>q)"), policy("b", "q"), queues=[{"vhost": "v", "name": "q"}]) == []


def test_a_declared_policy_meets_one_of_the_broker():
    current = held(
        policies=[
            {"vhost": "v", "name": "old", "pattern": "^q", "definition": {}, "priority": 0, "apply-to": "all"}
        ]
    )
    assert len(list(shadows.found(expand({"policies": [policy("new", "^q")]}), current))) == 1
    assert (
        list(shadows.found(expand({"policies": [policy("old", "^q", definition={"a": 1})]}), current)) == []
    )
