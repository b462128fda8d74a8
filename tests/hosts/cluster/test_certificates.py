"""Certificates are renewed, and their CA is changed, under clients that never stop: on a pair of nodes, then on three.

Nodes speak TLS with clients and with one another, and nothing else. Messages are counted by soak.py, which keeps its
connections; beside it, a client connects anew again and again, and trusts one CA alone.
"""

from __future__ import annotations

import contextlib
import shlex
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import hosts
import pytest
from brokers.certificates.issuing import Issued, new_authority
from clusters import Cluster, Load

pytestmark = pytest.mark.soak

RENEW = "playbooks/rabbitmq_certificates.yml"
GREETING, PORT = b"AMQP\x00\x00\x09\x01", 5671
Rows = list[tuple[str, Load, int]]


@dataclass
class Authorities:
    """The CA that is used, the one that follows it, and the file of those that soak.py trusts."""

    old: Issued
    new: Issued
    trusted: str


@pytest.fixture(scope="module")
def authorities(controller: hosts.Controller) -> Authorities:
    """Both of them are trusted by soak.py, whose connections are to stay."""
    old, new = new_authority("the old CA", 90), new_authority("the new CA", 90)
    path = controller.directory / "authorities.pem"
    path.write_text(old.certificate + new.certificate, encoding="ascii")
    return Authorities(old, new, str(path))


def issued_by(authority: Issued, *trusted: Issued) -> hosts.Settings:
    """The variables of a CA that issues, and of those that are trusted."""
    return {
        "rabbitmq_tls_ca_certificate": authority.certificate,
        "rabbitmq_tls_ca_key": authority.key,
        "rabbitmq_tls_authority": "".join(one.certificate for one in trusted),
    }


@pytest.fixture(scope="module")
def cluster(
    fresh: Callable[..., list[hosts.Host]], controller: hosts.Controller, authorities: Authorities
) -> Cluster:
    """Two hosts of Debian 13 that are one cluster; the third is there, and not in it yet."""
    three = fresh(*(f"ct-4-0-{letter}" for letter in "abc"))
    values = hosts.settings(
        rabbitmq_tls="only",
        rabbitmq_tls_source="ca",
        rabbitmq_tls_inter_node=True,
        rabbitmq_cluster_two_members=True,
        endpoint_ca_file=authorities.trusted,
        **issued_by(authorities.old, authorities.old),
    )
    found = Cluster(three[:2], controller, values)
    found.run("site.yml").succeeded()
    return found


@pytest.fixture(scope="module")
def rows(request: pytest.FixtureRequest) -> Iterator[Rows]:
    """What was measured; printed in the end, as docs/operations.md has it."""
    found: Rows = []
    yield found
    lines = [
        "",
        "| what | confirmed | lost | duplicated | longest without service | new connections |",
        "|---" * 6 + "|",
    ]
    for what, load, connected in found:
        doubled = load.account["messages"]["duplicated"]
        lines.append(
            f"| {what} | {load.confirmed:,} | {load.lost} | {doubled:,} | {load.outage:.2f} s | {connected:,} |"
        )
    capture = request.config.pluginmanager.get_plugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print("\n".join(lines), flush=True)


@dataclass
class Knocking:
    """A client that connects to every node ten times a second, and what came of it."""

    hosts: Sequence[hosts.Host]
    trusting: ssl.SSLContext
    done: threading.Event = field(default_factory=threading.Event)
    answered: int = 0
    shown: set[bytes] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Connect until it is told to stop."""
        while not self.done.is_set():
            for one in self.hosts:
                try:
                    self.shown.add(self._knock(one))
                    self.answered += 1
                except OSError as error:
                    self.refused.append(f"{one.name}: {error}")
            time.sleep(0.1)

    def _knock(self, one: hosts.Host) -> bytes:
        with (
            socket.create_connection((one.address, PORT), timeout=20) as plain,
            self.trusting.wrap_socket(plain, server_hostname=one.address) as peer,
        ):
            peer.sendall(GREETING)
            if peer.recv(1) != b"\x01":  # the first frame, which begins the connection
                raise OSError("the node did not begin")
            return peer.getpeercert(binary_form=True) or b""


@contextlib.contextmanager
def knocking(on: Sequence[hosts.Host], *trusted: Issued) -> Iterator[Knocking]:
    """Connect to them all the while, and trust these CAs alone."""
    context = ssl.create_default_context(cadata="".join(one.certificate for one in trusted))
    found = Knocking(on, context)
    thread = threading.Thread(target=found.run)
    thread.start()
    try:
        yield found
    finally:
        found.done.set()
        thread.join(30)


def measure(cluster: Cluster, rows: Rows, what: str, runs: Sequence[list[str]], *trusted: Issued) -> Knocking:
    """Run playbooks under load. Nothing is lost, no connection ends or is refused, and no node is restarted."""
    pids, words = cluster.pids(), " && ".join(shlex.join(one) for one in runs)
    with knocking(cluster.hosts, *trusted) as client:
        load = cluster.soaked(["sh", "-c", words], "--rate", "100", "--cool-down", "10")
    rows.append((what, load, client.answered))
    load.succeeded()
    assert load.account["lost_connections"] == {} and load.outage <= 1, load.account["verdict"]
    assert client.refused == [] and client.answered > 50, client.refused
    assert cluster.pids() == pids
    assert cluster.is_whole(), "rabbitmqctl reaches each node, and nodes reach each other"
    return client


def tools_reach_every_node(cluster: Cluster) -> None:
    """Reach each node from each host with rabbitmqctl, a node of its own: its handshakes are new ones."""
    for one in cluster.hosts:
        for node in cluster.nodes:
            assert one.run(f"rabbitmqctl -n {node} eval 'node().'").strip() in (node, f"'{node}'")


def test_a_renewal_on_a_pair_of_nodes(cluster: Cluster, rows: Rows, authorities: Authorities) -> None:
    renew = cluster.command(RENEW, rabbitmq_tls_ca_reissue=True)[0]
    client = measure(cluster, rows, "every certificate renewed, on two members", [renew], authorities.old)
    assert len(client.shown) == 4, "two old ones, two new ones"


def test_a_renewal_on_three(cluster: Cluster, rows: Rows, authorities: Authorities) -> None:
    cluster.hosts.append(hosts.host("ct-4-0-c", cluster.inventory))
    cluster.values["rabbitmq_cluster_two_members"] = False
    cluster.run("site.yml").succeeded()
    cluster.run("playbooks/rabbitmq_grow.yml").succeeded()
    renew = cluster.command(RENEW, rabbitmq_tls_ca_reissue=True)[0]
    client = measure(cluster, rows, "every certificate renewed, on three members", [renew], authorities.old)
    assert len(client.shown) == 6


def test_the_ca_is_changed(cluster: Cluster, rows: Rows, authorities: Authorities) -> None:
    """Both are trusted, then the new one issues, then it alone is trusted: docs/tls.md has the steps."""
    old, new = authorities.old, authorities.new
    steps = [issued_by(old, old, new), issued_by(new, new, old), issued_by(new, new)]
    runs = [cluster.command(RENEW, **step)[0] for step in steps]
    client = measure(cluster, rows, "the CA changed, on three members", runs, old, new)
    assert len(client.shown) == 6
    tools_reach_every_node(cluster)
    cluster.values.update(steps[-1])
    with knocking(cluster.hosts, old) as distrusting:
        time.sleep(2)
    assert distrusting.answered == 0 and distrusting.refused, "the old CA is behind them"
    assert all("CERTIFICATE_VERIFY_FAILED" in one for one in distrusting.refused), distrusting.refused


def test_nodes_that_are_restarted_find_each_other_by_the_new_ca(
    cluster: Cluster, rows: Rows, authorities: Authorities
) -> None:
    again = cluster.run("site.yml").succeeded()
    assert [again.counts(name)["changed"] for name in cluster.names] == [0] * 3
    restart = cluster.command("playbooks/rabbitmq_restart.yml")[0]
    load = cluster.soaked(restart, "--rate", "100", "--cool-down", "20").succeeded()
    rows.append(("a rolling restart afterwards", load, 0))
    hosts.wait_for("the cluster", cluster.is_whole, 180, 3)
    cluster.probes().succeeded()
