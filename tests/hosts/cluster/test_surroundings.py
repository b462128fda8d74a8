"""What surrounds the members of a cluster on their hosts: who else may stop them."""

from __future__ import annotations

from collections.abc import Callable

import hosts
import pytest
from clusters import INVENTORY, Cluster

pytestmark = pytest.mark.drill

REINSTALL = "DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --reinstall"
MAY_STOP = "BROKERKIT_MEMBER_MAY_STOP=yes"
APT_CONF = "/etc/apt/apt.conf.d/90brokerkit-rabbitmq"
GUARD = "/usr/local/lib/brokerkit/rabbitmq-apt-guard"
NEEDRESTART = "/etc/needrestart/conf.d/brokerkit-rabbitmq.conf"


@pytest.fixture(scope="module")
def inventory() -> str:
    """Where this folder's hosts stand."""
    return INVENTORY


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
    cluster.run("playbooks/rabbitmq_uninstall.yml", "--limit", member.name).succeeded()
    assert member.run(files).strip() == "0"
    assert not member.run("find /usr/local/lib/brokerkit /etc/needrestart 2>/dev/null || true")
