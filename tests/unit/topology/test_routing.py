"""Exchanges, queues and bindings: which of the broker's are objects, and how each is sent and removed."""

from __future__ import annotations

import pytest
from brokers.topology.document import expand
from brokers.topology.kinds.registry import BY_NAME
from brokers.topology.kinds.routing import EXCHANGE_DETAILS
from brokers.topology.model import Action, Context, Definition, Snapshot

EXCHANGE = {
    "vhost": "v",
    "name": "e",
    "type": "topic",
    "durable": True,
    "auto_delete": False,
    "internal": False,
    "arguments": {},
}
QUEUE = {"vhost": "v", "name": "q", "durable": True, "auto_delete": False, "arguments": {}}
BINDING = {
    "vhost": "v",
    "source": "e",
    "destination_type": "queue",
    "destination": "q",
    "routing_key": "k",
    "arguments": {},
}


def read(kind, **sections):
    return BY_NAME[kind].read(Snapshot(sections, (3, 10, 8)))


def written(kind, item):
    (write,) = BY_NAME[kind].write(
        Action("create", BY_NAME[kind], None, item, item, (), ""), Context((4,), "admin")
    )
    return write


def test_exchanges_that_every_virtual_host_has_are_no_objects():
    others = [{**EXCHANGE, "name": name} for name in ("", "amq.topic")]
    assert read("exchanges", exchanges=[*others, EXCHANGE]) == [EXCHANGE]
    bare = {key: value for key, value in EXCHANGE.items() if key not in ("internal", "arguments")}
    assert read("exchanges", exchanges=[bare]) == [EXCHANGE]


@pytest.mark.parametrize(
    ("version", "listed", "document", "asked"),
    [
        ((4, 0, 9), [], {"exchanges": [{"vhost": "v", "name": "e"}]}, False),
        ((4, 1), [], {"exchanges": [{"vhost": "v", "name": "e"}]}, True),
        ((4, 1), [{"vhost": "v", "name": "e"}], {"exchanges": [{"vhost": "v", "name": "e"}]}, False),
        (
            (4, 1),
            [{"vhost": "v", "name": "f", "internal": False}],
            {"exchanges": [{"vhost": "v", "name": "e"}]},
            False,
        ),
        ((4, 1), [], {"bindings": [{"vhost": "v", "source": "e", "destination": "q"}]}, True),
        ((4, 1), [], {"queues": [{"vhost": "v", "name": "q"}]}, False),
    ],
)
def test_from_4_1_on_exchanges_that_the_definitions_lack_are_read_where_one_is_named(
    version, listed, document, asked
):
    found = BY_NAME["exchanges"].further_reads(expand(document), Snapshot({"exchanges": listed}, version))
    assert found == [EXCHANGE_DETAILS] * asked


def test_the_type_of_a_queue_is_a_field_wherever_the_broker_keeps_it():
    kept = [{"arguments": {"x-queue-type": "quorum", "x-max-length": 5}}, {"type": "stream"}, {}]
    found = read("queues", queues=[{**QUEUE, **one} for one in kept])
    assert [queue["type"] for queue in found] == ["quorum", "stream", "classic"]
    assert [queue["arguments"] for queue in found] == [{"x-max-length": 5}, {}, {}]
    assert read("queues", queues=[{**QUEUE, "name": "amq.gen-x"}]) == []


def test_a_queue_is_sent_with_its_type_as_an_argument():
    queue = {**QUEUE, "type": "quorum", "arguments": {"x-max-length": 5}}
    body = {**QUEUE, "arguments": {"x-max-length": 5, "x-queue-type": "quorum"}}
    assert written("queues", queue) == Definition("queues", body)
    assert written("queues", {**QUEUE, "type": None}) == Definition("queues", QUEUE)


def test_a_queue_without_a_type_gets_its_virtual_hosts():
    derive = BY_NAME["queues"].derive
    assert derive({"vhost": "v"}, lambda kind, identity: {"default_queue_type": "quorum"})["type"] == "quorum"
    assert (
        derive({"vhost": "v", "type": "stream"}, lambda kind, identity: {"default_queue_type": "quorum"})[
            "type"
        ]
        == "stream"
    )
    assert derive({"vhost": "v"}, lambda kind, identity: None) == {"vhost": "v"}


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": "amq.x"}, "name"),
        ({"name": "q", "type": "classic", "arguments": {"x-queue-type": "quorum"}}, "type"),
        ({"name": "q", "type": "quorum", "durable": False}, "durable"),
        ({"name": "q", "arguments": {"x-queue-type": "stream"}, "durable": False}, "durable"),
        ({"name": "q", "type": "quorum", "arguments": {"x-queue-type": "quorum"}}, None),
        ({"name": "q", "type": "classic", "durable": False}, None),
    ],
)
def test_what_is_wrong_with_a_queue_is_said_of_its_field(values, field):
    assert [name for name, _ in BY_NAME["queues"].check(values)] == ([field] if field else [])


@pytest.mark.parametrize(
    ("queue", "guard"),
    [
        ({"type": "classic"}, "?if-empty=true&if-unused=true"),
        ({"type": "classic", "force": True}, ""),
        ({"type": "quorum"}, ""),
    ],
)
def test_the_broker_itself_guards_the_removal_of_a_classic_queue(queue, guard):
    assert BY_NAME["queues"].remove({**QUEUE, **queue}).path == f"/api/queues/v/q{guard}"


def test_bindings_of_queues_that_are_no_objects_are_none_either():
    to_exchange = {**BINDING, "destination_type": "exchange", "destination": "amq.fanout"}
    others = [
        {**BINDING, "source": ""},
        {**BINDING, "destination": "exclusive"},
        {**BINDING, "destination": "amq.gen-x"},
    ]
    queues = [QUEUE, {**QUEUE, "name": "amq.gen-x"}]
    assert read("bindings", queues=queues, bindings=[BINDING, to_exchange, *others]) == [BINDING, to_exchange]


@pytest.mark.parametrize(("kind", "letter"), [("queue", "q"), ("exchange", "e")])
def test_a_binding_is_removed_by_the_name_that_the_broker_gave_it(kind, letter):
    binding = {**BINDING, "destination_type": kind, "destination": "a/b"}
    request = BY_NAME["bindings"].remove(binding)
    assert (request.method, request.path) == ("DELETE", f"/api/bindings/v/e/e/{letter}/a%2Fb")
    assert request.find.matches(binding) and not request.find.matches({**binding, "routing_key": "other"})


def test_a_binding_needs_both_its_ends():
    def ends(**fields):
        return [
            (found.kind, found.identity[-1])
            for found in BY_NAME["bindings"].references({**BINDING, **fields})
        ]

    assert ends() == [("vhosts", "v"), ("exchanges", "e"), ("queues", "q")]
    assert ends(destination_type="exchange") == [("vhosts", "v"), ("exchanges", "e"), ("exchanges", "q")]
    assert ends(source="amq.topic") == [("vhosts", "v"), ("queues", "q")]
    assert [name for name, _ in BY_NAME["bindings"].check({"source": ""})] == ["source"]


def test_labels_tell_objects_apart():
    assert BY_NAME["bindings"].label(BINDING) == "e to q (k) on v"
    assert BY_NAME["bindings"].label({**BINDING, "routing_key": ""}) == "e to q on v"
    assert BY_NAME["queues"].label(QUEUE) == "q on v"
