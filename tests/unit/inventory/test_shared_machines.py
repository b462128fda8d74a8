"""Brokers on one machine: the ports that collide are named with their variables, before anything is installed."""

from __future__ import annotations

from typing import Any

import pytest
from brokers.inventory.shared_machines import port_collisions, refusals
from role_files import defaults

DEFAULTS = {name: defaults(name) for name in ("rabbitmq", "activemq", "haproxy")}


def found(rabbit: dict[str, Any], active: dict[str, Any]) -> list[str]:
    hosts = {"rabbit1": {"ansible_host": "10.0.0.5", **rabbit}, "mq1": {"ansible_host": "10.0.0.5", **active}}
    return port_collisions(hosts, {"rabbitmq": ["rabbit1"], "activemq": ["mq1"]}, DEFAULTS)


def test_the_usual_ports_of_both_brokers_collide_on_one_machine():
    (sentence,) = found({}, {})
    assert sentence.startswith("activemq_connectors: port 61613 of mq1 is wanted by rabbit1")
    assert "rabbitmq_stomp_port" in sentence and "another port" in sentence


@pytest.mark.parametrize(
    ("rabbit", "active"),
    [
        ({"rabbitmq_stomp_port": "61623"}, {}),
        ({"rabbitmq_plugins": []}, {}),
        ({}, {"activemq_connectors": [{"protocol": "stomp", "port": 62613}]}),
        ({}, {"ansible_host": "10.0.0.6"}),
        (
            {"rabbitmq_stomp_address": "10.0.0.5"},
            {"activemq_connectors": [{"protocol": "stomp", "address": "127.0.0.1"}]},
        ),
    ],
)
def test_what_does_not_meet_is_let_be(rabbit: dict[str, Any], active: dict[str, Any]):
    assert found(rabbit, active) == []


def test_amqp_of_both_and_the_console_are_seen():
    connectors = [{"protocol": "amqp"}]
    active = {"activemq_connectors": connectors, "activemq_console": "yes", "activemq_console_port": "15672"}
    assert [sentence.split(":")[0] for sentence in found({}, active)] == [
        "activemq_connectors",
        "activemq_console_port",
    ]


def test_two_instances_of_one_machine_collide_too():
    hosts = {"one": {"ansible_host": "10.0.0.5"}, "two": {"ansible_host": "10.0.0.5"}}
    (sentence,) = port_collisions(hosts, {"activemq": ["one", "two"]}, DEFAULTS)
    assert "wanted by one" in sentence


@pytest.mark.parametrize("wrong", [{"activemq_connectors": "stomp"}, {"activemq_jmx_port": "many"}])
def test_settings_that_are_wrong_are_left_to_the_roles_own_check(wrong: dict[str, Any]):
    assert found({}, wrong) == []


def nodes(**hosts: dict[str, Any]) -> list[str]:
    return refusals(hosts, {"rabbitmq": list(hosts)}, DEFAULTS)


def test_two_nodes_with_one_address_are_refused_whatever_their_ports():
    other = {"rabbitmq_amqp_port": 5673, "rabbitmq_stomp_port": 61614, "rabbitmq_management_port": 15673}
    (sentence,) = nodes(r1={"ansible_host": "10.0.0.5"}, r2={"ansible_host": "10.0.0.5", **other})
    assert "r1, r2" in sentence and "10.0.0.5" in sentence and "not supported" in sentence


@pytest.mark.parametrize(
    "hosts",
    [
        {"db1": {}, "r2": {"ansible_host": "DB1."}},
        {"r1": {"ansible_host": "fd00::1"}, "r2": {"ansible_host": "FD00:0::1"}},
        {"r1": {"ansible_connection": "local"}, "r2": {"ansible_connection": "ansible.builtin.local"}},
    ],
)
def test_one_address_is_known_in_each_of_its_forms(hosts: dict[str, Any]):
    assert len(nodes(**hosts)) == 1


def test_nodes_behind_one_address_with_ssh_ports_of_their_own_are_machines_of_their_own():
    assert (
        nodes(r1={"ansible_host": "127.0.0.1", "ansible_port": 2222}, r2={"ansible_host": "127.0.0.1"}) == []
    )


def test_a_node_beside_a_broker_of_the_other_kind_is_let_be():
    hosts = {
        "r1": {"ansible_host": "10.0.0.5", "rabbitmq_stomp_port": 61623},
        "mq1": {"ansible_host": "10.0.0.5"},
        "mq2": {"ansible_host": "10.0.0.5", "activemq_connectors": [{"protocol": "stomp", "port": 61633}]},
    }
    assert refusals(hosts, {"rabbitmq": ["r1"], "activemq": ["mq1", "mq2"]}, DEFAULTS) == []


def test_ports_of_listeners_with_tls_collide_as_well():
    connectors = {"activemq_connectors": [{"protocol": "ws", "port": 61614}]}
    (sentence,) = found({"rabbitmq_tls": "only"}, connectors)
    assert "rabbitmq_tls_stomp_port" in sentence and "61614" in sentence
    assert found({"rabbitmq_tls": "off", "rabbitmq_stomp_port": 61623}, connectors) == []
    (sentence,) = found({"rabbitmq_stomp_port": 61612}, {"activemq_tls": "only"})
    assert "rabbitmq_stomp_port" in sentence and "61612" in sentence


def test_a_balancer_on_a_brokers_host_needs_ports_of_its_own():
    own = {"haproxy_amqp_port": 5673, "haproxy_stomp_port": 61623}
    groups = {"rabbitmq": ["mq1"], "haproxy": ["mq1"]}
    sentences = refusals({"mq1": {"ansible_host": "10.0.0.5"}}, groups, DEFAULTS)
    assert any("haproxy_amqp_port: port 5672 of mq1" in one for one in sentences)
    assert refusals({"mq1": {"ansible_host": "10.0.0.5", **own}}, groups, DEFAULTS) == []
