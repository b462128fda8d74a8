"""The vhost of a message that proves a node, and the sentences where none can be used."""

from __future__ import annotations

import base64

import pytest
from brokers.rabbitmq import amqp, message_check


def answer(known=True, allowed=(), up=(), usable=()):
    return {"known": known, "allowed": list(allowed), "up": list(up), "usable": list(usable)}


def test_the_question_holds_no_placeholder_and_nothing_that_a_shell_reads():
    asked = message_check.question('ad"min $HOME')
    assert not [word for word in ("USER", "QUEUE", "EXCHANGE") if word in asked]
    assert not set("$\\`") & set(asked)
    assert base64.b64encode(b'ad"min $HOME').decode() in asked


@pytest.mark.parametrize(("usable", "chosen"), [(["a", "/", "b"], "/"), (["shop", "z"], "shop"), ([], "")])
def test_the_vhost_of_every_new_node_comes_first(usable, chosen):
    assert message_check.vhost(answer(usable=usable)) == chosen


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (answer(known=False), "knows no user admin; run site.yml"),
        (answer(), "admin may do it in no vhost; give it permissions"),
        (answer(allowed=["/"]), "/ is down there; see its log"),
        (answer(allowed=["/", "a"], up=["a"]), "limit of queues or connections is reached in a, and"),
    ],
)
def test_why_none_can_be_used_is_said(said, told):
    assert told in message_check.no_vhost("admin", said)


def test_what_could_not_be_tried_is_told_from_what_failed():
    login = amqp.Login("127.0.0.1", 5672, "admin", "secret")
    assert "could not be tried: why" in message_check.untried("mq1", "why")
    told = message_check.failure("mq1", login, "/", amqp.NotReturned("why"))
    assert told.endswith("(AMQP, port 5672, vhost /): why")
    told = message_check.failure("mq1", login, "/", amqp.NotReturned("why", lasts=True))
    assert told.endswith("): why; let admin in, or set rabbitmq_cluster_message_check to false")
    assert "secret" not in told
