"""What somebody set up or changed by hand: taken over on a word and kept, put back without a restart, left masked."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from activemq_hosts import Brokers, client, drain, send, settings, unit
from hosts import Controller, Host, Run, listens, wait_for

NAME, SITE = "am-hand", "site.yml"
# Debian's own way: an instance with one connector more, and a link to it among those that are enabled.
SET_UP = r"""
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update && apt-get -qq install --no-install-recommends activemq default-jre-headless >/dev/null
cd /etc/activemq
stomp='<transportConnector name="stomp" uri="stomp://0.0.0.0:61613"/>'
sed -i "s|<transportConnector name=\"openwire\".*|&$stomp|" instances-available/main/activemq.xml
ln -s ../instances-available/main instances-enabled/main
systemctl restart activemq
"""
BY_HAND = "/etc/activemq/instances-available/main/activemq.xml"
STORE, OURS = "/var/lib/activemq/main/data/kahadb", "/var/lib/activemq/main/kahadb"
CONFIGURATION = "/etc/activemq/main/activemq.xml"
QUEUE = "brokerkit.smoke.orders"
UNIT = "activemq-main.service"


@dataclass
class Machine:
    """The host and the runs of site.yml on it."""

    brokers: Brokers
    host: Host

    def run(self, *flags: str, **changes: object) -> Run:
        """A run with `changes` laid over the settings."""
        return self.brokers.play(SITE, *flags, **{"limit": NAME, **changes})

    def changed(self, **changes: object) -> int:
        """How much a run changed on the host itself: the endpoints file of these tests is a new one each time."""
        return self.run("--skip-tags", "endpoints", **changes).succeeded().counts(NAME)["changed"]

    def state(self) -> tuple[str, str]:
        """Whether the unit runs, and whether it starts at boot."""
        return unit(self.host, "ActiveState"), unit(self.host, "UnitFileState")


@pytest.fixture(scope="module")
def machine(fresh: Callable[..., list[Host]], controller: Controller) -> Machine:
    """A host with an instance that somebody set up, and a message in it."""
    (where,) = fresh(NAME)
    where.run(SET_UP, timeout=300)
    wait_for("the broker set up by hand", lambda: listens(where.address, 61613), 60)
    with client(where.address) as (connection, inbox):
        send(connection, inbox, QUEUE, "from before")
    return Machine(Brokers(controller, {NAME: settings()}, {NAME: where}), where)


@pytest.fixture(scope="module")
def taken(machine: Machine) -> tuple[str, Run]:
    """The configuration of the instance as it was, and the run that took the instance over."""
    machine.host.run("service activemq stop")
    was = machine.host.run(f"cat {BY_HAND}")
    machine.host.run(f"mv {STORE} {OURS}")  # as the refusal says
    return was, machine.run(activemq_take_over=True).succeeded()


@pytest.fixture
def ours(machine: Machine, taken: tuple[str, Run]) -> Machine:
    """The host once the instance is the role's."""
    return machine


def test_an_instance_that_somebody_runs_is_refused_whatever_the_word(machine: Machine) -> None:
    before = machine.host.snapshot()
    machine.run(activemq_take_over=True).refused(
        f"activemq_take_over: a broker that this role did not make runs on {NAME} as the instance 'main'",
        "service activemq stop",
    )
    assert machine.host.snapshot() == before


def test_what_is_stopped_is_still_somebodys(machine: Machine) -> None:
    machine.host.run("service activemq stop")
    before = machine.host.snapshot()
    for flags in ((), ("--check", "--diff")):
        machine.run(*flags).refused(
            f"activemq_take_over: {NAME} holds what Brokerkit did not make",
            f"mv {STORE} {OURS}",
            "the package's init script starts (main)",
            "--check --diff -e activemq_take_over=true",
        )
    assert machine.host.snapshot() == before


def test_on_a_word_it_is_taken_over_with_its_messages_and_its_files_are_kept(
    machine: Machine, taken: tuple[str, Run]
) -> None:
    was, run = taken
    kept = "/var/lib/brokerkit/originals/activemq-main"
    assert f"The files as they were are kept in {kept}" in run.sentence
    assert machine.host.run(f"cat {kept}{BY_HAND}") == was
    assert json.loads(machine.host.run(f"cat {kept}/manifest.json"))[BY_HAND]["mode"] == "0644"
    assert machine.host.run(f"find {kept} -perm /077").strip() == ""
    assert machine.state() == ("active", "enabled")
    assert machine.changed() == 0  # without the word too: it is the role's now
    assert drain(machine.host.address, QUEUE) == ["from before"]


def test_a_comment_added_by_hand_is_put_back_without_a_restart(ours: Machine) -> None:
    pid, was = unit(ours.host, "MainPID"), ours.host.run(f"cat {CONFIGURATION}")
    ours.host.run(f"sed -i 's|<broker |<!-- by hand -->\\n\\n  &|' {CONFIGURATION}")
    assert ours.host.run(f"cat {CONFIGURATION}") != was
    assert ours.changed() == 1
    assert ours.host.run(f"cat {CONFIGURATION}") == was
    assert unit(ours.host, "MainPID") == pid


def test_a_stop_by_hand_is_undone_with_a_word_and_kept_where_it_is_wanted(ours: Machine) -> None:
    ours.host.run(f"systemctl disable --quiet --now {UNIT}")
    assert ours.changed(activemq_service_state="stopped") == 0
    assert ours.state() == ("inactive", "disabled")
    started = ours.run().succeeded()
    assert f"{UNIT} had been stopped and disabled" in started.sentence
    assert ours.state() == ("active", "enabled")


@pytest.mark.drill
def test_a_mask_is_a_word_and_taken_away_by_nobody_else(ours: Machine) -> None:
    assert ours.changed(activemq_service_state="stopped") == 1
    assert ours.state() == ("inactive", "disabled")
    # `systemctl mask` does it for units whose own file is elsewhere.
    ours.host.run(f"ln -sf /dev/null /etc/systemd/system/{UNIT} && systemctl daemon-reload")
    before = ours.host.snapshot()
    ours.run().refused(
        f"activemq_service_state: 'started' is wanted, but an operator has masked {UNIT}",
        f"systemctl unmask {UNIT}",
    )
    assert ours.changed(activemq_service_state="stopped") == 0
    assert ours.host.snapshot() == before
    ours.host.run(f"systemctl --quiet unmask {UNIT}")
    assert ours.changed() > 0
    assert ours.state() == ("active", "enabled")


@pytest.mark.drill
def test_a_broker_that_is_frozen_is_named_as_that(ours: Machine) -> None:
    pid = unit(ours.host, "MainPID")
    ours.host.run(f"kill -STOP {pid}")
    try:
        run = ours.run(activemq_heap="300m")
        run.refused(f"the broker's process {pid} is stopped", f"kill -CONT {pid}")
    finally:
        ours.host.run(f"kill -CONT {pid}")
    assert ours.changed() == 0
