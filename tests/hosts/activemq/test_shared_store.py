"""Two instances on one host that share a store: one serves, the other listens on nothing and takes over."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from activemq_hosts import (
    ODD_PASSWORD,
    ODD_USER,
    PASSWORDS,
    Brokers,
    client,
    drain,
    failures,
    send,
    settings,
    smoke,
    unit,
)
from hosts import Controller, Host, Run, wait_for

ONE, TWO = 61613, 62613
QUEUE = "brokerkit.smoke.failover"
SMOKE = {"name": "smoke", "password": PASSWORDS["smoke"], "groups": ["smoke"]}
# activemq.xml takes a value that begins with # for the name of a bean; that one is refused.
ODD = {"name": ODD_USER, "password": ODD_PASSWORD.lstrip("#"), "groups": ["smoke"]}


@pytest.fixture(scope="module")
def converged(controller: Controller, fresh: Callable[..., list[Host]]) -> tuple[Host, Run]:
    """A host with a master and a slave, and the run that made them."""
    (machine,) = fresh("am-bare")
    members = {
        f"am-{name}": settings(
            activemq_instance=name,
            activemq_connectors=[{"protocol": "stomp", "port": port}],
            activemq_store_directory="/var/lib/activemq/shared",
            activemq_broker_name="pair",
            activemq_authentication="simple",
            activemq_users=[SMOKE, ODD],
        )
        for name, port in (("one", ONE), ("two", TWO))
    }
    machines = {name: machine for name in members}
    # Whoever comes first is the master.
    Brokers(controller, members, machines).play("site.yml", limit="am-one").succeeded()
    return machine, Brokers(controller, members, machines).play("site.yml").succeeded()


@pytest.fixture
def where(converged: tuple[Host, Run]) -> Host:
    """The host of both."""
    return converged[0]


def test_the_slave_is_healthy_and_listens_on_nothing(where: Host) -> None:
    assert unit(where, "ActiveState", "one") == unit(where, "ActiveState", "two") == "active"
    assert _listens(where, ONE) and not _listens(where, TWO)


def test_the_probes_take_the_slave_for_healthy(converged: tuple[Host, Run]) -> None:
    endpoints = converged[1].directory / "endpoints.json"
    report = smoke(endpoints, "--only", "stomp.connect,activemq", "--format", "json")
    assert failures(report) == {} and report.returncode == 0
    found = {(one["broker"], one["probe"]): one["detail"] for one in json.loads(report.stdout)["results"]}
    assert found["am-two", "activemq.queue"].startswith("It is the slave of am-one")
    assert found["am-two", "activemq.pair"] == "am-one serves, am-two stands by and listens on nothing"


def test_a_user_and_a_password_of_any_characters_get_in_with_simple_authentication(where: Host) -> None:
    with client(where.address, ODD["name"], ODD["password"], port=ONE) as (connection, inbox):
        assert connection.is_connected() and not inbox.errors
    assert where.attempt("ls /etc/activemq/one/users.properties").returncode != 0


def test_the_slave_takes_over_with_the_messages_of_a_master_that_died(where: Host) -> None:
    with client(where.address, port=ONE) as (connection, inbox):
        send(connection, inbox, QUEUE, "survives the master")
    where.run("systemctl stop activemq-one.service")
    wait_for("the slave to listen", lambda: _listens(where, TWO), 30, 0.5)
    assert drain(where.address, QUEUE, port=TWO) == ["survives the master"]
    where.run("systemctl start activemq-one.service", timeout=60)
    assert unit(where, "ActiveState", "one") == "active" and not _listens(where, ONE)


def _listens(where: Host, port: int) -> bool:
    return (
        where.attempt(f"grep -qE ':{port:04X} [0-9A-F]+:0000 0A' /proc/net/tcp /proc/net/tcp6").returncode
        == 0
    )
