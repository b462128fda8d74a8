"""The Prometheus plugin of a RabbitMQ node: its keys of rabbitmq.conf, and what versions lack.

Keys are those of 3.8 to 4.3. Its listener with TLS is declared in tls.py, with those of the other plugins.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..versions import at_least
from . import tls
from .setting import Setting

Settings = Mapping[str, Any]

PLUGIN = "rabbitmq_prometheus"
# Keys of rabbitmq.conf that the role writes, and the variable to use instead.
OWNED_KEYS = {
    "prometheus.tcp.port": "rabbitmq_prometheus_port",
    "prometheus.tcp.ip": "rabbitmq_prometheus_address",
    "prometheus.return_per_object_metrics": "rabbitmq_prometheus_per_object",
    "prometheus.authentication": "rabbitmq_prometheus_authentication",
}
_AUTHENTICATION_SINCE = "4.0.0"


def is_on(settings: Settings) -> bool:
    """Return whether the node has the plugin, by its name."""
    return PLUGIN in settings["rabbitmq_plugins"]


def _setting(key: str, path: tuple[str, ...], value: Any) -> Setting:
    return Setting("Metrics", ((f"prometheus.{key}", value),), (PLUGIN, *path), value)


def wanted(settings: Settings) -> Iterator[Setting]:
    """Return the plugin's settings, in the order in which they are printed; none where it is off."""
    if not is_on(settings):
        return
    if not tls.is_only(settings):  # see tls.terms
        yield _setting("tcp.port", ("tcp_config", "port"), settings["rabbitmq_prometheus_port"])
        if settings["rabbitmq_prometheus_address"]:
            yield _setting("tcp.ip", ("tcp_config", "ip"), settings["rabbitmq_prometheus_address"])
    if settings["rabbitmq_prometheus_per_object"]:
        yield _setting("return_per_object_metrics", ("return_per_object_metrics",), True)
    if settings["rabbitmq_prometheus_authentication"]:
        yield _setting("authentication.enabled", ("authentication", "enabled"), True)


def refusals(settings: Settings) -> list[str]:
    """Return what is wrong with the variables alone."""
    if is_on(settings):
        return []
    return [
        f"{name}: is true, and rabbitmq_plugins has no {PLUGIN}; add it there, or drop the variable"
        for name in ("rabbitmq_prometheus_per_object", "rabbitmq_prometheus_authentication")
        if settings[name]
    ]


def version_refusals(settings: Settings, version: str) -> list[str]:
    """Return what that upstream version of RabbitMQ lacks."""
    if not settings["rabbitmq_prometheus_authentication"] or at_least(version, _AUTHENTICATION_SINCE):
        return []
    return [
        f"rabbitmq_prometheus_authentication: RabbitMQ {version} asks nobody for a login there (since "
        f"{_AUTHENTICATION_SINCE}); set it to false, and leave rabbitmq_prometheus_address at 127.0.0.1 or at an "
        "address that only the monitoring host reaches"
    ]
