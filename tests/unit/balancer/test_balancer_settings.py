"""What a balancer passes on to the members of a cluster by the inventory, and what rules it out."""

from __future__ import annotations

import pytest
from brokers.balancer import settings as balancers
from role_files import defaults

MEMBERS = ("mq1", "mq2", "mq3")
GROUPS = {"rabbitmq": list(MEMBERS), "haproxy": ["front"]}
BOTH = {"rabbitmq_plugins": ["rabbitmq_management", "rabbitmq_stomp"]}
EVERY = "0.0.0.0"  # noqa: S104 - nothing is bound
OPEN = {"rabbitmq_management_address": EVERY}


def balancer(**changes):
    return {**defaults("haproxy"), "haproxy_address": "10.0.0.10", **changes}


def inventory(shared=(), **changes):
    """Three members of `prod`, all with what is `shared`; `changes` are laid over a host's variables."""
    alike = {"rabbitmq_cluster_name": "prod", **BOTH, **dict(shared)}
    return {
        name: {"ansible_host": f"10.0.0.{number}", **alike, **changes.get(name, {})}
        for number, name in enumerate(MEMBERS, 1)
    }


def services(hosts=None, **changes):
    found = balancers.services(balancer(**changes), hosts or inventory(), GROUPS, defaults("rabbitmq"))
    return {one["name"]: one for one in found}


def refused(hosts=None, groups=None, **changes):
    hosts = inventory() if hosts is None else hosts
    return balancers.refusals(balancer(**changes), hosts, groups or GROUPS, defaults("rabbitmq"))


def test_amqp_and_stomp_are_passed_on_to_the_members_that_have_them():
    found = services()
    assert list(found) == ["amqp", "stomp"]
    assert found["amqp"]["servers"] == [
        {"name": name, "address": f"10.0.0.{number}", "port": 5672} for number, name in enumerate(MEMBERS, 1)
    ]
    assert (found["stomp"]["address"], found["stomp"]["port"]) == ("10.0.0.10", 61613)
    assert refused() == []


def test_ports_of_the_members_need_not_be_those_of_the_balancer():
    found = services(inventory({"rabbitmq_amqp_port": 5700}), haproxy_amqp_port=5673)
    assert found["amqp"]["port"] == 5673
    assert {one["port"] for one in found["amqp"]["servers"]} == {5700}


def test_tls_is_passed_on_where_the_members_speak_it():
    assert list(services(inventory({"rabbitmq_tls": "both"}))) == ["amqp", "amqps", "stomp", "stomps"]
    assert list(services(inventory({"rabbitmq_tls": "only"}))) == ["amqps", "stomps"]


def test_the_management_api_has_no_port_until_it_is_asked_for():
    assert "management" not in services(inventory(OPEN))
    found = services(inventory(OPEN), haproxy_management_port=15672)
    assert len(found["management"]["servers"]) == 3


def test_a_member_is_reached_at_the_address_of_its_listener():
    found = services(inventory(mq2={"rabbitmq_amqp_address": "192.168.7.2"}))
    assert [one["address"] for one in found["amqp"]["servers"]] == ["10.0.0.1", "192.168.7.2", "10.0.0.3"]


def test_no_member_is_reached_over_loopback():
    """RabbitMQ lets in over it whom it keeps out elsewhere."""
    assert "stomp" not in services(inventory({"rabbitmq_stomp_address": "127.0.0.1"}))


@pytest.mark.parametrize(
    ("shared", "changes", "words"),
    [
        (
            {"rabbitmq_cluster_name": ""},
            {},
            "haproxy_cluster_name: the inventory has no cluster",
        ),
        ({}, {"haproxy_cluster_name": "other"}, "'other' is no cluster of the inventory; it has prod"),
        ({}, {"haproxy_address": "front.example.org"}, "haproxy_address: 'front.example.org' is not an IP"),
        ({}, {"haproxy_amqp_port": 70000}, "haproxy_amqp_port: 70000 is not a port"),
        ({}, {"haproxy_amqp_port": 61613}, "haproxy_stomp_port: 61613 is the port of haproxy_amqp_port"),
        ({}, {"haproxy_idle_timeout": 50}, "haproxy_idle_timeout: 50 is too small"),
        ({}, {"haproxy_management_port": 15672}, "mq1, mq2, mq3 cannot be reached for http"),
        ({}, {"haproxy_amqp_port": 0, "haproxy_stomp_port": 0}, "its ports are all 0"),
    ],
)
def test_what_cannot_be_is_refused(shared, changes, words):
    found = refused(inventory(shared), **changes)
    assert len(found) == 1
    assert words in found[0]


def test_of_several_clusters_one_has_to_be_named():
    hosts = inventory(mq3={"rabbitmq_cluster_name": "other"})
    assert "the inventory has prod, other; name one of them" in refused(hosts)[0]
    assert refused(hosts, haproxy_cluster_name="other") == []
    assert [one["name"] for one in services(hosts, haproxy_cluster_name="prod")["amqp"]["servers"]] == [
        "mq1",
        "mq2",
    ]


def test_members_that_cannot_stand_in_for_each_other_are_refused():
    found = refused(inventory(mq2={"rabbitmq_amqp_address": "127.0.0.1"}))
    assert found == [
        "haproxy_amqp_port: mq2 cannot be reached for amqp: there is no such listener, or only one on 127.0.0.1 "
        "(rabbitmq_amqp_address); let all members have one, or set haproxy_amqp_port to 0"
    ]


def host(**changes):
    return {"hostname": "front", "manager": "apt", "foreign": [], "listeners": [], **changes}


def on_host(**changes):
    return balancers.host_refusals(balancer(), list(services().values()), host(**changes))


def test_a_host_of_another_family_is_refused():
    (sentence,) = on_host(manager="dnf", os={"PRETTY_NAME": "Rocky Linux 9.5"})
    assert sentence.startswith("front: is Rocky Linux 9.5") and "group haproxy" in sentence


def test_an_address_of_another_host_is_refused():
    assert "10.0.0.10 is not an address of front" in on_host(foreign=["10.0.0.10"])[0]


def test_a_port_that_another_process_holds_is_refused_and_its_own_is_not():
    held = {"address": EVERY, "port": 5672, "pid": 7, "process": "beam.smp"}
    assert (
        "haproxy_amqp_port: port 5672 of front is held by beam.smp (process 7)"
        in on_host(listeners=[held])[0]
    )
    assert on_host(listeners=[{**held, "process": "haproxy"}]) == []
    assert on_host(listeners=[{**held, "address": "127.0.0.1"}]) == []
