"""Three bare hosts become one cluster on each version, are seen the same from every node, and are restarted in turn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import hosts
import pytest
from clusters import INVENTORY, NAME, Cluster

# 4.0 is the scenario `cluster`.
VERSIONS = (*(pytest.param(version, marks=pytest.mark.drill) for version in ("3-8", "3-10")), "4-3")


@pytest.fixture(scope="module", params=VERSIONS)
def cluster(request: pytest.FixtureRequest, controller: hosts.Controller) -> Iterator[Cluster]:
    """Three bare hosts of a version, taken down before those of the next one come up."""
    with ExitStack() as stack:
        names = [f"cf-{request.param}-{letter}" for letter in "abc"]
        three = stack.enter_context(hosts.fresh(*names, inventory=INVENTORY))
        yield Cluster(three, controller, hosts.settings())


def test_three_bare_hosts_become_one_cluster(cluster: Cluster) -> None:
    cluster.run("site.yml").succeeded()
    assert cluster.views() == [(NAME, sorted(cluster.nodes), sorted(cluster.nodes))] * 3


def test_its_topology_is_that_of_all(cluster: Cluster) -> None:
    for one in cluster.hosts:
        assert set(one.run("rabbitmqctl --quiet list_vhosts").split()) >= {"shop", "brokerkit-smoke"}


def test_a_second_run_changes_nothing(cluster: Cluster) -> None:
    pids = cluster.pids()
    run = cluster.run("site.yml").succeeded()
    assert [run.counts(name)["changed"] for name in cluster.names] == [0, 0, 0]
    assert cluster.pids() == pids


def test_members_are_restarted_one_after_the_other(cluster: Cluster) -> None:
    pids = cluster.pids()
    run = cluster.run("playbooks/rabbitmq_restart.yml").succeeded()
    assert run.output.count("go on without rabbit@") == 3, "the others are asked before each"
    assert not set(cluster.pids()) & set(pids)
    assert cluster.is_whole()
    assert "goes without having handed over" not in run.sentence


def test_nobody_but_the_members_is_listened_to_between_nodes(cluster: Cluster) -> None:
    """epmd and the distribution are bound to the members' address, and to the host itself."""
    for one in cluster.hosts:
        lines = one.run("ss -ltnH '( sport = :4369 or sport = :25672 )'").splitlines()
        addresses = {line.split()[3].rpartition(":")[0] for line in lines}
        assert addresses <= {one.address, "127.0.0.1"}, lines


def test_apt_by_hand_does_not_stop_a_member(cluster: Cluster) -> None:
    pids = cluster.pids()
    done = cluster.hosts[0].attempt("apt-get -qq -y install --reinstall rabbitmq-server")
    assert done.returncode == 100 and "playbooks/rabbitmq_upgrade.yml" in done.stderr, done
    assert cluster.pids() == pids


def test_a_member_in_maintenance_is_the_only_one(cluster: Cluster) -> None:
    first, second = cluster.names[:2]
    cluster.run("playbooks/rabbitmq_drain.yml").refused("--limit: 3 hosts are to go into maintenance")
    cluster.run("playbooks/rabbitmq_drain.yml", "--limit", first).succeeded()
    assert not hosts.listens(cluster.hosts[0].address, 5672)
    cluster.run("playbooks/rabbitmq_drain.yml", "--limit", second).refused(
        f"the cluster cannot spare {cluster.nodes[1]} now", f"{cluster.nodes[0]} is in maintenance"
    )
    cluster.run("playbooks/rabbitmq_revive.yml", "--limit", first).succeeded()
    assert hosts.listens(cluster.hosts[0].address, 5672)


def test_a_member_leaves_with_its_replicas_made_up_for(cluster: Cluster) -> None:
    leaving = cluster.nodes[2]
    cluster.declare("replicated", "quorum", cluster.hosts[0])
    cluster.declare("alone", "classic", cluster.hosts[2])
    remove = ("playbooks/rabbitmq_remove_member.yml", "-e", f"rabbitmq_leaving={cluster.names[2]}")
    cluster.run(*remove).refused(
        "rabbitmq_cluster_two_members: without",
        f"1 queue is on {leaving} and nowhere else: 'alone' of vhost '/'",
    )
    assert cluster.is_whole()
    cluster.run(*remove, rabbitmq_cluster_two_members=True, rabbitmq_cluster_discard=[leaving]).succeeded()
    pair = sorted(cluster.nodes[:2])
    assert cluster.views() == [(NAME, pair, pair)] * 2
    assert cluster.replicas("replicated") == pair
    data = cluster.hosts[2].attempt(f"test -e /var/lib/rabbitmq/mnesia/{leaving}")
    assert data.returncode != 0 and cluster.hosts[2].broker_pid() == 0
    cluster.run(*remove).refused("rabbitmq_leaving: no node that runs", "or it is out already")


def test_it_comes_back_as_a_new_one_and_gets_the_replicas_that_are_missing(cluster: Cluster) -> None:
    cluster.run("site.yml").succeeded()
    assert cluster.is_whole()
    run = cluster.run("playbooks/rabbitmq_grow.yml").succeeded()
    assert f"(on {cluster.nodes[2]})" in run.sentence
    assert cluster.replicas("replicated") == sorted(cluster.nodes)
    assert "no quorum queue or stream lacks a replica" in cluster.run("playbooks/rabbitmq_grow.yml").sentence
