"""Which places a broker's name stands for: a host, a cluster, the balancers in front of it, brokers with one store."""

from __future__ import annotations

import pytest
from brokers.clients import places
from client_sample import active, host, inventory, node

CLUSTER = [node(f"mq{number}", rabbitmq_cluster_name="prod") for number in (1, 2, 3)]


def reached(name, found, protocol="amqp", tls=False):
    broker = places.find(name, found)
    assert broker is not None
    return [f"{host}:{port}" for host, port in places.places(broker, protocol, tls, found)]


def test_a_node_on_its_own_is_one_place() -> None:
    found = inventory(rabbitmq=[node(), node("other")])
    assert reached("mq", found) == ["mq.example:5672"]
    assert reached("mq", found, "stomp") == ["mq.example:61613"]
    assert reached("mq", found, tls=True) == []


@pytest.mark.parametrize("name", ["prod", "mq1", "mq3"])
def test_a_cluster_is_all_of_its_members_by_whatever_name(name) -> None:
    found = inventory(rabbitmq=[*CLUSTER, node("alone")])
    assert reached(name, found) == ["mq1.example:5672", "mq2.example:5672", "mq3.example:5672"]


@pytest.mark.parametrize("name", ["prod", "mq2", "front"])
def test_a_balancer_stands_for_the_cluster_behind_it(name) -> None:
    front = host("front", haproxy_address="10.0.0.9", haproxy_amqp_port=15672)
    found = inventory(rabbitmq=CLUSTER, haproxy=[front])
    assert reached(name, found) == ["10.0.0.9:15672"]


def test_what_a_balancer_does_not_pass_on_is_reached_at_the_members() -> None:
    front = host("front", haproxy_address="0.0.0.0", haproxy_stomp_port=0)  # noqa: S104
    found = inventory(rabbitmq=CLUSTER, haproxy=[front])
    assert reached("prod", found) == ["front.example:5672"]
    assert len(reached("prod", found, "stomp")) == 3


def test_two_balancers_are_both_named() -> None:
    found = inventory(rabbitmq=CLUSTER, haproxy=[host("one"), host("two")])
    assert reached("prod", found) == ["one.example:5672", "two.example:5672"]
    assert reached("two", found) == ["two.example:5672"]


def test_brokers_with_one_store_are_all_named() -> None:
    pair = {"activemq_store_directory": "/srv/store", "activemq_broker_name": "orders"}
    found = inventory(activemq=[active("am1", **pair), active("am2", **pair), active("am3")])
    assert reached("am2", found, "stomp") == ["am1.example:61613", "am2.example:61613"]
    assert reached("am3", found, "openwire") == ["am3.example:61616"]


def test_a_host_with_both_brokers_has_two_names() -> None:
    found = inventory(rabbitmq=[node("both")], activemq=[active("both")])
    assert places.names(found) == ["both", "both-activemq"]
    assert places.find("both", found).kind == "rabbitmq"
    assert places.find("both-activemq", found).kind == "activemq"


def test_what_listens_on_loopback_alone_is_no_place() -> None:
    found = inventory(rabbitmq=[node(rabbitmq_amqp_address="127.0.0.1")])
    assert reached("mq", found) == []
    assert reached("mq", found, "stomp") == ["mq.example:61613"]


def test_clients_have_the_name_that_probes_have() -> None:
    found = inventory(rabbitmq=[node(endpoint_host="mq.public")])
    assert reached("mq", found) == ["mq.public:5672"]


def test_inside_tls_there_are_other_ports() -> None:
    found = inventory(rabbitmq=[node(rabbitmq_tls="both")], activemq=[active(activemq_tls="only")])
    assert (reached("mq", found), reached("mq", found, tls=True)) == (
        ["mq.example:5672"],
        ["mq.example:5671"],
    )
    assert reached("am", found, "stomp") == []
    assert reached("am", found, "stomp", tls=True) == ["am.example:61612"]


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({"rabbitmq_tls_authority": "PEM", "endpoint_ca_file": "ca.pem"}, ("PEM", "")),
        ({"rabbitmq_tls_ca_certificate": "OWN", "endpoint_ca_file": "ca.pem"}, ("OWN", "")),
        ({"endpoint_ca_file": "ca.pem"}, ("", "ca.pem")),
        ({}, ("", "")),
    ],
)
def test_whom_clients_trust_is_what_the_broker_says_before_what_the_probes_do(variables, wanted) -> None:
    found = inventory(rabbitmq=[node(rabbitmq_tls="both", **variables)])
    assert places.authority(places.find("mq", found), found) == wanted


@pytest.mark.parametrize(("asked", "wanted"), [("required", True), ("offered", False), ("none", False)])
def test_whether_a_certificate_has_to_be_shown(asked, wanted) -> None:
    tls = {"rabbitmq_tls": "only", "rabbitmq_tls_client_certificates": asked}
    also = {"activemq_tls": "only", "activemq_tls_client_certificates": asked}
    found = inventory(rabbitmq=[node(**tls)], activemq=[active(**also)])
    assert places.asks_for_certificate(places.find("mq", found), found) is wanted
    assert places.asks_for_certificate(places.find("am", found), found) is wanted


def test_a_name_that_nothing_has_is_no_broker() -> None:
    found = inventory(rabbitmq=[node()], haproxy=[host("front")])
    assert places.find("nobody", found) is None
    assert places.find("front", found) is None, "it stands for no cluster"
