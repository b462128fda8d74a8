"""A cluster that speaks plainly between its nodes comes to speak TLS there in one stop, and is renewed without one."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import hosts
import pika
import pytest
from brokers.certificates.issuing import new_authority

INVENTORY = "tests/hosts/tls/inventory"
NAMES = ("ti-3-10-a", "ti-3-10-b")
PORT = 25672


@dataclass
class Pair:
    """Two nodes in one cluster, and what their runs are given."""

    hosts: list[hosts.Host]
    controller: hosts.Controller
    values: hosts.Settings

    def run(self, playbook: str, *flags: str, **changes: Any) -> hosts.Run:
        """A run of a playbook for both."""
        values = {**self.values, **changes}
        mine = {"rabbitmq": {"hosts": {name: {} for name in NAMES}, "vars": values}}
        path = self.controller.inventory(mine)
        command = [hosts.PLAYBOOK, "-i", INVENTORY, "-i", str(path), playbook, *flags]
        return self.controller.run(command, path.parent)

    def members(self) -> list[set[str]]:
        """The running members by each of the two."""
        asked = "rabbit_mnesia:cluster_nodes(running)."
        return [{name for name in NAMES if f"rabbit@{name}" in one.evaluate(asked)} for one in self.hosts]

    def connect(self, host: hosts.Host) -> pika.BlockingConnection:
        """A client inside TLS that trusts the authority alone."""
        trusting = ssl.create_default_context(cadata=self.values["rabbitmq_tls_ca_certificate"])
        login = pika.PlainCredentials(self.values["endpoint_user"], self.values["endpoint_password"])
        options = pika.SSLOptions(trusting, host.address)
        vhost = self.values["endpoint_vhost"]
        return pika.BlockingConnection(
            pika.ConnectionParameters(host.address, 5671, vhost, login, ssl_options=options, heartbeat=0)
        )

    def certificates(self) -> list[str]:
        """What each of them shows between nodes, to a client that has its certificate; '' where it speaks no TLS."""
        return [one.attempt(SHOWN).stdout.strip() for one in self.hosts]


SHOWN = (
    f"echo | timeout 10 openssl s_client -connect 127.0.0.1:{PORT} -cert /etc/rabbitmq/tls/certificate.pem "
    "-key /etc/rabbitmq/tls/key.pem 2>/dev/null | openssl x509 -noout -fingerprint -sha256 2>/dev/null"
)
ON_DISK = "openssl x509 -noout -fingerprint -sha256 -in /etc/rabbitmq/tls/certificate.pem"


@pytest.fixture(scope="module")
def pair(fresh: Callable[..., list[hosts.Host]], controller: hosts.Controller) -> Pair:
    """Two nodes that were joined, with TLS for clients and none between them."""
    authority = new_authority("test authority", 90)
    two = fresh(*NAMES)
    values = hosts.settings(
        rabbitmq_tls="only",
        rabbitmq_tls_source="ca",
        rabbitmq_tls_ca_certificate=authority.certificate,
        rabbitmq_tls_ca_key=authority.key,
        rabbitmq_hosts_entries={one.name: one.address for one in two},
        rabbitmq_distribution_address="",
        rabbitmq_epmd_address="",
        endpoints_file=str(controller.directory / "endpoints.json"),
    )
    made = Pair(two, controller, values)
    made.run("site.yml").succeeded()
    join = f"rabbitmqctl stop_app && rabbitmqctl join_cluster rabbit@{NAMES[0]} && rabbitmqctl start_app"
    two[1].run(join, timeout=300)
    return made


def test_a_member_of_a_cluster_is_not_changed_over_by_itself(pair: Pair) -> None:
    pids = [one.broker_pid() for one in pair.hosts]
    pair.run("site.yml", rabbitmq_tls_inter_node=True).refused(
        "rabbitmq_tls_inter_node: rabbit@ti-3-10-a is in a cluster with rabbit@ti-3-10-b",
        "playbooks/rabbitmq_full_stop.yml",
    )
    assert [one.broker_pid() for one in pair.hosts] == pids
    assert pair.members() == [set(NAMES)] * 2, "rabbitmqctl still finds its node"


def test_a_full_stop_is_not_done_unasked_or_by_halves(pair: Pair) -> None:
    pids = [one.broker_pid() for one in pair.hosts]
    run = pair.run("playbooks/rabbitmq_full_stop.yml", "--limit", NAMES[0], rabbitmq_tls_inter_node=True)
    run.refused("rabbitmq_accept_interruption: this stops every node", f"--limit: leaves out {NAMES[1]}")
    assert [one.broker_pid() for one in pair.hosts] == pids


def test_a_cipher_that_the_hosts_erlang_does_not_know_is_refused_before_anything_changes(pair: Pair) -> None:
    files = "sha256sum /etc/rabbitmq/*.conf"
    before = [one.run(files) for one in pair.hosts]
    ciphers = ["ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES512-GCM-SHA384", "TLS_AES_256_GCM_SHA384"]
    run = pair.run("site.yml", rabbitmq_tls_ciphers=ciphers)
    run.refused(f"ciphers in rabbitmq_config: '{ciphers[1]}' is no cipher that the Erlang of this host knows")
    assert ciphers[0] not in run.sentence
    assert [one.run(files) for one in pair.hosts] == before


def test_one_stop_changes_all_of_them_over(pair: Pair) -> None:
    assert pair.certificates() == ["", ""]
    changes = {"rabbitmq_tls_inter_node": True}
    full = "playbooks/rabbitmq_full_stop.yml"
    pair.run(full, rabbitmq_accept_interruption=True, **changes).succeeded()
    pair.values.update(changes)
    assert pair.members() == [set(NAMES)] * 2
    assert pair.certificates() == [one.run(ON_DISK).strip() for one in pair.hosts]
    again = pair.run("site.yml").succeeded()
    assert [again.counts(name)["changed"] for name in NAMES] == [0, 0]


def test_a_client_without_a_certificate_is_nobody_between_nodes(pair: Pair) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # where a refusal comes before the handshake's end
    with (
        socket.create_connection((pair.hosts[0].address, PORT), timeout=20) as plain,
        pytest.raises(ssl.SSLError),
    ):
        context.wrap_socket(plain).close()


def test_members_are_asked_through_tls_before_each_of_them_is_restarted(pair: Pair) -> None:
    """Though the options of TLS between nodes are what changes."""
    pids = [one.broker_pid() for one in pair.hosts]
    pair.values["rabbitmq_tls_depth"] = 3
    run = pair.run("site.yml").succeeded()
    assert run.output.count("Ask every member whether the cluster can spare the node") == 2
    assert not {one.broker_pid() for one in pair.hosts} & {*pids}
    assert pair.members() == [set(NAMES)] * 2


def test_a_renewal_reaches_the_connections_between_nodes_without_a_restart_and_clients_stay(
    pair: Pair,
) -> None:
    pids, before = [one.broker_pid() for one in pair.hosts], pair.certificates()
    clients = [pair.connect(one) for one in pair.hosts]
    pair.run("playbooks/rabbitmq_certificates.yml", rabbitmq_tls_ca_reissue=True).succeeded()
    assert not {*pair.certificates()} & {*before}
    for client in clients:
        client.channel().queue_declare("", exclusive=True)
        client.close()
    assert pair.certificates() == [one.run(ON_DISK).strip() for one in pair.hosts]
    assert [one.broker_pid() for one in pair.hosts] == pids
    assert pair.members() == [set(NAMES)] * 2
