"""A relay's declaration: what may be left out, and a sentence by name for each thing that is wrong."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from brokers.relay import declared, objects
from brokers.relay.outcomes import Outcome
from brokers.relay.settings import refusals, settings
from relay_sample import RIGHT

MISSING = object()


def changed(path: str, value: Any, base: dict[str, Any] = RIGHT) -> dict[str, Any]:
    """The declaration with another value at `a.b`, or without it."""
    found = copy.deepcopy(base)
    *sections, name = path.split(".")
    place = found
    for section in sections:
        place = place.setdefault(section, {})
    if value is MISSING:
        del place[name]
    else:
        place[name] = value
    return found


def test_a_declaration_may_leave_out_most() -> None:
    assert refusals(RIGHT) == []
    found = settings(RIGHT)
    assert found.source["port"] == 5672
    assert found.source["user"] == "relay-credit-delete"
    assert (found.source["vhost"], found.source["prefetch"], found.source["workers"]) == ("/", 10, 1)
    assert (found.request["timeout"], found.request["body"]) == (30, "none")
    assert found.waits == (5, 20, 80, 320, 600)
    assert (found.attempts, found.largest_message, found.metrics_port) == (20, 1048576, 9470)
    assert found.outcomes.of(404) is Outcome.NEVER


def test_what_is_declared_is_taken() -> None:
    given = changed("source.tls", True)
    given = changed("outcomes.done", [404], given)
    given = changed("retry", {"first_wait": 1, "largest_wait": 4, "attempts": 3}, given)
    assert refusals(given) == []
    found = settings(given)
    assert found.source["port"] == 5671
    assert found.outcomes.of(404) is Outcome.DONE
    assert (found.waits, found.attempts) == ((1, 4), 3)
    assert settings(changed("source.port", 5673, given)).source["port"] == 5673


WRONG = [
    ("name", "Credit", "name: 'Credit' is not a name"),
    ("name", "a b", "name: 'a b' is not a name"),
    ("name", "x" * 41, "is not a name"),
    ("name", MISSING, "name: is missing"),
    ("naem", "x", "naem: there is no such key; did you mean name?"),
    ("source", MISSING, "source: is missing"),
    ("source", "10.0.0.1", "source: is a text; write a dictionary"),
    ("source.hosts", [], "source.hosts: is empty"),
    ("source.hosts", "10.0.0.1", "source.hosts: is a text; write a list"),
    ("source.hosts", ["10.0.0.1:5672/x"], "source.hosts: '10.0.0.1:5672/x' is not a host"),
    ("source.hosts", [7], "source.hosts: 7 is not a host"),
    ("source.port", 70000, "source.port: 70000 is out of range; write a number from 1 to 65535"),
    ("source.queue", MISSING, "source.queue: is missing"),
    ("source.queue", "", "source.queue: is empty"),
    ("source.queue", "a\nb", "source.queue: has more than 255 bytes or a control character"),
    ("source.vhost", "x" * 256, "source.vhost: has more than 255 bytes"),
    ("source.password_file", MISSING, "source.password_file: is missing"),
    ("source.password", "guest", "source.password: there is no such key; did you mean source.password_file?"),
    ("source.password_file", "a\0b", "source.password_file: has a line break or NUL"),
    ("source.prefetch", 0, "source.prefetch: 0 is out of range"),
    ("source.workers", 33, "source.workers: 33 is out of range"),
    ("source.workers", "4", "source.workers: is a text; write a whole number"),
    ("source.workers", True, "source.workers: is true or false; write a whole number"),
    ("source.tls", "yes", "source.tls: is a text; write true or false"),
    ("source.ca_file", "/ca.pem", "source.ca_file: is only used with TLS"),
    ("request", MISSING, "request: is missing"),
    ("request.method", "delete", "request.method: 'delete' is not one of DELETE"),
    ("request.method", "CONNECT", "request.method: 'CONNECT' is not one of"),
    ("request.url", "http://app/{}", "request.url: has the field '{}', which is no name"),
    ("request.url", "http://u:p@app/", "request.url: has a login in it"),
    ("request.headers", ["x"], "request.headers: is a list; write a dictionary"),
    ("request.headers", {"a b": "x"}, "request.headers: 'a b' is not a header's name"),
    ("request.headers", {"X-A": "a\r\nHost: other"}, "request.headers: X-A is not a text of printable ASCII"),
    ("request.headers", {"X-A": 7}, "request.headers: X-A is not a text"),
    (
        "request.headers",
        {"Transfer-Encoding": "chunked"},
        "request.headers: Transfer-Encoding is set by the relay",
    ),
    ("request.headers", {"content-length": "3"}, "request.headers: content-length is set by the relay"),
    ("request.headers", {"Idempotency-Key": "x"}, "request.headers: Idempotency-Key is set by the relay"),
    ("request.headers", {"authorization": "Basic eA=="}, "request.headers: Authorization is a secret"),
    ("request.body", "all", "request.body: 'all' is not one of none, message"),
    ("request.timeout", 0, "request.timeout: 0 is out of range; write a number from 1 to 300"),
    ("request.user", "me", "request.user: a login has both"),
    ("request.password_file", "secret", "request.user: a login has both"),
    ("request.ca_file", "/ca.pem", "request.ca_file: the URL begins with http://"),
    ("outcomes.done", [99], "outcomes.done: 99 is no status"),
    ("outcomes.done", [True], "outcomes.done: True is no status"),
    ("outcomes.never", ["4x"], "outcomes.never: '4x' is no status"),
    ("outcomes.done", [401], "outcomes.done: 401 says that the login is wrong"),
    ("outcomes", {"done": [404], "never": ["404"]}, "outcomes.never: 404 is in outcomes.done as well"),
    (
        "outcomes",
        {"retry": [500]},
        "outcomes.retry: there is no such key; it can have done, never, later, stop",
    ),
    ("retry.first_wait", 601, "retry.first_wait: 601 is more than retry.largest_wait, 600"),
    ("retry.attempts", 0, "retry.attempts: 0 is out of range"),
    ("retry.largest_wait", None, "retry.largest_wait: is empty; write a whole number"),
    ("largest_message", 0, "largest_message: 0 is out of range"),
    ("metrics_port", MISSING, "metrics_port: is missing"),
    ("metrics_port", 65536, "metrics_port: 65536 is out of range"),
]


@pytest.mark.parametrize(("path", "value", "sentence"), WRONG)
def test_what_is_wrong_is_refused_by_name(path: str, value: Any, sentence: str) -> None:
    found = refusals(changed(path, value))
    assert len(found) == 1, found
    assert found[0].startswith(sentence) or sentence in found[0]


@pytest.mark.parametrize("document", [None, [], "relay", 7])
def test_a_declaration_that_is_no_dictionary_is_refused(document: Any) -> None:
    assert [one.partition(":")[0] for one in refusals(document)] == ["relay"]


def test_a_body_needs_a_method_that_has_one() -> None:
    wrong = changed("request", {"method": "GET", "url": "http://app/", "body": "message"})
    assert ["servers ignore the body of a GET" in one for one in refusals(wrong)] == [True]
    assert refusals(changed("request", {"method": "POST", "url": "http://app/", "body": "message"})) == []


def test_a_certificate_without_its_key_is_refused() -> None:
    own = {"method": "PUT", "url": "https://app/", "certificate_file": "/c.pem"}
    wrong = refusals(changed("request", own))
    assert [one.partition(";")[0] for one in wrong] == [
        "request.certificate_file: a certificate needs its key"
    ]
    assert refusals(changed("request", {**own, "key_file": "/k.pem"})) == []


def test_two_logins_are_refused() -> None:
    login = {**RIGHT["request"], "user": "me", "password_file": "p", "token_file": "t"}
    assert any("one login" in one for one in refusals(changed("request", login)))


def test_one_run_says_everything() -> None:
    wrong = changed("request.method", "PUSH", changed("name", "A", changed("retry.first_wait", 700)))
    assert [one.partition(":")[0] for one in refusals(wrong)] == [
        "name",
        "request.method",
        "retry.first_wait",
    ]


# --- as the inventory has it --------------------------------------------------------------------------------------


def relay(**changes: Any) -> dict[str, Any]:
    source = {"hosts": ["10.0.0.1"], "vhost": "shop", "queue": "credit.delete", "password": "s3cret"}
    return {**copy.deepcopy(RIGHT), "source": source, **changes}


def test_secrets_become_files() -> None:
    one = relay(request={**RIGHT["request"], "token": "abc"})
    assert declared.secrets(one) == {"broker-password": "s3cret", "http-token": "abc"}
    document = declared.document(one)
    assert "s3cret" not in str(document) and "abc" not in str(document)
    assert document["source"]["password_file"] == "broker-password"
    assert document["request"]["token_file"] == "http-token"
    assert declared.problems([one]) == []
    assert refusals(document) == []


@pytest.mark.parametrize(
    ("relays", "sentence"),
    [
        ({}, "message_relay_relays: is a dictionary; write a list"),
        (["x"], "message_relay_relays[0].relay: is a text"),
        ([relay(name="A")], "message_relay_relays[A].name: 'A' is not a name"),
        (
            [relay(), relay(metrics_port=9471)],
            "message_relay_relays: name credit-delete is that of two relays",
        ),
        ([relay(), relay(name="other")], "message_relay_relays: metrics_port 9470 is that of two relays"),
        ([relay(source={"hosts": ["a"], "queue": "q"})], "[credit-delete].source.password: is missing"),
        (
            [relay(source={"hosts": ["a"], "queue": "q", "password": 7})],
            "source.password: is not a text in one line",
        ),
        (
            [relay(source={"hosts": ["a"], "queue": "q", "password": "a\nb"})],
            "source.password: is not a text in one line",
        ),
        (
            [relay(source={"hosts": ["a"], "queue": "q", "password_file": "x"})],
            "source.password_file: the role writes that",
        ),
        ([relay(request={**RIGHT["request"], "password": "x"})], "request.user: a login has both"),
    ],
)
def test_relays_of_a_host_that_are_wrong_are_refused(relays: Any, sentence: str) -> None:
    found = declared.problems(relays)
    assert any(sentence in one for one in found), found


def test_no_sentence_has_a_secret() -> None:
    for secret in ("s3cret\nx", "s3cret\0"):
        assert "s3cret" not in str(
            declared.problems([relay(source={"hosts": ["a"], "queue": "q", "password": secret})])
        )


# --- what it needs in the broker ----------------------------------------------------------------------------------


def test_a_relay_s_user_can_do_no_more_than_it_needs() -> None:
    assert objects.users([relay()]) == [
        {
            "name": "relay-credit-delete",
            "password": "s3cret",
            "permissions": [
                {
                    "vhost": "shop",
                    "configure": "^$",
                    "write": "^relay\\.credit\\-delete$",
                    "read": "^(credit\\.delete|relay\\.credit\\-delete\\.dead)$",
                }
            ],
        }
    ]


def test_messages_come_back_from_their_wait_and_can_end_among_the_dead() -> None:
    found = {one["name"]: one for one in objects.queues([relay()])}
    waiting = [f"relay.credit-delete.wait-{wait}" for wait in (5, 20, 80, 320, 600)]
    assert list(found) == ["credit.delete", "relay.credit-delete.dead", *waiting]
    assert all(one["type"] == "quorum" and one["vhost"] == "shop" for one in found.values())
    for name, seconds in zip(waiting, (5, 20, 80, 320, 600), strict=True):
        arguments = found[name]["arguments"]
        assert arguments["x-message-ttl"] == seconds * 1000
        assert (arguments["x-dead-letter-exchange"], arguments["x-dead-letter-routing-key"]) == (
            "",
            "credit.delete",
        )
        assert arguments["x-dead-letter-strategy"] == "at-least-once"
        assert arguments["x-overflow"] == "reject-publish"
        assert found[name]["bindings"] == [{"source": "relay.credit-delete", "routing_key": name}]
    source = found["credit.delete"]["arguments"]
    assert source["x-dead-letter-exchange"] == "relay.credit-delete"
    assert source["x-dead-letter-routing-key"] == "relay.credit-delete.dead"
    for name in ("credit.delete", "relay.credit-delete.dead"):
        assert found[name]["bindings"] == [{"source": "relay.credit-delete", "routing_key": name}]
    # RabbitMQ 4 lets go what was looked at 20 times, and nothing is behind this queue.
    assert found["relay.credit-delete.dead"]["arguments"] == {"x-delivery-limit": 1_000_000}
    assert objects.exchanges([relay()]) == [
        {"vhost": "shop", "name": "relay.credit-delete", "type": "direct", "durable": True}
    ]


# --- relays of ActiveMQ ---------------------------------------------------------------------------------------------


def of_activemq(**changes: Any) -> dict[str, Any]:
    source = {"broker": "activemq", "hosts": ["10.0.0.1"], "queue": "credit.delete", "password": "s3cret"}
    return {**relay(), "source": {**source, **changes}}


@pytest.mark.parametrize(("tls", "port"), [(False, 61613), (True, 61612)])
def test_activemq_is_spoken_to_over_stomp(tls: bool, port: int) -> None:
    assert declared.problems([of_activemq(tls=tls)]) == []
    assert settings(declared.document(of_activemq(tls=tls))).source["port"] == port


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"broker": "artemis"}, "source.broker: 'artemis' is not one of rabbitmq, activemq"),
        ({"vhost": "shop"}, "source.vhost: ActiveMQ has none"),
        ({"queue": "a,b"}, "source.queue: 'a,b' is not the name of one queue"),
        ({"queue": "a.>"}, "source.queue: 'a.>' is not the name of one queue"),
        ({"queue": "queue://a"}, "source.queue: 'queue://a' is not the name of one queue"),
        ({"queue": "a?consumer.exclusive=true"}, "is not the name of one queue"),
    ],
)
def test_what_activemq_would_read_as_something_else_is_refused(changes: dict[str, Any], said: str) -> None:
    (found,) = declared.problems([of_activemq(**changes)])
    assert said in found


def test_each_broker_gets_the_objects_of_its_own_relays() -> None:
    both = [relay(), {**of_activemq(), "name": "other"}]
    assert {one["name"] for one in objects.users(both)} == {"relay-credit-delete"}
    assert [one["name"] for one in objects.exchanges(both)] == ["relay.credit-delete"]
    group = "relay-other"
    assert objects.activemq_users(both) == [{"name": group, "password": "s3cret", "groups": [group]}]
    assert objects.activemq_authorization(both) == [
        {"queue": queue, "read": [group], "write": [group], "admin": []}
        for queue in ("credit.delete", "relay.other.dead")
    ]
    assert objects.activemq_policies(both) == [{"queue": "credit.delete", "persistJMSRedelivered": True}]
    assert objects.activemq_destinations(both) == (
        '<destinations><queue physicalName="credit.delete"/><queue physicalName="relay.other.dead"/></destinations>'
    )
    assert objects.activemq_destinations([relay()]) == ""
    odd = of_activemq(queue="a&b\"'<c")
    assert 'physicalName="a&amp;b&quot;\'&lt;c"' in objects.activemq_destinations([odd])
