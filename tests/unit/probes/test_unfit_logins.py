"""A password that is right and does not fit through a STOMP frame is named as that, not as a limit or a restart."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest
from broker_answers import RABBITMQ
from loopback import answers, server
from probes import refusals, registry, runner
from probes.clients import stomp as stomp_client, stomp_errors
from probes.model import Broker, Endpoint, Settings, Status

BROKER = Broker("b1", "rabbitmq", "127.0.0.1", "smoke", "geheim-4711")
LINE = "ends a header of a STOMP frame"


@pytest.mark.parametrize(
    ("kind", "password", "words"),
    [
        # As 3.10.8 and 5.17.2 took them: users with these passwords, over AMQP and the API right.
        ("rabbitmq", "a\\sb", "RabbitMQ takes for an escape"),
        ("rabbitmq", "a\\nb", "RabbitMQ takes for an escape"),
        ("rabbitmq", "a\nb", LINE),
        ("rabbitmq", "a\rb", LINE),
        ("rabbitmq", " ab", "which STOMP 1.0 strips"),
        ("rabbitmq", "a:b", None),
        ("rabbitmq", "ab ", None),
        ("activemq", "a\\sb", None),
        ("activemq", "a\\nb", "ActiveMQ takes for an escape"),
        ("activemq", "a\\cb", "ActiveMQ takes for an escape"),
        ("activemq", "a\nb", LINE),
        ("activemq", " ab", "which ActiveMQ cuts off"),
        ("activemq", "ab ", "which ActiveMQ cuts off"),
        ("activemq", "a:b", None),
    ],
)
def test_what_does_not_fit_through_a_frame(kind: str, password: str, words: str | None) -> None:
    known = refusals.unfit_for_stomp(replace(BROKER, kind=kind, password=password), "It said no.")
    assert (known is None) is (words is None)
    if known is not None and words is not None:
        assert words in known.finding.meaning and password not in str(known.finding)
        refused = stomp_errors.explain(
            replace(BROKER, kind=kind, password=password),
            "Access refused for user 'smoke'"
            if kind == "rabbitmq"
            else "User name [smoke] or password is invalid.",
        )
        assert words in refused.finding.meaning


@pytest.mark.parametrize("password", ["a\\sb", "a\nb"])
def test_a_broker_that_hangs_up_without_a_word(password: str) -> None:
    """RabbitMQ closes the connection on an escape that it does not know, and it was taken for a limit or a restart."""

    def hang_up(peer: socket.socket) -> None:
        if b"accept-version:0.0" in peer.recv(4096):
            peer.sendall(RABBITMQ)

    with server(hang_up) as port:
        broker = replace(BROKER, password=password, endpoints={"stomp": Endpoint("127.0.0.1", port)})
        probes = [one for one in registry.all_probes() if one.name == "stomp.connect.v1_2"]
        (result,) = runner.run([broker], probes, Settings("r", 4.0), None)
    assert (result.status, result.unreachable) == (Status.FAIL, False)
    assert result.finding and "password has a" in result.finding.meaning
    assert "restart" not in result.finding.remedy and "without it" in result.finding.remedy


def test_a_wrong_password_has_one_sentence_over_all_probes_of_activemq() -> None:
    refusal = b"ERROR\nmessage:User name [smoke] or password is invalid.\n\nUser name [smoke] or password is invalid.\0"
    with server(answers(refusal)) as port:
        broker = replace(BROKER, kind="activemq", endpoints={"stomp": Endpoint("127.0.0.1", port)})
        wanted = ("stomp.connect.v1_2", "activemq.queue", "activemq.heartbeat.silent", "activemq.denied")
        broker = replace(broker, denied_destination="x")
        probes = [one for one in registry.all_probes() if one.name in wanted]
        results = runner.run([broker], probes, Settings("r", 4.0), None)
    assert len(results) == 4
    (finding,) = {one.finding for one in results}
    assert finding and finding.came_back.count("password is invalid") == 1


def test_the_words_of_an_error_frame_are_said_once() -> None:
    def words(message: str, body: str) -> str:
        return stomp_client.Frame("ERROR", {"message": message}, body).words

    assert words("Bad CONNECT", "Access refused") == "Bad CONNECT: Access refused"
    assert words("No.", "org.apache.X: No.\n\tat y") == "No."
    assert words("", "No.") == "No."
