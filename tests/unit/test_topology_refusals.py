"""Wrong documents: each is refused by the name of the variable, before any broker is asked."""

from __future__ import annotations

import pytest
from brokers import passwords, validate
from brokers.document import expand
from brokers.kinds import read_current
from brokers.model import Snapshot
from brokers.plan import plan

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
        "shall be absent",
    ),
]


@pytest.mark.parametrize(
    ("document", "where", "word"), WRONG, ids=[f"{where} {word}" for _, where, word in WRONG]
)
def test_is_refused_by_name(document, where, word):
    refusals = validate.refusals(document, "rabbitmq_topology_")
    assert len(refusals) == 1, refusals
    assert refusals[0].startswith("rabbitmq_topology_" + where), refusals
    assert word in refusals[0]


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
    return validate.refusals_against(
        expand(document, "rabbitmq_topology_"), current, Snapshot(sections, version), "rabbitmq_topology_"
    )


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
