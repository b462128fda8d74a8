"""The alert rules as data: each is whole, and names metrics that every supported version has, or says which has not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from brokers import knowledge
from brokers.monitoring import dashboard, rules
from probes.report import formats
from role_files import ROOT

SCRAPES = Path(__file__).parent / "scrapes"
VERSIONS = ("3.8", "3.10", "4.0", "4.3")
RULES = {rule["alert"]: rule for _, rule in rules.every()}
# Made by Prometheus itself.
OWN = {"up", "ALERTS"}
each_rule = pytest.mark.parametrize("alert", RULES)


def scrape(version: str) -> set[str]:
    """The names of the metrics that a node of this version serves, whether for each object or not."""
    return set((SCRAPES / f"rabbitmq-{version}.txt").read_text().split())


def of_the_prober() -> set[str]:
    """The names of the metrics that the prober can write."""
    source = Path(formats.__file__).read_text()
    return {f"brokerkit_{name}" for name in formats._MEASURES} | set(rules.metrics(source))


def lacking(name: str) -> list[str]:
    """The versions without a metric; an AssertionError for one that nobody has."""
    if name in OWN or name.startswith("brokerkit_"):
        assert name in OWN | of_the_prober(), name
        return []
    if name.startswith("activemq_"):  # what the role's agent serves is the same of every version
        assert name in (SCRAPES / "activemq.txt").read_text().split(), name
        return []
    found = [version for version in VERSIONS if name not in scrape(version)]
    assert found != list(VERSIONS), f"{name} is in no scrape"
    return found


def test_there_are_twenty_rules_and_no_two_of_one_name():
    assert len(RULES) == len(list(rules.every())) >= 20


@each_rule
def test_a_rule_is_whole(alert):
    rule = RULES[alert]
    assert set(rule) - {"per_object", "absent"} == {
        *("alert", "row", "severity", "for", "expr", "summary", "description")
    }
    assert rule["severity"] in rules.SEVERITIES
    assert rule["summary"].endswith(".") and rule["description"].endswith(".")
    assert rules.refusals({alert: {"for": rule["for"]}}) == []


@each_rule
def test_a_rule_leads_to_a_row_of_the_page_that_says_what_to_do(alert):
    row = RULES[alert]["row"]
    assert row in knowledge.table().rows
    assert f'<a id="{row}"></a>' in (ROOT / knowledge.PAGE).read_text()


@each_rule
def test_each_metric_of_a_rule_is_in_a_scrape_of_each_version_or_the_rule_says_where_not(alert):
    rule = RULES[alert]
    missing = {name: found for name in rules.metrics(rule["expr"]) if (found := lacking(name))}
    assert missing == rule.get("absent", {})


@each_rule
def test_a_rule_that_needs_the_metrics_of_each_queue_says_so(alert):
    assert ('queue!=""' in RULES[alert]["expr"] or "queue=~" in RULES[alert]["expr"]) is bool(
        RULES[alert].get("per_object")
    )


@pytest.mark.parametrize(
    "panel", [panel for row in dashboard.load() for panel in row["panels"]], ids=lambda one: one["title"]
)
def test_each_metric_of_a_panel_is_in_a_scrape_of_each_version(panel):
    for expression in panel["shows"].values():
        names = rules.metrics(expression) or {"ALERTS"}
        assert [name for name in names if lacking(name)] == []


def test_names_of_metrics_are_told_from_labels_and_texts():
    text = 'sum by (rabbitmq_node) (rate(rabbitmq_x_total{rabbitmq_queue="up"}[5m])) * on (up) up{a="b"} > 0'
    assert rules.metrics(text) == {"rabbitmq_x_total", "up"}


# --- rendering ----------------------------------------------------------------------------------------------


def rendered(**changes):
    document = yaml.safe_load(rules.render(rules.GROUPS, **changes))
    return {rule["alert"]: rule for group in document["groups"] for rule in group["rules"]}


def test_a_rendered_rule_has_its_severity_and_leads_to_its_row():
    rule = rendered(runbook="https://wiki.example/mq")["RabbitMQMemoryAlarm"]
    assert rule["labels"] == {"severity": "page"}
    assert rule["annotations"]["runbook_url"] == "https://wiki.example/mq#memory-alarm"
    assert rule["annotations"]["runbook"] == "docs/troubleshooting.md#memory-alarm"
    assert set(rendered()) == set(RULES)


def test_a_rule_links_to_no_page_that_nobody_has_named():
    assert [name for name, rule in rendered().items() if "runbook_url" in rule["annotations"]] == []


def test_a_rule_can_be_changed_and_left_out():
    changes = {"RabbitMQDown": {"for": "10s", "severity": "ticket"}, "RabbitMQDiskAlarm": {"enabled": False}}
    assert rules.refusals(changes) == []
    found = rendered(changes=changes)
    assert (found["RabbitMQDown"]["for"], found["RabbitMQDown"]["labels"]["severity"]) == ("10s", "ticket")
    assert set(RULES) - set(found) == {"RabbitMQDiskAlarm"}


def test_the_pattern_of_dead_letter_queues_is_the_operators():
    for rule in rendered(dead_letters='parked[.].*"x').values():
        assert "@DEAD" not in rule["expr"]
    assert (
        'queue=~"parked[.].*\\"x"'
        in rendered(dead_letters='parked[.].*"x')["RabbitMQDeadLettersGrow"]["expr"]
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (["x"], "monitoring_rules: is not a mapping"),
        ({"RabbitMQDwon": {}}, "monitoring_rules.RabbitMQDwon: there is no such alert"),
        ({"RabbitMQDown": {"expr": "1"}}, "monitoring_rules.RabbitMQDown: give enabled, for or severity"),
        ({"RabbitMQDown": "off"}, "monitoring_rules.RabbitMQDown: give enabled, for or severity"),
        ({"RabbitMQDown": {"for": "soon"}}, "'soon' is not a time of Prometheus"),
        ({"RabbitMQDown": {"severity": "warning"}}, "'warning' is neither page nor ticket"),
        ({"RabbitMQDown": {"enabled": "no"}}, "'no' is neither true nor false"),
    ],
)
def test_a_change_that_says_nothing_is_refused(changes, words):
    (sentence,) = rules.refusals(changes)
    assert words in sentence


def test_the_page_lists_every_alert_as_it_is():
    page = (ROOT / "docs/monitoring.md").read_text()
    listed = re.findall(r"^\| `(\w+)` \| (\w+) \| (\w+) \| (.*?) ?\|$", page, re.MULTILINE)
    assert [row[:3] for row in listed] == [
        (rule["alert"], rule["severity"], rule["for"]) for rule in RULES.values()
    ]
    for alert, _, _, needs in listed:
        assert ("metrics of each queue" in needs) is bool(RULES[alert].get("per_object")), alert
