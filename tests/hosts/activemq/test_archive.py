"""ActiveMQ by upstream's archive: what is fetched is checked, and a broker goes to a newer version and back."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from activemq_hosts import (
    PASSWORDS,
    Brokers,
    Certificates,
    Settings,
    certificates,
    client,
    console_answers,
    drain,
    failures,
    host,
    send,
    settings,
    smoke,
    stomp_answer,
    unit,
)
from hosts import Controller, Host, Run, listens

NAME = "am-upstream"
# What Maven Central has; releases after 5.18.3 are on Apache's own download site only.
OLD, NEW = "5.16.6", "5.18.3"
CONNECTORS = [{"protocol": name} for name in ("stomp", "openwire", "amqp", "mqtt")]


@pytest.fixture(scope="module")
def broker(
    controller: Controller, fresh: Callable[..., list[Host]], tmp_path_factory: pytest.TempPathFactory
) -> Brokers:
    """A bare host that is to have a broker from the archive."""
    if shutil.which("mvn") is None:
        pytest.skip(
            "mvn is not on this machine: the archives of ActiveMQ cannot be had, nothing was proven of them"
        )
    fresh(NAME)
    cache = tmp_path_factory.mktemp("archives")
    values = settings(
        activemq_installation="archive",
        activemq_archive_source="maven",
        activemq_archive_cache=str(cache),
        activemq_version=OLD,
        activemq_connectors=CONNECTORS,
    )
    return Brokers(controller, {NAME: values}, {NAME: host(NAME)})


@pytest.fixture(scope="module")
def converged(broker: Brokers) -> Run:
    """The run that installed the older version."""
    run = broker.play("site.yml")
    if run.code and "is not there on the controller" in run.sentence:
        pytest.skip(
            f"the archive of ActiveMQ {OLD} cannot be had here, nothing was proven of it: {run.sentence[-300:]}"
        )
    return run.succeeded()


def test_a_version_without_a_known_checksum_is_refused(broker: Brokers) -> None:
    broker.play("site.yml", activemq_version="6.2.10").refused(
        "no checksum of ActiveMQ 6.2.10 is known", ".sha512"
    )


def test_an_archive_that_is_another_one_is_refused(broker: Brokers, tmp_path: Path) -> None:
    other = tmp_path / f"apache-activemq-{NEW}-bin.tar.gz"
    other.write_bytes(b"not what Apache released")
    given = {"activemq_archive_source": "file", "activemq_archive_file": str(other), "activemq_version": NEW}
    broker.play("site.yml", **given).refused("do not use it", hashlib.sha512(other.read_bytes()).hexdigest())
    given["activemq_archive_file"] = str(tmp_path / "nowhere.tar.gz")
    broker.play("site.yml", **given).refused("is not there on the controller", "Apache's download site")
    assert broker.hosts[NAME].attempt("test -e /opt/activemq").returncode != 0


def test_a_version_with_open_vulnerabilities_is_refused_on_demand(broker: Brokers) -> None:
    broker.play("site.yml", activemq_require_secure_version=True).refused(
        "CVE-2023-46604", "6.3.2 or 5.19.11"
    )


def test_every_probe_passes_and_no_shipped_credentials_are_on_the_host(converged: Run) -> None:
    report = smoke(
        converged.directory / "endpoints.json", "--only", "stomp.connect,activemq", "--format", "json"
    )
    assert failures(report) == {} and report.returncode == 0
    where = host(NAME)
    assert (
        where.run(f"ls /opt/activemq/apache-activemq-{OLD}").split()
        and where.run("find /opt/activemq -name conf") == ""
    )
    assert where.attempt("grep -rlE 'manager|admin=admin' /opt/activemq --include=*.properties").stdout == ""


def test_a_second_run_changes_nothing(broker: Brokers, converged: Run) -> None:
    assert broker.play("site.yml").succeeded().counts(NAME)["changed"] == 1  # the endpoints file is a new one


def test_a_version_is_not_changed_in_passing(broker: Brokers, converged: Run) -> None:
    broker.play("site.yml", activemq_version=NEW).refused(
        f"has ActiveMQ {OLD} (archive)", "playbooks/activemq_upgrade.yml"
    )


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """A certificate for the broker."""
    return certificates(tmp_path_factory.mktemp("certificates"), host(NAME).address)


def everything(issued: Certificates) -> Settings:
    """Every protocol over every transport, JMX and the console; clients with TLS need a certificate."""
    transports = {"tcp": 0, "nio": 1000, "ssl": 2000, "nio+ssl": 3000}
    ports = {"stomp": 61613, "openwire": 61616, "amqp": 5672, "mqtt": 1883}
    listed = [
        {
            "protocol": protocol,
            "transport": transport,
            "name": f"{protocol}-{transport}",
            "port": port + offset if port < 60000 else port - offset,
        }
        for protocol, port in ports.items()
        for transport, offset in transports.items()
    ]
    return {
        "activemq_connectors": [
            *listed,
            {"protocol": "ws"},
            {"protocol": "ws", "transport": "ssl", "name": "wss"},
        ],
        "activemq_tls_certificate": issued.certificate,
        "activemq_tls_key": issued.key,
        "activemq_tls_client_authority": issued.authority,
        "activemq_tls_client_certificates": "required",
        "activemq_jmx_port": 1099,
        "activemq_console": True,
    }


@pytest.fixture(scope="module")
def open_wide(broker: Brokers, converged: Run, issued: Certificates) -> Run:
    """The run that had the broker listen on everything it can."""
    return broker.play("site.yml", "--diff", **everything(issued)).succeeded()


def test_every_protocol_is_spoken_over_every_transport(open_wide: Run) -> None:
    report = smoke(open_wide.directory / "endpoints.json", "--only", "activemq.listeners", "--format", "json")
    assert failures(report) == {} and report.returncode == 0, report.stdout


def test_a_client_with_tls_needs_a_certificate_and_a_password(open_wide: Run, issued: Certificates) -> None:
    address = host(NAME).address
    for port in (59613, 58613):  # ssl, nio+ssl
        with issued.client(address, port) as peer:
            assert stomp_answer(peer).startswith("CONNECTED")
        with issued.client(address, port) as peer:
            assert "password is invalid" in stomp_answer(peer, password="wrong")
        with pytest.raises(OSError), issued.client(address, port, certificate=False) as peer:
            assert stomp_answer(peer) == "", "somebody without a certificate was let in"
            raise ConnectionResetError


def test_the_prober_speaks_stomp_inside_tls(open_wide: Run, issued: Certificates, tmp_path: Path) -> None:
    document = json.loads((open_wide.directory / "endpoints.json").read_text(encoding="utf-8"))
    files = {"ca_file": "ca.pem", "cert_file": "mq.pem", "key_file": "mq.key"}
    inside = {
        "port": 59613,
        "tls": True,
        **{key: str(issued.directory / name) for key, name in files.items()},
    }
    path = tmp_path / "endpoints.json"
    path.touch(mode=0o600)
    document["brokers"][0]["stomp"] = inside
    path.write_text(json.dumps(document), encoding="utf-8")
    report = smoke(path, "--format", "json")
    assert failures(report) == {} and report.returncode == 0, report.stdout
    document["brokers"][0]["stomp"] = {key: inside[key] for key in ("port", "tls", "ca_file")}
    path.write_text(json.dumps(document), encoding="utf-8")
    report = smoke(path, "--only", "stomp.connect.v1_2")
    assert report.returncode == 69 and "only clients that show a certificate" in report.stdout, report.stdout


def test_management_is_on_loopback_and_for_the_administrator(open_wide: Run) -> None:
    where = host(NAME)
    assert not listens(where.address, 8161) and not listens(where.address, 1099)
    assert console_answers(where) == [401, 401, 200, 200, 200, 403]


def test_no_secret_is_shown_readable_or_in_arguments(
    broker: Brokers, open_wide: Run, issued: Certificates
) -> None:
    where, key = broker.hosts[NAME], issued.key.splitlines()[5]
    for secret in (PASSWORDS["admin"], PASSWORDS["smoke"], key):
        assert secret not in open_wide.output
        assert secret not in where.run(
            "cat /proc/[0-9]*/cmdline | tr '\\0' ' '; journalctl --no-pager --output cat"
        )
    readable = where.run("find /etc/activemq /run/activemq-main /var/lib/brokerkit -type f -perm /o=r")
    for path in readable.split():
        text = where.run(f"cat {path}")
        assert key not in text and PASSWORDS["admin"] not in text, path


@pytest.mark.drill
def test_a_renewed_certificate_is_served_over_every_transport(
    broker: Brokers, open_wide: Run, tmp_path: Path
) -> None:
    new = certificates(tmp_path, host(NAME).address)
    run = broker.play("playbooks/activemq_certificates.yml", **everything(new)).succeeded()
    assert (
        "Served on ports 59613, 58613, 59616, 58616, 7672, 8672, 3883, 4883, 61619, SHA-256" in run.sentence
    )


def test_what_is_no_longer_asked_for_is_gone(broker: Brokers, open_wide: Run) -> None:
    broker.play("site.yml").succeeded()
    where = broker.hosts[NAME]
    assert not listens(where.address, 59613)
    left = where.run("ls /etc/activemq/main /run/activemq-main").split()
    assert not {"tls.key", "jetty.xml", "jmx.password", "key.p12"} & set(left)


def test_an_upgrade_that_does_not_come_up_is_taken_back(broker: Brokers, converged: Run) -> None:
    where, queue = broker.hosts[NAME], "brokerkit.smoke.upgrade-back"
    with client(where.address) as (connection, inbox):
        send(connection, inbox, queue, "of before")
    connectors = [{"protocol": "stomp"}, {"protocol": "openwire", "port": 81}]  # the kernel leaves it to root
    run = broker.play("playbooks/activemq_upgrade.yml", activemq_version=NEW, activemq_connectors=connectors)
    run.refused(f"did not come up as {NEW}", f"runs again as {OLD}", "Permission denied")
    assert f"apache-activemq-{OLD}/" in unit(where, "ExecStart")
    assert drain(where.address, queue) == ["of before"]


@pytest.mark.drill
def test_an_upgrade_keeps_the_messages_and_so_does_the_way_back(broker: Brokers, converged: Run) -> None:
    where, queue = broker.hosts[NAME], "brokerkit.smoke.upgrade"
    bodies = [f"before the upgrade {number}" for number in range(20)]
    with client(where.address) as (connection, inbox):
        for body in bodies:
            send(connection, inbox, queue, body)
    run = broker.play("playbooks/activemq_upgrade.yml", activemq_version=NEW).succeeded()
    assert "An older version may not read what a newer one has written" in run.sentence
    copy = run.sentence.split("copy its store to ")[1].split(". An older")[0]
    assert f"apache-activemq-{NEW}/" in unit(where, "ExecStart")
    assert drain(where.address, queue) == bodies
    with client(where.address) as (connection, inbox):
        send(connection, inbox, queue, "written by the newer version")
    broker.play(
        "playbooks/activemq_upgrade.yml", activemq_version=OLD, activemq_restore_file=copy
    ).succeeded()
    assert f"apache-activemq-{OLD}/" in unit(where, "ExecStart")
    assert drain(where.address, queue) == bodies
