"""The policy that is in force on a probe's queues is asked for and named, where messages or queues are gone."""

from __future__ import annotations

from typing import Any

import pytest
from probes.clients import management as management_client, policies
from probes.clients.policies import blamed, harmful
from probes.model import Astray, Broker, Context, Deadline, Dropped, Endpoint, Failed, NotProven, Settings

ASTRAY = Astray("The queue q is empty.", "It was lost.", "Read the log.")


def context(*protocols: str, kind: str = "rabbitmq") -> Context:
    endpoints = {protocol: Endpoint("h", 1) for protocol in protocols}
    broker = Broker("one", kind, "h", "smoke", "geheim", vhost="my shop", endpoints=endpoints)
    return Context(broker, Deadline(5), "brokerkit.smoke.x.one.amqp.confirm", Settings("x"))


def policy(name: str, definition: dict[str, Any], priority: int = 0, **others: Any) -> dict[str, Any]:
    return {
        "name": name,
        "pattern": ".*",
        "apply-to": "queues",
        "priority": priority,
        "definition": definition,
    } | others


def api(
    monkeypatch: pytest.MonkeyPatch,
    queues: list[dict[str, Any]],
    lists: list[dict[str, Any]],
    operator: list[dict[str, Any]] | None = None,
) -> None:
    def get(_: Context, path: str) -> Any:
        if path.startswith("/api/operator-policies/my%20shop"):
            return operator or []
        if path.startswith("/api/policies/my%20shop"):
            return lists
        return {"items": queues}

    monkeypatch.setattr(management_client, "get", get)


def named(one: Context, stop: Astray | Dropped = ASTRAY) -> Failed | NotProven:
    with pytest.raises((Failed, NotProven)) as caught, blamed(one):
        raise stop
    assert caught.value is not stop or one.broker.kind == "activemq"
    return caught.value


@pytest.mark.parametrize(
    ("definition", "words"),
    [
        ({"message-ttl": 0}, "message-ttl 0: a message that no consumer waits for expires at once"),
        ({"message-ttl": 5}, "message-ttl 5: a message that no consumer waits for expires after 5 ms"),
        ({"expires": 1}, "expires 1: a queue that nobody uses for 1 ms is deleted"),
        ({"max-length": 0}, "max-length 0: messages beyond that are dropped"),
        ({"max-length-bytes": 1}, "max-length-bytes 1: messages beyond that are dropped"),
        ({"max-length": 1, "overflow": "reject-publish"}, "max-length 1: messages beyond that are refused"),
        (
            {"max-length": 1, "overflow": "reject-publish-dlx"},
            "max-length 1: messages beyond that are refused",
        ),
        ({"max-length": 0, "message-ttl": 0}, "max-length 0 and message-ttl 0"),
    ],
)
def test_the_policy_in_force_is_named(
    monkeypatch: pytest.MonkeyPatch, definition: dict[str, Any], words: str
) -> None:
    api(
        monkeypatch,
        [{"name": "q", "policy": "burn"}],
        [policy("burn", definition), policy("calm", {"message-ttl": 0})],
    )
    finding = named(context("management")).finding
    assert f"The policy burn of the vhost my shop gives the probe's queue {words}" in finding.meaning
    assert "list_policies -p 'my shop'" in finding.remedy and "brokerkit.smoke." in finding.remedy


def test_an_operator_policy_is_called_one(monkeypatch: pytest.MonkeyPatch) -> None:
    api(monkeypatch, [{"name": "q", "operator_policy": "ops"}], [], [policy("ops", {"message-ttl": 0})])
    finding = named(context("management")).finding
    assert "The operator policy ops" in finding.meaning and "list_operator_policies" in finding.remedy


def test_of_a_queue_that_is_gone_the_policy_is_chosen_as_the_broker_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lists = [
        policy("low", {"expires": 1}),
        policy("high", {"max-length": 0}, priority=5),
        policy("other", {"message-ttl": 0}, priority=9, pattern="^shop"),
        policy("exchanges", {"message-ttl": 0}, priority=9, **{"apply-to": "exchanges"}),
    ]
    api(monkeypatch, [], lists)
    assert "The policy high" in named(context("management")).finding.meaning


@pytest.mark.parametrize(
    "definition",
    [
        {"dead-letter-exchange": "dead"},
        {"queue-mode": "lazy"},
        {"delivery-limit": 0},  # of quorum queues, which no probe declares
        {"message-ttl": 3_600_000, "max-length": 100_000},
        {"message-ttl": "soon"},
    ],
)
def test_a_policy_that_harms_no_probe_is_not_blamed(
    monkeypatch: pytest.MonkeyPatch, definition: dict[str, Any]
) -> None:
    assert harmful(policy("calm", definition), operator=False, of_exchange=False) == []
    api(monkeypatch, [{"name": "q", "policy": "calm"}], [policy("calm", definition)])
    assert named(context("management")).finding == ASTRAY.finding


def test_an_alternate_exchange_is_behind_a_message_that_did_not_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stop = Astray("Not returned.", "Nobody would notice.", "Look.", of_exchange=True)
    lists = [policy("ae", {"alternate-exchange": "amq.fanout"}, **{"apply-to": "exchanges"})]
    api(monkeypatch, [{"name": "x", "policy": "ae"}], lists)
    assert (
        "gives the probe's exchange alternate-exchange amq.fanout"
        in named(context("management"), stop).finding.meaning
    )


def test_without_management_it_could_be_a_policy() -> None:
    finding = named(context("amqp")).finding
    assert (
        "Or a policy does it" in finding.meaning
        and "`rabbitmqctl list_policies -p 'my shop'`" in finding.remedy
    )


def test_over_stomp_a_publish_that_is_refused_is_no_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    """RabbitMQ's STOMP plugin hangs up on a negative confirm, without a word."""
    api(
        monkeypatch,
        [{"name": "q", "policy": "full"}],
        [policy("full", {"max-length": 0, "overflow": "reject-publish"})],
    )
    stop = named(
        context("management"), Dropped("Lost.", "Something ended it.", "Read the log; a restart shows there.")
    )
    assert isinstance(stop, Failed)
    assert "The policy full" in stop.finding.meaning and "restart" not in stop.finding.remedy


def test_activemq_has_no_such_policies() -> None:
    assert named(context("stomp", kind="activemq")) is ASTRAY


def test_what_a_session_explained_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    api(monkeypatch, [], [])
    with pytest.raises(Failed) as caught, blamed(context("management")), blamed(context("management")):
        raise ASTRAY
    assert not isinstance(caught.value, Astray)
    assert policies.in_force(context("management")) == []
