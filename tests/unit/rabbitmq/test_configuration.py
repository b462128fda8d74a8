"""A node's settings in both formats of the broker: test_templates.py has the files as they are rendered."""

from __future__ import annotations

import re

import pytest
from brokers.rabbitmq.configuration import classic, conf, online, wanted
from brokers.rabbitmq.settings import OWNED_KEYS
from rabbitmq_node import node

EVERYWHERE = "0.0.0.0"  # noqa: S104 - written into a configuration, not bound to


def test_the_classic_format_says_what_rabbitmq_conf_says():
    said = classic(
        node(
            management_address=EVERYWHERE,
            management_port=8080,
            amqp_address="10.0.0.1",
            memory_high_watermark="0.5",
            disk_free_limit="1.5",
            default_queue_type="quorum",
        ),
        {},
    )
    assert said["rabbit"] == {
        "tcp_listeners": [{"_tuple": ["10.0.0.1", 5672]}],
        "loopback_users": [{"_binary": "guest"}],
        "vm_memory_high_watermark": 0.5,
        "disk_free_limit": {"_tuple": [{"_atom": "mem_relative"}, 1.5]},
        "heartbeat": 60,
        "channel_max": 2047,
        "log": {"file": {"level": {"_atom": "info"}, "size": 10485760, "count": 10}},
        "default_queue_type": {"_binary": "quorum"},
    }
    assert said["rabbitmq_management"] == {"tcp_config": {"port": 8080, "ip": EVERYWHERE}}
    assert said["rabbitmq_stomp"] == {"tcp_listeners": [61613]}


def test_amounts_stay_texts_in_the_classic_format():
    rabbit = classic(node(memory_high_watermark="2GB", disk_free_limit="50MB", log_rotation_size=0), {})[
        "rabbit"
    ]
    assert rabbit["vm_memory_high_watermark"] == {"_tuple": [{"_atom": "absolute"}, "2GB"]}
    assert rabbit["disk_free_limit"] == "50MB"
    assert rabbit["log"] == {"file": {"level": {"_atom": "info"}}}


def test_plugins_that_are_off_leave_no_section():
    assert set(classic(node(plugins=[]), {})) == {"rabbit"}


def test_advanced_settings_are_laid_over_the_classic_ones():
    said = classic(node(), {"rabbit": {"heartbeat": 10}, "mnesia": {"dc_dump_limit": 40}})
    assert said["rabbit"]["heartbeat"] == 10
    assert said["rabbit"]["channel_max"] == 2047
    assert said["mnesia"] == {"dc_dump_limit": 40}


@pytest.mark.parametrize("changes", [{}, {"loopback_users": [], "default_queue_type": "quorum"}])
def test_no_key_that_a_variable_writes_can_be_set_beside_it(changes):
    for one in wanted(node(management_address="127.0.0.1", **changes)):
        for key, _ in one.lines:
            assert any(key == owned or key.startswith(f"{owned}.") for owned in OWNED_KEYS), key


def test_the_operators_own_keys_come_last_and_sorted():
    sections = conf(node(config={"b": True, "C": 2, "a": "x"}))
    assert sections[-1] == ("rabbitmq_config", [("a", "x"), ("b", "true"), ("C", "2")])
    assert [name for name, _ in conf(node())] == ["Listeners", "Limits", "Log"]


@pytest.mark.parametrize(
    ("changes", "key", "command"),
    [
        ({}, "vm_memory_high_watermark.relative", "set_vm_memory_high_watermark 0.4"),
        (
            {"memory_high_watermark": "2GB"},
            "vm_memory_high_watermark.absolute",
            "set_vm_memory_high_watermark absolute 2GB",
        ),
        ({}, "disk_free_limit.absolute", "set_disk_free_limit 2GB"),
        ({"disk_free_limit": "1.5"}, "disk_free_limit.relative", "set_disk_free_limit mem_relative 1.5"),
        ({"log_level": "debug"}, "log.file.level", "set_log_level debug"),
    ],
)
def test_what_a_running_node_takes_is_told_by_a_command(changes, key, command):
    settings = node(**changes)
    found = {one["key"]: one for one in online(settings)}
    assert len(found) == 3
    assert found[key]["command"] == command
    assert re.fullmatch(found[key]["keys"], key)
    assert key in [line for _, lines in conf(settings) for line, _ in lines]
