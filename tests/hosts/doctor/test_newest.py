"""playbooks/doctor.yml on three hosts with RabbitMQ 4.3, which has Khepri instead of Mnesia."""

from __future__ import annotations

import time
from collections.abc import Callable

import doctor_cluster as doctor
import hosts
import pika
import pytest
from clusters import Cluster
from probes.wire.classify import Speaks, classify

pytestmark = [pytest.mark.drill, pytest.mark.xdist_group("dr-4-3-a")]

STOP = "systemctl stop rabbitmq-server"


@pytest.fixture(scope="module")
def cluster(fresh: Callable[..., list[hosts.Host]], controller: hosts.Controller) -> Cluster:
    """Three hosts that are one cluster, with a quorum queue and a classic one."""
    return doctor.made(fresh(*(f"dr-4-3-{letter}" for letter in "abc")), controller)


def test_the_port_between_nodes_is_recognised_and_nobody_logs_a_stranger(cluster: Cluster) -> None:
    began = time.time() - 1
    for one in cluster.hosts:
        assert classify(one.address, 25672, 5).speaks is Speaks.DISTRIBUTION
    assert doctor.rows(doctor.findings(cluster, began)) == [[], [], []]


def test_nothing_is_found_in_a_healthy_cluster(cluster: Cluster) -> None:
    assert doctor.rows(doctor.findings(cluster, time.time() - 3600)) == [[], [], []]


def test_a_client_that_declares_a_transient_queue(cluster: Cluster) -> None:
    user = next(one for one in cluster.values["rabbitmq_topology_users"] if one["name"] == "shop")
    login = pika.PlainCredentials("shop", user["password"])
    where = pika.ConnectionParameters(cluster.hosts[0].address, 5672, "shop", login)
    with doctor.healed(cluster) as began:
        with pytest.raises(pika.exceptions.AMQPError), pika.BlockingConnection(where) as connection:
            connection.channel().queue_declare("transient")
        assert doctor.rows(doctor.findings(cluster, began)) == [["transient-queue-refused"], [], []]


def test_a_member_that_was_stopped(cluster: Cluster) -> None:
    with doctor.healed(cluster) as began:
        cluster.hosts[2].run(STOP)
        first, second, third = doctor.rows(doctor.findings(cluster, began))
        assert third[0] == "broker-stopped"
        assert "under-replicated" in first and "under-replicated" in second
        cluster.hosts[2].run(doctor.START)


def test_a_member_that_waits_for_a_leader(cluster: Cluster) -> None:
    with doctor.healed(cluster) as began:
        for one in cluster.hosts:
            one.run(STOP)
        cluster.hosts[0].run(f"{doctor.START} --no-block; sleep 50")
        first, *others = doctor.rows(doctor.findings(cluster, began))
        assert "waiting-for-leader" in first[:2]
        assert [one[0] for one in others] == ["broker-stopped"] * 2
        cluster.run("playbooks/rabbitmq_start.yml").succeeded()


def test_a_majority_that_is_gone(cluster: Cluster) -> None:
    with doctor.healed(cluster) as began:
        for one in cluster.hosts[1:]:
            one.run(STOP)
        first, *others = doctor.rows(doctor.findings(cluster, began))
        assert "no-majority" in first[:2]
        assert [one[0] for one in others] == ["broker-stopped"] * 2
        for one in cluster.hosts[1:]:
            one.run(f"{doctor.START} --no-block")
