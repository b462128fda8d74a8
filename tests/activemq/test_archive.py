"""ActiveMQ by upstream's archive: what is fetched is checked, and a broker goes to a newer version and back."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from activemq_hosts import Brokers, client, drain, failures, host, send, settings, smoke, unit
from hosts import Controller, Host, Run

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


def test_an_upgrade_that_does_not_come_up_is_taken_back(broker: Brokers, converged: Run) -> None:
    where, queue = broker.hosts[NAME], "brokerkit.smoke.upgrade-back"
    with client(where.address) as (connection, inbox):
        send(connection, inbox, queue, "of before")
    connectors = [{"protocol": "stomp"}, {"protocol": "openwire", "address": "10.61.13.254"}]
    run = broker.play("playbooks/activemq_upgrade.yml", activemq_version=NEW, activemq_connectors=connectors)
    run.refused(f"did not come up as {NEW}", f"runs again as {OLD}", "10.61.13.254")
    assert f"apache-activemq-{OLD}/" in unit(where, "ExecStart")
    assert drain(where.address, queue) == ["of before"]


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
