"""Where a confined node writes besides the places of its package."""

from __future__ import annotations

import pytest
from brokers.rabbitmq.settings import refusals
from brokers.rabbitmq.written_places import directories, host_refusals
from rabbitmq_node import node


@pytest.mark.parametrize(
    ("config", "environment", "found"),
    [
        ({}, {}, {}),
        ({"log.dir": "/var/log/rabbitmq/own"}, {}, {}),
        ({"log.dir": "/srv/log"}, {}, {"rabbitmq_config.log.dir": "/srv/log"}),
        ({"log.file": "/srv/log/x.log"}, {}, {"rabbitmq_config.log.file": "/srv/log"}),
        ({"log.file": "x.log"}, {}, {}),
        ({"log.file": False}, {}, {}),
        ({}, {"RABBITMQ_LOG_BASE": "'/srv/log'"}, {"rabbitmq_environment.RABBITMQ_LOG_BASE": "/srv/log"}),
        ({}, {"PID_FILE": "/run/mq/pid"}, {"rabbitmq_environment.PID_FILE": "/run/mq"}),
        ({}, {"LOGS": "-", "OTHER": "/srv"}, {}),
    ],
)
def test_a_setting_that_names_another_place_is_found(config, environment, found):
    assert directories(config, environment) == found


def test_a_place_that_systemd_does_not_let_the_node_write_to_is_refused_with_the_way_out():
    settings = node(config={"log.dir": "/srv/log"})
    (sentence,) = refusals(settings)
    assert sentence.startswith("rabbitmq_config.log.dir: the node would write to /srv/log")
    assert sentence.endswith("add /srv/log to rabbitmq_writable_paths")
    assert refusals({**settings, "rabbitmq_writable_paths": ["/srv"]}) == []
    assert refusals({**settings, "rabbitmq_hardening": False}) == []


def test_a_path_that_a_unit_cannot_hold_is_refused_even_without_the_sandbox():
    (sentence,) = refusals(node(writable_paths=["srv log"], hardening=False))
    assert sentence.startswith("rabbitmq_writable_paths: 'srv log'")


HOME = {"/var/lib/rabbitmq": "/var/lib/rabbitmq", "/var/log/rabbitmq": "/var/log/rabbitmq"}


def on_a_host(places, **changes):
    return host_refusals(node(**changes), {"hostname": "mq1", "places": {**HOME, **places}})


def test_data_behind_a_link_is_refused_with_the_place_to_add():
    linked = {"/var/lib/rabbitmq/mnesia": "/data/mnesia"}
    (sentence,) = on_a_host(linked)
    assert sentence.startswith(
        "rabbitmq_writable_paths: /var/lib/rabbitmq/mnesia on mq1 is a link to /data/mnesia"
    )
    assert sentence.endswith("add /data/mnesia")
    assert on_a_host({**linked, "/data": "/data"}, writable_paths=["/data"]) == []
    assert on_a_host(linked, hardening=False) == []


def test_a_link_that_is_itself_writable_takes_what_is_below_it_along():
    moved = {"/var/lib/rabbitmq": "/srv/rabbitmq", "/var/lib/rabbitmq/mnesia": "/srv/rabbitmq/mnesia"}
    assert on_a_host(moved) == []
    assert on_a_host({"/var/lib/rabbitmq/mnesia": "/var/lib/rabbitmq/mnesia"}) == []


def test_a_writable_place_that_is_missing_would_keep_the_unit_from_starting():
    (sentence,) = on_a_host({}, writable_paths=["/srv/log"])
    assert sentence.startswith("rabbitmq_writable_paths: /srv/log is not on mq1")
