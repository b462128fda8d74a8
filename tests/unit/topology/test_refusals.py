"""Wrong documents: each is refused by the name of the variable, before any broker is asked."""

from __future__ import annotations

import pytest
from brokers.rabbitmq import passwords
from brokers.topology import converge
from brokers.topology.document import expand
from brokers.topology.kinds.registry import KINDS, read_current
from brokers.topology.model import Snapshot
from brokers.topology.plan import plan
from brokers.topology.refusals import cross_checks as validate

LONG = "n" * 256
HASH = passwords.make_hash("x")

# (document, where the sentence points, a word of what it says)
WRONG = [
    ({"vhosts": "orders"}, "vhosts:", "list"),
    ({"vhosts": {"name": "orders"}}, "vhosts:", "list"),
    ({"vhosts": ["orders"]}, "vhosts[0]:", "dictionary"),
    ({"vhosts": [None]}, "vhosts[0]:", "dictionary"),
    ({"vhosts": [{}]}, "vhosts[0].name:", "missing"),
    ({"vhosts": [{"name": None}]}, "vhosts[0].name:", "missing"),
    ({"vhosts": [{"name": ""}]}, "vhosts[0].name:", "empty"),
    ({"vhosts": [{"name": 7}]}, "vhosts[0].name:", "quotes"),
    ({"vhosts": [{"name": True}]}, "vhosts[0].name:", "quotes"),
    ({"vhosts": [{"name": 1.5}]}, "vhosts[0].name:", "quotes"),
    ({"vhosts": [{"name": ["a"]}]}, "vhosts[0].name:", "text"),
    ({"vhosts": [{"name": LONG}]}, "vhosts[0].name:", "256 bytes"),
    ({"vhosts": [{"name": "ü" * 128}]}, "vhosts[0].name:", "256 bytes"),
    ({"vhosts": [{"name": "a", "descripton": "x"}]}, "vhosts[0].descripton:", "no such key"),
    ({"vhosts": [{"name": "a", "description": 1}]}, "vhosts[0].description:", "quotes"),
    ({"vhosts": [{"name": "a", "tags": "x"}]}, "vhosts[0].tags:", "list"),
    ({"vhosts": [{"name": "a", "tags": [1]}]}, "vhosts[0].tags:", "list"),
    ({"vhosts": [{"name": "a", "tags": {"x": 1}}]}, "vhosts[0].tags:", "list"),
    ({"vhosts": [{"name": "a", "tags": ["x,y"]}]}, "vhosts[0].tags:", "commas"),
    (
        {"vhosts": [{"name": "a", "default_queue_type": "quorumm"}]},
        "vhosts[0].default_queue_type:",
        "not one of",
    ),
    ({"vhosts": [{"name": "a", "state": "gone"}]}, "vhosts[0].state:", "absent"),
    ({"vhosts": [{"name": "a", "state": False}]}, "vhosts[0].state:", "absent"),
    (
        {"vhosts": [{"name": "a"}, {"name": "b"}, {"name": "a"}]},
        "vhosts[2]:",
        "already declared at rabbitmq_topology_vhosts[0]",
    ),
    ({"vhost": [{"name": "a"}]}, "vhost:", "no such kind"),
    ({"users": [{"password": "x"}]}, "users[0].name:", "missing"),
    ({"users": [{"name": "u", "password": ""}]}, "users[0].password:", "empty"),
    ({"users": [{"name": "u", "password": 12345}]}, "users[0].password:", "quotes"),
    ({"users": [{"name": "u", "passwort": "x"}]}, "users[0].passwort:", "no such key"),
    (
        {"users": [{"name": "u", "password": "x", "password_hash": HASH}]},
        "users[0].password:",
        "one of the two",
    ),
    ({"users": [{"name": "u", "password_hash": "!!"}]}, "users[0].password_hash:", "base64"),
    ({"users": [{"name": "u", "password_hash": "c2hvcnQ="}]}, "users[0].password_hash:", "5 bytes"),
    ({"users": [{"name": "u", "password_hash": ""}]}, "users[0].password_hash:", "0 bytes"),
    (
        {"users": [{"name": "u", "password_hash": HASH, "hashing_algorithm": "md5"}]},
        "users[0].hashing_algorithm:",
        "sha256",
    ),
    ({"users": [{"name": "u", "hashing_algorithm": "sha1"}]}, "users[0].hashing_algorithm:", "not one of"),
    ({"users": [{"name": "u", "tags": "administrator"}]}, "users[0].tags:", "list"),
    ({"users": [{"name": "u", "tags": ["admin"]}]}, "users[0].tags:", "'admin' is not a tag"),
    ({"users": [{"name": "u"}, {"name": "u"}]}, "users[1]:", "already declared"),
    ({"users": [{"name": "u", "permissions": {"vhost": "/"}}]}, "users[0].permissions:", "list"),
    ({"users": [{"name": "u", "permissions": [{}]}]}, "users[0].permissions[0].vhost:", "missing"),
    (
        {"users": [{"name": "u", "permissions": [{"vhost": "/", "user": "v"}]}]},
        "users[0].permissions[0].user:",
        "no such key",
    ),
    (
        {"users": [{"name": "u", "permissions": [{"vhost": "/", "read": "("}]}]},
        "users[0].permissions[0].read:",
        "expression",
    ),
    (
        {"users": [{"name": "u", "state": "absent", "permissions": [{"vhost": "/"}]}]},
        "users[0].permissions:",
        "absent",
    ),
    ({"permissions": [{"user": "u"}]}, "permissions[0].vhost:", "missing"),
    ({"permissions": [{"vhost": "/"}]}, "permissions[0].user:", "missing"),
    (
        {"permissions": [{"user": "u", "vhost": "/", "configure": "*"}]},
        "permissions[0].configure:",
        "expression",
    ),
    ({"permissions": [{"user": "u", "vhost": "/", "write": "[a"}]}, "permissions[0].write:", "expression"),
    ({"permissions": [{"user": "u", "vhost": "/", "read": 1}]}, "permissions[0].read:", "quotes"),
    (
        {
            "users": [{"name": "u", "permissions": [{"vhost": "/"}]}],
            "permissions": [{"user": "u", "vhost": "/"}],
        },
        "permissions[0]:",
        "already declared at rabbitmq_topology_users[0].permissions[0]",
    ),
    (
        {"vhosts": [{"name": "v", "state": "absent"}], "permissions": [{"user": "u", "vhost": "v"}]},
        "permissions[0].vhost:",
        "declared absent",
    ),
]


Q = {"vhost": "v", "name": "q"}
B = {"vhost": "v", "source": "e", "destination": "q"}
P = {"vhost": "v", "name": "p", "pattern": "a", "definition": {"max-length": 1}}
S = {"component": "shovel", "vhost": "v", "name": "s", "value": {}}
F = {"component": "federation-upstream-set", "vhost": "v", "name": "s"}
T = {"user": "u", "vhost": "v", "exchange": "amq.topic"}
GONE = {"state": "absent"}

WRONG += [
    ({"vhosts": [{"name": "v", "tracing": "yes"}]}, "vhosts[0].tracing:", "true or false"),
    (
        {"vhosts": [{"name": "v", "protected_from_deletion": 1}]},
        "vhosts[0].protected_from_deletion:",
        "true or false",
    ),
    ({"vhosts": [{"name": "v", "limits": ["max-queues"]}]}, "vhosts[0].limits:", "dictionary"),
    ({"vhosts": [{"name": "v", "limits": {"max_queues": 1}}]}, "vhosts[0].limits.max_queues:", "not one of"),
    (
        {"vhosts": [{"name": "v", "limits": {"max-queues": "1"}}]},
        "vhosts[0].limits.max-queues:",
        "whole number",
    ),
    (
        {"vhosts": [{"name": "v", "limits": {"max-queues": True}}]},
        "vhosts[0].limits.max-queues:",
        "whole number",
    ),
    ({"vhosts": [{"name": "v", **GONE, "limits": {"max-queues": 1}}]}, "vhosts[0].limits:", "absent"),
    ({"vhost_limits": [{"vhost": "v", "name": "max-queues"}]}, "vhost_limits[0].value:", "missing"),
    (
        {
            "vhosts": [{"name": "v", "limits": {"max-queues": 1}}],
            "vhost_limits": [{"vhost": "v", "name": "max-queues", "value": 2}],
        },
        "vhost_limits[0]:",
        "already declared at rabbitmq_topology_vhosts[0].limits.max-queues",
    ),
    ({"users": [{"name": "u", "limits": {"max-queues": 1}}]}, "users[0].limits.max-queues:", "not one of"),
    ({"users": [{"name": "u", "limits": 5}]}, "users[0].limits:", "dictionary"),
    (
        {"user_limits": [{"user": "u", "name": "max-channels", "value": 1.5}]},
        "user_limits[0].value:",
        "whole number",
    ),
    ({"topic_permissions": [{**T, "write": "("}]}, "topic_permissions[0].write:", "expression"),
    ({"topic_permissions": [{**T, "configure": "a"}]}, "topic_permissions[0].configure:", "no such key"),
    (
        {"users": [{"name": "u", "topic_permissions": [{"vhost": "v"}]}]},
        "users[0].topic_permissions[0].exchange:",
        "missing",
    ),
    ({"policies": [{**P, "pattern": "("}]}, "policies[0].pattern:", "expression"),
    ({"policies": [{**P, "definition": []}]}, "policies[0].definition:", "dictionary"),
    ({"policies": [{"vhost": "v", "name": "p", "pattern": "a"}]}, "policies[0].definition:", "missing"),
    ({"policies": [{"vhost": "v", "name": "p", "definition": {}}]}, "policies[0].pattern:", "missing"),
    ({"policies": [{**P, "priority": "1"}]}, "policies[0].priority:", "whole number"),
    ({"policies": [{**P, "apply_to": "queue"}]}, "policies[0].apply_to:", "not one of"),
    ({"policies": [{**P, "apply-to": "queues"}]}, "policies[0].apply-to:", "no such key"),
    ({"operator_policies": [{**P, "apply_to": "exchanges"}]}, "operator_policies[0].apply_to:", "not one of"),
    ({"operator_policies": [{**P, "name": ""}]}, "operator_policies[0].name:", "empty"),
    ({"parameters": [{"component": "shovel", "vhost": "v", "name": "s"}]}, "parameters[0].value:", "missing"),
    (
        {"parameters": [{**S, "component": "operator_policy"}]},
        "parameters[0].component:",
        "operator_policies",
    ),
    ({"parameters": [{**S, "component": "vhost-limits"}]}, "parameters[0].component:", "vhost_limits"),
    (
        {
            "parameters": [
                {**S, "component": "federation-upstream", **GONE},
                {**F, "value": [{"upstream": "s"}]},
            ]
        },
        "parameters[1].value[0].upstream:",
        "declared absent",
    ),
    ({"global_parameters": [{"name": "g"}]}, "global_parameters[0].value:", "missing"),
    ({"exchanges": [{"vhost": "v", "name": "amq.mine"}]}, "exchanges[0].name:", "amq."),
    ({"exchanges": [{"vhost": "v", "name": ""}]}, "exchanges[0].name:", "empty"),
    (
        {"exchanges": [{"vhost": "v", "name": "e", "durable": "true"}]},
        "exchanges[0].durable:",
        "true or false",
    ),
    (
        {"exchanges": [{"vhost": "v", "name": "e", "arguments": ["a"]}]},
        "exchanges[0].arguments:",
        "dictionary",
    ),
    (
        {"exchanges": [{"vhost": "v", "name": "e", "arguments": {"a": None}}]},
        "exchanges[0].arguments:",
        "without a value",
    ),
    (
        {
            "exchanges": [
                {"vhost": "v", "name": "gone", **GONE},
                {"vhost": "v", "name": "e", "arguments": {"alternate-exchange": "gone"}},
            ]
        },
        "exchanges[1].arguments.alternate-exchange:",
        "declared absent",
    ),
    ({"queues": [{**Q, "name": "amq.gen-1"}]}, "queues[0].name:", "amq."),
    ({"queues": [{**Q, "name": LONG}]}, "queues[0].name:", "256 bytes"),
    ({"queues": [{**Q, "type": 1}]}, "queues[0].type:", "quotes"),
    ({"queues": [{**Q, "type": "quorum", "durable": False}]}, "queues[0].durable:", "always durable"),
    (
        {"queues": [{**Q, "type": "quorum", "arguments": {"x-queue-type": "classic"}}]},
        "queues[0].type:",
        "one of the two",
    ),
    ({"queues": [{**Q, "arguments": {"x-own": [1, None]}}]}, "queues[0].arguments:", "without a value"),
    ({"queues": [{**Q, "arguments": {1: "a"}}]}, "queues[0].arguments:", "quotes"),
    ({"queues": [{**Q, "arguments": "x-max-length=1"}]}, "queues[0].arguments:", "dictionary"),
    ({"queues": [{**Q, "auto_delete": "no"}]}, "queues[0].auto_delete:", "true or false"),
    ({"queues": [{**Q, "exclusive": True}]}, "queues[0].exclusive:", "no such key"),
    ({"queues": [{**Q, "replace": "always"}]}, "queues[0].replace:", "not one of"),
    ({"queues": [{**Q, "force": "yes"}]}, "queues[0].force:", "true or false"),
    ({"queues": [{**Q, "bindings": [{}]}]}, "queues[0].bindings[0].source:", "missing"),
    ({"queues": [{**Q, "bindings": [{"source": ""}]}]}, "queues[0].bindings[0].source:", "default exchange"),
    (
        {"queues": [{**Q, "bindings": [{"source": "e", "destination": "q"}]}]},
        "queues[0].bindings[0].destination:",
        "no such key",
    ),
    ({"queues": [{**Q, **GONE, "bindings": [{"source": "e"}]}]}, "queues[0].bindings:", "absent"),
    ({"bindings": [{**B, "destination_type": "topic"}]}, "bindings[0].destination_type:", "not one of"),
    ({"bindings": [{**B, "routing_key": 5}]}, "bindings[0].routing_key:", "quotes"),
    ({"bindings": [{**B, "routing_key": LONG}]}, "bindings[0].routing_key:", "256 bytes"),
    ({"bindings": [{**B, "arguments": {"x-match": None}}]}, "bindings[0].arguments:", "without a value"),
    ({"bindings": [B, {**B, "routing_key": "", "arguments": {}}]}, "bindings[1]:", "already declared"),
    ({"bindings": [B], "queues": [{**Q, **GONE}]}, "bindings[0].destination:", "declared absent"),
    (
        {"bindings": [B], "exchanges": [{"vhost": "v", "name": "e", **GONE}]},
        "bindings[0].source:",
        "declared absent",
    ),
    ({"feature_flags": [{"name": "a", "enabled": True}]}, "feature_flags[0].enabled:", "no such key"),
]

# What is wrong whatever the kind: made for each of them, so that a new kind is tested with the rest.
EXAMPLES = {
    "vhosts": {"name": "v"}, "vhost_limits": {"vhost": "v", "name": "max-queues", "value": 1}, "users": {"name": "u"},
    "user_limits": {"user": "u", "name": "max-channels", "value": 1}, "permissions": {"user": "u", "vhost": "v"},
    "topic_permissions": T, "policies": P, "operator_policies": P, "parameters": S,
    "global_parameters": {"name": "g", "value": 1}, "exchanges": {"vhost": "v", "name": "e"}, "queues": Q,
    "bindings": B, "feature_flags": {"name": "f"},
}  # fmt: skip
for kind in KINDS:
    item = EXAMPLES[kind.name]
    WRONG += [
        ({kind.name: item}, f"{kind.name}:", "list"),
        ({kind.name: [item, "text"]}, f"{kind.name}[1]:", "dictionary"),
        ({kind.name: [{**item, "nmae": "x"}]}, f"{kind.name}[0].nmae:", "no such key"),
        ({kind.name: [{**item, "state": "gone"}]}, f"{kind.name}[0].state:", "absent"),
        ({kind.name: [item, item]}, f"{kind.name}[1]:", "already declared"),
    ]
    for part in kind.identity:
        if part.required:
            others = {key: value for key, value in item.items() if key != part.name}
            WRONG += [
                ({kind.name: [others]}, f"{kind.name}[0].{part.name}:", "missing"),
                ({kind.name: [{**others, part.name: 7}]}, f"{kind.name}[0].{part.name}:", "quotes"),
            ]


def test_there_are_enough_of_them():
    assert len(WRONG) >= 200 and set(EXAMPLES) == {kind.name for kind in KINDS}


@pytest.mark.parametrize(
    ("document", "where", "word"), WRONG, ids=[f"{where} {word}" for _, where, word in WRONG]
)
def test_is_refused_by_name(document, where, word):
    refusals = validate.refusals(document, "rabbitmq_topology_")
    assert len(refusals) == 1, refusals
    assert refusals[0].startswith("rabbitmq_topology_" + where), refusals
    assert word in refusals[0]


class Untouched:
    """A client that may not be used."""

    def __getattr__(self, name):
        raise AssertionError(f"the broker was asked: {name}")


@pytest.mark.parametrize("document", [document for document, _, _ in WRONG])
def test_no_broker_is_asked_before_it_is_refused(document):
    with pytest.raises(converge.Refused):
        converge.converge(Untouched(), converge.Wanted(document, "rabbitmq_topology_"))


def test_all_refusals_come_at_once():
    assert len(validate.refusals({"vhosts": [{"name": ""}, {"nam": 1}], "users": [{"name": 1}]})) == 4


def test_secrets_do_not_appear_in_refusals():
    document = {"users": [{"name": "u", "password": ["hush"]}, {"name": "v", "password_hash": "hush!"}]}
    refusals = validate.refusals(document)
    assert len(refusals) == 2
    assert "hush" not in " ".join(refusals)


def test_a_right_document_is_not_refused():
    document = {
        "vhosts": [
            {"name": "/", "description": "", "tags": []},
            {"name": "a b%\n/ü", "default_queue_type": "quorum"},
        ],
        "users": [
            {
                "name": "u",
                "password": "x",
                "tags": ["administrator"],
                "permissions": [{"vhost": "/", "read": ".*"}],
            },
            {"name": "v", "password_hash": HASH},
            {"name": "gone", "state": "absent"},
        ],
        "permissions": [{"user": "v", "vhost": "/", "configure": "", "write": "^(a|b)$", "read": "^$"}],
    }
    assert validate.refusals(document, closed=True) == []
    assert validate.refusals({}) == []


@pytest.mark.parametrize(
    "pattern", [r"(?<name>a)", r"a*+b", r"\Qa.b\E", r"[[:alpha:]]+", r"(?>a)b", r"\p{L}"]
)
def test_what_only_the_brokers_regular_expressions_know_is_left_to_the_broker(pattern):
    assert validate.refusals({"permissions": [{"user": "u", "vhost": "/", "read": pattern}]}) == []


def test_custom_tags_are_accepted_when_listed():
    document = {"users": [{"name": "u", "tags": ["my-tag"]}]}
    assert validate.refusals(document) and not validate.refusals(document, extra_tags=["my-tag"])


def test_a_closed_document_may_refer_to_itself_only():
    document = {"users": [{"name": "u"}], "permissions": [{"user": "u", "vhost": "foo"}]}
    assert validate.refusals(document) == []
    assert validate.refusals(document, "rabbitmq_topology_", closed=True) == [
        "rabbitmq_topology_permissions[0].vhost: 'foo' is not declared in rabbitmq_topology_vhosts; "
        "add it there or correct the name"
    ]


def against(document, version=(3, 10, 8), **sections):
    current = read_current(Snapshot(sections, version))
    found = validate.refusals_against(
        expand(document, "rabbitmq_topology_"), current, Snapshot(sections, version), "rabbitmq_topology_"
    )
    return [text for texts in found.values() for text in texts]


def test_a_name_that_is_neither_declared_nor_on_the_broker_is_refused():
    document = {"permissions": [{"user": "u", "vhost": "foo"}]}
    assert against(document, users=[{"name": "u"}]) == [
        "rabbitmq_topology_permissions[0].vhost: 'foo' is neither declared in rabbitmq_topology_vhosts nor "
        "on the "
        "broker; add it there or correct the name"
    ]
    assert against(document, users=[{"name": "u"}], vhosts=[{"name": "foo"}]) == []


def test_an_empty_plan_needs_no_reference():
    assert against({"permissions": [{"user": "u", "vhost": "foo", "state": "absent"}]}) == []
    assert plan(expand({}), {}).actions == ()
