"""playbooks/doctor.yml on three hosts that are one cluster, in the states that only a cluster gets into."""

from __future__ import annotations

import time
from collections.abc import Callable

import hosts
import pytest
from clusters import Cluster, cut_off
from doctor_cluster import START, findings, healed, made, rows
from probes.wire.classify import Speaks, classify

pytestmark = [pytest.mark.drill, pytest.mark.xdist_group("dr-4-0-a")]

COOKIE = "/var/lib/rabbitmq/.erlang.cookie"


@pytest.fixture(scope="module")
def cluster(fresh: Callable[..., list[hosts.Host]], controller: hosts.Controller) -> Cluster:
    """Three hosts that are one cluster, with a quorum queue and a classic one."""
    return made(fresh(*(f"dr-4-0-{letter}" for letter in "abc")), controller)


def test_the_port_between_nodes_is_recognised_and_nobody_logs_a_stranger(cluster: Cluster) -> None:
    began = time.time() - 1
    for one in cluster.hosts:
        assert classify(one.address, 25672, 5).speaks is Speaks.DISTRIBUTION
    assert rows(findings(cluster, began)) == [[], [], []]


def test_nothing_is_found_in_a_healthy_cluster(cluster: Cluster) -> None:
    assert rows(findings(cluster, time.time() - 3600)) == [[], [], []]


def test_a_member_that_was_stopped(cluster: Cluster) -> None:
    with healed(cluster) as began:
        cluster.hosts[2].run("systemctl stop rabbitmq-server")
        first, second, third = rows(findings(cluster, began))
        assert third[0] == "broker-stopped"
        assert "under-replicated" in first and "classic-queue-away" in first
        assert "under-replicated" in second
        cluster.hosts[2].run(START)


def test_a_member_that_is_down_and_not_asked(cluster: Cluster) -> None:
    with healed(cluster) as began:
        cluster.hosts[2].run("systemctl stop rabbitmq-server")
        others = ",".join(cluster.names[:2])
        found = findings(cluster, began, "--limit", others)
        assert [*found] == cluster.names[:2]
        assert any("member-down" in one[:2] for one in rows(found)), found
        cluster.hosts[2].run(START)


def test_members_of_which_one_does_not_see_the_other(cluster: Cluster) -> None:
    """What a cut of milliseconds leaves: Mnesia on one side has noticed it, and the other has not."""
    with healed(cluster) as began:
        cluster.hosts[0].evaluate(f"mnesia_lib:del({{current, db_nodes}}, '{cluster.nodes[2]}').")
        found = rows(findings(cluster, began))
        assert any("members-disagree" in one[:2] for one in found), found
        cluster.run("playbooks/rabbitmq_heal.yml").succeeded()


def test_a_member_that_was_forgotten(cluster: Cluster) -> None:
    host, node = cluster.hosts[2], cluster.nodes[2]
    with healed(cluster) as began:
        host.run("systemctl stop rabbitmq-server")
        cluster.hosts[0].run(f"rabbitmqctl forget_cluster_node {node}")
        host.run("timeout 60 systemctl start rabbitmq-server; true")
        assert "inconsistent-cluster" in rows(findings(cluster, began))[2][:2]
        host.run("systemctl stop rabbitmq-server; mv /var/lib/rabbitmq/mnesia /var/lib/rabbitmq/mnesia.old")
        cluster.run("site.yml").succeeded()
        cluster.run("playbooks/rabbitmq_grow.yml").succeeded()  # what was forgotten has lost its replicas
        cluster.declare("single", "classic", host)


def test_a_host_on_which_needrestart_may_restart_a_member(cluster: Cluster) -> None:
    host = cluster.hosts[1]
    host.run("DEBIAN_FRONTEND=noninteractive apt-get -qq -y install needrestart", timeout=180)
    with healed(cluster) as began:
        assert rows(findings(cluster, began)) == [[], [], []]
        host.run("rm /etc/needrestart/conf.d/brokerkit-rabbitmq.conf")
        assert rows(findings(cluster, began))[1] == ["needrestart-unguarded"]
        cluster.run("site.yml").succeeded()


def test_a_majority_that_is_gone(cluster: Cluster) -> None:
    with healed(cluster) as began:
        for one in cluster.hosts[1:]:
            one.run("systemctl stop rabbitmq-server")
        first, *others = rows(findings(cluster, began))
        assert first[0] == "no-majority"
        assert [one[0] for one in others] == ["broker-stopped"] * 2
        for one in cluster.hosts[1:]:
            one.run(START)


def test_members_that_wait_for_each_other(cluster: Cluster) -> None:
    with healed(cluster) as began:
        for one in cluster.hosts:
            one.run("systemctl stop rabbitmq-server")
        cluster.hosts[0].run("systemctl start --no-block rabbitmq-server; sleep 70")
        first, *others = rows(findings(cluster, began))
        assert "waiting-for-members" in first[:2]
        assert [one[0] for one in others] == ["broker-stopped"] * 2
        cluster.run("playbooks/rabbitmq_start.yml").succeeded()


def test_another_cookie_on_one_member(cluster: Cluster) -> None:
    host = cluster.hosts[1]
    with healed(cluster) as began:
        host.run(
            f"cp -p {COOKIE} /var/tmp/kept; chmod u+w {COOKIE}; echo another > {COOKIE}; chmod 400 {COOKIE}"
        )
        found = rows(findings(cluster, began))
        assert "cookies-differ" in found[1][:2] and found[0] == found[2] == []
        host.run(f"cp -p /var/tmp/kept {COOKIE}")


def test_a_member_in_maintenance(cluster: Cluster) -> None:
    with healed(cluster) as began:
        cluster.run("playbooks/rabbitmq_drain.yml", "--limit", cluster.names[0]).succeeded()
        assert rows(findings(cluster, began))[0] == ["drained"]
        cluster.run("playbooks/rabbitmq_revive.yml", "--limit", cluster.names[0]).succeeded()


def test_a_partition_that_stays(cluster: Cluster) -> None:
    with healed(cluster) as began:
        for one in cluster.hosts:
            one.evaluate("application:set_env(rabbit, cluster_partition_handling, ignore).")
        with cut_off(cluster, 2):
            hosts.wait_for("its other side", lambda: cluster.views()[2][2] == [cluster.nodes[2]], 150, 2)
        hosts.wait_for(
            "the partition",
            lambda: "cannot communicate" in cluster.hosts[0].run("rabbitmqctl --quiet cluster_status"),
            60,
            2,
        )
        found = rows(findings(cluster, began))
        assert all("partition" in one[:2] for one in found if one), found
        assert any("partition" in one for one in found)
        cluster.run("playbooks/rabbitmq_heal.yml").succeeded()
