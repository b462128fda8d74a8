"""A node's settings in the broker's own terms: declared once, printed in either of its formats.

Sources: the schemas of RabbitMQ 3.8.9 to 4.3 (`priv/schema/*.schema`), which say what each key of rabbitmq.conf
becomes among the settings of the applications.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from . import cluster, metrics, tls
from .setting import Setting, listener

Settings = dict[str, Any]


def is_share(text: str) -> bool:
    """Return whether a limit of memory is a share of it, such as 0.4, and no amount."""
    return re.search("[A-Za-z]", text) is None


def is_multiple(text: str) -> bool:
    """Return whether a limit of the disk is a multiple of the memory, such as 1.5, and no amount."""
    return re.match(r"[0-9]*[.][0-9]+\Z", text) is not None


def _management(settings: Settings) -> Iterator[Setting]:
    for key, variable in (("port", "rabbitmq_management_port"), ("ip", "rabbitmq_management_address")):
        value = settings[variable]
        if value:
            path = ("rabbitmq_management", "tcp_config", key)
            yield Setting("Listeners", ((f"management.tcp.{key}", value),), path, value)


def _plain(settings: Settings, keys: str, path: tuple[str, ...], address: str, port: str) -> Setting:
    """Return a listener without TLS; where there is to be none, that has to be said."""
    if tls.is_only(settings):
        return Setting("Listeners", ((keys, "none"),), path, [])
    return listener("Listeners", keys, path, settings[address], settings[port])


def _listeners(settings: Settings) -> Iterator[Setting]:
    plugins = settings["rabbitmq_plugins"]
    path = ("rabbit", "tcp_listeners")
    yield _plain(settings, "listeners.tcp", path, "rabbitmq_amqp_address", "rabbitmq_amqp_port")
    if "rabbitmq_management" in plugins and not tls.is_only(settings):
        yield from _management(settings)
    if "rabbitmq_stomp" in plugins:
        path = ("rabbitmq_stomp", "tcp_listeners")
        yield _plain(settings, "stomp.listeners.tcp", path, "rabbitmq_stomp_address", "rabbitmq_stomp_port")
    users = settings["rabbitmq_loopback_users"]
    lines = tuple(("loopback_users." + str(user).replace(".", "\\."), True) for user in users)
    yield Setting(
        "Listeners",
        lines or (("loopback_users", "none"),),
        ("rabbit", "loopback_users"),
        [{"_binary": user} for user in users],
    )


def _memory(limit: str) -> Setting:
    share = is_share(limit)
    return Setting(
        "Limits",
        ((f"vm_memory_high_watermark.{'relative' if share else 'absolute'}", limit),),
        ("rabbit", "vm_memory_high_watermark"),
        float(limit) if share else {"_tuple": [{"_atom": "absolute"}, limit]},
        command=f"set_vm_memory_high_watermark {'' if share else 'absolute '}{limit}",
        forms="vm_memory_high_watermark[.](relative|absolute)",
    )


def _disk(limit: str) -> Setting:
    multiple = is_multiple(limit)
    return Setting(
        "Limits",
        ((f"disk_free_limit.{'relative' if multiple else 'absolute'}", limit),),
        ("rabbit", "disk_free_limit"),
        {"_tuple": [{"_atom": "mem_relative"}, float(limit)]} if multiple else limit,
        command=f"set_disk_free_limit {'mem_relative ' if multiple else ''}{limit}",
        forms="disk_free_limit[.](relative|absolute)",
    )


def _limits(settings: Settings) -> Iterator[Setting]:
    yield _memory(settings["rabbitmq_memory_high_watermark"])
    yield _disk(settings["rabbitmq_disk_free_limit"])
    for key in ("heartbeat", "channel_max"):
        value = settings[f"rabbitmq_{key}"]
        yield Setting("Limits", ((key, value),), ("rabbit", key), value)
    kind = settings["rabbitmq_default_queue_type"]
    if kind:
        yield Setting(
            "Limits", (("default_queue_type", kind),), ("rabbit", "default_queue_type"), {"_binary": kind}
        )


def _log(settings: Settings) -> Iterator[Setting]:
    file = ("rabbit", "log", "file")
    level, size = settings["rabbitmq_log_level"], settings["rabbitmq_log_rotation_size"]
    yield Setting(
        "Log",
        (("log.file.level", level),),
        (*file, "level"),
        {"_atom": level},
        command=f"set_log_level {level}",
        forms="log[.]file[.]level",
    )
    if size:
        count = settings["rabbitmq_log_rotation_count"]
        yield Setting("Log", (("log.file.rotation.size", size),), (*file, "size"), size)
        yield Setting("Log", (("log.file.rotation.count", count),), (*file, "count"), count)


def wanted(settings: Settings, members: Sequence[cluster.Member] = (), version: str = "") -> list[Setting]:
    """Return the settings that the role's variables ask for, in the order in which they are printed.

    `members` are those that the node looks for at its first boot (cluster.members), `version` is upstream's of the
    broker, where it is known.
    """
    return [
        *_listeners(settings),
        *tls.wanted(settings),
        *cluster.wanted(settings, members, version),
        *_limits(settings),
        *_log(settings),
        *metrics.wanted(settings),
    ]


def _printed(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def conf(
    settings: Settings, members: Sequence[cluster.Member] = (), version: str = ""
) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return rabbitmq.conf as (section, lines of key and value); the operator's own keys are the last section."""
    found = [
        (section, [(key, _printed(value)) for one in group for key, value in one.lines])
        for section, group in groupby(wanted(settings, members, version), key=lambda one: one.section)
    ]
    own = sorted(settings["rabbitmq_config"].items(), key=lambda line: str(line[0]).lower())
    return [*found, ("rabbitmq_config", [(key, _printed(value)) for key, value in own])] if own else found


def classic(
    settings: Settings, advanced: dict[str, Any], members: Sequence[cluster.Member] = (), version: str = ""
) -> dict[str, Any]:
    """Return the settings as the applications of a classic rabbitmq.config; `advanced` is laid over them."""
    found: dict[str, Any] = {}
    for one in wanted(settings, members, version):
        place = found
        for key in one.path[:-1]:
            place = place.setdefault(key, {})
        place[one.path[-1]] = one.term
    for app, values in advanced.items():
        found[app] = {**found.get(app, {}), **values}
    return found


def online(settings: Settings, members: Sequence[cluster.Member] = ()) -> list[dict[str, str]]:
    """Return the settings that a running node takes: the key as written, the pattern of its forms, the command."""
    return [
        {"key": one.lines[0][0], "keys": one.forms, "command": one.command}
        for one in wanted(settings, members)
        if one.command
    ]
