"""The packet filter between members: its ports, whom it lets in, and whom it would shut out."""

from __future__ import annotations

from typing import Any

import pytest
from brokers.rabbitmq import packet_filter

MEMBERS = [
    {"host": f"mq{number}", "node": f"rabbit@mq{number}", "address": f"10.0.0.{number}"}
    for number in (1, 2, 3)
]
OWN = "local 10.0.0.1 dev lo src 10.0.0.1 uid 0 \n    cache <local> \n"


def settings(**changes: Any) -> dict[str, Any]:
    return {
        "rabbitmq_cluster_name": "prod",
        "rabbitmq_cluster_filter": True,
        "rabbitmq_cluster_filter_also": [],
        "rabbitmq_epmd_port": 4369,
        "rabbitmq_distribution_port": 25672,
        **changes,
    }


def route(to: int, source: str, via: str = "") -> str:
    return f"10.0.0.{to} {via}dev eth0 src {source} uid 0 \n    cache \n"


def test_the_ports_are_those_of_epmd_the_distribution_and_the_tools() -> None:
    assert packet_filter.ports(settings()) == "4369, 25672, 35672-35682"
    moved = settings(rabbitmq_epmd_port=4370, rabbitmq_distribution_port=30000)
    assert packet_filter.ports(moved) == "4370, 30000, 40000-40010"


@pytest.mark.parametrize(("port", "expected"), [(55525, "4369, 55525, 65525-65535"), (55526, "4369, 55526")])
def test_there_is_no_port_above_the_last(port: int, expected: str) -> None:
    assert packet_filter.ports(settings(rabbitmq_distribution_port=port)) == expected


def test_one_port_for_both_is_named_once() -> None:
    assert packet_filter.ports(settings(rabbitmq_distribution_port=4369)).startswith("4369, 14369-")


def test_members_and_what_is_added_are_let_in() -> None:
    also = settings(rabbitmq_cluster_filter_also=["10.0.9.0/24", "10.0.0.2"])
    assert packet_filter.admitted(also, MEMBERS) == ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.9.0/24"]


def test_a_host_that_comes_from_its_address_is_not_shut_out() -> None:
    routes = OWN + route(2, "10.0.0.1") + route(3, "10.0.0.1", "via 10.0.0.254 ")
    assert packet_filter.shut_out(settings(), MEMBERS, "mq1", routes) == []


def test_a_host_that_comes_from_another_address_is_told_for_whom() -> None:
    routes = OWN + route(2, "10.0.7.1") + route(3, "10.0.7.1", "via 10.0.0.254 ")
    (said,) = packet_filter.shut_out(settings(), MEMBERS, "mq1", routes)
    assert "mq1 reaches mq2, mq3 from 10.0.7.1, and they would let in 10.0.0.1 alone" in said
    assert "set that to 10.0.7.1 for mq1, or add 10.0.7.1 to rabbitmq_cluster_filter_also" in said
    added = settings(rabbitmq_cluster_filter_also=["10.0.7.0/28"])
    assert packet_filter.shut_out(added, MEMBERS, "mq1", routes) == []


def test_one_without_a_route_is_left_to_those_who_ask_it() -> None:
    assert packet_filter.shut_out(settings(), MEMBERS, "mq1", OWN + "loaded\n") == []


def test_what_is_no_address_is_refused() -> None:
    (said,) = packet_filter.refusals(
        settings(rabbitmq_cluster_filter_also=["10.0.9.0/24", "admin.example"]), MEMBERS
    )
    assert said.startswith("rabbitmq_cluster_filter_also: 'admin.example' is not an IPv4 address or network")
    stranger = {"host": "mq4", "node": "rabbit@mq4", "address": "mq4.example"}
    (said,) = packet_filter.refusals(settings(), [*MEMBERS, stranger])
    assert said.startswith("rabbitmq_cluster_address: 'mq4.example' of mq4 is not an IPv4 address")


def test_a_network_with_bits_of_a_host_is_no_network() -> None:
    assert packet_filter.refusals(settings(rabbitmq_cluster_filter_also=["10.0.9.1/24"]), MEMBERS)


def test_a_node_on_its_own_has_nobody_to_let_in() -> None:
    (said,) = packet_filter.refusals(settings(rabbitmq_cluster_name=""), [])
    assert said.startswith("rabbitmq_cluster_filter: is for members of a cluster")
    off = settings(rabbitmq_cluster_filter=False, rabbitmq_cluster_name="")
    assert packet_filter.refusals(off, []) == []
