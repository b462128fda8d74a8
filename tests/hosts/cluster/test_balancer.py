"""Clients that know nothing but a balancer, with HAProxy of each release, in front of members that come and go."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable

import hosts
import pytest
from brokers.certificates.issuing import new_authority
from clusters import Cluster

pytestmark = pytest.mark.drill

FRONTS = [f"cb-front-{release}" for release in ("11", "12", "13", "sid")]
DRAIN, REVIVE = "playbooks/rabbitmq_drain.yml", "playbooks/rabbitmq_revive.yml"


@pytest.fixture(scope="module")
def cluster(fresh: Callable[..., list[hosts.Host]], controller: hosts.Controller) -> Cluster:
    """Three members that speak with and without TLS, and balancers that pass both on."""
    three, fronts = fresh(*(f"cb-4-0-{letter}" for letter in "abc")), fresh(*FRONTS)
    authority = new_authority("test authority", 90)
    trusted = controller.directory / "authority.pem"
    trusted.write_text(authority.certificate, encoding="ascii")
    values = hosts.settings(
        rabbitmq_tls="both",
        rabbitmq_tls_source="ca",
        rabbitmq_tls_ca_certificate=authority.certificate,
        rabbitmq_tls_ca_key=authority.key,
        # A client compares the name that it knows with the certificate of the member that it gets.
        rabbitmq_tls_names=["{{ ansible_host }}", *(one.address for one in fronts)],
        endpoint_ca_file=str(trusted),
    )
    found = Cluster(three, controller, values)
    found.beside["haproxy"] = {
        "hosts": {one.name: {} for one in fronts},
        "vars": {
            "haproxy_management_port": 15672,
            "haproxy_tls_management_port": 15671,
            "endpoints_file": str(controller.directory / "endpoints.json"),
        },
    }
    found.run("site.yml").succeeded()
    return found


def with_tls(cluster: Cluster, tls: bool) -> None:
    """Have the endpoints name the listeners with TLS, or those without."""
    without = {} if tls else {"endpoint_ca_file": ""}
    cluster.run("site.yml", "--tags", "endpoints", **without).succeeded()


def soaked(cluster: Cluster, front: str, during: list[str], *words: str) -> None:
    """Run a command while messages go through a balancer; nothing is lost, and clients wait for a second at most."""
    load = cluster.soaked(during, "--broker", front, "--rate", "50", *words).succeeded()
    assert load.outage <= 1, load.account["verdict"]


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "passed through"])
def test_every_probe_passes_through_each_balancer(cluster: Cluster, tls: bool) -> None:
    with_tls(cluster, tls)
    for front in FRONTS:
        cluster.probes("--broker", front).succeeded()
    written = json.loads((cluster.controller.directory / "endpoints.json").read_text(encoding="utf-8"))
    entries = [one for one in written["brokers"] if one["name"] in FRONTS]
    assert [one[what]["tls"] for one in entries for what in ("amqp", "stomp", "management")] == [tls] * 12


def test_a_second_run_changes_nothing(cluster: Cluster) -> None:
    run = cluster.run("site.yml").succeeded()
    assert [run.counts(name)["changed"] for name in [*cluster.names, *FRONTS]] == [0] * 7


@pytest.mark.parametrize(("front", "protocol"), [(FRONTS[0], "stomp"), (FRONTS[2], "amqp")])
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "passed through"])
def test_a_member_goes_into_maintenance_under_clients_that_know_the_balancer_alone(
    cluster: Cluster, tls: bool, front: str, protocol: str
) -> None:
    with_tls(cluster, tls)
    runs = [
        cluster.command(playbook, "--limit", cluster.names[1])[0] + ["-e", "rabbitmq_wait_for_members=120"]
        for playbook in (DRAIN, REVIVE)
    ]
    during = ["sh", "-c", " && ".join(shlex.join(one) for one in runs)]
    soaked(cluster, front, during, "--protocol", protocol)
    assert cluster.is_whole()


def test_members_are_restarted_one_by_one_behind_it(cluster: Cluster) -> None:
    soaked(cluster, FRONTS[3], cluster.command("playbooks/rabbitmq_restart.yml")[0])
    assert cluster.is_whole()


def test_a_balancer_that_is_changed_keeps_its_connections(cluster: Cluster) -> None:
    """A reload: the process that has them stays until they end."""
    for front in FRONTS:
        cluster.beside["haproxy"]["hosts"][front]["haproxy_check_interval"] = 1
    load = cluster.soaked(cluster.command("playbooks/haproxy.yml")[0], "--broker", FRONTS[1]).succeeded()
    assert not load.account["lost_connections"], load.account


def test_its_page_of_statistics_is_for_its_own_host_alone(cluster: Cluster) -> None:
    for front in FRONTS:
        one = hosts.host(front, "tests/hosts/cluster/inventory")
        asked = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8404/;csv', timeout=10).read().decode())"
        assert one.python(asked).count(cluster.names[0]) >= 6, "a line for each service"
        assert not hosts.listens(one.address, 8404)
