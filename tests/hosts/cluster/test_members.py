"""Members that come late, come up alone, lose their data, or hold something of their own."""

from __future__ import annotations

from collections.abc import Callable

import hosts
import pytest
from clusters import INVENTORY, NAME, Cluster


@pytest.fixture(scope="module")
def cluster(fresh: Callable[..., list[hosts.Host]], controller: hosts.Controller) -> Cluster:
    """Three hosts of which two are a cluster: a pair that was asked for."""
    three = fresh(*(f"cm-4-0-{letter}" for letter in "abc"))
    found = Cluster(three, controller, hosts.settings())
    found.run("site.yml", only=three[:2], rabbitmq_cluster_two_members=True).succeeded()
    return found


def test_a_pair_is_one_cluster(cluster: Cluster) -> None:
    pair = sorted(cluster.nodes[:2])
    assert cluster.views() == [(NAME, pair, pair)] * 2


def test_a_new_host_that_finds_nobody_is_not_booted(cluster: Cluster) -> None:
    """--limit leaves out those that hold the cluster, and no packet of it reaches them."""
    new = cluster.hosts[2]
    members = [one.address for one in cluster.hosts[:2]]
    new.run("; ".join(f"ip route add unreachable {address}" for address in members))
    try:
        run = cluster.run("site.yml", "--limit", new.name)
    finally:
        new.run("; ".join(f"ip route del unreachable {address}" for address in members))
    run.refused(f"no member of {NAME} answers {cluster.nodes[2]}", "so it was not booted")
    assert new.broker_pid() == 0
    assert new.attempt(f"test -e /var/lib/rabbitmq/mnesia/{cluster.nodes[2]}").returncode != 0


def test_a_third_host_joins_and_restarts_nobody(cluster: Cluster) -> None:
    pids = cluster.pids()[:2]
    cluster.run("site.yml").succeeded()
    assert cluster.is_whole()
    assert cluster.pids()[:2] == pids


@pytest.mark.drill
def test_a_member_is_added_with_limit_as_well(cluster: Cluster) -> None:
    """It was taken out of the cluster, and its host is empty again."""
    hosts.testbed("reset", cluster.names[2], inventory=INVENTORY)
    cluster.run("site.yml", "--limit", cluster.names[2]).refused(
        f"{cluster.nodes[2]} is a member of the cluster of {cluster.nodes[0]}",
        "has lost the data",
        f"rabbitmqctl forget_cluster_node {cluster.nodes[2]}",
    )
    cluster.hosts[0].run(f"rabbitmqctl forget_cluster_node {cluster.nodes[2]}")
    cluster.elsewhere("an upgrade", "held")
    cluster.run("site.yml", "--limit", cluster.names[2]).refused("bob@elsewhere has an operation on this")
    assert cluster.hosts[2].broker_pid() == 0, "it does not join a cluster that somebody works on"
    cluster.elsewhere("an upgrade", "released")
    cluster.run("site.yml", "--limit", cluster.names[2]).succeeded()
    assert cluster.is_whole()
    assert "taken => true" in cluster.elsewhere("x", "held"), "it is free again"
    cluster.elsewhere("x", "released")


def test_while_a_member_is_down_no_other_is_restarted(cluster: Cluster) -> None:
    cluster.hosts[2].run("systemctl stop rabbitmq-server")
    pids = cluster.pids()
    run = cluster.run("playbooks/rabbitmq_restart.yml", "--limit", cluster.names[0])
    run.refused(f"the cluster cannot spare {cluster.nodes[0]} now", f"{cluster.nodes[2]} is down")
    assert cluster.pids() == pids
    cluster.probes("--only", "cluster.members,cluster.quorum", "--broker", cluster.names[0]).refused(
        f"{cluster.nodes[2]}: this member does not see it running", "Of 3 replicas 2 are online"
    )
    cluster.hosts[2].run("systemctl start rabbitmq-server")
    hosts.wait_for("all members", cluster.is_whole, 120, 2)
    assert "9 of 9 probes passed on 3 brokers" in cluster.probes("--only", "cluster").succeeded().sentence


def test_a_member_through_which_no_message_goes_is_the_last_that_is_restarted(cluster: Cluster) -> None:
    first, pids = cluster.hosts[0], cluster.pids()
    vhosts = first.run("rabbitmqctl --quiet list_vhosts").split()[1:]
    first.run("; ".join(f"rabbitmqctl clear_permissions -p {vhost} admin" for vhost in vhosts))
    run = cluster.run("playbooks/rabbitmq_restart.yml")
    every = "'.*' '.*' '.*'"
    first.run("; ".join(f"rabbitmqctl set_permissions -p {vhost} admin {every}" for vhost in vhosts))
    run.refused(
        f"{first.name}: the node runs, and whether messages pass could not be tried",
        "admin may do it in no vhost",
        "no other node is stopped",
    )
    assert cluster.pids()[0] != pids[0] and cluster.pids()[1:] == pids[1:]
    hosts.wait_for("all members", cluster.is_whole, 60, 2)


@pytest.mark.drill
def test_nor_does_the_next_one_go_while_it_blocks_publishers(cluster: Cluster) -> None:
    """It listens, and takes nothing: its memory alarm is raised as soon as it is up."""
    first, pids = cluster.hosts[0], cluster.pids()
    conf = "/etc/rabbitmq/rabbitmq.conf"
    first.run(f"cp -p {conf} /root/conf && sed -i '/^vm_memory_high_watermark/s/=.*/= 0.0001/' {conf}")
    run = cluster.run("playbooks/rabbitmq_restart.yml", rabbitmq_wait_for_members=30)
    run.refused(f"{first.name}: the node runs, and a message", "the node blocks publishers (low on memory)")
    assert hosts.listens(first.address, 5672), "clients could connect"
    assert cluster.pids()[0] != pids[0] and cluster.pids()[1:] == pids[1:]
    first.run(f"mv /root/conf {conf} && rabbitmqctl set_vm_memory_high_watermark 0.4")
    cluster.run("playbooks/rabbitmq_restart.yml").succeeded()
    assert cluster.is_whole() and not set(cluster.pids()) & set(pids)


def _alone(cluster: Cluster, *holding: str) -> None:
    """Make the third member a node of its own, which holds what the commands declare."""
    node, first = cluster.nodes[2], cluster.hosts[0]
    cluster.hosts[2].run("rabbitmqctl stop_app && rabbitmqctl reset")
    # Without the list, so that it does not find its cluster again.
    cluster.hosts[2].run(
        "sed -i /classic_config/d /etc/rabbitmq/rabbitmq.conf && systemctl restart rabbitmq-server"
    )
    if node in first.run("rabbitmqctl --quiet --formatter json cluster_status"):
        first.attempt(f"rabbitmqctl forget_cluster_node {node}")
    for command in holding:
        cluster.hosts[2].run(command)


def test_a_node_that_came_up_alone_and_holds_nothing_joins(cluster: Cluster) -> None:
    _alone(cluster)
    assert len(set(map(str, cluster.views()))) == 2
    cluster.run("site.yml", "--limit", cluster.names[2]).refused(
        f"{cluster.nodes[2]} runs alone, and none of"
    )
    cluster.run("site.yml").succeeded()
    assert cluster.is_whole()


@pytest.mark.drill
def test_what_a_node_holds_is_dropped_for_the_word_alone(cluster: Cluster) -> None:
    _alone(cluster, "rabbitmqctl add_vhost own")
    cluster.run("site.yml").refused(
        f"rabbitmq_cluster_discard: {cluster.nodes[2]} made a cluster of its own and holds something",
        "vhosts: 1",
    )
    assert "own" in cluster.hosts[2].run("rabbitmqctl --quiet list_vhosts")
    cluster.run("site.yml", rabbitmq_cluster_discard=[cluster.nodes[2]]).succeeded()
    assert cluster.is_whole()
    assert "own" not in cluster.hosts[2].run("rabbitmqctl --quiet list_vhosts")


@pytest.mark.drill
def test_a_change_that_needs_a_restart_is_rolled(cluster: Cluster) -> None:
    pids = cluster.pids()
    run = cluster.run("site.yml", rabbitmq_heartbeat=45).succeeded()
    assert run.output.count("go on without rabbit@") == 3
    assert not set(cluster.pids()) & set(pids)
    assert cluster.is_whole()


def test_members_that_are_told_differently_are_refused_before_any_is_changed(cluster: Cluster) -> None:
    pids = cluster.pids()
    wrong = {"hosts": {cluster.names[1]: {"rabbitmq_erlang_cookie": "9c1e7f3b5d2a486f80b4c6d8e0a2f491"}}}
    command, home = cluster.command("site.yml")
    path = cluster.controller.inventory({"rabbitmq": wrong})
    run = cluster.controller.run([*command[:5], "-i", str(path), *command[5:]], home)
    run.refused(f"rabbitmq_erlang_cookie: is not the same on {cluster.names[1]} as on {cluster.names[0]}")
    assert cluster.pids() == pids
