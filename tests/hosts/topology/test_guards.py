"""Replacing, removing and pruning on real brokers: messages and consumers are never lost without a word."""

from __future__ import annotations

from contextlib import closing

import pytest
from brokers.rabbitmq.request import Request
from brokers.topology import converge
from brokers.topology.kinds.parts import path
from brokers.topology.model import Prune
from brokers_under_test import Broker

VHOST = "bk guards"
BINDING = {"source": "amq.topic", "routing_key": "a.#"}


def queue(name: str, kind: str, **fields):
    return {"vhost": VHOST, "name": name, "type": kind, **fields}


@pytest.fixture
def home(broker: Broker):
    broker.clean()
    access = [{"vhost": VHOST, "configure": ".*", "write": ".*", "read": ".*"}]
    broker.converge(vhosts=[{"name": VHOST}], users=[{"name": broker.user, "permissions": access}])
    yield broker
    broker.clean()


def publish(broker: Broker, name: str) -> None:
    message = {"properties": {}, "routing_key": name, "payload": "x", "payload_encoding": "string"}
    with closing(broker.client()) as client:
        client.send(Request("POST", path("exchanges", VHOST, "amq.default", "publish"), message))


def prune(broker: Broker, **scope: dict[str, str]) -> converge.Outcome:
    with closing(broker.client()) as client:
        return converge.converge(client, converge.Wanted({}, prune=Prune(scope)))


@pytest.mark.parametrize("kind", ["classic", "quorum"])
def test_an_empty_queue_is_made_anew_with_its_bindings(home, kind):
    home.converge(queues=[queue("q", kind, bindings=[BINDING])])
    changed = queue("q", kind, arguments={"x-max-length": 5}, replace="when_empty")
    with pytest.raises(converge.Refused, match="cannot be changed in place"):
        home.converge(queues=[{**changed, "replace": "never"}])
    result = home.converge(queues=[changed])
    assert [entry[0] for entry in result.plan] == ["replace"]
    assert result.before.endswith("arguments: {}\n") and result.after.endswith(
        'arguments: {"x-max-length": 5}\n'
    )
    assert (
        home.converge(queues=[changed], bindings=[{"vhost": VHOST, "destination": "q", **BINDING}]).plan == []
    )


@pytest.mark.parametrize("kind", ["classic", "quorum"])
def test_a_queue_with_a_message_is_neither_replaced_nor_removed(home, kind):
    home.converge(queues=[queue("q", kind)])
    publish(home, "q")
    for item in (
        queue("q", kind, arguments={"x-max-length": 5}, replace="when_empty"),
        queue("q", kind, state="absent"),
    ):
        with pytest.raises(converge.Refused, match="has 1 messages and 0 consumers"):
            home.converge(queues=[item])
    with pytest.raises(converge.Refused, match="queue 'q' has 1 messages"):
        home.converge(vhosts=[{"name": VHOST, "state": "absent"}])
    assert home.converge(queues=[queue("q", kind)]).plan == []
    home.converge(queues=[queue("q", kind, state="absent", force=True)])
    assert [raw["name"] for raw in home.get("/api/definitions")["queues"] if raw["vhost"] == VHOST] == []


def test_pruning_takes_what_is_idle_and_in_scope(home):
    home.converge(
        queues=[
            queue("tmp.idle", "classic", bindings=[BINDING]),
            queue("tmp.full", "classic"),
            queue("kept", "classic"),
        ]
    )
    publish(home, "tmp.full")
    outcome = prune(home, queues={"vhost": VHOST, "name": r"tmp\..*"})
    assert [(action.verb, action.label) for action in outcome.actions] == [("delete", f"tmp.idle on {VHOST}")]
    assert len(outcome.warnings) == 1 and "tmp.full" in outcome.warnings[0]
    left = {raw["name"] for raw in home.get("/api/definitions")["queues"] if raw["vhost"] == VHOST}
    assert left == {"tmp.full", "kept"}
    assert prune(home, queues={"vhost": VHOST, "name": r"tmp\..*"}).actions == ()


def test_what_the_broker_keeps_for_itself_is_no_surplus(home):
    """Built-in exchanges, internal parameters and the login in use are never pruned."""
    own = {"users": {"name": home.user}, "permissions": {"user": home.user}}
    scopes = {"exchanges": {}, "bindings": {}, "global_parameters": {"name": "internal.*"}, **own}
    with closing(home.client()) as client:
        outcome = converge.converge(client, converge.Wanted({}, prune=Prune(scopes)), check=True)
    assert outcome.actions == ()


def test_a_change_of_the_login_in_use_is_survived(home):
    """The run goes on with the password that it has just written."""
    home.converge(users=[{"name": "bk-second", "password": "one", "tags": ["administrator"]}])
    with closing(home.client(username="bk-second", password="one")) as client:
        client._passwords.append("two")
        wanted = converge.Wanted({"users": [{"name": "bk-second", "password": "two"}]})
        outcome = converge.converge(client, wanted)
    assert [action.changed for action in outcome.actions] == [("password",)] and outcome.warnings == []
