"""The plan for people: which objects and fields are on which side, and how a value is written."""

from __future__ import annotations

import pytest
import yaml
from brokers.topology import diff
from brokers.topology.document import expand
from brokers.topology.kinds.registry import read_current
from brokers.topology.model import Snapshot
from brokers.topology.plan import plan
from hypothesis import given, settings, strategies as st

VERSION = (3, 10, 8)
ADMIN = {"name": "admin", "password_hash": "", "tags": ["administrator"]}
POLICY = {"vhost": "v", "name": "p", "pattern": "^a", "definition": {"max-length": 5}, "priority": 0}


def actions(document, **sections):
    current = read_current(Snapshot({"users": [ADMIN], "vhosts": [{"name": "v"}], **sections}, VERSION))
    return plan(expand(document), current, "admin").actions


def test_a_new_object_is_on_one_side_with_all_that_it_gets():
    shown = diff.render(actions({"policies": [{**POLICY, "apply_to": "queues"}]}))
    assert shown["before"] == ""
    assert yaml.safe_load(shown["after"]) == {"policies": [{**POLICY, "apply_to": "queues"}]}


def test_of_a_changed_object_both_sides_have_its_name_and_what_differs():
    held = {**POLICY, "apply-to": "all"}
    (action,) = actions({"policies": [{**POLICY, "priority": 3}]}, policies=[held])
    shown = diff.render([action])
    assert shown["before"] == "policies:\n  - vhost: v\n    name: p\n    priority: 0\n"
    assert shown["after"] == "policies:\n  - vhost: v\n    name: p\n    priority: 3\n"
    assert diff.listing([action]) == [
        {"action": "update", "kind": "policies", "name": "p on v", "fields": ["priority"]}
    ]


def test_of_a_removed_object_what_every_new_one_has_is_left_out():
    held = {**POLICY, "apply-to": "queues"}
    document = {"policies": [{"vhost": "v", "name": "p", "state": "absent"}]}
    shown = diff.render(actions(document, policies=[held]))
    assert shown["after"] == ""
    assert yaml.safe_load(shown["before"]) == {
        "policies": [
            {
                "vhost": "v",
                "name": "p",
                "pattern": "^a",
                "definition": {"max-length": 5},
                "apply_to": "queues",
            }
        ]
    }


def test_a_list_names_the_fields_that_were_declared_of_a_new_object():
    (found,) = diff.listing(actions({"policies": [POLICY]}))
    assert found["action"] == "create" and found["fields"] == ["pattern", "definition", "priority"]


def test_kinds_stand_in_the_order_in_which_they_are_written_and_objects_in_that_of_their_names():
    document = {
        "policies": [POLICY, {**POLICY, "name": "a"}],
        "vhosts": [{"name": "w"}, {"name": "u"}],
    }
    found = yaml.safe_load(diff.render(actions(document))["after"])
    assert list(found) == ["vhosts", "policies"]
    assert [item["name"] for item in found["vhosts"]] == ["u", "w"]
    assert [item["name"] for item in found["policies"]] == ["a", "p"]


def test_tags_are_sorted_because_their_order_means_nothing():
    (action,) = actions({"vhosts": [{"name": "v", "tags": ["z", "a"]}]})
    assert "tags: [a, z]\n" in diff.render([action])["after"]


def test_where_only_a_masked_password_differs_both_sides_say_so():
    uri = "amqp://me:{}@192.0.2.1"
    upstream = {"vhost": "v", "component": "federation-upstream", "name": "u"}
    held = {**upstream, "value": {"uri": uri.format("old-Secret")}}
    wanted = {**upstream, "value": {"uri": uri.format("new-Secret")}}
    shown = diff.render(actions({"parameters": [wanted]}, parameters=[held]))
    assert "Secret" not in str(shown)
    assert shown["before"].rstrip().endswith("# a masked password differs")
    assert shown["after"].rstrip().endswith("# as declared")


def test_where_more_than_a_masked_password_differs_the_values_say_it():
    upstream = {"vhost": "v", "component": "federation-upstream", "name": "u"}
    held = {**upstream, "value": {"uri": "amqp://me:old-Secret@192.0.2.1"}}
    wanted = {**upstream, "value": {"uri": "amqp://me:new-Secret@192.0.2.2"}}
    shown = diff.render(actions({"parameters": [wanted]}, parameters=[held]))
    assert "#" not in shown["before"] + shown["after"] and "Secret" not in str(shown)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("orders", "orders"),
        ("two words", "two words"),
        ("ends with a blank ", '"ends with a blank "'),
        ("", '""'),
        ("^a", '"^a"'),
        ("no", '"no"'),
        ("1e5", '"1e5"'),
        ("0x1f", '"0x1f"'),
        ("größer", '"größer"'),
        (5, "5"),
        (True, "true"),
        ({"b": 1, "a": [2]}, '{"a": [2], "b": 1}'),
    ],
)
def test_plain_words_are_bare_and_all_else_is_json(value, written):
    assert diff.scalar(value) == written


# Without control characters, which PyYAML refuses to read also where JSON allows them.
WORDS = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), max_size=8)


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text("abc09 .-_~@/:#'xeE+", max_size=8), WORDS, st.integers(), st.booleans()))
def test_a_value_that_is_written_is_read_as_the_same(value):
    assert yaml.safe_load(diff.scalar(value)) == value
