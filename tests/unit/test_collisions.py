"""Brokers on one machine: the ports that collide are named with their variables, before anything is installed."""

from __future__ import annotations

from typing import Any

import pytest
from brokers.collisions import port_collisions
from role_files import defaults

DEFAULTS = {name: defaults(name) for name in ("rabbitmq", "activemq")}


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
