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
