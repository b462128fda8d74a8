"""The Prometheus plugin of a node: closed to the world, its keys in both formats, refused where a version lacks it."""

from __future__ import annotations

import pytest
from brokers.rabbitmq import on_host
from brokers.rabbitmq.configuration import classic, conf
from brokers.rabbitmq.settings import listeners, refusals
from rabbitmq_node import node

ON = {"plugins": ["rabbitmq_prometheus"]}
ALL = {"prometheus_per_object": True, "prometheus_authentication": True}


def keys(**settings):
    """The keys of rabbitmq.conf that are about metrics, with their values."""
    return {
        key: value
        for _, lines in conf(node(**settings))
        for key, value in lines
        if key.startswith("prometheus")
    }


def test_the_plugin_listens_on_loopback_until_told():
    assert keys(**ON) == {"prometheus.tcp.port": "15692", "prometheus.tcp.ip": "127.0.0.1"}
    assert keys(**ON, prometheus_port=9419, prometheus_address="") == {"prometheus.tcp.port": "9419"}


def test_what_it_shows_and_to_whom():
    assert keys(**ON, **ALL, tls="only")["prometheus.authentication.enabled"] == "true"
    found = keys(**ON, **ALL)
    assert found["prometheus.return_per_object_metrics"] == "true"
    assert found["prometheus.authentication.enabled"] == "true"


def test_without_the_plugin_nothing_is_written_and_what_needs_it_is_refused():
    assert keys() == {}
    assert keys(**ALL) == {}
    sentences = refusals(node(**ALL))
    assert [one.split(":")[0] for one in sentences] == [f"rabbitmq_{name}" for name in ALL]
    assert all("rabbitmq_plugins has no rabbitmq_prometheus" in one for one in sentences)


def test_the_classic_format_says_the_same():
    assert classic(node(**ON, **ALL), {})["rabbitmq_prometheus"] == {
        "tcp_config": {"port": 15692, "ip": "127.0.0.1"},
        "return_per_object_metrics": True,
        "authentication": {"enabled": True},
    }


@pytest.mark.parametrize(("version", "refused"), [("3.8.9", True), ("3.10.8", True), ("4.0.5", False)])
def test_a_version_without_logins_for_metrics_is_refused(version, refused):
    sentences = on_host.version_refusals(node(**ON, **ALL), version)
    assert bool(sentences) is refused
    assert all(f"RabbitMQ {version}" in one and "since 4.0.0" in one for one in sentences)
    assert on_host.version_refusals(node(**ON, prometheus_per_object=True), version) == []


def test_its_port_is_one_of_the_ports_that_a_node_needs():
    assert {"name": "prometheus", "address": "127.0.0.1", "port": 15692} in listeners(node(**ON))
    twice = refusals(node(plugins=["rabbitmq_prometheus", "rabbitmq_management"], prometheus_port=15672))
    assert [one for one in twice if "rabbitmq_prometheus_port" in one and "15672" in one]


@pytest.mark.parametrize(
    ("key", "variable"),
    [
        ("prometheus.tcp.port", "rabbitmq_prometheus_port"),
        ("prometheus.tcp.ip", "rabbitmq_prometheus_address"),
        ("prometheus.return_per_object_metrics", "rabbitmq_prometheus_per_object"),
        ("prometheus.authentication.enabled", "rabbitmq_prometheus_authentication"),
    ],
)
def test_its_keys_are_refused_beside_the_variables(key, variable):
    (sentence,) = refusals(node(**ON, config={key: "x"}))
    assert f"use {variable}" in sentence
    assert refusals(node(**ON, config={"prometheus.tcp.idle_timeout": 60000})) == []
