"""A cluster is upgraded one node at a time and loses nothing; what cannot go is refused before any node is stopped."""

from __future__ import annotations

from collections.abc import Callable

import hosts
import pytest
from clusters import INVENTORY, Cluster
from repositories import Repositories, serve

pytestmark = pytest.mark.drill

UPGRADE = "playbooks/rabbitmq_upgrade.yml"
BROKER_ONLY = "^rabbitmq-server"
# What Debian's unit starts, made to fail.
BROKEN = "printf '#!/bin/sh\\nexit 1\\n' > usr/lib/rabbitmq/bin/rabbitmq-server"


@pytest.fixture(scope="module")
def four(fresh: Callable[..., list[hosts.Host]]) -> list[hosts.Host]:
    """Three hosts for a cluster, and the one that serves packages."""
    return fresh("cu-4-0-a", "cu-4-0-b", "cu-4-0-c", "cu-packages")


@pytest.fixture(scope="module")
def cluster(four: list[hosts.Host], controller: hosts.Controller) -> Cluster:
    """A cluster on the packages of the release."""
    found = Cluster(four[:3], controller, hosts.settings())
    found.run("site.yml").succeeded()
    return found


@pytest.fixture(scope="module")
def repositories(four: list[hosts.Host], controller: hosts.Controller) -> Repositories:
    """Where packages are served from."""
    return serve(four[3], controller.directory)


def versions(cluster: Cluster, package: str = "rabbitmq-server") -> list[str]:
    """The version of a package on each member."""
    return [one.run(f"dpkg-query -W -f '${{Version}}' {package}") for one in cluster.hosts]


def test_without_newer_packages_nothing_is_stopped(cluster: Cluster) -> None:
    pids = cluster.pids()
    run = cluster.run(UPGRADE).succeeded()
    assert run.sentence.count("its packages are up to date") == 3
    assert [run.counts(name)["changed"] for name in cluster.names] == [0, 0, 0]
    assert cluster.pids() == pids


@pytest.mark.parametrize(
    ("broker", "told"),
    [
        ("4.9.0-1", "in place; the table of upgrades ends with 4.3"),
        ("4.3.6-1", "upgrade to 4.2 first (rabbitmq_version), then to 4.3"),
    ],
)
def test_a_step_that_is_not_allowed_is_refused_before_any_node_is_stopped(
    broker: str, told: str, cluster: Cluster, repositories: Repositories
) -> None:
    before, pids = versions(cluster), cluster.pids()
    repositories.dummies(broker, broker)
    source = repositories.settings("rabbitmq_", repository_uri=repositories.uri(broker))
    cluster.run(UPGRADE, **source).refused(told)
    assert (versions(cluster), cluster.pids()) == (before, pids)
    assert cluster.is_whole()


def test_a_cluster_that_is_down_is_to_be_started_first(cluster: Cluster) -> None:
    cluster.run("playbooks/rabbitmq_stop.yml", rabbitmq_accept_interruption=True).succeeded()
    cluster.run(UPGRADE).refused("would wait for the others", "playbooks/rabbitmq_start.yml")
    assert cluster.pids() == [0, 0, 0]
    cluster.run("playbooks/rabbitmq_start.yml").succeeded()
    assert cluster.is_whole()


def test_a_version_that_does_not_start_is_taken_back_and_no_other_node_is_stopped(
    cluster: Cluster, repositories: Repositories
) -> None:
    before, pids = versions(cluster), cluster.pids()
    repositories.rebuilt("broken", "+broken1", BROKER_ONLY, change=BROKEN)
    source = repositories.settings("rabbitmq_", repository_uri=repositories.uri("broken"))
    cluster.run(UPGRADE, **source).refused(
        "did not come up so, and no other one was stopped", "It runs again on the versions before."
    )
    assert versions(cluster) == before
    assert cluster.pids()[1:] == pids[1:]
    hosts.wait_for("the cluster", cluster.is_whole, 60, 2)


def test_rabbitmq_and_erlang_are_upgraded_under_load_and_nothing_is_lost(
    cluster: Cluster, repositories: Repositories
) -> None:
    before, pids = versions(cluster), cluster.pids()
    repositories.rebuilt("debian", "+local1")
    both = repositories.both()
    run = cluster.run(UPGRADE, "--check", **both).succeeded()
    assert (versions(cluster), cluster.pids()) == (before, pids), "check mode installs nothing"
    assert "this is by what apt knows now" in run.sentence, "its repositories are not written yet"
    cluster.soaked(cluster.command(UPGRADE, **both)[0]).succeeded()
    assert versions(cluster) == [f"{one}+local1" for one in before]
    assert all(one.endswith("+local1") for one in versions(cluster, "erlang-base"))
    assert not set(cluster.pids()) & set(pids)
    assert cluster.is_whole()
    again = cluster.run(UPGRADE, **both).succeeded()
    assert [again.counts(name)["changed"] for name in cluster.names] == [0, 0, 0]


@pytest.mark.parametrize(
    ("task", "mark"), [("5. Stop the node", "+local2"), ("7. Install", "+local3"), ("9. Start", "+local4")]
)
def test_an_upgrade_that_was_killed_is_finished_by_the_next_run(
    task: str, mark: str, cluster: Cluster, repositories: Repositories
) -> None:
    repositories.rebuilt("debian", mark, BROKER_ONLY)
    both = repositories.both()
    cluster.killed(task, UPGRADE, **both)
    cluster.run(UPGRADE, **both).succeeded()
    assert all(one.endswith(mark) for one in versions(cluster))
    assert cluster.is_whole()
    cluster.run("site.yml", **both).succeeded()


def test_a_part_of_the_members_is_upgraded_and_the_others_follow(
    cluster: Cluster, repositories: Repositories
) -> None:
    repositories.rebuilt("debian", "+local5", BROKER_ONLY)
    source, pids = repositories.settings("rabbitmq_"), cluster.pids()
    cluster.run(UPGRADE, "--limit", cluster.names[1], **source).succeeded()
    assert [one.endswith("+local5") for one in versions(cluster)] == [False, True, False]
    assert cluster.pids()[::2] == pids[::2]
    cluster.run(UPGRADE, **source).succeeded()
    assert all(one.endswith("+local5") for one in versions(cluster))
    assert cluster.is_whole()


def test_a_node_of_its_own_is_upgraded_in_the_same_way(cluster: Cluster, repositories: Repositories) -> None:
    """It makes one of the members bare again, and is the last test for that."""
    alone = cluster.hosts[0]
    hosts.testbed("reset", alone.name, inventory=INVENTORY)
    one = {"only": [alone], "rabbitmq_cluster_name": ""}
    cluster.run("site.yml", **one).succeeded()
    pid, source = alone.broker_pid(), repositories.settings("rabbitmq_")
    cluster.run(UPGRADE, **one, **source).succeeded()
    assert alone.run("dpkg-query -W -f '${Version}' rabbitmq-server").endswith("+local5")
    assert alone.broker_pid() not in (0, pid)
    run = cluster.run("site.yml", **one, **source).succeeded()
    assert run.counts(alone.name)["changed"] == 0
