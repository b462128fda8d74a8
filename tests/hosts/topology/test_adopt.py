"""Adopting, backing up and restoring a real broker."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest
from brokers.rabbitmq import passwords
from brokers.topology import adopt, adopted_files, backup, omissions
from brokers_under_test import Broker

VHOST = "bk/t %ü"


def rich(version: tuple[int, ...]) -> dict[str, Any]:
    """One object at least of every kind that a version has, with names that need care."""
    document: dict[str, Any] = {
        "vhosts": [
            {"name": VHOST, "tracing": True, "limits": {"max-queues": 50}},
            {"name": "bk {{ not a template }}\n", "description": "{% nor this %}", "tags": ["yes", "1"]},
        ],
        "users": [
            {"name": "bk 'quoted' \"app\"", "password": "{{ secret }}", "tags": ["monitoring"],
             "permissions": [{"vhost": VHOST, "read": "^a"}],
             "topic_permissions": [{"vhost": VHOST, "exchange": "amq.topic", "write": ".*"}]},
            {"name": "bk-no-password"},
            {"name": "bk-md5", "password_hash": passwords.make_hash("x", "md5")},
        ],
        "policies": [{"vhost": VHOST, "name": "p", "pattern": "^a", "definition": {"max-length": 5}, "priority": 2}],
        "operator_policies": [{"vhost": VHOST, "name": "p", "pattern": ".*", "definition": {"max-length": 9}}],
        "parameters": [{"component": "shovel", "vhost": VHOST, "name": "s", "value": {
            "src-protocol": "amqp091", "src-uri": "amqp://u:secret@127.0.0.1", "src-queue": "a",
            "dest-protocol": "amqp091", "dest-uri": "amqp://", "dest-queue": "b"}}],
        "global_parameters": [{"name": "bk", "value": {"a": {}, "b": [1, 2.5, True]}}],
        "exchanges": [{"vhost": VHOST, "name": "e", "type": "topic", "durable": False},
                      {"vhost": VHOST, "name": "in", "internal": True, "bindings": [{"source": "e"}]}],
        "queues": [{"vhost": VHOST, "name": "q", "type": "quorum",
                    "bindings": [{"source": "amq.headers", "arguments": {"x-match": "any", "n": 1}}]},
                   {"vhost": VHOST, "name": "c", "auto_delete": True, "arguments": {"x-max-length": 3}}],
    }  # fmt: skip
    if version >= (3, 10):
        document["vhosts"][0]["default_queue_type"] = "quorum"
        document["users"][0]["limits"] = {"max-channels": 5}
        document["queues"][1]["type"] = "classic"
    if version >= (4, 1):
        document["vhosts"][1]["protected_from_deletion"] = True
    return document


@pytest.fixture(scope="module")
def held(broker: Broker):
    """What a broker holds that was given all of it; declaring it takes longer than the tests."""
    broker.clean()
    broker.converge(**rich(broker.version))
    with closing(broker.client()) as client:
        yield adopt.whole_definitions(client)
    broker.clean()


def test_what_was_adopted_changes_nothing(broker, held):
    document = adopt.document_of(held)
    again = broker.converge(check=True, **document)
    assert again.plan == []
    kinds = {"vhosts", "users", "permissions", "topic_permissions", "policies", "operator_policies", "parameters",
             "global_parameters", "exchanges", "queues", "bindings", "vhost_limits"}  # fmt: skip
    assert kinds <= set(document)


def test_the_adopted_files_hold_no_secret_in_the_clear(broker, held):
    """That they are the whole document is proven without a broker, in test_topology_adopt.py."""
    settled = omissions.settle(adopt.document_of(held), broker.version, broker.user)
    text, vault = adopted_files.files(settled, "p_", "x")
    assert "secret@" not in text and "password_hash: '{{ vault_rabbitmq_topology" in text
    assert "secret@" in vault
    for user in held["users"]:
        assert not user["password_hash"] or user["password_hash"] not in text
        assert (user["password_hash"] in vault) == (user["name"] != broker.user)


def test_a_backup_brings_everything_back(broker, held, tmp_path):
    store = backup.Store(str(tmp_path), 3, broker.name)
    path = store.keep(held, "0")
    broker.clean()
    restored = adopt.document_of(backup.load(path))
    broker.converge(**restored)
    with closing(broker.client()) as client:
        assert adopt.document_of(adopt.whole_definitions(client)) == restored
