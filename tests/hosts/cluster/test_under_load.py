"""What each operation and each failure costs clients of a cluster: nothing that was confirmed, and how long they wait.

`make soak` runs this, prints the table of docs/operations.md and leaves a page of each run in artifacts/soak. The
bounds are those that a cluster has to keep, on a machine that does nothing else meanwhile.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Sequence

import hosts
import pytest
from clusters import Cluster, Load

pytestmark = pytest.mark.soak

Rows = list[tuple[str, Load]]
SAYS_NO_ALARM = "rabbitmq-diagnostics -q check_local_alarms >/dev/null 2>&1"
PAGES = hosts.ROOT / "artifacts/soak"


@pytest.fixture(scope="module")
def cluster(fresh: Callable[..., list[hosts.Host]], controller: hosts.Controller) -> Cluster:
    """Three hosts of Debian 13 that are one cluster."""
    found = Cluster(fresh(*(f"co-4-0-{letter}" for letter in "abc")), controller, hosts.settings())
    found.run("site.yml").succeeded()
    return found


@pytest.fixture(scope="module")
def rows(request: pytest.FixtureRequest) -> Iterator[Rows]:
    """What was measured; printed in the end."""
    found: Rows = []
    yield found
    lines = [
        "",
        "| what | confirmed | lost | duplicated | longest without service |",
        "|---|---|---|---|---|",
    ]
    for what, load in found:
        doubled = load.account["messages"]["duplicated"]
        lines.append(f"| {what} | {load.confirmed:,} | {load.lost} | {doubled:,} | {load.outage:.2f} s |")
    capture = request.config.pluginmanager.get_plugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print("\n".join(lines), flush=True)


def measure(cluster: Cluster, rows: Rows, what: str, during: Sequence[str], at_most: float | None) -> None:
    """Run a command under load, and hold what it cost against its bound in seconds."""
    PAGES.mkdir(parents=True, exist_ok=True)
    page = PAGES / f"{re.sub(r'[^a-z0-9]+', '-', what)}.html"
    load = cluster.soaked(during, "--rate", "100", "--cool-down", "20", "--html", str(page))
    rows.append((what, load))
    load.succeeded()
    hosts.wait_for("the cluster", cluster.is_whole, 180, 3)
    assert at_most is None or load.outage <= at_most, load.account["verdict"]


def on(host: hosts.Host, script: str) -> list[str]:
    """The command line that runs a script on a host."""
    return host.command(script)


def everywhere(cluster: Cluster, *scripts: str) -> list[str]:
    """The command line that runs a script on each host, all at once; one after the other for several scripts."""
    lines = []
    for script in scripts:
        lines += [shlex.join(one.command(script)) + " &" for one in cluster.hosts] + ["wait"]
    return ["sh", "-c", "\n".join(lines)]


def test_a_rolling_restart(cluster: Cluster, rows: Rows) -> None:
    measure(cluster, rows, "rolling restart", cluster.command("playbooks/rabbitmq_restart.yml")[0], 1)


def test_a_rolling_change_of_the_configuration(cluster: Cluster, rows: Rows) -> None:
    cluster.values["rabbitmq_heartbeat"] = 45
    during = cluster.command("site.yml")[0]
    measure(cluster, rows, "change that needs a restart, by site.yml", during, 1)


@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_node_is_killed(at: int, cluster: Cluster, rows: Rows) -> None:
    """Each of them leads some of the queues; systemd starts it again."""
    killed = on(cluster.hosts[at], "systemctl kill --signal=KILL rabbitmq-server; sleep 30")
    measure(cluster, rows, f"kill -9 of member {at + 1}", killed, 10)


def cut(cluster: Cluster, at: int, between: str) -> list[str]:
    """The command line that lets no packet pass between a member and the others, for as long as `between` takes."""
    others = [one.address for one in cluster.hosts if one is not cluster.hosts[at]]
    add = "; ".join(f"ip route add blackhole {address}" for address in others)
    delete = "; ".join(f"ip route del blackhole {address}" for address in others)
    return on(cluster.hosts[at], between.format(add=add, delete=delete))


def test_a_member_is_cut_off_for_a_minute(cluster: Cluster, rows: Rows) -> None:
    during = cut(cluster, 2, "{add}; sleep 60; {delete}; sleep 30")
    measure(cluster, rows, "a member cut off for 60 s, then healed", during, 15)


def test_a_member_is_cut_off_for_milliseconds_again_and_again(cluster: Cluster, rows: Rows) -> None:
    during = cut(cluster, 2, "for i in $(seq 40); do {add}; sleep 0.005; {delete}; sleep 0.5; done; sleep 10")
    measure(cluster, rows, "a member cut off for 5 ms, 40 times", during, 15)


@pytest.mark.parametrize(
    ("what", "raised", "cleared"),
    [
        (
            "memory",
            "rabbitmqctl set_vm_memory_high_watermark 0.0001",
            "rabbitmqctl set_vm_memory_high_watermark 0.6",
        ),
        ("disk", "rabbitmqctl set_disk_free_limit 900000GB", "rabbitmqctl set_disk_free_limit 2GB"),
    ],
)
def test_an_alarm_on_one_member(what: str, raised: str, cleared: str, cluster: Cluster, rows: Rows) -> None:
    """Publishers stand still in the whole cluster while it lasts, which is 10 s here."""
    during = on(
        cluster.hosts[1],
        f"{raised} || exit 1; for i in $(seq 30); do {SAYS_NO_ALARM} || break; sleep 1; done; "
        f"if {SAYS_NO_ALARM}; then echo no alarm; exit 1; fi; sleep 10; {cleared}; sleep 15",
    )
    measure(cluster, rows, f"{what} alarm on a member for 10 s", during, None)


def test_a_member_leaves_and_a_new_one_comes(cluster: Cluster, rows: Rows) -> None:
    two = {"rabbitmq_cluster_two_members": True}
    leaving = ("-e", f"rabbitmq_leaving={cluster.names[2]}")
    runs = [
        cluster.command("playbooks/rabbitmq_remove_member.yml", *leaving, **two)[0],
        cluster.command("site.yml")[0],
        cluster.command("playbooks/rabbitmq_grow.yml")[0],
    ]
    during = ["sh", "-c", " && ".join(shlex.join(one) for one in runs)]
    measure(cluster, rows, "a member removed, and a new one added", during, 1)


def test_all_machines_lose_power_at_once(cluster: Cluster, rows: Rows) -> None:
    """Nobody is served until they are back."""
    off = "systemctl kill --signal=KILL rabbitmq-server; systemctl stop rabbitmq-server; true"
    during = everywhere(cluster, off, "sleep 5; systemctl start rabbitmq-server")
    measure(cluster, rows, "all nodes killed at once, and started", during, None)
