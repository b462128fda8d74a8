"""The metrics of an ActiveMQ broker: the agent that serves them, and what doctor and prober read there."""

from __future__ import annotations

import pytest
from brokers.activemq import management
from brokers.doctor import activemq as doctor
from loopback import answers, closes, free_port, server, silent
from probes import registry, runner
from probes.model import Broker, Endpoint, Listener, Result, Settings, Status

STOMP = {"stomp": Endpoint("127.0.0.1", 1)}
PAGE = """\
# HELP activemq_queue_messages Messages in a destination.
activemq_queue_messages{destination="ActiveMQ.DLQ"} 1001.0
activemq_queue_messages{destination="orders"} 5000.0
activemq_queue_messages{destination="brokerkit.smoke.1.dead.q"} 9000.0
activemq_store_usage_ratio 0.85
activemq_uptime_seconds 12.5
"""


def serves(text: str = PAGE):
    """A page for whoever has asked to the end."""

    def handler(peer):
        while not peer.recv(4096).endswith(b"\r\n\r\n"):
            pass
        peer.sendall(f"HTTP/1.0 200 OK\r\n\r\n{text}".encode())

    return handler


@pytest.mark.parametrize(
    ("address", "place"), [("127.0.0.1", "127.0.0.1:9404"), ("fd00::7", "[fd00::7]:9404")]
)
def test_the_agent_is_told_where_to_listen(address, place):
    settings = {"activemq_prometheus_port": 9404, "activemq_prometheus_address": address}
    option = management.agent_option(settings, "/opt/jmx_prometheus_javaagent-1.0.1.jar", "/etc/x.yml")
    assert option == f"-javaagent:/opt/jmx_prometheus_javaagent-1.0.1.jar={place}:/etc/x.yml"
    assert doctor._AGENT.match(option).groups() == (place.rpartition(":")[0], "9404")


# --- the doctor ---------------------------------------------------------------------------------------------


def words(port):
    return [
        "java",
        f"-javaagent:/usr/local/lib/brokerkit/jmx_prometheus_javaagent-1.0.1.jar={port}:/etc/x.yml",
    ]


def test_the_doctor_reads_limits_and_dead_letters_where_the_process_serves_metrics():
    with server(serves()) as port:
        found = doctor._metrics(words(port))
    assert found["usage"] == {"store": 0.85}
    assert found["dead_letters"]["ActiveMQ.DLQ"] == 1001 and "orders" not in found["dead_letters"]


@pytest.mark.parametrize("handler", [closes, answers(b"nonsense\0\xff" * 50)], ids=["closes", "nonsense"])
def test_the_doctor_goes_without_metrics_where_there_are_none(handler):
    with server(handler) as port:
        assert doctor._metrics(words(port)) == {"usage": {}, "dead_letters": {}}
    assert doctor._metrics(words(free_port())) == {"usage": {}, "dead_letters": {}}
    assert doctor._metrics(["java", "-jar", "x"]) == {"usage": {}, "dead_letters": {}}


def test_the_doctor_does_not_wait_for_a_broker_that_hangs(monkeypatch):
    monkeypatch.setattr(doctor, "_SECONDS", 0.2)
    with server(silent) as port:
        assert doctor._metrics(words(port)) == {"usage": {}, "dead_letters": {}}


# --- the prober ---------------------------------------------------------------------------------------------


def probed(*listeners: Listener, limit: int = 1000) -> Result:
    broker = Broker(
        "mq1", "activemq", "127.0.0.1", "smoke", "geheim-4711", listeners=listeners, endpoints=STOMP
    )
    chosen = [one for one in registry.all_probes() if one.name == "activemq.dead_letters"]
    (result,) = runner.run([broker], chosen, Settings("4711abcd", 2.0, max_dead_letters=limit), None)
    return result


def metrics(port: int, address: str = "") -> Listener:
    return Listener("http/prometheus", port, address)


def test_dead_letters_are_named_with_their_queue():
    with server(serves()) as port:
        result = probed(metrics(port))
    assert result.status is Status.FAIL and "ActiveMQ.DLQ holds 1001 messages" in result.finding.came_back


def test_a_few_dead_letters_and_those_of_the_probes_themselves_are_normal():
    with server(serves()) as port:
        result = probed(metrics(port), limit=1001)
    assert (result.status, result.detail) == (Status.PASS, "1001 in 1 queues of dead letters")


@pytest.mark.parametrize(
    ("listeners", "reason"),
    [((), "serves no metrics"), ((metrics(9404, "127.0.0.1"),), "on 127.0.0.1 of its host alone")],
)
def test_a_broker_without_metrics_for_others_is_not_judged(listeners, reason):
    result = probed(*listeners)
    assert result.status is Status.SKIP and reason in result.detail


def test_metrics_that_cannot_be_reached_and_something_else_at_their_port_are_no_verdict():
    away = probed(metrics(free_port()))
    assert away.status is Status.ERROR and away.unreachable
    with server(serves("<html>")) as port:
        other = probed(metrics(port))
    assert other.status is Status.ERROR and not other.unreachable
