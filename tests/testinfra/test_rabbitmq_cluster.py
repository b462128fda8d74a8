"""What a member of a cluster looks like from inside: whom it sees and listens for, what is pinned and configured."""

from __future__ import annotations

import json
from typing import Any


def _status(host: Any) -> dict[str, Any]:
    status: dict[str, Any] = json.loads(
        host.check_output("rabbitmqctl --quiet --formatter json cluster_status")
    )
    return status


def _address(host: Any) -> str:
    return str(host.check_output("hostname -I")).split()[0]


def test_every_member_sees_all_of_them(host: Any) -> None:
    status = _status(host)
    nodes = ["rabbit@mc-a", "rabbit@mc-b", "rabbit@mc-c"]
    assert status["cluster_name"] == "scenario"
    assert sorted(status["disk_nodes"]) == sorted(status["running_nodes"]) == nodes
    assert not status["partitions"]
    assert not status["alarms"]


def test_nobody_is_left_in_maintenance(host: Any) -> None:
    assert set(_status(host)["maintenance_status"].values()) == {"not under maintenance"}


def test_epmd_and_the_distribution_are_bound_to_one_address(host: Any) -> None:
    lines = host.check_output("ss -ltnH '( sport = :4369 or sport = :25672 )'").splitlines()
    found = {tuple(line.split()[3].rpartition(":")[::2]) for line in lines}
    own = _address(host)
    assert found == {(own, "4369"), ("127.0.0.1", "4369"), (own, "25672")}


def test_the_other_members_are_pinned_and_the_host_itself_is_left_as_it_was(host: Any) -> None:
    text = host.file("/etc/hosts").content_string
    block = text.partition("# BEGIN Brokerkit")[2].partition("# END Brokerkit")[0]
    others = {"mc-a", "mc-b", "mc-c"} - {host.check_output("hostname -s")}
    assert {line.split()[1] for line in block.splitlines()[1:] if line} == others


def test_new_queues_are_quorum_queues(host: Any) -> None:
    said = host.check_output("rabbitmqctl --quiet eval 'rabbit_queue_type:default().'")
    assert said.strip() in ("rabbit_quorum_queue", "{ok,rabbit_quorum_queue}")


def test_a_node_that_loses_its_data_would_look_for_all_members(host: Any) -> None:
    lines = host.file("/etc/rabbitmq/rabbitmq.conf").content_string.splitlines()
    assert len([line for line in lines if line.startswith("cluster_formation.classic_config.nodes.")]) == 3


def test_no_restart_is_owed_and_no_definitions_are_imported_again(host: Any) -> None:
    assert not host.file("/var/lib/brokerkit/rabbitmq/pending.json").exists
    assert not host.file("/etc/rabbitmq/start.env").exists
