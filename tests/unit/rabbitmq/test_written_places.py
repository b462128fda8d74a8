"""Where a confined node writes besides the places of its package."""

from __future__ import annotations

import pytest
from brokers.rabbitmq.settings import refusals
from brokers.rabbitmq.written_places import directories
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
