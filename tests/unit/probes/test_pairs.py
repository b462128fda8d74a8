"""Brokers with one store: who serves is seen from outside, and a slave that listens on nothing is healthy."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from probes import registry, runner
from probes.activemq import pairs
from probes.model import Broker, Context, Deadline, Endpoint, Failed, NotApplicable, Settings, Status

PROBES = {one.name: one for one in registry.all_probes()}


@pytest.fixture
def listener() -> Iterator[Endpoint]:
    """A port that listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield Endpoint("127.0.0.1", server.getsockname()[1])


@pytest.fixture
def closed() -> Endpoint:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return Endpoint("127.0.0.1", server.getsockname()[1])


def broker(name: str, stomp: Endpoint, pair: str | None = "orders:/srv") -> Broker:
    return Broker(name, "activemq", stomp.host, "smoke", "word", pair=pair, endpoints={"stomp": stomp})


def judged(of: Broker, *brokers: Broker) -> str:
    """What the probe says of a broker among others."""
    settings = Settings("run", 5)
    pairs.look(brokers, settings)
    return pairs.pair(Context(of, Deadline(5), "p", settings))


def test_a_slave_is_skipped_and_its_pair_is_proven(listener: Endpoint, closed: Endpoint) -> None:
    one, two = broker("one", listener), broker("two", closed)
    settings = Settings("run", 5)
    pairs.look([one, two], settings)
    skipped = runner.run_one(two, PROBES["activemq.queue"], settings)
    assert skipped.status is Status.SKIP and "slave of one" in skipped.detail
    proven = runner.run_one(two, PROBES["activemq.pair"], settings)
    assert proven.status is Status.PASS and proven.detail.startswith("one serves, two stands by")
    assert pairs.stands_by(one, settings) == ""


def test_a_closed_port_is_no_slave_where_nobody_serves(closed: Endpoint) -> None:
    one, two = broker("one", closed), broker("two", closed)
    settings = Settings("run", 5)
    pairs.look([one, two], settings)
    assert pairs.stands_by(one, settings) == pairs.stands_by(two, settings) == ""
    with pytest.raises(Failed, match="None of one, two listens"):
        judged(one, one, two)


def test_two_that_serve_are_two_masters(listener: Endpoint) -> None:
    with pytest.raises(Failed, match="all listen"):
        judged(broker("one", listener), broker("one", listener), broker("two", listener))


def test_a_closed_port_of_a_broker_on_its_own_is_no_slave(listener: Endpoint, closed: Endpoint) -> None:
    one, two = broker("one", listener), broker("two", closed, pair=None)
    settings = Settings("run", 5)
    pairs.look([one, two], settings)
    assert pairs.stands_by(two, settings) == ""
    with pytest.raises(NotApplicable):
        judged(two, one, two)
