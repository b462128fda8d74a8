"""Bare hosts of an old and of the newest version speak TLS only, and get a new certificate without a restart.

Drills: the scenario tls has every version in TLS only, and test_inter_node.py what is refused and what clients notice.
"""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

import certificates
import hosts
import pika
import pytest

pytestmark = pytest.mark.drill
INVENTORY = "tests/hosts/tls/inventory"
NAMES = ("tr-3-10", "tr-4-3")
RENEW = "playbooks/rabbitmq_certificates.yml"
TLS_PORTS = {5671, 8883, 15671, 15673, 15676, 15691, 61614}
PLAIN_PORTS = {1883, 5672, 8080, 15674, 15675, 15692, 61613}
PLUGINS = ["rabbitmq_management", "rabbitmq_stomp", "rabbitmq_mqtt", "rabbitmq_prometheus"]
PLUGINS += ["rabbitmq_web_stomp", "rabbitmq_web_mqtt"]


@dataclass
class Fleet:
    """Converged hosts, the authority that they are issued by, and what their runs are given."""

    hosts: list[hosts.Host]
    controller: hosts.Controller
    authority: certificates.Authority
    values: hosts.Settings

    @property
    def ca_file(self) -> str:
        return str(self.controller.directory / "ca.pem")

    def issue(self, **changes: object) -> dict[str, certificates.Pair]:
        """A certificate for each host."""
        return {one.name: self.authority.issue(one.name, one.address, **changes) for one in self.hosts}

    def run(self, pairs: dict[str, certificates.Pair], *flags: str, playbook: str = "site.yml") -> hosts.Run:
        """A run of a playbook in which each host has its certificate."""
        mine = {
            one.name: {
                "rabbitmq_tls_certificate": pairs[one.name].certificate,
                "rabbitmq_tls_key": pairs[one.name].key,
            }
            for one in self.hosts
        }
        path = self.controller.inventory({"rabbitmq": {"hosts": mine, "vars": self.values}})
        command = [hosts.PLAYBOOK, "-i", INVENTORY, "-i", str(path), playbook, *flags]
        return self.controller.run(command, path.parent)

    def connect(self, host: hosts.Host) -> pika.BlockingConnection:
        """A client inside TLS that trusts the authority alone."""
        login = pika.PlainCredentials(self.values["endpoint_user"], self.values["endpoint_password"])
        options = pika.SSLOptions(ssl.create_default_context(cafile=self.ca_file), host.address)
        return pika.BlockingConnection(
            pika.ConnectionParameters(
                host.address, 5671, self.values["endpoint_vhost"], login, ssl_options=options, heartbeat=0
            )
        )


@pytest.fixture(scope="module")
def fleet(fresh: Callable[..., list[hosts.Host]], controller: hosts.Controller) -> Fleet:
    """Both of them, from bare hosts."""
    authority = certificates.Authority.new()
    values = hosts.settings(
        rabbitmq_tls="only",
        rabbitmq_tls_authority=authority.certificate,
        rabbitmq_plugins=PLUGINS,
        rabbitmq_prometheus_address="0.0.0.0",  # noqa: S104 - for a monitoring host; without it only its own reaches it
        endpoints_file=str(controller.directory / "endpoints.json"),
        endpoint_ca_file=authority.write(controller.directory),
    )
    made = Fleet(fresh(*NAMES), controller, authority.intermediate(), values)
    made.run(made.issue()).succeeded()
    return made


def served(host: hosts.Host, port: int) -> bytes:
    """The certificate that a port shows."""
    return ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate((host.address, port), timeout=20))


def test_nothing_but_tls_is_open(fleet: Fleet) -> None:
    for host in fleet.hosts:
        ports = {port for port in TLS_PORTS | PLAIN_PORTS if hosts.listens(host.address, port)}
        assert ports == TLS_PORTS, host.name
        key = host.run("stat -c '%U %G %a' /etc/rabbitmq/tls/key.pem").split()
        assert key == ["root", "rabbitmq", "640"]


def test_the_audit_looks_at_every_listener_and_at_the_key(fleet: Fleet) -> None:
    run = fleet.run(fleet.issue(), playbook="playbooks/audit.yml").succeeded()
    said = " ".join(run.output.split())
    for one in fleet.hosts:
        _, _, mine = said.partition(f"{one.name} (rabbitmq): ")
        well = set(mine.partition("as they should be: ")[2].partition(". ")[0].rstrip('."').split(", "))
        wanted = {f"{what} {port}" for what in ("certificate", "TLS versions") for port in TLS_PORTS}
        assert {*wanted, "key /etc/rabbitmq/tls/key.pem"} <= well, said


def test_the_probes_pass_inside_tls(fleet: Fleet) -> None:
    endpoints = fleet.values["endpoints_file"]
    command = [sys.executable, "scripts/smoke.py", "--endpoints", endpoints, "--format", "json"]
    done = subprocess.run(command, cwd=hosts.ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {one["name"] for one in json.loads(done.stdout)["brokers"]} == set(NAMES)


def test_a_new_certificate_is_served_and_connected_clients_stay(fleet: Fleet) -> None:
    pids = [host.broker_pid() for host in fleet.hosts]
    clients = [fleet.connect(host) for host in fleet.hosts]
    pairs = fleet.issue()
    said = fleet.run(pairs, "--check", playbook=RENEW).succeeded().sentence
    assert "A run without --check applies it, without a restart." in said
    assert all(served(host, 5671) != served_by(pairs, host) for host in fleet.hosts)
    run = fleet.run(pairs, "--diff", playbook=RENEW).succeeded()
    for host, client in zip(fleet.hosts, clients, strict=True):
        assert {served(host, port) for port in TLS_PORTS} == {served_by(pairs, host)}, host.name
        client.channel().queue_declare("", exclusive=True)
        client.close()
        assert pairs[host.name].key.splitlines()[3] not in run.output
    assert [host.broker_pid() for host in fleet.hosts] == pids
    again = fleet.run(pairs).succeeded()
    assert [again.counts(host.name)["changed"] for host in fleet.hosts] == [0] * len(fleet.hosts)


def served_by(pairs: dict[str, certificates.Pair], host: hosts.Host) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pairs[host.name].alone)


def test_a_certificate_that_will_not_do_is_refused_before_anything_changes(fleet: Fleet) -> None:
    before = [host.run("sha256sum /etc/rabbitmq/tls/* /etc/rabbitmq/*.conf") for host in fleet.hosts]
    right, wrong = fleet.issue(), fleet.issue(ends=-0.5)
    wrong["tr-4-3"] = certificates.Pair(right["tr-4-3"].x509, wrong["tr-4-3"].private, right["tr-4-3"].chain)
    run = fleet.run(wrong)
    run.refused(
        "rabbitmq_tls_certificate: CN=test broker expired on",
        "rabbitmq_tls_key: is not the key of the certificate",
    )
    assert [host.run("sha256sum /etc/rabbitmq/tls/* /etc/rabbitmq/*.conf") for host in fleet.hosts] == before


def test_a_cipher_that_the_hosts_erlang_does_not_know_is_refused_before_anything_changes(
    fleet: Fleet,
) -> None:
    before = [host.run("sha256sum /etc/rabbitmq/*.conf") for host in fleet.hosts]
    ciphers = ["ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES512-GCM-SHA384", "TLS_AES_256_GCM_SHA384"]
    fleet.values["rabbitmq_tls_ciphers"] = ciphers
    run = fleet.run(fleet.issue())
    del fleet.values["rabbitmq_tls_ciphers"]
    run.refused(f"ciphers in rabbitmq_config: '{ciphers[1]}' is no cipher that the Erlang of this host knows")
    assert ciphers[0] not in run.sentence
    assert [run.counts(host.name)["failed"] for host in fleet.hosts] == [1] * len(fleet.hosts)
    assert [host.run("sha256sum /etc/rabbitmq/*.conf") for host in fleet.hosts] == before
