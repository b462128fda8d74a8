"""ActiveMQ 6: a broker of 5 goes there with its messages, is proven there, and finds its way back."""

from __future__ import annotations

from collections.abc import Iterator

import hosts
import pytest
from activemq_hosts import (
    INVENTORY,
    Brokers,
    Settings,
    client,
    console_answers,
    drain,
    failures,
    host,
    send,
    settings,
    smoke,
    unit,
)
from activemq_six import CACHE, FIVE, SIX, with_console
from hosts import Controller, Run, listens

NAME = "am-six"
UPGRADE = "playbooks/activemq_upgrade.yml"
KEPT = [f"of version five {number}" for number in range(20)]


@pytest.fixture(scope="module")
def five(controller: Controller) -> Iterator[Brokers]:
    """A broker of the older version, with messages in its store."""
    values = settings(
        activemq_installation="archive",
        activemq_archive_source="maven",
        activemq_archive_cache=str(CACHE),
        activemq_version=FIVE,
        activemq_connectors=[{"protocol": name} for name in ("stomp", "openwire", "amqp", "mqtt")],
    )
    broker = Brokers(controller, {NAME: values}, {NAME: host(NAME)})

    def make() -> None:
        run = broker.play("site.yml")
        if run.code and "is not there on the controller" in run.sentence:
            pytest.skip(f"the archive of ActiveMQ {FIVE} cannot be had here: {run.sentence[-300:]}")
        run.succeeded()
        with client(host(NAME).address) as (connection, inbox):
            for queue in ("there", "back"):
                for body in KEPT:
                    send(connection, inbox, f"brokerkit.smoke.{queue}", body)

    # How a broker of version five is made from the archive is what test_archive.py tests.
    broker.thawed_or(make)
    yield broker
    hosts.take_down(NAME, inventory=INVENTORY)


@pytest.fixture(scope="module")
def six() -> Settings:
    """Where the newer version comes from."""
    return with_console(SIX)


@pytest.fixture(scope="module")
def upgraded(five: Brokers, six: Settings) -> Run:
    """The run that took the broker to version six."""
    return five.play(UPGRADE, **six).succeeded()


def test_version_six_has_the_messages_of_version_five(five: Brokers, upgraded: Run) -> None:
    assert f"apache-activemq-{SIX}/" in unit(five.hosts[NAME], "ExecStart")
    assert drain(five.hosts[NAME].address, "brokerkit.smoke.there") == KEPT


def test_every_probe_passes_on_version_six(five: Brokers, six: Settings, upgraded: Run) -> None:
    run = five.play("site.yml", **six).succeeded()
    assert run.counts(NAME)["changed"] == 1  # the endpoints file is a new one
    report = smoke(run.directory / "endpoints.json", "--format", "json")
    assert failures(report) == {} and report.returncode == 0, report.stdout


def test_the_way_back_is_the_copy_of_the_store(five: Brokers, upgraded: Run) -> None:
    address, copy = (
        five.hosts[NAME].address,
        upgraded.sentence.split("copy its store to ")[1].split(". An older")[0],
    )
    with client(address) as (connection, inbox):
        send(connection, inbox, "brokerkit.smoke.back", "written by version six")
    five.play(UPGRADE, activemq_version=FIVE, activemq_restore_file=copy).succeeded()
    assert f"apache-activemq-{FIVE}/" in unit(five.hosts[NAME], "ExecStart")
    assert drain(address, "brokerkit.smoke.back") == KEPT
    assert drain(address, "brokerkit.smoke.there") == KEPT


@pytest.mark.parametrize("version", [pytest.param("6.1.8", marks=pytest.mark.drill), SIX])
def test_the_web_console_of_version_six_is_for_the_administrator_alone(
    five: Brokers, six: Settings, version: str
) -> None:
    newer = six if version == SIX else with_console(version)
    five.play(UPGRADE, **newer, activemq_console=True).succeeded()
    where = five.hosts[NAME]
    assert console_answers(where) == [401, 401, 200, 200, 200, 403]
    assert not listens(where.address, 8161)
