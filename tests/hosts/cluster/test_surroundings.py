"""What surrounds the members of a cluster on their hosts: who else may stop them, and who may speak to them."""

from __future__ import annotations

from collections.abc import Callable

import hosts
import pytest
from clusters import Cluster

pytestmark = pytest.mark.drill

REINSTALL = "DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --reinstall"
MAY_STOP = "BROKERKIT_MEMBER_MAY_STOP=yes"
APT_CONF = "/etc/apt/apt.conf.d/90brokerkit-rabbitmq"
GUARD = "/usr/local/lib/brokerkit/rabbitmq-apt-guard"
FILTER = {"rabbitmq_cluster_filter": True, "rabbitmq_cluster_two_members": True}
TABLE = "nft list table inet brokerkit_rabbitmq"
UNIT = "brokerkit-rabbitmq-filter.service"
BETWEEN_NODES = (4369, 25672)
WITHOUT = "/etc/systemd/system/ssh.service.d/without.conf"
NEEDRESTART = "/etc/needrestart/conf.d/brokerkit-rabbitmq.conf"


@pytest.fixture(scope="module")
def cluster(fresh: Callable[..., list[hosts.Host]], controller: hosts.Controller) -> Cluster:
    """Three hosts that are one cluster."""
    found = Cluster(fresh(*(f"cs-4-0-{letter}" for letter in "abc")), controller, hosts.settings())
    found.run("site.yml").succeeded()
    return found


@pytest.mark.parametrize("package", ["rabbitmq-server", "erlang-base"])
def test_apt_does_not_replace_the_files_of_a_member_that_runs(cluster: Cluster, package: str) -> None:
    member = cluster.hosts[0]
    pid, epmd = member.broker_pid(), member.run("pgrep -x epmd")
    done = member.attempt(f"{REINSTALL} {package}")
    assert done.returncode == 100, done
    assert "a member of the cluster 'test'" in done.stderr and f"{package} (" in done.stderr
    assert "playbooks/rabbitmq_upgrade.yml" in done.stderr and f"apt-mark hold {package};" in done.stderr
    assert (member.broker_pid(), member.run("pgrep -x epmd")) == (pid, epmd)
    assert not member.run("dpkg --audit")


def test_apt_goes_on_with_everything_else(cluster: Cluster) -> None:
    assert "Brokerkit" not in cluster.hosts[0].run(f"{REINSTALL} hostname 2>&1")
    assert cluster.is_whole()


def test_apt_goes_on_for_the_word(cluster: Cluster) -> None:
    member = cluster.hosts[0]
    pid = member.broker_pid()
    member.run(f"{MAY_STOP} {REINSTALL} rabbitmq-server", timeout=180)
    assert member.broker_pid() not in (0, pid), "the package has restarted it"
    hosts.wait_for("all members", cluster.is_whole, 120, 2)


def test_apt_goes_on_where_the_guard_cannot_work(cluster: Cluster) -> None:
    """A host whose guard is broken still gets its security updates."""
    member = cluster.hosts[0]
    member.run(f"mv {GUARD} {GUARD}.away")
    member.run(f"{REINSTALL} hostname")
    member.run(f"printf '#!/bin/sh\\nexit 1\\n' > {GUARD}; chmod +x {GUARD}")
    member.run(f"{REINSTALL} hostname")
    pids = cluster.pids()
    cluster.run("site.yml").succeeded()
    assert cluster.pids() == pids, "it is put back, and nothing is restarted for it"
    member.run(f"rm {GUARD}.away")
    assert member.attempt(f"{REINSTALL} rabbitmq-server").returncode == 100


def test_a_member_that_is_stopped_may_be_changed(cluster: Cluster) -> None:
    member = cluster.hosts[0]
    member.run("systemctl stop rabbitmq-server; systemctl mask --runtime --now rabbitmq-server")
    member.run(f"{REINSTALL} rabbitmq-server", timeout=180)
    member.run("systemctl unmask --runtime rabbitmq-server; systemctl start rabbitmq-server")
    hosts.wait_for("all members", cluster.is_whole, 120, 2)


def test_unattended_upgrades_leave_it_alone(cluster: Cluster) -> None:
    dump = cluster.hosts[0].run("apt-config dump Unattended-Upgrade::Package-Blacklist")
    assert '"^rabbitmq-server$"' in dump and '"^erlang-"' in dump


def test_needrestart_lists_it_and_restarts_it_only_where_the_file_is_away(cluster: Cluster) -> None:
    """A library that the node has open is replaced, as by a security update."""
    member = cluster.hosts[1]
    member.run("DEBIAN_FRONTEND=noninteractive apt-get -qq -y install needrestart", timeout=180)
    pid = member.broker_pid()
    library = member.run(f"grep -o '/usr/lib/.*libtinfo.*' /proc/{pid}/maps | head -n 1").strip()
    member.run(f"cp -a {library} {library}.new && mv {library}.new {library}")
    assert "NEEDRESTART-SVC: rabbitmq-server.service" in member.run("needrestart -b -r l")
    deferred = "restarts being deferred: systemctl restart rabbitmq-server.service"
    assert deferred in " ".join(member.run("needrestart -r a 2>&1").split())
    assert member.broker_pid() == pid
    member.run(f"mv {NEEDRESTART} /root/")
    assert deferred not in " ".join(member.run("needrestart -r a 2>&1").split())
    assert member.broker_pid() != pid
    member.run(f"mv /root/{NEEDRESTART.rpartition('/')[2]} {NEEDRESTART}")
    hosts.wait_for("all members", cluster.is_whole, 120, 2)


def test_a_host_is_given_back_without_them(cluster: Cluster) -> None:
    """First by the switch, then with the node."""
    member = cluster.hosts[2]
    files = f"ls {APT_CONF} {GUARD} {NEEDRESTART} 2>/dev/null | wc -l"
    pids = cluster.pids()
    cluster.run("site.yml", "--limit", member.name, rabbitmq_cluster_guard=False).succeeded()
    assert member.run(files).strip() == "0"
    cluster.run("site.yml", "--limit", member.name).succeeded()
    assert member.run(files).strip() == "3" and cluster.pids() == pids
    remove = ("playbooks/rabbitmq_remove_member.yml", "-e", f"rabbitmq_leaving={member.name}")
    cluster.run(*remove, rabbitmq_cluster_two_members=True).succeeded()
    gone = ("playbooks/rabbitmq_uninstall.yml", "--limit", member.name, "-e", "rabbitmq_remove_data=true")
    cluster.run(*gone).succeeded()
    assert member.run(files).strip() == "0"
    assert not member.run("find /usr/local/lib/brokerkit /etc/needrestart 2>/dev/null || true")


def open_to_us(one: hosts.Host) -> list[int]:
    """The ports between nodes that this machine, which is no member, can connect to."""
    return [port for port in BETWEEN_NODES if hosts.listens(one.address, port)]


def test_nobody_but_the_members_connects_to_a_node(cluster: Cluster) -> None:
    pair, pids = cluster.hosts[:2], cluster.pids()
    assert [open_to_us(one) for one in pair] == [list(BETWEEN_NODES)] * 2
    cluster.run("site.yml", only=pair, **FILTER).succeeded()
    assert [open_to_us(one) for one in pair] == [[], []]
    assert cluster.pids() == pids
    assert hosts.listens(pair[0].address, 5672), "clients are no concern of it"
    connect = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)"
    for one, other in (pair, pair[::-1]):
        for port in BETWEEN_NODES:
            one.python(connect, other.address, str(port))
    run = cluster.run("site.yml", only=pair, **FILTER).succeeded()
    assert [run.counts(one.name)["changed"] for one in pair] == [0, 0]


def test_a_new_member_is_let_in_by_a_run_for_all(cluster: Cluster) -> None:
    cluster.run("site.yml", "--limit", cluster.names[2], **FILTER).refused(
        "no member of test answers", "their packet filter (rabbitmq_cluster_filter) lets in a new member once"
    )
    cluster.run("site.yml", **FILTER).succeeded()
    assert cluster.is_whole()
    assert [open_to_us(one) for one in cluster.hosts] == [[], [], []]


def test_members_are_restarted_behind_it(cluster: Cluster) -> None:
    cluster.values.update(FILTER)
    cluster.run("playbooks/rabbitmq_restart.yml").succeeded()
    assert cluster.is_whole()


def test_the_audit_knows_of_it(cluster: Cluster) -> None:
    told = "it tells whoever reaches port 4369"
    assert told not in cluster.run("playbooks/audit.yml").sentence
    cluster.hosts[0].run(f"systemctl stop {UNIT}")
    assert cluster.run("playbooks/audit.yml").sentence.count(told) == 1
    cluster.hosts[0].run(f"systemctl start {UNIT}")


def test_it_survives_the_hosts_own_filter_and_is_put_back_where_it_was_flushed(cluster: Cluster) -> None:
    first = cluster.hosts[0]
    for command in ("start", "restart", "reload", "stop", "start"):
        first.run(f"systemctl {command} nftables")
        assert first.attempt(TABLE).returncode == 0, command
    first.run("nft flush ruleset")
    assert open_to_us(first)
    run = cluster.run("site.yml", "--limit", first.name).succeeded()
    assert run.counts(first.name)["changed"] == 1 and not open_to_us(first)


def test_a_member_that_the_others_would_shut_out_is_refused(cluster: Cluster) -> None:
    """It has a second address, from which it reaches one of them."""
    first, second = cluster.hosts[:2]
    first.run(f"ip addr add 10.61.13.64/32 dev eth0; ip route add {second.address} dev eth0 src 10.61.13.64")
    try:
        run = cluster.run("site.yml", "--limit", first.name)
    finally:
        first.run(f"ip route del {second.address} dev eth0; ip addr del 10.61.13.64/32 dev eth0")
    run.refused(f"{first.name} reaches {second.name} from 10.61.13.64", "rabbitmq_cluster_filter_also")


def test_a_host_that_may_not_load_it_is_refused_with_nothing_written(cluster: Cluster) -> None:
    """Whoever comes over SSH lacks the capability, as root in many containers does."""
    member = cluster.hosts[2]
    member.run("mkdir -p /etc/systemd/system/ssh.service.d")
    member.write(WITHOUT, "[Service]\nCapabilityBoundingSet=~CAP_NET_ADMIN\n")
    rules = member.run("sha256sum /etc/brokerkit/rabbitmq.nft")
    also = {"rabbitmq_cluster_filter_also": ["10.61.13.64"]}
    member.run("systemctl daemon-reload; systemctl restart ssh")
    try:
        run = cluster.run("site.yml", "--limit", member.name, **also)
    finally:
        member.run(f"rm {WITHOUT}; systemctl daemon-reload; systemctl restart ssh")
    run.refused("rabbitmq_cluster_filter: cs-4-0-c cannot load a packet filter", "Operation not permitted")
    assert member.run("sha256sum /etc/brokerkit/rabbitmq.nft") == rules


def test_it_goes_with_the_switch(cluster: Cluster) -> None:
    pids = cluster.pids()
    cluster.run("site.yml", rabbitmq_cluster_filter=False).succeeded()
    assert [open_to_us(one) for one in cluster.hosts] == [list(BETWEEN_NODES)] * 3
    assert cluster.pids() == pids
    for one in cluster.hosts:
        assert one.attempt(TABLE).returncode == 1
        assert not one.run(
            "find /etc/brokerkit /etc/systemd/system -path '*brokerkit-rabbitmq*' -o -name '*.nft'"
        )
