"""The listeners that a node's plugins and settings ask for, named as the broker reports them."""

from __future__ import annotations

from typing import Any

import pytest
from brokers.rabbitmq.listeners import listeners
from probes.model import Listener
from probes.rabbitmq.management import compare, reported
from role_files import defaults


def declared(
    plugins: list[str], config: dict[str, Any] | None = None, **settings: Any
) -> list[tuple[str, int, str]]:
    found = listeners(
        {**defaults("rabbitmq"), "rabbitmq_plugins": plugins, "rabbitmq_config": config or {}, **settings}
    )
    return sorted((one["protocol"], one["port"], one["address"]) for one in found)


AMQP = ("amqp", 5672, "::")
STOMP = ("stomp", 61613, "::")


@pytest.mark.parametrize(
    ("plugin", "expected"),
    [
        ("rabbitmq_mqtt", [("mqtt", 1883, "::")]),
        ("rabbitmq_stream", [("stream", 5552, "::")]),
        ("rabbitmq_web_stomp", [("http/web-stomp", 15674, "::"), STOMP]),
        ("rabbitmq_web_mqtt", [("http/web-mqtt", 15675, "::"), ("mqtt", 1883, "::")]),
        ("rabbitmq_prometheus", [("http/prometheus", 15692, "127.0.0.1")]),
        ("rabbitmq_shovel_prometheus", [("http/prometheus", 15692, "::")]),
        ("rabbitmq_shovel_management", [("http", 15672, "::")]),
        ("rabbitmq_shovel", []),
        ("rabbitmq_web_stomp_examples", [("http", 15670, "::"), ("http/web-stomp", 15674, "::"), STOMP]),
    ],
)
def test_a_plugin_listens_where_it_does_by_default(plugin: str, expected: list[tuple[str, int, str]]) -> None:
    assert declared([plugin]) == sorted([AMQP, *expected])


@pytest.mark.parametrize(
    ("plugin", "config", "expected"),
    [
        ("rabbitmq_mqtt", {"mqtt.listeners.tcp.default": 1884}, [("mqtt", 1884, "::")]),
        ("rabbitmq_mqtt", {"mqtt.listeners.tcp.1": "127.0.0.1:1884"}, [("mqtt", 1884, "127.0.0.1")]),
        ("rabbitmq_mqtt", {"mqtt.listeners.tcp.1": "[::1]:1884"}, [("mqtt", 1884, "::1")]),
        ("rabbitmq_mqtt", {"mqtt.listeners.tcp.1": "::1:1884"}, [("mqtt", 1884, "::1")]),
        (
            "rabbitmq_mqtt",
            {"mqtt.listeners.tcp": "none", "mqtt.listeners.ssl.default": 8883},
            [("mqtt/ssl", 8883, "::")],
        ),
        ("rabbitmq_stream", {"stream.listeners.tcp.1": 5553}, [("stream", 5553, "::")]),
        (
            "rabbitmq_web_stomp",
            {"web_stomp.tcp.port": 1, "web_stomp.tcp.ip": "10.0.0.7"},
            [("http/web-stomp", 1, "10.0.0.7"), STOMP],
        ),
        (
            "rabbitmq_web_mqtt",
            {"web_mqtt.ssl.port": 15676, "mqtt.listeners.tcp": "none"},
            [("http/web-mqtt", 15675, "::"), ("https/web-mqtt", 15676, "::")],
        ),
        (
            "rabbitmq_stomp",
            {"listeners.ssl.default": 5671, "stomp.listeners.ssl.1": 61614},
            [("amqp/ssl", 5671, "::"), STOMP, ("stomp/ssl", 61614, "::")],
        ),
        (
            "rabbitmq_management",
            {"management.ssl.port": 15671},
            [("http", 15672, "127.0.0.1"), ("https", 15671, "::")],
        ),
        ("rabbitmq_shovel", {"mqtt.listeners.tcp.1": 1884, "web_mqtt.tcp.port": 1}, []),
    ],
)
def test_rabbitmq_config_moves_a_plugins_listener(
    plugin: str, config: dict[str, Any], expected: list[tuple[str, int, str]]
) -> None:
    assert declared([plugin], config) == sorted([AMQP, *expected])


def test_erlang_settings_move_it_too_and_are_laid_over_the_others() -> None:
    advanced = {
        "rabbit": {"ssl_listeners": [5671, {"_tuple": ["127.0.0.1", 5673]}]},
        "rabbitmq_mqtt": {"tcp_listeners": []},
    }
    assert declared(
        ["rabbitmq_mqtt", "rabbitmq_prometheus"],
        {"mqtt.listeners.tcp.1": 1884},
        rabbitmq_advanced_config=advanced,
        rabbitmq_prometheus_port=15693,
    ) == sorted(
        [
            AMQP,
            ("amqp/ssl", 5671, "::"),
            ("amqp/ssl", 5673, "127.0.0.1"),
            ("http/prometheus", 15693, "127.0.0.1"),
        ]
    )


def test_they_fit_what_a_broker_reports() -> None:
    """As 3.10.8 answered GET /api/overview on a node with these plugins and keys."""
    config = {
        "mqtt.listeners.tcp.default": "127.0.0.1:1884",
        "mqtt.listeners.tcp.other": 1885,
        "web_stomp.tcp.port": 15684,
        "web_mqtt.tcp.ip": "127.0.0.1",
        "stream.listeners.tcp.1": 5553,
    }
    plugins = ["rabbitmq_web_stomp_examples", "rabbitmq_web_mqtt", "rabbitmq_stream", "rabbitmq_prometheus"]
    there = [
        *(
            ("amqp", 5672, "::", {"nodelay": True}),
            ("clustering", 25672, "::", []),
            ("http", 15670, "::", {"port": 15670}),
        ),
        *(
            ("http/prometheus", 15693, "::", {"port": 15693}),
            ("http/web-mqtt", 15675, "::", {"ip": [127, 0, 0, 1]}),
        ),
        *(
            ("http/web-stomp", 15684, "::", {"port": 15684}),
            ("mqtt", 1884, "127.0.0.1", {}),
            ("mqtt", 1885, "::", {}),
        ),
        *(("stomp", 61613, "::", {}), ("stream", 5553, "::", {})),
    ]
    overview = {
        "node": "rabbit@a",
        "listeners": [
            {
                "node": "rabbit@a",
                "protocol": protocol,
                "port": port,
                "ip_address": address,
                "socket_opts": options,
            }
            for protocol, port, address, options in there
        ],
    }
    metrics = {"rabbitmq_prometheus_port": 15693, "rabbitmq_prometheus_address": ""}
    wanted = [Listener(*one) for one in declared(plugins, config, **metrics)]
    assert compare(wanted, reported(overview)) == ([], [])
