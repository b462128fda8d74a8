"""What playbooks/monitoring.yml leaves behind: targets, a configuration, a dashboard."""

from __future__ import annotations

import json

import pytest
import yaml
from brokers.monitoring import dashboard, prometheus
from brokers.monitoring.targets import targets
from role_files import defaults

DEFAULTS = {kind: defaults(kind) for kind in ("rabbitmq", "activemq")}
METRICS = {"rabbitmq_plugins": ["rabbitmq_prometheus"], "rabbitmq_prometheus_address": "10.0.0.1"}
SETTINGS = {"interval": "30s", "user": "", "password_file": "", "ca_file": ""}


def found(probers=(), **variables):
    """The targets of an inventory of one node with these variables."""
    host = {"inventory_hostname": "mq1", "ansible_host": "10.0.0.1", **variables}
    hosts = {"mq1": host, "watch": {"inventory_hostname": "watch", "ansible_host": "fd00::5"}}
    return targets(hosts, {"rabbitmq": ["mq1"], "smoke_timers": list(probers)}, DEFAULTS)


def test_a_node_is_a_target_with_the_labels_that_rules_join_by():
    (target,) = found(**METRICS, rabbitmq_cluster_name="shop")["files"]["rabbitmq"]
    labels = {"broker": "mq1", "broker_kind": "rabbitmq", "cluster": "shop"}
    assert target == {"targets": ["10.0.0.1:15692"], "labels": labels}
    (alone,) = found(**METRICS)["files"]["rabbitmq"]
    assert "cluster" not in alone["labels"]


@pytest.mark.parametrize("mode", ["both", "only"])
def test_a_node_with_tls_is_scraped_inside_tls(mode):
    (target,) = found(**METRICS, rabbitmq_tls=mode, rabbitmq_tls_prometheus_port=9419)["files"]["rabbitmq"]
    assert target["targets"] == ["10.0.0.1:9419"]
    assert target["labels"]["__scheme__"] == "https"


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({}, "mq1: has no metrics; add rabbitmq_prometheus to rabbitmq_plugins."),
        (
            {"rabbitmq_plugins": ["rabbitmq_prometheus"]},
            "mq1: serves its metrics on 127.0.0.1 only; set rabbitmq_prometheus_address",
        ),
    ],
)
def test_a_node_that_cannot_be_scraped_is_named_with_the_cure(variables, words):
    left = found(**variables)
    assert left["files"]["rabbitmq"] == []
    (sentence,) = left["left"]
    assert sentence.startswith(words)


def test_an_activemq_broker_is_a_target_where_it_serves_metrics_to_others():
    def of(**variables):
        host = {"inventory_hostname": "mq2", "ansible_host": "10.0.0.2", **variables}
        return targets({"mq2": host}, {"activemq": ["mq2"]}, DEFAULTS)

    (target,) = of(activemq_prometheus_port=9404, activemq_prometheus_address="10.0.0.2")["files"]["activemq"]
    assert target == {
        "targets": ["10.0.0.2:9404"],
        "labels": {"broker": "mq2", "broker_kind": "activemq"},
    }
    assert of()["left"] == ["mq2: has no metrics; set activemq_prometheus_port."]
    (kept,) = of(activemq_prometheus_port=9404)["left"]
    assert kept.startswith("mq2: serves its metrics on 127.0.0.1 only; set activemq_prometheus_address")


def test_a_prober_is_scraped_by_way_of_node_exporter():
    (target,) = found(probers=["watch"])["files"]["smoke"]
    assert target == {"targets": ["[fd00::5]:9100"], "labels": {"prober": "watch"}}


def test_the_configuration_names_its_files_relative_to_itself():
    document = yaml.safe_load(prometheus.configuration(["rabbitmq", "smoke"], SETTINGS))
    jobs = {job["job_name"]: job for job in document["scrape_configs"]}
    assert jobs["brokerkit-smoke"]["file_sd_configs"] == [{"files": ["targets/smoke.json"]}]
    assert document["rule_files"] == ["rules/brokerkit.yml"]
    assert "basic_auth" not in jobs["brokerkit-rabbitmq"]


def test_a_login_is_named_by_the_file_that_holds_it_and_goes_to_brokers_alone():
    given = {**SETTINGS, "user": "metrics", "password_file": "/etc/prometheus/mq", "ca_file": "/etc/mq.pem"}
    rabbitmq, smoke = yaml.safe_load(prometheus.configuration(["rabbitmq", "smoke"], given))["scrape_configs"]
    assert rabbitmq["basic_auth"] == {"username": "metrics", "password_file": "/etc/prometheus/mq"}
    assert rabbitmq["tls_config"] == {"ca_file": "/etc/mq.pem"}
    assert set(smoke) == {"job_name", "file_sd_configs"}


def test_half_a_login_and_misspelt_variables_are_refused():
    assert prometheus.refusals(SETTINGS, []) == []
    (half,) = prometheus.refusals({**SETTINGS, "user": "metrics"}, [])
    assert "monitoring_user and monitoring_password_file: give both or neither" in half
    (wrong,) = prometheus.refusals(SETTINGS, ["monitoring_intervall"])
    assert wrong.startswith(
        "monitoring_intervall: is no variable of this playbook; there are monitoring_interval,"
    )


def test_the_dashboard_is_what_grafana_imports():
    document = json.loads(dashboard.text())
    panels = document["panels"]
    assert [one["id"] for one in panels] == list(range(1, len(panels) + 1))
    assert {one["type"] for one in panels} == {"row", "table", "timeseries"}
    taken = set()
    for one in panels:
        place = one["gridPos"]
        squares = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24 and not squares & taken, one["title"]
        taken |= squares
