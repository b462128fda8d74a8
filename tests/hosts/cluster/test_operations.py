"""What operators do to a cluster as a whole: two of them at once, lost members, partitions, the power that goes."""

from __future__ import annotations

from collections.abc import Callable

import hosts
import pytest
from clusters import INVENTORY, NAME, Cluster, cut_off

pytestmark = pytest.mark.drill

REMOVE = "playbooks/rabbitmq_remove_member.yml"
FULL_STOP = "playbooks/rabbitmq_full_stop.yml"
ALL_AT_ONCE = {"rabbitmq_accept_interruption": True}


@pytest.fixture(scope="module")
def cluster(fresh: Callable[..., list[hosts.Host]], controller: hosts.Controller) -> Cluster:
    """Three hosts that are one cluster, with a quorum queue."""
    found = Cluster(fresh(*(f"co-4-0-{letter}" for letter in "abc")), controller, hosts.settings())
    found.run("site.yml").succeeded()
    found.declare("replicated", "quorum", found.hosts[0])
    return found


def test_of_two_operators_the_second_is_refused_and_told_who_is_first(cluster: Cluster) -> None:
    pids = cluster.pids()
    assert "taken => true" in cluster.elsewhere("an upgrade", "held")
    for playbook in ("playbooks/rabbitmq_restart.yml", "playbooks/rabbitmq_grow.yml"):
        cluster.run(playbook).refused("bob@elsewhere has an operation on this cluster under way (an upgrade)")
    for playbook in ("playbooks/rabbitmq_stop.yml", FULL_STOP):
        cluster.run(playbook, **ALL_AT_ONCE).refused("bob@elsewhere has an operation")
    assert cluster.pids() == pids
    run = cluster.run("playbooks/rabbitmq_grow.yml", rabbitmq_break_lock=True).succeeded()
    assert "bob@elsewhere began an operation on this cluster (an upgrade)" in run.sentence
    assert "taken => true" in cluster.elsewhere("x", "held"), "it is free again"
    cluster.elsewhere("x", "released")


def test_one_backup_is_that_of_all_members_and_restores_them(cluster: Cluster) -> None:
    folder = cluster.controller.directory / "backups"
    run = cluster.run("playbooks/topology_backup.yml", "-e", f"backup_dir={folder}").succeeded()
    files = list(folder.rglob("*.json.gz"))
    assert len(files) == 1 and files[0].parent.name == cluster.names[0], run.output
    for vhost in ("shop", "brokerkit-smoke"):
        cluster.hosts[1].run(f"rabbitmqctl delete_vhost {vhost}")
    cluster.run("playbooks/topology_drift.yml").refused(f"{cluster.names[0]} does not hold what is declared")
    cluster.run("playbooks/topology_restore.yml", "-e", f"restore_file={files[0]}").succeeded()
    for one in cluster.hosts:
        assert {"shop", "brokerkit-smoke"} <= set(one.run("rabbitmqctl --quiet list_vhosts").split())
    cluster.run("playbooks/topology_drift.yml").succeeded()


@pytest.mark.parametrize(
    "task", ["4. Have others take", "5. Stop the node", "6. Take it out", "7. Remove what"]
)
def test_a_removal_that_was_killed_is_finished_by_the_next_run(cluster: Cluster, task: str) -> None:
    word = {"rabbitmq_cluster_two_members": True}
    command = (REMOVE, "-e", f"rabbitmq_leaving={cluster.names[2]}")
    cluster.killed(task, *command, **word)
    cluster.run(*command, **word).succeeded()
    pair = sorted(cluster.nodes[:2])
    assert cluster.views() == [(NAME, pair, pair)] * 2
    assert cluster.replicas("replicated") == pair
    cluster.run("site.yml").succeeded()
    cluster.run("playbooks/rabbitmq_grow.yml").succeeded()
    assert cluster.is_whole() and cluster.replicas("replicated") == sorted(cluster.nodes)


def test_a_host_that_is_gone_is_taken_out_and_replaced(cluster: Cluster) -> None:
    name, node = cluster.names[2], cluster.nodes[2]
    cluster.declare("only there", "classic", cluster.hosts[2])
    hosts.testbed("down", name, inventory=INVENTORY)
    command = (REMOVE, "-e", f"rabbitmq_leaving={name}")
    cluster.run(*command).refused(f"1 queue is on {node} and nowhere else: 'only there' of vhost '/'")
    run = cluster.run(*command, rabbitmq_cluster_discard=[node]).succeeded()
    assert "Its host was not reached" in run.sentence
    assert cluster.replicas("replicated") == sorted(cluster.nodes[:2])
    hosts.testbed("reset", name, inventory=INVENTORY)
    cluster.run("site.yml").succeeded()
    cluster.run("playbooks/rabbitmq_grow.yml").succeeded()
    assert cluster.is_whole() and cluster.replicas("replicated") == sorted(cluster.nodes)


def test_a_partition_that_stays_is_named_and_cured(cluster: Cluster) -> None:
    ignore = "application:set_env(rabbit, cluster_partition_handling, ignore)."
    for one in cluster.hosts:
        one.evaluate(ignore)
    pids = cluster.pids()
    with cut_off(cluster, 2):
        hosts.wait_for(
            "the cut to be seen", lambda: cluster.nodes[2] not in str(cluster.views()[0][2]), 150, 2
        )
        hosts.wait_for("its other side", lambda: cluster.views()[2][2] == [cluster.nodes[2]], 150, 2)
    hosts.wait_for("the partition", lambda: "cannot communicate" in status(cluster.hosts[0]), 60, 2)
    cluster.probes("--only", "cluster.members").refused("playbooks/rabbitmq_heal.yml")
    cluster.run("playbooks/rabbitmq_restart.yml").refused("the cluster is partitioned")
    cluster.run("site.yml").refused("is parted from", "playbooks/rabbitmq_heal.yml")
    assert cluster.pids() == pids
    cluster.elsewhere("a look", "held")
    cluster.run("playbooks/rabbitmq_heal.yml").refused("bob@elsewhere has an operation")
    cluster.elsewhere("a look", "released")
    run = cluster.run("playbooks/rabbitmq_heal.yml").succeeded()
    assert f"{cluster.nodes[2]}: to be restarted" in run.sentence
    assert "taken => true" in cluster.elsewhere("x", "held"), "it is free again"
    cluster.elsewhere("x", "released")
    assert cluster.is_whole()
    assert cluster.pids()[:2] == pids[:2], "the part with a majority stays as it is"
    assert "none is restarted" in cluster.run("playbooks/rabbitmq_heal.yml").succeeded().sentence


def status(where: hosts.Host) -> str:
    """What a member says of its cluster, as people read it."""
    return where.run("rabbitmqctl --quiet cluster_status")


def test_a_whole_cluster_is_stopped_for_the_word_alone_and_starts(cluster: Cluster) -> None:
    cluster.run("playbooks/rabbitmq_stop.yml").refused("rabbitmq_accept_interruption: this stops every node")
    part = cluster.run("playbooks/rabbitmq_stop.yml", "--limit", cluster.names[0], **ALL_AT_ONCE)
    part.refused("--limit: leaves out")
    assert cluster.is_whole()
    cluster.run("playbooks/rabbitmq_stop.yml", **ALL_AT_ONCE).succeeded()
    assert cluster.pids() == [0, 0, 0]
    cluster.run("playbooks/rabbitmq_start.yml").succeeded()
    assert cluster.is_whole()


def cookies(cluster: Cluster) -> set[str]:
    """The digests of the members' cookies."""
    return {one.run("sha256sum /var/lib/rabbitmq/.erlang.cookie") for one in cluster.hosts}


def test_a_new_cookie_takes_a_full_stop_and_loses_nothing(cluster: Cluster) -> None:
    new = {"rabbitmq_erlang_cookie": hosts.secret("", "cookie", 40)}
    pids, before = cluster.pids(), cookies(cluster)
    told = [f"rabbitmq_erlang_cookie: is not the one that {node} runs with" for node in cluster.nodes]
    cluster.run("site.yml", **new).refused(*told, "playbooks/rabbitmq_full_stop.yml")
    cluster.run(FULL_STOP, **new).refused("rabbitmq_accept_interruption: this stops every node")
    assert (cluster.pids(), cookies(cluster)) == (pids, before) and cluster.is_whole()
    cluster.run(FULL_STOP, **new, **ALL_AT_ONCE).succeeded()
    assert cluster.is_whole() and not set(cluster.pids()) & set(pids)
    assert "taken => true" in cluster.elsewhere("x", "held"), "it is free again"
    cluster.elsewhere("x", "released")
    assert len(cookies(cluster)) == 1 and cookies(cluster) != before
    assert cluster.replicas("replicated") == sorted(cluster.nodes)
    cluster.values.update(new)
    run = cluster.run("site.yml").succeeded()
    assert [run.counts(name)["changed"] for name in cluster.names] == [0, 0, 0]


@pytest.mark.parametrize("task", ["5. Write the configuration", "6. Start the nodes"])
def test_a_full_stop_that_was_killed_is_finished_by_the_next_run(cluster: Cluster, task: str) -> None:
    cluster.values["rabbitmq_erlang_cookie"] = hosts.secret("", "cookie", 40)
    cluster.killed(task, FULL_STOP, **ALL_AT_ONCE)
    cluster.run(FULL_STOP, **ALL_AT_ONCE).succeeded()
    assert cluster.is_whole() and len(cookies(cluster)) == 1


def test_one_that_was_killed_once_its_nodes_started_is_finished_by_site_yml_as_well(cluster: Cluster) -> None:
    """The nodes run with the cookie that still awaits a restart, so that the gate can ask them."""
    cluster.values["rabbitmq_erlang_cookie"] = hosts.secret("", "cookie", 40)
    cluster.killed("7. Wait until", FULL_STOP, **ALL_AT_ONCE)
    hosts.wait_for("the cluster", cluster.is_whole, 180, 3)
    run = cluster.run("site.yml").succeeded()
    assert run.output.count("go on without rabbit@") == 3
    assert cluster.is_whole() and len(cookies(cluster)) == 1


def test_a_full_stop_leaves_no_member_running_that_the_inventory_lacks(cluster: Cluster) -> None:
    pids = cluster.pids()
    run = cluster.run(FULL_STOP, only=cluster.hosts[:2], rabbitmq_cluster_two_members=True, **ALL_AT_ONCE)
    run.refused(f"its cluster has {cluster.nodes[2]} as a member, which the inventory does not name")
    assert cluster.pids() == pids


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)])
def test_machines_that_lose_power_come_back_in_any_order(cluster: Cluster, order: tuple[int, ...]) -> None:
    for one in cluster.hosts:
        one.run("systemctl kill --signal=KILL rabbitmq-server; systemctl stop rabbitmq-server || true")
    for at in order:
        cluster.hosts[at].run("systemctl start --no-block rabbitmq-server")
        hosts.wait_for("its process", cluster.hosts[at].broker_pid, 30, 0.2)
    hosts.wait_for("the cluster", cluster.is_whole, 180, 3)


def test_one_node_goes_on_without_the_others_for_the_word_alone(cluster: Cluster) -> None:
    force = "playbooks/rabbitmq_force_boot.yml"
    cluster.run(force).refused("rabbitmq_force_boot: is not set", "choose the one that was stopped last")
    cluster.run(force, rabbitmq_force_boot=cluster.names[1]).refused(
        "its node runs, so that there is nothing to force"
    )
    cluster.run("playbooks/rabbitmq_stop.yml", **ALL_AT_ONCE).succeeded()
    cluster.run(force, rabbitmq_force_boot=cluster.names[1]).succeeded()
    alone = cluster.run(force, "--limit", cluster.names[0], rabbitmq_force_boot=cluster.names[0])
    alone.refused(f"{cluster.nodes[1]} runs, and this run does not reach its host")
    assert cluster.hosts[1].broker_pid() and not cluster.hosts[0].broker_pid()
    cluster.run("playbooks/rabbitmq_start.yml").succeeded()
    assert cluster.is_whole()
