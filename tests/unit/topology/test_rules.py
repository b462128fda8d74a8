"""Policies, limits, parameters and feature flags: how they are read from the broker and what is sent to it."""

from __future__ import annotations

import pytest
from brokers.rabbitmq.request import Request
from brokers.topology.document import expand
from brokers.topology.kinds import rules
from brokers.topology.kinds.registry import BY_NAME, read_current
from brokers.topology.model import Action, Context, Definition, Reference, Snapshot

CONTEXT = Context((3, 10, 8), "admin")
POLICY = {
    "vhost": "v",
    "name": "p",
    "pattern": "^a",
    "definition": {"max-length": 5},
    "priority": 2,
    "apply_to": "queues",
}


def current(kind, extra=None, **sections):
    return list(read_current(Snapshot(sections, (3, 10, 8), extra or {}))[kind].values())


def written(kind, item):
    action = Action("create", BY_NAME[kind], None, item, item, (), f"{kind}[0]")
    (write,) = BY_NAME[kind].write(action, CONTEXT)
    return write


def removed(kind, item):
    request = BY_NAME[kind].remove(item)
    return request.method, request.path


def references(kind, **values):
    return BY_NAME[kind].references(values)


def wire(policy):
    return {
        **{key: value for key, value in policy.items() if key != "apply_to"},
        "apply-to": policy["apply_to"],
    }


# --- policies -----------------------------------------------------------------------------------------------


def test_a_policy_is_sent_with_the_brokers_spelling_and_read_with_ours():
    assert written("policies", POLICY) == Definition("policies", wire(POLICY))
    assert current("policies", policies=[wire(POLICY)]) == [POLICY]


def test_an_operator_policy_is_a_parameter_of_the_broker():
    body = {key: value for key, value in wire(POLICY).items() if key not in ("vhost", "name")}
    parameter = {"vhost": "v", "name": "p", "component": "operator_policy", "value": body}
    assert written("operator_policies", POLICY) == Definition("parameters", parameter)
    others = [{**parameter, "component": component} for component in ("shovel", "vhost-limits")]
    assert current("operator_policies", parameters=[parameter, *others[:1]]) == [POLICY]


def test_a_whole_number_is_a_priority_however_the_broker_writes_it():
    (policy,) = current("policies", policies=[{**wire(POLICY), "priority": 2.0}])
    assert policy["priority"] == 2 and isinstance(policy["priority"], int)
    (policy,) = current("policies", policies=[{**wire(POLICY), "priority": 2.5}])
    assert policy["priority"] == 2.5


def test_a_policy_leads_to_its_exchanges_and_upstreams():
    vhost = Reference("vhost", "vhosts", ("v",))
    assert references("policies", vhost="v") == [vhost]
    named = {"dead-letter-exchange": "dlx", "federation-upstream": "up", "federation-upstream-set": "all"}
    assert references("policies", vhost="v", definition=named) == [
        vhost,
        Reference("definition.dead-letter-exchange", "exchanges", ("v", "dlx")),
        Reference("definition.federation-upstream", "parameters", ("federation-upstream", "v", "up")),
    ]


def test_what_a_policy_names_by_something_else_than_a_text_leads_nowhere():
    named = {"alternate-exchange": 5, "federation-upstream-set": ["a"]}
    assert references("policies", vhost="v", definition=named) == [Reference("vhost", "vhosts", ("v",))]


# --- limits -------------------------------------------------------------------------------------------------


def test_limits_are_sent_and_removed_one_by_one():
    item = {"vhost": "a/b", "name": "max-queues", "value": 5}
    assert written("vhost_limits", item) == Request("PUT", "/api/vhost-limits/a%2Fb/max-queues", {"value": 5})
    assert removed("vhost_limits", item) == ("DELETE", "/api/vhost-limits/a%2Fb/max-queues")
    item = {"user": "u", "name": "max-channels", "value": 5}
    assert written("user_limits", item) == Request("PUT", "/api/user-limits/u/max-channels", {"value": 5})


def test_limits_are_read_out_of_where_the_broker_keeps_them():
    parameter = {
        "vhost": "v",
        "name": "limits",
        "component": "vhost-limits",
        "value": {"max-queues": 5, "max-connections": 1},
    }
    other = {**parameter, "component": "shovel", "value": {"max-queues": 9}}
    assert current("vhost_limits", parameters=[parameter, other]) == [
        {"vhost": "v", "name": "max-queues", "value": 5},
        {"vhost": "v", "name": "max-connections", "value": 1},
    ]
    users = [{"name": "u", "limits": {"max-channels": 3}}, {"name": "w", "limits": []}, {"name": "x"}]
    users = [{"password_hash": "", "tags": [], **user} for user in users]
    assert current("user_limits", users=users) == [{"user": "u", "name": "max-channels", "value": 3}]


def test_a_limit_needs_its_owner_and_is_named_after_it():
    assert references("vhost_limits", vhost="v") == [Reference("vhost", "vhosts", ("v",))]
    assert references("user_limits", user="u") == [Reference("user", "users", ("u",))]
    assert BY_NAME["user_limits"].label({"user": "u", "name": "max-channels"}) == "max-channels of u"


# --- parameters ---------------------------------------------------------------------------------------------

UPSTREAM = {"component": "federation-upstream", "vhost": "v", "name": "u", "value": {"uri": "amqp://h"}}


def test_parameters_that_are_kinds_of_their_own_are_not_read_as_parameters():
    others = [
        {**UPSTREAM, "component": component} for component in ("operator_policy", "vhost-limits", "policy")
    ]
    for raw in others:
        raw["value"] = {}
    read = BY_NAME["parameters"].read(Snapshot({"parameters": [UPSTREAM, *others]}))
    assert read == [UPSTREAM]


@pytest.mark.parametrize(
    ("component", "kind"),
    [("operator_policy", "operator_policies"), ("vhost-limits", "vhost_limits"), ("policy", "policies")],
)
def test_who_declares_them_as_parameters_is_told_the_kind(component, kind):
    ((field, said),) = BY_NAME["parameters"].check({**UPSTREAM, "component": component})
    assert field == "component" and said.endswith(f"declare it in {kind}")
    assert not list(BY_NAME["parameters"].check(UPSTREAM))


def test_a_parameter_is_sent_whole_and_removed_by_its_three_names():
    assert written("parameters", UPSTREAM) == Definition("parameters", UPSTREAM)
    assert removed("parameters", UPSTREAM) == ("DELETE", "/api/parameters/federation-upstream/v/u")
    assert BY_NAME["parameters"].label(UPSTREAM) == "federation-upstream u on v"


def test_a_set_of_upstreams_leads_to_each_by_its_place():
    members = [{"upstream": "u"}, "odd", {"exchange": "e"}, {"upstream": "w"}]
    found = references("parameters", component="federation-upstream-set", vhost="v", value=members)
    assert found[1:] == [
        Reference("value[0].upstream", "parameters", ("federation-upstream", "v", "u")),
        Reference("value[3].upstream", "parameters", ("federation-upstream", "v", "w")),
    ]
    assert len(references("parameters", component="shovel", vhost="v", value=members)) == 1


def test_global_parameters_of_the_broker_and_of_this_project_are_nobodys():
    names = ["cluster_tags", None, "internal_cluster_id", "brokerkit.replacing.1"]
    held = [{"name": name, "value": 1} for name in names]
    assert [item["name"] for item in current("global_parameters", global_parameters=held)] == [
        "cluster_tags",
        "",
    ]
    assert removed("global_parameters", {"name": "a b"}) == ("DELETE", "/api/global-parameters/a%20b")


def test_passwords_in_nested_values_are_masked_and_the_rest_is_not():
    value = {"uri": ["amqp://me:s3cret@h", "amqp://h"], "ack-mode": "on-confirm", "prefetch": 5}
    masked = {"uri": ["amqp://me:********@h", "amqp://h"], "ack-mode": "on-confirm", "prefetch": 5}
    assert rules.without_passwords(value) == masked


# --- feature flags ------------------------------------------------------------------------------------------

FLAGS = {rules.FEATURE_FLAGS: [{"name": "a", "state": "enabled"}, {"name": "b", "state": "disabled"}]}


def test_only_feature_flags_that_are_enabled_are_there():
    assert current("feature_flags", FLAGS) == [{"name": "a"}]
    assert written("feature_flags", {"name": "b"}) == Request(
        "PUT", "/api/feature-flags/b/enable", {"name": "b"}
    )


def test_feature_flags_are_read_only_where_some_are_declared():
    reads = BY_NAME["feature_flags"].further_reads
    assert reads(expand({"feature_flags": [{"name": "a"}]}), Snapshot({})) == [rules.FEATURE_FLAGS]
    assert reads({**expand({}), "feature_flags": []}, Snapshot({})) == []


def test_a_feature_flag_that_the_broker_does_not_know_is_refused_with_those_it_has():
    check = BY_NAME["feature_flags"].check_on_broker
    ((field, said),) = check({"name": "c"}, Snapshot({}, (), FLAGS))
    assert field == "name" and said.endswith("it has a, b")
    assert not list(check({"name": "b"}, Snapshot({}, (), FLAGS)))
    assert not list(check({"name": "c"}, Snapshot({})))
