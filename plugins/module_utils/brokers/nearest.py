"""Suggestions for an unknown variable: a typo, the broker's own name for it, another role's name, or nothing.

A wrong suggestion is worse than none: somebody in a hurry will try it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

# Names of the brokers' own settings and of other roles, without the prefix, by role.
ELSEWHERE: dict[str, dict[str, str]] = {
    "rabbitmq": {
        "port": "rabbitmq_amqp_port",
        "node_port": "rabbitmq_amqp_port",
        "listener_port": "rabbitmq_amqp_port",
        "tcp_listeners": "rabbitmq_amqp_port",
        "listen_address": "rabbitmq_amqp_address",
        "node_ip_address": "rabbitmq_amqp_address",
        "management_ip": "rabbitmq_management_address",
        "management_host": "rabbitmq_management_address",
        "mqtt_port": "rabbitmq_config",
        "web_stomp_port": "rabbitmq_config",
        "http_port": "rabbitmq_management_port",
        "web_port": "rabbitmq_management_port",
        "ui_port": "rabbitmq_management_port",
        "dist_port": "rabbitmq_distribution_port",
        "inter_node_port": "rabbitmq_distribution_port",
        "nodename": "rabbitmq_node_name",
        "cookie": "rabbitmq_erlang_cookie",
        "user": "rabbitmq_admin_user",
        "default_user": "rabbitmq_admin_user",
        "username": "rabbitmq_admin_user",
        "password": "rabbitmq_admin_password",
        "admin_pass": "rabbitmq_admin_password",
        "default_pass": "rabbitmq_admin_password",
        "default_password": "rabbitmq_admin_password",
        "enabled_plugins": "rabbitmq_plugins",
        "vm_memory_high_watermark": "rabbitmq_memory_high_watermark",
        "ulimit": "rabbitmq_open_files_limit",
        "nofile": "rabbitmq_open_files_limit",
        "conf": "rabbitmq_config",
        "additional_config": "rabbitmq_config",
        "env": "rabbitmq_config",
        "users": "rabbitmq_topology_users",
        "vhosts": "rabbitmq_topology_vhosts",
        "permissions": "rabbitmq_topology_permissions",
        "policies": "rabbitmq_topology_policies",
        "exchanges": "rabbitmq_topology_exchanges",
        "queues": "rabbitmq_topology_queues",
        "bindings": "rabbitmq_topology_bindings",
        "parameters": "rabbitmq_topology_parameters",
        "feature_flags": "rabbitmq_topology_feature_flags",
        "erlang_version": "erlang_version",
    },
    "activemq": {
        "port": "activemq_connectors",
        "stomp_port": "activemq_connectors",
        "openwire_port": "activemq_connectors",
        "amqp_port": "activemq_connectors",
        "mqtt_port": "activemq_connectors",
        "transport_connectors": "activemq_connectors",
        "listen_address": "activemq_connectors",
        "user": "activemq_admin_user",
        "password": "activemq_admin_password",
        "memory": "activemq_heap",
        "stomp": "activemq_connectors",
        "store": "activemq_store_directory",
        "xmx": "activemq_heap",
        "heap_size": "activemq_heap",
        "opts": "activemq_java_options",
        "java_opts": "activemq_java_options",
        "java_home": "activemq_java",
        "web_console_port": "activemq_console_port",
        "jetty_port": "activemq_console_port",
        "data_dir": "activemq_data_directory",
        "policies": "activemq_destination_policies",
        "tls_client_certificate_required": "activemq_tls_client_certificates",
    },
}
# Words that many names have say little about which one is meant.
_COMMON = frozenset(
    {"port", "address", "name", "user", "password", "file", "limit", "size", "version", "directory", "key"}
    | {"default", "type"}
)
_SHARE = 0.6


def _ratio(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one, other).ratio()


def _weight(words: Iterable[str]) -> float:
    return sum(len(word) / 2 if word in _COMMON else len(word) for word in words)


def _misspelt(given: str, known: str) -> bool:
    """Whether each word is its counterpart with a letter or two wrong: mqtt_port is not amqp_port."""
    pairs = list(zip(given.split("_"), known.split("_")))
    same_length = given.count("_") == known.count("_")
    return given.replace("_", "") == known.replace("_", "") or (
        same_length and all(_ratio(one, other) >= 0.75 for one, other in pairs)
    )


def _likeness(given: str, known: str) -> float:
    """Return how much of `given` is in `known`, from 0 to 1; 0 where it is not enough to be meant."""
    if _misspelt(given, known):
        return 1
    words = known.split("_")
    same = [
        word
        for word in given.split("_")
        if any(
            word == other or (min(len(word), len(other)) > 4 and _ratio(word, other) > 0.85)
            for other in words
        )
    ]
    share = _weight(same) / _weight(given.split("_"))
    return share * (1 + _ratio(given, known)) / 2 if share > _SHARE else 0


def nearest(role: str, name: str, known: Iterable[str]) -> list[str]:
    """Return the variables that may be meant by `name`, best first: one, or a few that are as near; often none."""
    given = name[len(role) + 1 :].lower()
    if given in ELSEWHERE.get(role, {}):
        return [ELSEWHERE[role][given]]
    if not given.strip("_"):
        return []
    # Never suggest what destroys data.
    scores = {one: _likeness(given, one[len(role) + 1 :]) for one in known if "_remove_" not in one}
    best = max(scores.values(), default=0)
    near = sorted(one for one, score in scores.items() if score and score >= best - 0.02)
    return near if len(near) <= 3 else []
