"""ActiveMQ by the distribution's package on Debian 12 and 13: two brokers that forward to each other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from activemq_hosts import (
    ODD_PASSWORD,
    ODD_USER,
    PASSWORDS,
    REDELIVERY,
    Brokers,
    certificates,
    client,
    drain,
    failures,
    host,
    send,
    settings,
    smoke,
    unit,
)
from hosts import ROOT, Controller, Host, Run, wait_for
from mqtt import mqtt_client

TWELVE, THIRTEEN = "am-debian12", "am-debian13"
# An installation whose power was cut: unpacked, not set up, and its dependencies are not there.
CUT_OFF = """
set -e
cd /tmp && apt-get update -qq && apt-get download -qq activemq libactivemq-java
dpkg --unpack activemq_*.deb libactivemq-java_*.deb
"""
SITE = "site.yml"
RESTORE = "playbooks/activemq_restore.yml"


@pytest.fixture(scope="module")
def pair(controller: Controller, fresh: Callable[..., list[Host]]) -> Iterator[Brokers]:
    """Two bare hosts that became brokers."""
    fresh(TWELVE, THIRTEEN)
    where = {name: host(name) for name in (TWELVE, THIRTEEN)}
    where[THIRTEEN].run(CUT_OFF)
    bridge = {"name": "to-debian13", "brokers": [f"{where[THIRTEEN].address}:61616"], "duplex": True}
    bridge |= {"user": "bridge", "password": PASSWORDS["bridge"]}
    members = {
        TWELVE: settings(activemq_network=[bridge]),
        THIRTEEN: settings(activemq_scheduler=True, activemq_plugins_xml=REDELIVERY),
    }
    yield Brokers(controller, members, where)


@pytest.fixture(scope="module")
def converged(pair: Brokers) -> Run:
    """The run that made brokers of them."""
    return pair.play(SITE).succeeded()


@pytest.fixture
def debian12(pair: Brokers, converged: Run) -> Host:
    """The broker on Debian 12."""
    return pair.hosts[TWELVE]


def test_the_converge_of_a_bare_host_passes_in_check_mode(pair: Brokers) -> None:
    pair.play(SITE, "--check", limit=THIRTEEN).succeeded()


def test_an_installation_that_was_cut_off_is_finished(pair: Brokers, converged: Run) -> None:
    where = pair.hosts[THIRTEEN]
    assert where.run("dpkg --audit") == ""
    assert unit(where, "ActiveState") == "active"
    assert where.run("systemctl is-enabled activemq.service || true").strip() == "masked"


def test_the_converge_names_what_is_not_fixed_in_the_package(converged: Run) -> None:
    assert "CVE-2026-49432" in converged.sentence
    assert "5.17.2+dfsg-2+deb12u1 has" in converged.sentence
    of_12 = converged.sentence.split("5.17.2+dfsg-2+deb12u1 has")[1].split("Versions without them")[0]
    assert "CVE-2023-46604" not in of_12, "Debian 12 has backported this fix"


def test_a_second_run_changes_nothing_and_so_does_one_in_check_mode(pair: Brokers, converged: Run) -> None:
    for flags in ((), ("--check",)):
        run = pair.play(SITE, *flags).succeeded()
        for name in (TWELVE, THIRTEEN):
            # The endpoints file is a new one in each run of these tests, and the first host stands for it.
            assert run.counts(name)["changed"] == (1 if name == TWELVE else 0), run.output


def test_every_probe_passes(converged: Run) -> None:
    report = smoke(
        converged.directory / "endpoints.json", "--only", "stomp.connect,activemq", "--format", "json"
    )
    assert failures(report) == {}
    assert report.returncode == 0, report.stdout + report.stderr
    found = {(one["broker"], one["probe"]): one["detail"] for one in json.loads(report.stdout)["results"]}
    assert found[TWELVE, "activemq.deadletter"] == "in the dead-letter queue after 1 delivery"
    assert found[THIRTEEN, "activemq.deadletter"] == "in the dead-letter queue after 2 deliveries"


@pytest.mark.parametrize(("away", "back"), [("stop", "start"), ("kill --signal=STOP", "kill --signal=CONT")])
def test_a_broker_that_is_away_or_hangs_is_unavailable_and_advised_as_activemq(
    pair: Brokers, converged: Run, away: str, back: str
) -> None:
    """Stopped, it was a defect of the prober with advice for RabbitMQ; frozen, its heart-beats were blamed."""
    where = pair.hosts[THIRTEEN]
    where.run(f"systemctl {away} activemq-main.service")
    try:
        endpoints = converged.directory / "endpoints.json"
        report = smoke(endpoints, "--broker", THIRTEEN, "--timeout", "6", "--format", "json")
    finally:
        where.run(f"systemctl {back} activemq-main.service")
    assert report.returncode == 69, report.stdout + report.stderr
    remedies = {one["remedy"] for one in json.loads(report.stdout)["results"] if one["status"] != "skip"}
    assert len(remedies) == 1 and "rabbitmq" not in remedies.pop(), failures(report)


def test_a_url_is_asked_which_broker_it_leads_to(debian12: Host) -> None:
    """A healthy broker was taken for RabbitMQ, and failed stomp.ack."""
    command = [sys.executable, str(ROOT / "scripts/smoke.py"), "--stomp", f"stomp://smoke@{debian12.address}"]
    report = subprocess.run(
        [*command, "--timeout", "40", "--format", "json"],
        env={**os.environ, "BROKERKIT_PASSWORD": PASSWORDS["smoke"]},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert report.returncode == 0 and failures(report) == {}, report.stdout + report.stderr
    assert json.loads(report.stdout)["brokers"][0]["kind"] == "activemq"


def test_only_what_was_asked_for_listens_and_nobody_else_reads_the_passwords(
    pair: Brokers, converged: Run
) -> None:
    for where in pair.hosts.values():
        pid = unit(where, "MainPID")
        found = where.python(_LISTENERS, pid).split()
        assert sorted(set(found)) == ["61613", "61616"]
        assert where.run(f"stat -c %U /proc/{pid}").strip() == "activemq"
        assert where.run("stat -c '%a %U' /etc/activemq/main/users.properties").strip() == "600 activemq"
        assert where.run("systemctl is-enabled activemq.service || true").strip() == "masked"
        assert PASSWORDS["smoke"] not in where.run("cat /proc/[0-9]*/cmdline | tr '\\0' ' '")


_LISTENERS = """
import glob, os, sys
sockets = {os.readlink(link)[8:-1] for link in glob.glob(f"/proc/{sys.argv[1]}/fd/*") if os.path.islink(link)
           and os.readlink(link).startswith("socket:")}
for table in ("tcp", "tcp6"):
    for line in open(f"/proc/net/{table}").readlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and fields[9] in sockets:
            print(int(fields[1].split(":")[1], 16))
"""


def test_a_user_and_a_password_of_any_characters_get_in(debian12: Host) -> None:
    with client(debian12.address, ODD_USER, ODD_PASSWORD) as (connection, inbox):
        assert connection.is_connected() and not inbox.errors


def test_what_is_persistent_survives_a_restart_and_nothing_else(
    pair: Brokers, converged: Run, tmp_path: Path
) -> None:
    endpoints, state = converged.directory / "endpoints.json", tmp_path / "state.json"
    assert smoke(endpoints, "--before-restart", str(state)).returncode == 0
    too_early = smoke(endpoints, "--after-restart", str(state))
    assert too_early.returncode == 1 and "was not restarted" in " ".join(too_early.stdout.split())
    assert smoke(endpoints, "--before-restart", str(state)).returncode == 0
    pair.play("playbooks/activemq_restart.yml").succeeded()
    report = smoke(endpoints, "--after-restart", str(state), "--format", "json")
    assert failures(report) == {} and report.returncode == 0


def test_a_new_password_is_applied_without_a_restart(pair: Brokers, debian12: Host) -> None:
    before = unit(debian12, "MainPID")
    users = [dict(user) for user in pair.members[TWELVE]["activemq_users"]]
    users[0]["password"] = "test-host-only-another-one"
    pair.play(SITE, limit=TWELVE, activemq_users=users, endpoint_password=users[0]["password"]).succeeded()
    with client(debian12.address, "smoke", users[0]["password"]) as (connection, _):
        assert connection.is_connected()
    with client(debian12.address) as (_, inbox):
        assert "password is invalid" in wait_for("the refusal", lambda: inbox.errors)[0]
    assert unit(debian12, "MainPID") == before
    pair.play(SITE, limit=TWELVE).succeeded()


@pytest.mark.drill
def test_a_new_administrator_leaves_the_former_one_no_way_in(pair: Brokers, debian12: Host) -> None:
    pair.play(SITE, limit=TWELVE, activemq_admin_user="chief").succeeded()
    with client(debian12.address, "chief", PASSWORDS["admin"]) as (connection, _):
        assert connection.is_connected()
    with client(debian12.address, "admin", PASSWORDS["admin"]) as (_, inbox):
        assert "password is invalid" in wait_for("the refusal", lambda: inbox.errors)[0]
    assert debian12.attempt("grep -rlw admin /etc/activemq/main/*.properties").stdout == ""
    pair.play(SITE, limit=TWELVE).succeeded()


def test_a_configuration_that_the_brokers_schema_refuses_changes_nothing(
    pair: Brokers, debian12: Host
) -> None:
    before = (unit(debian12, "MainPID"), debian12.run("cat /etc/activemq/main/activemq.xml"))
    policies = [{"queue": ">", "memoryLimitt": "1 mb"}]
    run = pair.play(SITE, limit=TWELVE, activemq_destination_policies=policies)
    run.refused("Attribute 'memoryLimitt' is not allowed", "activemq_destination_policies")
    assert (unit(debian12, "MainPID"), debian12.run("cat /etc/activemq/main/activemq.xml")) == before


def test_a_configuration_that_does_not_start_is_taken_back(pair: Brokers, debian12: Host) -> None:
    before = debian12.run("cat /etc/activemq/main/activemq.xml")
    connectors = [{"protocol": "stomp"}, {"protocol": "openwire", "port": 81}]  # the kernel leaves it to root
    run = pair.play(SITE, limit=TWELVE, activemq_connectors=connectors)
    run.refused(
        "did not come up on the new configuration", "runs again on the last good one", "Permission denied"
    )
    assert debian12.run("cat /etc/activemq/main/activemq.xml") == before
    assert unit(debian12, "ActiveState") == "active"
    with client(debian12.address) as (connection, _):
        assert connection.is_connected()


@pytest.mark.drill
def test_an_address_of_another_host_is_found_before_anything_changes(pair: Brokers, debian12: Host) -> None:
    before = unit(debian12, "MainPID")
    connectors = [{"protocol": "stomp"}, {"protocol": "openwire", "address": "192.0.2.7"}]
    run = pair.play(SITE, limit=TWELVE, activemq_connectors=connectors)
    run.refused(
        "activemq_connectors: 192.0.2.7 of the connector 'openwire' is not an address of", "`ip address`"
    )
    assert unit(debian12, "MainPID") == before


def test_a_port_that_another_process_holds_is_found_before_anything_changes(
    pair: Brokers, debian12: Host
) -> None:
    before = unit(debian12, "MainPID")
    debian12.run("systemd-run --unit=holder --quiet python3 -m http.server 5673")
    try:
        wait_for(
            "the other listener", lambda: debian12.attempt("grep -q :1629 /proc/net/tcp").returncode == 0
        )
        connectors = [{"protocol": "stomp"}, {"protocol": "openwire", "port": 5673}]
        run = pair.play(SITE, limit=TWELVE, activemq_connectors=connectors)
        run.refused("activemq_connectors: port 5673", "'python3'", "another port")
    finally:
        debian12.run("systemctl stop holder")
    assert unit(debian12, "MainPID") == before


def test_a_message_sent_to_one_broker_is_consumed_from_the_other(pair: Brokers, converged: Run) -> None:
    queue = "brokerkit.smoke.network"
    with (
        client(pair.hosts[THIRTEEN].address) as (consumer, inbox),
        client(pair.hosts[TWELVE].address) as (sender, sent),
    ):
        consumer.subscribe(f"/queue/{queue}", id="1", ack="auto")
        send(sender, sent, queue, "over the bridge")
        wait_for("the message on the other broker", lambda: inbox.bodies, 30)
    assert inbox.bodies == ["over the bridge"]


def test_nothing_acknowledged_is_lost_when_the_broker_is_killed_under_load(debian12: Host) -> None:
    queue, confirmed, killed = "brokerkit.smoke.kill", [], threading.Event()

    def produce() -> None:
        with client(debian12.address) as (connection, inbox):
            for number in range(20_000):
                try:
                    connection.send(
                        f"/queue/{queue}", str(number), headers={"persistent": "true"}, receipt=f"r-{number}"
                    )
                except Exception:  # the connection of a broker that was killed
                    break
                while f"r-{number}" not in inbox.receipts and not inbox.gone.is_set():
                    pass
                if inbox.gone.is_set():
                    break
                confirmed.append(str(number))
            killed.wait(30)

    producer = threading.Thread(target=produce)
    producer.start()
    wait_for("a hundred receipts", lambda: len(confirmed) > 100)
    debian12.run("systemctl kill --signal=KILL activemq-main.service")
    killed.set()
    producer.join(60)
    assert not producer.is_alive()
    wait_for("the broker to come back", lambda: unit(debian12, "ActiveState") == "active", 60, 0.5)
    missing = set(confirmed) - set(drain(debian12.address, queue))
    assert not missing, f"{len(missing)} of {len(confirmed)} acknowledged messages are lost"


def test_a_copy_of_the_store_brings_its_messages_back(pair: Brokers, debian12: Host) -> None:
    queue = "brokerkit.smoke.backup"
    with client(debian12.address) as (connection, inbox):
        send(connection, inbox, queue, "kept")
    run = pair.play("playbooks/activemq_backup.yml", limit=TWELVE).succeeded()
    copy = run.sentence.split("is in ")[1].split(" there")[0]
    assert debian12.run(f"stat -c '%a %U' {copy} $(dirname {copy})").split() == ["600", "root", "700", "root"]
    assert drain(debian12.address, queue) == ["kept"]
    pair.play(RESTORE, limit=TWELVE, activemq_restore_file="/etc/hostname").refused("is not a copy")
    pair.play(RESTORE, limit=TWELVE, activemq_restore_file=copy).succeeded()
    assert drain(debian12.address, queue) == ["kept"]


@pytest.mark.drill
def test_a_copy_that_was_cut_is_taken_back(pair: Brokers, debian12: Host) -> None:
    queue, cut = "brokerkit.smoke.cut", "/var/backups/activemq/cut.tar.gz"
    run = pair.play("playbooks/activemq_backup.yml", limit=TWELVE).succeeded()
    copy = run.sentence.split("is in ")[1].split(" there")[0]
    with client(debian12.address) as (connection, inbox):
        send(connection, inbox, queue, "in the store that comes back")
    debian12.run(f"head --bytes=-40 {copy} > {cut}")  # the disk was full, or the network broke
    run = pair.play(RESTORE, limit=TWELVE, activemq_restore_file=cut)
    run.refused(f"did not come up on {cut}", "runs again on the store that it had")
    assert drain(debian12.address, queue) == ["in the store that comes back"]


@pytest.mark.drill
def test_a_copy_without_room_leaves_nothing_behind_and_the_broker_running(
    pair: Brokers, debian12: Host
) -> None:
    copies = "/var/backups/activemq"
    debian12.run(f"mkdir -p {copies} && mount -t tmpfs -o size=16k tmpfs {copies}")
    try:
        debian12.attempt(f"dd if=/dev/zero of={copies}/filler bs=4k")
        for verb in ("backup", "upgrade"):
            run = pair.play(f"playbooks/activemq_{verb}.yml", limit=TWELVE)
            run.refused(
                "activemq_backup_directory: the store of am-debian12 could not be copied", "No space left"
            )
            assert debian12.run(f"ls -A {copies}").split() == ["filler"]
            assert unit(debian12, "ActiveState") == "active"
    finally:
        debian12.run(f"umount {copies}")


def test_a_bridge_over_tls_goes_one_way(pair: Brokers, debian12: Host, tmp_path: Path) -> None:
    to, queue = pair.hosts[THIRTEEN].address, "brokerkit.smoke.one-way"
    issued = certificates(tmp_path, debian12.address, to)
    listening = {
        "activemq_connectors": [{"protocol": "stomp"}, {"protocol": "openwire", "transport": "ssl"}],
        "activemq_tls_certificate": issued.certificate,
        "activemq_tls_key": issued.key,
    }
    bridge = {"name": "one-way", "brokers": [f"ssl://{to}:61617"]}
    bridge |= {"user": "bridge", "password": PASSWORDS["bridge"]}
    forwarding = {"activemq_network": [bridge], "activemq_tls_client_authority": issued.authority}
    pair.play(SITE, limit=THIRTEEN, **listening).succeeded()
    pair.play(SITE, limit=TWELVE, **forwarding).succeeded()
    with client(to) as (consumer, inbox), client(debian12.address) as (sender, sent):
        consumer.subscribe(f"/queue/{queue}", id="1", ack="auto")
        send(sender, sent, queue, "there")
        wait_for("the message on the other broker", lambda: inbox.bodies, 30)
    with client(debian12.address) as (consumer, inbox), client(to) as (sender, sent):
        consumer.subscribe(f"/queue/{queue}", id="1", ack="auto")
        send(sender, sent, queue, "not back")
        assert drain(to, queue) == ["not back"]
        assert inbox.bodies == []


MQTT = [{"protocol": name} for name in ("stomp", "openwire", "mqtt")]


@pytest.mark.drill
def test_messages_go_through_mqtt_and_nobody_without_the_password(pair: Brokers, converged: Run) -> None:
    run = pair.play(SITE, activemq_connectors=MQTT).succeeded()
    for name, where in pair.hosts.items():
        assert run.counts(name)["changed"] > 0
        with mqtt_client(where.address, PASSWORDS["smoke"]) as subscriber:
            subscriber.subscribe("brokerkit/smoke/mqtt")
            with mqtt_client(where.address, PASSWORDS["smoke"]) as publisher:
                publisher.publish("brokerkit/smoke/mqtt", b"over MQTT")
            assert subscriber.message() == ("brokerkit/smoke/mqtt", b"over MQTT")
        with pytest.raises(ConnectionRefusedError, match=r"code [45]"), mqtt_client(where.address, "wrong"):
            pass
    # Without the connector the library stays, and no later run has anything to do with it.
    pair.play(SITE).succeeded()
    # The endpoints file is a new one in each run of these tests, and the first host stands for it.
    assert pair.play(SITE).succeeded().counts(THIRTEEN)["changed"] == 0


def test_uninstalling_keeps_the_store(pair: Brokers, debian12: Host) -> None:
    pair.play("playbooks/activemq_uninstall.yml", limit=TWELVE).succeeded()
    assert debian12.attempt("test -e /usr/share/activemq/bin/activemq.jar").returncode != 0
    assert debian12.attempt("systemctl cat activemq-main.service").returncode != 0
    debian12.run("test -s /var/lib/activemq/main/kahadb/db-1.log")
