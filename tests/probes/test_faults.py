"""Each probe can fail: a broker is broken in one way, and exactly the probes that watch over it turn red."""

from __future__ import annotations

import time

import pytest
from broken import Node
from probes.registry import all_probes, select

NAMES = {probe.name for probe in select(all_probes(), [], []) if "rabbitmq" in probe.kinds}
# Probes that need a message to go through; redeclare and connect do not.
MESSAGES = {name for name in NAMES if name.startswith("amqp.")} - {"amqp.connect", "amqp.redeclare"}
STOMP = {name for name in NAMES if name.startswith("stomp.")}
STOMP_MESSAGES = {name for name in STOMP if "connect" not in name}
MANAGEMENT = {name for name in NAMES if name.startswith("management.")}
OVER_STOMP = STOMP | {name for name in NAMES if name.endswith(".stomp")}
AMQP = {name for name in NAMES if name.startswith("amqp.")}

FAULTS = {
    "stomp_off": (OVER_STOMP | {"management.listeners"}, "STOMP is not enabled"),
    "surplus_listener": ({"management.listeners"}, "Not declared: mqtt"),
    "memory_alarm": (MESSAGES | STOMP_MESSAGES | {"management.depth", "management.alarms"}, "alarm"),
    "may_not_write": (MESSAGES | STOMP_MESSAGES | {"management.depth"}, "lacks a permission"),
    "may_do_nothing": (AMQP | STOMP | {"management.depth"}, "no permission on the vhost"),
    "may_too_much": ({"negative.vhost.amqp", "negative.vhost.stomp"}, "should not have"),
    "no_tag": (MANAGEMENT, "no tag that lets it"),
    "open_guest": ({name for name in NAMES if name.startswith("negative.guest")}, "guest can log in from"),
    # Over STOMP a vhost that is refused for want of a permission is told from a missing one by a wrong password.
    "any_password": (
        {name for name in NAMES if name.startswith("negative.password")} | {"negative.vhost.stomp"},
        "with any password",
    ),
    "queues_reject": (MESSAGES | STOMP_MESSAGES | {"management.depth"}, "did not take the message"),
    "nothing_is_unroutable": ({"amqp.direct"}, "would not notice"),
}


@pytest.fixture(autouse=True)
def _right_before(node: Node) -> None:
    """A fault must not be there before it is made; so the one of the test before must be gone, too."""
    code, results = node.smoke()
    wrong = {name: one["detail"] for name, one in results.items() if one["status"] != "pass"}
    assert (code, wrong) == (0, {})


def test_a_right_broker_passes_everything_and_keeps_nothing(node: Node) -> None:
    before = set(node.leftovers())  # of faults in an earlier run, perhaps
    code, results = node.smoke()
    assert code == 0 and set(results) == NAMES
    assert set(node.leftovers()) <= before


@pytest.mark.parametrize("fault", FAULTS)
def test_exactly_the_probes_that_watch_over_it_turn_red(node: Node, fault: str) -> None:
    red, words = FAULTS[fault]
    with node.fault(fault):
        code, results = node.smoke("--timeout", "5")
    assert code == 1
    assert {name for name, one in results.items() if one["status"] != "pass"} == red
    said = " ".join(results[name]["came_back"] + " " + results[name]["meaning"] for name in red)
    assert words in said
    assert all(results[name]["remedy"] for name in red)


def test_messages_that_expire_at_once(node: Node) -> None:
    """A consumer that is already there gets such a message, so the STOMP topic may pass."""
    with node.fault("messages_expire"):
        code, results = node.smoke("--timeout", "5")
    red = {name for name, one in results.items() if one["status"] == "fail"}
    assert code == 1
    assert red >= (MESSAGES | {"stomp.queue", "stomp.ack", "management.depth"})
    assert not red & {"amqp.connect", "amqp.redeclare", "management.listeners"}
    assert "was lost" in results["amqp.confirm"]["meaning"]


@pytest.mark.parametrize("fault", ["stopped", "frozen"])
def test_a_broker_that_is_down_has_proven_nothing(node: Node, fault: str) -> None:
    with node.fault(fault):
        started = time.monotonic()
        code, results = node.smoke("--timeout", "4")
        took = time.monotonic() - started
    assert code == 69
    assert {one["status"] for one in results.values()} == {"fail", "error"}
    assert all(results[name]["status"] == "error" for name in NAMES if name.startswith("negative"))
    assert took < 4 + 3 + 1, (
        "the time given, at most 3 s of diagnosis, and what a loaded machine needs on top"
    )


def test_what_a_fault_kept_from_being_deleted_expires(node: Node) -> None:
    """A broker that takes no commands of a publisher keeps its queue, which then has an end of its own."""
    with node.fault("memory_alarm"):
        node.smoke("--only", "amqp.redelivery,amqp.fair,stomp.queue", "--timeout", "3")
    for line in node.leftovers():
        assert '"x-expires",120000' in line.replace(" ", ""), line
