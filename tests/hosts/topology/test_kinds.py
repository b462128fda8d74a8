"""Every kind of object, on every broker: created, unchanged, changed, unchanged, removed; each in check mode
first.

The plan and the diff are compared exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from brokers.rabbitmq import passwords
from brokers.topology import queue_states as queues
from brokers.topology.converge import Refused
from brokers_under_test import Broker, Result

HASH = passwords.make_hash("first", "sha256", b"salt")
OTHER_HASH = passwords.make_hash("second", "sha512", b"salt")


@dataclass
class Case:
    """A document, a change of it and its removal, with the diffs they are to show.

    ``around`` has to be there before and is removed afterwards; ``since`` is the first version that can do it all.
    """

    name: str
    first: dict[str, Any]
    created: str
    second: dict[str, Any]
    before: str
    after: str
    removed: dict[str, Any]
    gone: str
    around: dict[str, Any] = field(default_factory=dict)
    since: tuple[int, ...] = ()


VHOST = "bk/t %ü"
HOME = {"vhosts": [{"name": VHOST}]}
PEOPLE = {"vhosts": [{"name": VHOST}], "users": [{"name": "bk t"}]}
POLICY = {"vhost": VHOST, "name": "p 1"}
SHOVEL = {"component": "shovel", "vhost": VHOST, "name": "s/1"}
ENDS = {
    "src-protocol": "amqp091",
    "src-queue": "a",
    "dest-protocol": "amqp091",
    "dest-uri": "amqp://",
    "dest-queue": "b",
}
GONE = {"state": "absent"}
UPSTREAM = {
    "component": "federation-upstream",
    "vhost": VHOST,
    "name": "up 1",
    "value": {"uri": "amqp://u:one@127.0.0.1"},
}
SET = {
    "component": "federation-upstream-set",
    "vhost": VHOST,
    "name": "set 1",
    "value": [{"upstream": "up 1"}],
}
HEADERS = {
    "vhost": VHOST,
    "source": "amq.headers",
    "destination": "q 1",
    "arguments": {"x-match": "all", "n": 1, "b": True},
}

CASES = [
    Case(
        "virtual host",
        {"vhosts": [{"name": "bk/1 %ü\n", "description": "first", "tags": ["b", "a"]}]},
        'vhosts:\n  - name: "bk/1 %ü\\n"\n    description: first\n    tags: [a, b]\n',
        {"vhosts": [{"name": "bk/1 %ü\n", "tags": ["a", "c"]}]},
        'vhosts:\n  - name: "bk/1 %ü\\n"\n    tags: [a, b]\n',
        'vhosts:\n  - name: "bk/1 %ü\\n"\n    tags: [a, c]\n',
        {"vhosts": [{"name": "bk/1 %ü\n", "state": "absent"}]},
        'vhosts:\n  - name: "bk/1 %ü\\n"\n    description: first\n    tags: [a, c]\n',
        since=(3, 9),
    ),
    Case(
        "default queue type",
        {"vhosts": [{"name": "bk", "default_queue_type": "quorum"}]},
        'vhosts:\n  - name: bk\n    description: ""\n    tags: []\n    default_queue_type: quorum\n',
        {"vhosts": [{"name": "bk", "default_queue_type": "stream"}]},
        "vhosts:\n  - name: bk\n    default_queue_type: quorum\n",
        "vhosts:\n  - name: bk\n    default_queue_type: stream\n",
        {"vhosts": [{"name": "bk", "state": "absent"}]},
        "vhosts:\n  - name: bk\n    default_queue_type: stream\n",
        since=(3, 11),
    ),
    Case(
        "tracing",
        {"vhosts": [{"name": "bk", "tracing": True}]},
        'vhosts:\n  - name: bk\n    description: ""\n    tags: []\n    tracing: true\n',
        {"vhosts": [{"name": "bk", "tracing": False}]},
        "vhosts:\n  - name: bk\n    tracing: true\n",
        "vhosts:\n  - name: bk\n    tracing: false\n",
        {"vhosts": [{"name": "bk", "state": "absent"}]},
        "vhosts:\n  - name: bk\n",
    ),
    Case(
        "deletion protection",
        {"vhosts": [{"name": "bk", "protected_from_deletion": True}]},
        'vhosts:\n  - name: bk\n    description: ""\n    tags: []\n    protected_from_deletion: true\n',
        {"vhosts": [{"name": "bk", "protected_from_deletion": False}]},
        "vhosts:\n  - name: bk\n    protected_from_deletion: true\n",
        "vhosts:\n  - name: bk\n    protected_from_deletion: false\n",
        {"vhosts": [{"name": "bk", "state": "absent"}]},
        "vhosts:\n  - name: bk\n",
        since=(4, 1),
    ),
    Case(
        "limit of a virtual host",
        {"vhosts": [{"name": VHOST, "limits": {"max-queues": 100, "max-connections": 5}}]},
        'vhost_limits:\n  - vhost: "bk/t %ü"\n    name: max-connections\n    value: 5\n'
        '  - vhost: "bk/t %ü"\n    name: max-queues\n    value: 100\n',
        {"vhost_limits": [{"vhost": VHOST, "name": "max-queues", "value": 7}]},
        'vhost_limits:\n  - vhost: "bk/t %ü"\n    name: max-queues\n    value: 100\n',
        'vhost_limits:\n  - vhost: "bk/t %ü"\n    name: max-queues\n    value: 7\n',
        {"vhosts": [{"name": VHOST, "limits": {"max-queues": None}}]},
        'vhost_limits:\n  - vhost: "bk/t %ü"\n    name: max-queues\n    value: 7\n',
        around=HOME,
    ),
    Case(
        "user",
        {"users": [{"name": "bk/2 %ü", "password": "first", "tags": ["monitoring", "management"]}]},
        'users:\n  - name: "bk/2 %ü"\n    password: "********"\n    hashing_algorithm: sha256\n'
        "    tags: [management, monitoring]\n",
        {"users": [{"name": "bk/2 %ü", "password": "second"}]},
        'users:\n  - name: "bk/2 %ü"\n    password: "********"'
        "  # the stored hash does not match the declared password\n",
        'users:\n  - name: "bk/2 %ü"\n    password: "********"  # as declared\n',
        {"users": [{"name": "bk/2 %ü", "state": "absent"}]},
        'users:\n  - name: "bk/2 %ü"\n    tags: [management, monitoring]\n',
    ),
    Case(
        "user with a ready hash",
        {"users": [{"name": "bk", "password_hash": HASH}]},
        'users:\n  - name: bk\n    password_hash: "********"\n    hashing_algorithm: sha256\n    tags: []\n',
        {"users": [{"name": "bk", "password_hash": OTHER_HASH, "tags": ["policymaker"]}]},
        'users:\n  - name: bk\n    password_hash: "********"  # the stored hash is not the declared one\n'
        "    hashing_algorithm: sha256\n    tags: []\n",
        'users:\n  - name: bk\n    password_hash: "********"  # as declared\n'
        "    hashing_algorithm: sha512\n    tags: [policymaker]\n",
        {"users": [{"name": "bk", "state": "absent"}]},
        "users:\n  - name: bk\n    hashing_algorithm: sha512\n    tags: [policymaker]\n",
    ),
    Case(
        "limit of a user",
        {"users": [{"name": "bk t", "limits": {"max-channels": 100}}]},
        "user_limits:\n  - user: bk t\n    name: max-channels\n    value: 100\n",
        {"user_limits": [{"user": "bk t", "name": "max-channels", "value": 7}]},
        "user_limits:\n  - user: bk t\n    name: max-channels\n    value: 100\n",
        "user_limits:\n  - user: bk t\n    name: max-channels\n    value: 7\n",
        {"users": [{"name": "bk t", "limits": {"max-channels": None}}]},
        "user_limits:\n  - user: bk t\n    name: max-channels\n    value: 7\n",
        around=PEOPLE,
        since=(3, 8, 10),
    ),
    Case(
        "permission",
        {"users": [{"name": "bk t", "permissions": [{"vhost": VHOST, "read": ".*"}]}]},
        'permissions:\n  - user: bk t\n    vhost: "bk/t %ü"\n    configure: "^$"\n    write: "^$"\n    read: ".*"\n',
        {"permissions": [{"user": "bk t", "vhost": VHOST, "configure": "", "write": "^a"}]},
        'permissions:\n  - user: bk t\n    vhost: "bk/t %ü"\n    write: "^$"\n',
        'permissions:\n  - user: bk t\n    vhost: "bk/t %ü"\n    write: "^a"\n',
        {"permissions": [{"user": "bk t", "vhost": VHOST, "state": "absent"}]},
        'permissions:\n  - user: bk t\n    vhost: "bk/t %ü"\n    write: "^a"\n    read: ".*"\n',
        around=PEOPLE,
    ),
    Case(
        "topic permission",
        {"topic_permissions": [{"user": "bk t", "vhost": VHOST, "exchange": "amq.topic", "write": "^a"}]},
        'topic_permissions:\n  - user: bk t\n    vhost: "bk/t %ü"\n    exchange: amq.topic\n    write: "^a"\n'
        '    read: "^$"\n',
        {
            "users": [
                {
                    "name": "bk t",
                    "topic_permissions": [{"vhost": VHOST, "exchange": "amq.topic", "read": "^b"}],
                }
            ]
        },
        'topic_permissions:\n  - user: bk t\n    vhost: "bk/t %ü"\n    exchange: amq.topic\n    read: "^$"\n',
        'topic_permissions:\n  - user: bk t\n    vhost: "bk/t %ü"\n    exchange: amq.topic\n    read: "^b"\n',
        {"topic_permissions": [{"user": "bk t", "vhost": VHOST, "exchange": "amq.topic", "state": "absent"}]},
        'topic_permissions:\n  - user: bk t\n    vhost: "bk/t %ü"\n    exchange: amq.topic\n    write: "^a"\n'
        '    read: "^b"\n',
        around=PEOPLE,
    ),
    Case(
        "policy",
        {
            "policies": [
                {**POLICY, "pattern": "^a", "definition": {"max-length": 5, "overflow": "reject-publish"}}
            ]
        },
        'policies:\n  - vhost: "bk/t %ü"\n    name: p 1\n    pattern: "^a"\n'
        '    definition: {"max-length": 5, "overflow": "reject-publish"}\n    priority: 0\n    apply_to: all\n',
        {"policies": [{**POLICY, "pattern": "^a", "definition": {"max-length": 6}, "apply_to": "queues"}]},
        'policies:\n  - vhost: "bk/t %ü"\n    name: p 1\n'
        '    definition: {"max-length": 5, "overflow": "reject-publish"}\n    apply_to: all\n',
        'policies:\n  - vhost: "bk/t %ü"\n    name: p 1\n    definition: {"max-length": 6}\n    apply_to: queues\n',
        {"policies": [{**POLICY, "state": "absent"}]},
        'policies:\n  - vhost: "bk/t %ü"\n    name: p 1\n    pattern: "^a"\n    definition: {"max-length": 6}\n'
        "    apply_to: queues\n",
        around=HOME,
    ),
    Case(
        "operator policy",
        {"operator_policies": [{**POLICY, "pattern": ".*", "definition": {"max-length": 5}, "priority": 3}]},
        'operator_policies:\n  - vhost: "bk/t %ü"\n    name: p 1\n    pattern: ".*"\n'
        '    definition: {"max-length": 5}\n    priority: 3\n    apply_to: queues\n',
        {"operator_policies": [{**POLICY, "pattern": "^b", "definition": {"max-length": 5}}]},
        'operator_policies:\n  - vhost: "bk/t %ü"\n    name: p 1\n    pattern: ".*"\n',
        'operator_policies:\n  - vhost: "bk/t %ü"\n    name: p 1\n    pattern: "^b"\n',
        {"operator_policies": [{**POLICY, "state": "absent"}]},
        'operator_policies:\n  - vhost: "bk/t %ü"\n    name: p 1\n    pattern: "^b"\n'
        '    definition: {"max-length": 5}\n    priority: 3\n',
        around=HOME,
    ),
    Case(
        "runtime parameter",
        {"parameters": [{**SHOVEL, "value": {**ENDS, "src-uri": "amqp://u:one@127.0.0.1"}}]},
        'parameters:\n  - component: shovel\n    vhost: "bk/t %ü"\n    name: s/1\n'
        '    value: {"dest-protocol": "amqp091", '
        '"dest-queue": "b", "dest-uri": "amqp://", "src-protocol": "amqp091", "src-queue": "a", '
        '"src-uri": "amqp://u:********@127.0.0.1"}\n',
        {"parameters": [{**SHOVEL, "value": {**ENDS, "src-uri": "amqp://u:two@127.0.0.1"}}]},
        'parameters:\n  - component: shovel\n    vhost: "bk/t %ü"\n    name: s/1\n'
        '    value: {"dest-protocol": "amqp091", '
        '"dest-queue": "b", "dest-uri": "amqp://", "src-protocol": "amqp091", "src-queue": "a", '
        '"src-uri": "amqp://u:********@127.0.0.1"}  # a masked password differs\n',
        'parameters:\n  - component: shovel\n    vhost: "bk/t %ü"\n    name: s/1\n'
        '    value: {"dest-protocol": "amqp091", '
        '"dest-queue": "b", "dest-uri": "amqp://", "src-protocol": "amqp091", "src-queue": "a", '
        '"src-uri": "amqp://u:********@127.0.0.1"}  # as declared\n',
        {"parameters": [{**SHOVEL, "state": "absent"}]},
        'parameters:\n  - component: shovel\n    vhost: "bk/t %ü"\n    name: s/1\n'
        '    value: {"dest-protocol": "amqp091", '
        '"dest-queue": "b", "dest-uri": "amqp://", "src-protocol": "amqp091", "src-queue": "a", '
        '"src-uri": "amqp://u:********@127.0.0.1"}\n',
        around=HOME,
    ),
    Case(
        "federation upstream and its set",
        {"parameters": [UPSTREAM, SET]},
        'parameters:\n  - component: federation-upstream\n    vhost: "bk/t %ü"\n    name: up 1\n'
        '    value: {"uri": "amqp://u:********@127.0.0.1"}\n'
        '  - component: federation-upstream-set\n    vhost: "bk/t %ü"\n    name: set 1\n'
        '    value: [{"upstream": "up 1"}]\n',
        {"parameters": [{**UPSTREAM, "value": {"uri": "amqp://127.0.0.1", "expires": 1000}}, SET]},
        'parameters:\n  - component: federation-upstream\n    vhost: "bk/t %ü"\n    name: up 1\n'
        '    value: {"uri": "amqp://u:********@127.0.0.1"}\n',
        'parameters:\n  - component: federation-upstream\n    vhost: "bk/t %ü"\n    name: up 1\n'
        '    value: {"expires": 1000, "uri": "amqp://127.0.0.1"}\n',
        {"parameters": [{**SET, **GONE}, {**UPSTREAM, **GONE}]},
        'parameters:\n  - component: federation-upstream\n    vhost: "bk/t %ü"\n    name: up 1\n'
        '    value: {"expires": 1000, "uri": "amqp://127.0.0.1"}\n'
        '  - component: federation-upstream-set\n    vhost: "bk/t %ü"\n    name: set 1\n'
        '    value: [{"upstream": "up 1"}]\n',
        around=HOME,
    ),
    Case(
        "global parameter",
        {"global_parameters": [{"name": "bk g", "value": {"a": {}, "b": [1, 2.0, "x"]}}]},
        'global_parameters:\n  - name: bk g\n    value: {"a": {}, "b": [1, 2.0, "x"]}\n',
        {"global_parameters": [{"name": "bk g", "value": "text"}]},
        'global_parameters:\n  - name: bk g\n    value: {"a": {}, "b": [1, 2.0, "x"]}\n',
        "global_parameters:\n  - name: bk g\n    value: text\n",
        {"global_parameters": [{"name": "bk g", "state": "absent"}]},
        "global_parameters:\n  - name: bk g\n    value: text\n",
    ),
]

# Kinds of which nothing can be changed: created and removed.
FIXED = [
    (
        "exchange",
        {
            "exchanges": [
                {
                    "vhost": VHOST,
                    "name": "e 1",
                    "type": "topic",
                    "arguments": {"alternate-exchange": "amq.fanout"},
                }
            ]
        },
        'exchanges:\n  - vhost: "bk/t %ü"\n    name: e 1\n    type: topic\n    durable: true\n    auto_delete: false\n'
        '    internal: false\n    arguments: {"alternate-exchange": "amq.fanout"}\n',
        {"exchanges": [{"vhost": VHOST, "name": "e 1", "state": "absent"}]},
        'exchanges:\n  - vhost: "bk/t %ü"\n    name: e 1\n    type: topic\n'
        '    arguments: {"alternate-exchange": "amq.fanout"}\n',
        HOME,
    ),
    (
        "internal exchange",
        {"exchanges": [{"vhost": VHOST, "name": "e 2", "internal": True, "durable": False}]},
        'exchanges:\n  - vhost: "bk/t %ü"\n    name: e 2\n    type: direct\n    durable: false\n'
        "    auto_delete: false\n    internal: true\n    arguments: {}\n",
        {"exchanges": [{"vhost": VHOST, "name": "e 2", "state": "absent"}]},
        'exchanges:\n  - vhost: "bk/t %ü"\n    name: e 2\n    durable: false\n    internal: true\n',
        HOME,
    ),
    (
        "quorum queue",
        {"queues": [{"vhost": VHOST, "name": "q 1", "type": "quorum", "arguments": {"x-max-length": 10}}]},
        'queues:\n  - vhost: "bk/t %ü"\n    name: q 1\n    type: quorum\n    durable: true\n    auto_delete: false\n'
        '    arguments: {"x-max-length": 10}\n',
        {"queues": [{"vhost": VHOST, "name": "q 1", "state": "absent"}]},
        'queues:\n  - vhost: "bk/t %ü"\n    name: q 1\n    type: quorum\n    arguments: {"x-max-length": 10}\n',
        HOME,
    ),
    (
        "classic queue with nested arguments",
        {
            "queues": [
                {
                    "vhost": VHOST,
                    "name": "q 1",
                    "type": "classic",
                    "auto_delete": True,
                    "arguments": {"x-own": {"a": [1, 2.5, "x", True], "b": {}}},
                }
            ]
        },
        'queues:\n  - vhost: "bk/t %ü"\n    name: q 1\n    type: classic\n    durable: true\n    auto_delete: true\n'
        '    arguments: {"x-own": {"a": [1, 2.5, "x", true], "b": {}}}\n',
        {"queues": [{"vhost": VHOST, "name": "q 1", "state": "absent"}]},
        'queues:\n  - vhost: "bk/t %ü"\n    name: q 1\n    type: classic\n    auto_delete: true\n'
        '    arguments: {"x-own": {"a": [1, 2.5, "x", true], "b": {}}}\n',
        HOME,
    ),
    (
        "binding",
        {
            "queues": [
                {
                    "vhost": VHOST,
                    "name": "q 1",
                    "bindings": [{"source": "amq.topic", "routing_key": "a/b.# %"}],
                }
            ]
        },
        'bindings:\n  - vhost: "bk/t %ü"\n    source: amq.topic\n    destination_type: queue\n    destination: q 1\n'
        '    routing_key: "a/b.# %"\n    arguments: {}\n',
        {
            "bindings": [
                {
                    "vhost": VHOST,
                    "source": "amq.topic",
                    "destination": "q 1",
                    "routing_key": "a/b.# %",
                    "state": "absent",
                }
            ]
        },
        'bindings:\n  - vhost: "bk/t %ü"\n    source: amq.topic\n    destination_type: queue\n    destination: q 1\n'
        '    routing_key: "a/b.# %"\n    arguments: {}\n',
        {**HOME, "queues": [{"vhost": VHOST, "name": "q 1"}]},
    ),
    (
        "binding of a headers exchange",
        {"bindings": [HEADERS]},
        'bindings:\n  - vhost: "bk/t %ü"\n    source: amq.headers\n    destination_type: queue\n    destination: q 1\n'
        '    routing_key: ""\n    arguments: {"b": true, "n": 1, "x-match": "all"}\n',
        {"bindings": [{**HEADERS, "state": "absent"}]},
        'bindings:\n  - vhost: "bk/t %ü"\n    source: amq.headers\n    destination_type: queue\n    destination: q 1\n'
        '    routing_key: ""\n    arguments: {"b": true, "n": 1, "x-match": "all"}\n',
        {**HOME, "queues": [{"vhost": VHOST, "name": "q 1"}]},
    ),
    (
        "binding of an exchange to an internal one",
        {"exchanges": [{"vhost": VHOST, "name": "in", "bindings": [{"source": "amq.fanout"}]}]},
        'bindings:\n  - vhost: "bk/t %ü"\n    source: amq.fanout\n    destination_type: exchange\n    destination: in\n'
        '    routing_key: ""\n    arguments: {}\n',
        {
            "bindings": [
                {
                    "vhost": VHOST,
                    "source": "amq.fanout",
                    "destination": "in",
                    "destination_type": "exchange",
                    "state": "absent",
                }
            ]
        },
        'bindings:\n  - vhost: "bk/t %ü"\n    source: amq.fanout\n    destination_type: exchange\n    destination: in\n'
        '    routing_key: ""\n    arguments: {}\n',
        {**HOME, "exchanges": [{"vhost": VHOST, "name": "in", "internal": True}]},
    ),
]
CASES += [
    Case(name, first, created, {}, "", "", removed, gone_, around)
    for name, first, created, removed, gone_, around in FIXED
]


CASES += [
    Case(
        "policy for one type of queue",
        {
            "policies": [
                {**POLICY, "pattern": "^a", "definition": {"max-length": 5}, "apply_to": "quorum_queues"}
            ]
        },
        'policies:\n  - vhost: "bk/t %ü"\n    name: p 1\n    pattern: "^a"\n    definition: {"max-length": 5}\n'
        "    priority: 0\n    apply_to: quorum_queues\n",
        {
            "policies": [
                {**POLICY, "pattern": "^a", "definition": {"max-length": 5}, "apply_to": "classic_queues"}
            ]
        },
        'policies:\n  - vhost: "bk/t %ü"\n    name: p 1\n    apply_to: quorum_queues\n',
        'policies:\n  - vhost: "bk/t %ü"\n    name: p 1\n    apply_to: classic_queues\n',
        {"policies": [{**POLICY, "state": "absent"}]},
        'policies:\n  - vhost: "bk/t %ü"\n    name: p 1\n    pattern: "^a"\n    definition: {"max-length": 5}\n'
        "    apply_to: classic_queues\n",
        around=HOME,
        since=(3, 12),
    ),
    Case(
        "stream",
        {
            "queues": [
                {"vhost": VHOST, "name": "s", "arguments": {"x-queue-type": "stream", "x-max-age": "1D"}}
            ]
        },
        'queues:\n  - vhost: "bk/t %ü"\n    name: s\n    type: stream\n    durable: true\n    auto_delete: false\n'
        '    arguments: {"x-max-age": "1D"}\n',
        {},
        "",
        "",
        {"queues": [{"vhost": VHOST, "name": "s", "state": "absent"}]},
        'queues:\n  - vhost: "bk/t %ü"\n    name: s\n    type: stream\n    arguments: {"x-max-age": "1D"}\n',
        around=HOME,
        since=(3, 9),
    ),
]


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    """Before a quorum queue or stream goes it is counted twice; nobody publishes here. test_guards waits in full."""
    monkeypatch.setattr(queues, "REFRESH_SECONDS", 0.5)
    monkeypatch.setattr(queues, "REFRESHES", 40)


def exact(result: Result, before: str, after: str) -> None:
    assert (result.before, result.after) == (before, after)
    assert result.warnings == []


def step(broker: Broker, document: dict[str, Any], verb: str | None) -> Result:
    """Check mode foresees what the run does and writes nothing; one more run has nothing to do."""
    held = broker.get("/api/definitions")
    foreseen = broker.converge(check=True, **document)
    assert broker.get("/api/definitions") == held
    done = broker.converge(**document)
    assert (done.plan, done.before, done.after) == (foreseen.plan, foreseen.before, foreseen.after)
    assert done.warnings == []
    assert {entry[0] for entry in done.plan} == ({verb} if verb else set())
    again = broker.converge(**document)
    assert again.plan == [] and (again.before, again.after) == ("", "")
    return done


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_life_of_an_object(broker, case):
    if broker.version < case.since:
        with pytest.raises(Refused, match=r"RabbitMQ \d+\.\d+\.\d+ (does not know it|cannot change it)"):
            broker.converge(**case.around)
            broker.converge(**case.first)
            broker.converge(**case.second)
        broker.clean()
        return
    broker.converge(**case.around)
    try:
        exact(step(broker, case.first, "create"), "", case.created)
        if case.second:
            exact(step(broker, case.second, "update"), case.before, case.after)
        exact(step(broker, case.removed, "delete"), case.gone, "")
    finally:
        broker.clean()


EXCHANGE = {"vhost": VHOST, "name": "fixed"}
QUEUE = {"vhost": VHOST, "name": "fixed", "type": "classic"}


@pytest.mark.parametrize(
    ("kind", "item", "change"),
    [
        ("exchanges", EXCHANGE, {"type": "topic"}),
        ("exchanges", EXCHANGE, {"durable": False}),
        ("exchanges", EXCHANGE, {"auto_delete": True}),
        ("exchanges", EXCHANGE, {"internal": True}),
        ("exchanges", EXCHANGE, {"arguments": {"alternate-exchange": "amq.fanout"}}),
        ("queues", QUEUE, {"type": "quorum"}),
        ("queues", QUEUE, {"auto_delete": True}),
        ("queues", QUEUE, {"arguments": {"x-max-length": 5}}),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else value,
)
def test_what_cannot_be_changed_is_refused_before_any_write(broker, kind, item, change):
    broker.converge(**HOME, **{kind: [item]})
    try:
        held = broker.get("/api/definitions")
        for check in (True, False):
            with pytest.raises(Refused, match=f"{kind}\\[0\\]"):
                broker.converge(check=check, users=[{"name": "bk-not-made"}], **{kind: [{**item, **change}]})
        assert broker.get("/api/definitions") == held
    finally:
        broker.clean()


def test_feature_flags_are_enabled_and_stay_so(broker):
    """Enabling is for ever, so a second run of this test finds nothing to do."""
    flags = broker.get("/api/feature-flags")
    wanted = [flag["name"] for flag in flags if flag["stability"] in ("stable", "required")]
    disabled = sorted(flag["name"] for flag in flags if flag["name"] in wanted and flag["state"] != "enabled")
    document = {"feature_flags": [{"name": name} for name in wanted]}
    for check in (True, False):
        done = broker.converge(check=check, **document)
        assert done.plan == [("create", "feature_flags", name, ()) for name in disabled]
    assert broker.converge(**document).plan == []


def test_an_unknown_feature_flag_is_refused(broker):
    with pytest.raises(
        Refused, match=r"feature_flags\[0\]\.name: 'no_such_flag' is not a feature flag of this broker"
    ):
        broker.converge(feature_flags=[{"name": "no_such_flag"}])


def test_a_queue_without_a_type_gets_that_of_its_virtual_host(broker):
    if broker.version < (3, 10):
        return
    try:
        broker.converge(
            vhosts=[{"name": "bk", "default_queue_type": "quorum"}], queues=[{"vhost": "bk", "name": "q"}]
        )
        broker.converge(queues=[{"vhost": "bk", "name": "later"}])
        types = {
            raw["arguments"]["x-queue-type"]
            for raw in broker.get("/api/definitions")["queues"]
            if raw["vhost"] == "bk"
        }
        assert types == {"quorum"}
    finally:
        broker.clean()
