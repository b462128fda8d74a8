"""All client listeners that a RabbitMQ node's settings ask for, from role variables and plugins.

Names are those that the broker itself reports (`rabbitmq-diagnostics listeners`, the management API), so that what is
declared and what is there can be compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import tls

ANY = "::"


@dataclass(frozen=True)
class _Kind:
    """Listeners of one plugin: their protocol, where each form of configuration names them, the usual port."""

    plugin: str  # empty: of the broker itself
    protocol: str
    key: str  # in rabbitmq.conf: of listeners (KEY.NAME = PORT), or of one listener (KEY.port, KEY.ip)
    place: tuple[str, str]  # application and setting in advanced.config
    port: int | None  # where it listens when nothing is said; None: it does not
    several: bool = True


# From the schemas and the applications' environments of 3.8 to 4.3.
_KINDS = (
    _Kind("", "amqp/ssl", "listeners.ssl", ("rabbit", "ssl_listeners"), None),
    _Kind(
        "rabbitmq_management", "https", "management.ssl", ("rabbitmq_management", "ssl_config"), None, False
    ),
    _Kind("rabbitmq_stomp", "stomp/ssl", "stomp.listeners.ssl", ("rabbitmq_stomp", "ssl_listeners"), None),
    _Kind("rabbitmq_mqtt", "mqtt", "mqtt.listeners.tcp", ("rabbitmq_mqtt", "tcp_listeners"), 1883),
    _Kind("rabbitmq_mqtt", "mqtt/ssl", "mqtt.listeners.ssl", ("rabbitmq_mqtt", "ssl_listeners"), None),
    _Kind("rabbitmq_stream", "stream", "stream.listeners.tcp", ("rabbitmq_stream", "tcp_listeners"), 5552),
    _Kind(
        "rabbitmq_stream", "stream/ssl", "stream.listeners.ssl", ("rabbitmq_stream", "ssl_listeners"), None
    ),
    _Kind(
        "rabbitmq_web_stomp",
        "http/web-stomp",
        "web_stomp.tcp",
        ("rabbitmq_web_stomp", "tcp_config"),
        15674,
        False,
    ),
    _Kind(
        "rabbitmq_web_stomp",
        "https/web-stomp",
        "web_stomp.ssl",
        ("rabbitmq_web_stomp", "ssl_config"),
        None,
        False,
    ),
    _Kind(
        "rabbitmq_web_mqtt",
        "http/web-mqtt",
        "web_mqtt.tcp",
        ("rabbitmq_web_mqtt", "tcp_config"),
        15675,
        False,
    ),
    _Kind(
        "rabbitmq_web_mqtt",
        "https/web-mqtt",
        "web_mqtt.ssl",
        ("rabbitmq_web_mqtt", "ssl_config"),
        None,
        False,
    ),
    _Kind(
        "rabbitmq_prometheus",
        "https/prometheus",
        "prometheus.ssl",
        ("rabbitmq_prometheus", "ssl_config"),
        None,
        False,
    ),
)

# Plugins that bring another one with a listener of its own.
_BRINGS = {
    "rabbitmq_web_stomp": ("rabbitmq_stomp",),
    "rabbitmq_web_stomp_examples": ("rabbitmq_web_stomp", "rabbitmq_stomp"),
    "rabbitmq_web_mqtt": ("rabbitmq_mqtt",),
    "rabbitmq_web_mqtt_examples": ("rabbitmq_web_mqtt", "rabbitmq_mqtt"),
    "rabbitmq_stream_management": ("rabbitmq_stream", "rabbitmq_management"),
    **{f"rabbitmq_{name}_prometheus": ("rabbitmq_prometheus",) for name in ("shovel", "federation")},
    **{
        f"rabbitmq_{name}": ("rabbitmq_management",)
        for name in ("shovel_management", "federation_management", "top", "tracing")
    },
}
# Protocols inside TLS, as the broker calls them.
_WITH_TLS = frozenset(one.protocol for one in _KINDS if one.key.endswith("ssl"))
# What the role's variables name, where the plugin itself is named: protocol, plugin, the port without them.
_OF_VARIABLES = (
    ("amqp", "", 5672),
    ("http", "rabbitmq_management", 15672),
    ("stomp", "rabbitmq_stomp", 61613),
    ("http/prometheus", "rabbitmq_prometheus", 15692),
)
_VARIABLE = {"amqp": "amqp", "http": "management", "stomp": "stomp", "http/prometheus": "prometheus"}

# The pages of these share a listener, whatever else is set.
_EXAMPLES = {"rabbitmq_web_stomp_examples", "rabbitmq_web_mqtt_examples"}

Listener = dict[str, Any]


def _listener(protocol: str, port: Any, address: str = "") -> Listener:
    return {"protocol": protocol, "port": int(port), "address": address or ANY}


def enabled(plugins: list[str]) -> set[str]:
    """Return the plugins that run when these are enabled, as far as they have listeners."""
    return {*plugins, *(other for name in plugins for other in _BRINGS.get(str(name), ()))}


def listeners(settings: Mapping[str, Any]) -> list[Listener]:
    """Return the node's listeners for clients: protocol, port, address.

    `settings` are the role's rabbitmq_plugins, rabbitmq_config, rabbitmq_advanced_config, its ports and addresses, and
    rabbitmq_tls with what belongs to it.
    """
    plugins = [str(name) for name in settings["rabbitmq_plugins"]]
    written = {key: value for one in tls.wanted(settings) for key, value in one.lines}
    settings = {**settings, "rabbitmq_config": {**written, **(settings["rabbitmq_config"] or {})}}
    running = enabled(plugins)
    found = []
    for protocol, plugin, usual in _OF_VARIABLES:
        variable = _VARIABLE[protocol]
        if not plugin or plugin in plugins:
            if tls.is_only(settings):
                continue
            address = str(settings[f"rabbitmq_{variable}_address"] or "")
            found.append(_listener(protocol, settings[f"rabbitmq_{variable}_port"], address))
        elif plugin in running:  # with another one, and the role writes nothing of it
            found.append(_listener(protocol, usual))
    for kind in _KINDS:
        if not kind.plugin or kind.plugin in running:
            found += _of_kind(kind, settings)
    if running & _EXAMPLES:
        found.append(_listener("http", 15670))
    return found


def with_tls(settings: Mapping[str, Any]) -> list[Listener]:
    """Return those of the node's listeners for clients that speak TLS."""
    return [one for one in listeners(settings) if one["protocol"] in _WITH_TLS]


def plain_refusals(settings: Mapping[str, Any]) -> list[str]:
    """Return which listeners without TLS a node would have that is to have none: those that TLS does not close."""
    if not tls.is_only(settings):
        return []
    plugins = {one.protocol: one.plugin for one in _KINDS} | {
        "http": "rabbitmq_management",
        "stomp": "rabbitmq_stomp",
        "http/prometheus": "rabbitmq_prometheus",
    }
    left = [one for one in listeners(settings) if one["protocol"] not in _WITH_TLS]
    return [
        f"rabbitmq_plugins: port {one['port']} ({one['protocol']}) would be open without TLS, and rabbitmq_tls is "
        f"'only'; {_closing(plugins.get(one['protocol'], ''), settings)}, or set rabbitmq_tls to both"
        for one in left
    ]


def _closing(plugin: str, settings: Mapping[str, Any]) -> str:
    """Return what closes a listener without TLS."""
    if plugin and plugin not in settings["rabbitmq_plugins"]:
        return f"name {plugin}, which another plugin brings, in rabbitmq_plugins"
    return "take the plugin out that opens it"


def _of_kind(kind: _Kind, settings: Mapping[str, Any]) -> list[Listener]:
    application, setting = kind.place
    advanced = (settings["rabbitmq_advanced_config"] or {}).get(application) or {}
    if isinstance(advanced, Mapping) and setting in advanced:  # laid over what rabbitmq.conf says
        places = _advanced(kind, advanced[setting])
    else:
        places = _conf(kind, settings["rabbitmq_config"] or {})
    if places is None:
        places = [] if kind.port is None else [("", kind.port)]
    return [_listener(kind.protocol, port, address) for address, port in places]


def _conf(kind: _Kind, config: Mapping[str, Any]) -> list[tuple[str, Any]] | None:
    """Return (address, port) of what rabbitmq.conf says, None when it says nothing."""
    if not kind.several:
        if str(config.get(f"{kind.key}.listener")) == "none":
            return []
        port, address = config.get(f"{kind.key}.port", kind.port), config.get(f"{kind.key}.ip", "")
        return None if port is None else [(str(address), port)]
    if str(config.get(kind.key)) == "none":
        return []
    named = [value for key, value in config.items() if str(key).startswith(f"{kind.key}.")]
    return [_place(str(value)) for value in named] or None


def _place(text: str) -> tuple[str, Any]:
    """Return (address, port) of PORT or ADDRESS:PORT, as rabbitmq.conf has them."""
    address, _, port = text.rpartition(":")
    return address.strip("[]"), port


def _advanced(kind: _Kind, value: Any) -> list[tuple[str, Any]] | None:
    """Return (address, port) of what the Erlang settings say, None when they say nothing of it."""
    if not kind.several:
        port = value.get("port", kind.port) if isinstance(value, Mapping) else kind.port
        address = value.get("ip", "") if isinstance(value, Mapping) else ""
        return None if port is None else [(str(address), port)]
    places = []
    for one in value if isinstance(value, (list, tuple)) else []:
        pair = one.get("_tuple") if isinstance(one, Mapping) else None
        places.append((str(pair[0]), pair[1]) if pair else ("", one))
    return places
