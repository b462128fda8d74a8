"""A run that would do nothing, or something else than meant, is refused in a sentence."""

from __future__ import annotations

from typing import Any

import pytest
from brokers.inventory import runs

GROUPS = {
    "all": ["r1", "mq1", "web1"],
    "ungrouped": [],
    "rabbitmq": ["r1"],
    "activemq": ["mq1"],
    "web": ["web1"],
}


def refused(**changes: Any) -> list[str]:
    run = {
        "tags": ["all"],
        "skip_tags": [],
        "groups": GROUPS,
        "hosts": GROUPS["all"],
        "wanted": ["rabbitmq", "activemq"],
        "sources": ["/srv/prod"],
    }
    return runs.refusals({**run, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"tags": ["provision", "endpoints", "always"], "skip_tags": ["declare"]},
        {"skip_tags": ["molecule-notest", "notest"]},
        {"hosts": ["mq1", "web1"]},
        {"groups": {**GROUPS, "rabbitmq_prod": ["r1"], "rabbitmqs": ["r1"], "rabbit": ["web1"]}},
    ],
)
def test_what_is_right_passes(changes: dict[str, Any]) -> None:
    assert refused(**changes) == []


@pytest.mark.parametrize("version", ["2.17.14", "2.18.1", "2.9"])
def test_an_ansible_that_is_too_old_is_refused(version: str) -> None:
    (sentence,) = runs.version_refusals(version)
    assert version in sentence and "2.19" in sentence and "make setup" in sentence


@pytest.mark.parametrize("version", ["2.19.4", "2.20.0rc1", "3.0"])
def test_an_ansible_that_is_new_enough_passes(version: str) -> None:
    assert runs.version_refusals(version) == []


def test_a_tag_that_nothing_carries_is_refused() -> None:
    (run, skipped) = refused(tags=["provison"], skip_tags=["endpoint"])
    assert run.startswith("--tags: 'provison'") and "did you mean provision?" in run
    assert skipped.startswith("--skip-tags: 'endpoint'") and "provision, declare, endpoints" in skipped


def test_a_tag_that_the_run_knows_passes_and_a_strange_one_is_told_of_it() -> None:
    known = {"firewall", "provision", "always"}
    assert runs.tag_refusals(["firewall"], ["firewall"], lambda: known) == []
    (sentence,) = runs.tag_refusals(["web", "firewall"], [], lambda: known)
    assert (
        sentence == "--tags: 'web' is not a tag; those that exist are provision, declare, endpoints, firewall"
    )


def test_where_nobody_can_know_the_tags_a_slip_alone_is_refused() -> None:
    (sentence,) = runs.tag_refusals(["web", "provison"], [], lambda: None)
    assert sentence.startswith("--tags: 'provison' is not a tag (did you mean provision?)")


def test_a_playbook_without_tags_would_do_nothing_with_one_of_ours() -> None:
    (sentence,) = runs.tag_refusals(["declare"], [], lambda: {"always"}, ())
    assert sentence == "--tags: 'declare' is not a tag; this playbook has none, so nothing would be done"
    assert runs.tag_refusals(["all"], ["declare"], lambda: {"always"}, ()) == []


def test_a_run_with_the_usual_tags_pays_for_nothing() -> None:
    assert runs.tag_refusals(["provision", "always"], ["never"], lambda: pytest.fail("asked")) == []


def test_a_limit_that_leaves_no_broker_is_refused() -> None:
    (sentence,) = refused(hosts=["web1"])
    assert sentence.startswith("--limit: ") and "mq1, r1" in sentence
    (sentence,) = refused(hosts=["r1"], wanted=["activemq"])
    assert "mq1" in sentence and "r1" not in sentence


def test_an_inventory_without_brokers_is_refused() -> None:
    (sentence,) = refused(groups={"all": ["web1"], "ungrouped": ["web1"]})
    assert sentence.startswith("inventory: ") and "/srv/prod" in sentence and "-i" in sentence


@pytest.mark.parametrize("group", ["rabbitmqs", "RabbitMQ", "rabbit_mq", "rabitmq"])
def test_a_misspelt_group_is_refused_though_others_are_right(group: str) -> None:
    (sentence,) = refused(groups={**GROUPS, group: ["web1"]})
    assert group in sentence and "name it rabbitmq" in sentence


def test_a_broker_that_somebody_else_runs_is_not_made_a_node():
    groups = {"rabbitmq": ["ours", "theirs"]}
    hosts = {
        "ours": {"rabbitmq_topology_url": "http://127.0.0.1:1", "rabbitmq_erlang_cookie": "x"},
        "theirs": {"rabbitmq_topology_url": "https://mq.example.org:15671"},
    }
    (sentence,) = runs.elsewhere_refusals(hosts, groups)
    assert sentence.startswith("theirs: ") and "playbooks/topology.yml" in sentence
    (sentence,) = runs.host_refusals(
        {"rabbitmq_topology": ["theirs"]}, ["theirs"], ["rabbitmq"], ["inventory/x"]
    )
    assert "are for playbooks/topology.yml" in sentence
