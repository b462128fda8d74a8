"""Definitions that are enough to restore from: what a version leaves out of them is read beside them."""

from __future__ import annotations

import copy

import pytest
from brokers.topology import adopt
from brokers.topology.kinds.access import VHOST_DETAILS
from brokers.topology.kinds.routing import EXCHANGE_DETAILS

EXCHANGE = {"vhost": "v", "name": "e", "type": "direct", "internal": False}
LISTED = {
    "name": "v",
    "description": "shop",
    "tags": ["b", "a"],
    "tracing": True,
    "default_queue_type": "quorum",
}


class Broker:
    def __init__(self, version="3.10.8", vhosts=({"name": "v"},), listed=(LISTED,), exchanges=()):
        self.answers = {
            "/api/definitions": {
                "rabbitmq_version": version,
                "vhosts": list(vhosts),
                "exchanges": [EXCHANGE],
            },
            VHOST_DETAILS: list(listed),
            EXCHANGE_DETAILS: [EXCHANGE, *exchanges],
        }

    def get(self, path):
        return copy.deepcopy(self.answers[path])


def whole(**broker):
    return adopt.whole_definitions(Broker(**broker))


def test_a_virtual_host_gets_back_all_but_its_name():
    (vhost,) = whole()["vhosts"]
    assert vhost == {
        "name": "v",
        "description": "shop",
        "tracing": True,
        "tags": ["a", "b"],
        "metadata": {"description": "shop", "tags": ["a", "b"], "default_queue_type": "quorum"},
    }


@pytest.mark.parametrize(
    ("version", "tags"), [("3.8.9", "a,b"), ("3.9.0", ["a", "b"]), ("4.0.5", ["a", "b"])]
)
def test_tags_are_one_text_before_version_three_nine(version, tags):
    (vhost,) = whole(version=version)["vhosts"]
    assert vhost["tags"] == tags and vhost["metadata"]["tags"] == ["a", "b"]


@pytest.mark.parametrize("unset", [None, "undefined"])
def test_a_queue_type_that_is_none_is_left_out(unset):
    (vhost,) = whole(listed=[{**LISTED, "default_queue_type": unset}])["vhosts"]
    assert "default_queue_type" not in vhost["metadata"]


def test_protection_is_kept_where_there_is_some():
    for protected in (True, False):
        (vhost,) = whole(listed=[{**LISTED, "protected_from_deletion": protected}])["vhosts"]
        assert vhost["metadata"].get("protected_from_deletion", False) is protected


def test_each_virtual_host_gets_its_own_details_and_one_made_meanwhile_none():
    other = {"name": "w", "description": "other", "tags": []}
    vhosts = whole(vhosts=[{"name": "w"}, {"name": "v"}, {"name": "new"}], listed=[LISTED, other])["vhosts"]
    assert [vhost.get("description") for vhost in vhosts] == ["other", "shop", None]
    assert vhosts[2] == {"name": "new"}


def test_only_internal_exchanges_that_are_missing_are_added():
    inner = {**EXCHANGE, "name": "inner", "internal": True}
    elsewhere = {**inner, "vhost": "w", "name": "e"}
    more = [inner, elsewhere, {**inner, "name": "amq.rabbitmq.trace"}, {**EXCHANGE, "name": "late"}]
    assert whole(exchanges=more)["exchanges"] == [EXCHANGE, inner, elsewhere]


def test_a_document_leaves_out_what_a_new_object_gets_but_never_a_type():
    queue = {"vhost": "v", "name": "q", "durable": True, "auto_delete": False, "arguments": {}}
    definitions = {
        "rabbit_version": "3.10.8",
        "vhosts": [{"name": "v", "description": "", "tags": []}],
        "queues": [queue],
        "exchanges": [{**EXCHANGE, "durable": False, "auto_delete": False, "arguments": {}}],
    }
    assert adopt.document_of(definitions) == {
        "vhosts": [{"name": "v"}],
        "exchanges": [{"vhost": "v", "name": "e", "type": "direct", "durable": False}],
        "queues": [{"vhost": "v", "name": "q", "type": "classic"}],
    }
