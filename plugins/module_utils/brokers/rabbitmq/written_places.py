"""Where a node writes, besides the places of its package: what a sandbox has to let it.

Sources: RabbitMQ's guides "Configuration" (environment variables) and "Logging", and the schemas of 3.8 to 4.3.
"""

from __future__ import annotations

import os
from typing import Any

from ..host import sandbox

Settings = dict[str, Any]

# The package's own.
WRITABLE = ("/var/lib/rabbitmq", "/var/log/rabbitmq")
_DATA = "/var/lib/rabbitmq/mnesia"
_DIRECTORIES = ("log.dir", "raft.data_dir")
_FILES = ("log.file",)
# Names in rabbitmq-env.conf; the prefix RABBITMQ_ may be there or not.
_ENVIRONMENT_DIRECTORIES = ("LOG_BASE", "QUORUM_DIR", "STREAM_DIR", "PLUGINS_EXPAND_DIR")
_ENVIRONMENT_FILES = ("LOGS", "SASL_LOGS", "UPGRADE_LOG", "PID_FILE")


def directories(config: dict[str, Any], environment: dict[str, Any]) -> dict[str, str]:
    """Return the directories outside WRITABLE that these settings have a node write to, by the setting's place."""
    found: dict[str, str] = {}
    for key, value in config.items():
        if key in (*_DIRECTORIES, *_FILES):
            found[f"rabbitmq_config.{key}"] = os.path.dirname(str(value)) if key in _FILES else str(value)
    for key, value in environment.items():
        name, text = str(key).removeprefix("RABBITMQ_"), str(value).strip("\"'")
        if name in _ENVIRONMENT_DIRECTORIES:
            found[f"rabbitmq_environment.{key}"] = text
        elif name in _ENVIRONMENT_FILES:
            found[f"rabbitmq_environment.{key}"] = os.path.dirname(text)
    return {
        where: path
        for where, path in found.items()
        if path.startswith("/") and not sandbox.is_writable(path, [*WRITABLE])
    }


def refusals(settings: Settings) -> list[str]:
    """Return why a confined node could not write where its settings say, one sentence each."""
    own = settings["rabbitmq_writable_paths"]
    found = sandbox.path_refusals("rabbitmq_writable_paths", own)
    if found or not settings["rabbitmq_hardening"]:
        return found
    return [
        f"{where}: the node would write to {path}, and systemd does not let it; add {path} to rabbitmq_writable_paths"
        for where, path in directories(settings["rabbitmq_config"], settings["rabbitmq_environment"]).items()
        if not sandbox.is_writable(path, own)
    ]


def host_refusals(settings: Settings, host: dict[str, Any]) -> list[str]:
    """Return what on the host keeps a confined node from its data, one sentence each; see broker_host_facts."""
    if not settings["rabbitmq_hardening"]:
        return []
    own, places = settings["rabbitmq_writable_paths"], host["places"]
    return sandbox.place_refusals(
        "rabbitmq_writable_paths", host["hostname"], own, [*WRITABLE], [_DATA], places
    )
