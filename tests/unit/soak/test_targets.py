"""Which brokers a soak goes to."""

from __future__ import annotations

import pytest
from probes.model import Broker, Endpoint, ExitCode, Refusal
from soaking.fleet import shares
from soaking.targets import endpoints, members


def broker(name: str, cluster: str | None = None, **changes: object) -> Broker:
    given = {
        "kind": "rabbitmq",
        "host": "192.0.2.1",
        "user": "smoke",
        "password": "p",
        "vhost": "v",
        **changes,
    }
    amqp = {"amqp": Endpoint("192.0.2.1", 5672)}
    return Broker(name=name, cluster=cluster, endpoints=amqp, **given)  # type: ignore[arg-type]


def names(chosen: list[Broker]) -> list[str]:
    return [one.name for one in chosen]


def refused(*brokers: Broker, named: tuple[str, ...] = ()) -> str:
    with pytest.raises(Refusal) as caught:
        members(brokers, named)
    assert caught.value.code == ExitCode.USAGE
    return str(caught.value)


def test_the_only_broker_needs_no_name() -> None:
    assert names(members([broker("a"), broker("q", kind="activemq")], [])) == ["a"]


def test_of_several_brokers_one_has_to_be_named() -> None:
    assert "several brokers (a, b)" in refused(broker("a"), broker("b"))
    assert names(members([broker("a"), broker("b")], ["b"])) == ["b"]


def test_members_can_be_named_one_by_one() -> None:
    assert names(members([broker("a"), broker("b"), broker("c")], ["a", "c"])) == ["a", "c"]
    said = refused(broker("a"), broker("b", password="other"), named=("a", "b"))
    assert "a and b have different users or vhosts" in said and "other" not in said


def test_one_member_stands_for_its_cluster_where_the_file_names_it() -> None:
    file = [broker("a", "x"), broker("b", "x"), broker("c", "y"), broker("d")]
    assert names(members(file, ["b"])) == ["a", "b"]
    assert names(members(file, ["d"])) == ["d"]
    assert names(members(file[:2], [])) == ["a", "b"]
    assert names(members(file, ["a", "b"])) == ["a", "b"]
    assert "several clusters, x, y" in refused(*file, named=("a", "c"))
    assert "several brokers" in refused(*file)


def test_activemq_is_refused() -> None:
    assert "--broker q is an ActiveMQ broker" in refused(broker("q", kind="activemq"), named=("q",))
    assert "has no RabbitMQ broker" in refused(broker("q", kind="activemq"))


def test_a_protocol_that_a_member_does_not_speak_is_refused() -> None:
    chosen = [broker("a"), broker("b")]
    assert endpoints(chosen, "amqp") == (Endpoint("192.0.2.1", 5672),) * 2
    with pytest.raises(Refusal, match="a has no listener for stomp"):
        endpoints(chosen, "stomp")


def test_workers_are_shared_out_among_the_processes() -> None:
    workers = tuple((number, f"q{number}") for number in range(5))
    assert [[number for number, _ in share] for share in shares(workers, 2)] == [[0, 2, 4], [1, 3]]
    assert shares(workers[:1], 8) == [workers[:1]]
    assert shares(workers, 1) == [workers]
