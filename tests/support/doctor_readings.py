"""What the module broker_doctor_info returns of healthy hosts, to be changed by tests."""

from __future__ import annotations

import copy
from typing import Any

NOW = 1_795_977_831.0
GB = 1_000_000_000

_DISK = {"free": 50 * GB, "total": 100 * GB, "inodes": 1_000_000, "inodes_free": 900_000, "read_only": False}
_MACHINE: dict[str, Any] = {
    "hostname": "mq1",
    "os": "Debian GNU/Linux 13 (trixie)",
    "memory": {"MemTotal": 8 * GB, "MemAvailable": 4 * GB, "SwapTotal": 0, "SwapFree": 0},
    "disks": {"/var/lib/rabbitmq": _DISK},
    "clock": True,
    "listeners": [{"address": "127.0.0.1", "port": 4369, "pid": 1, "process": "epmd"}],
    "oom": [],
    "interrupted": False,
    "firewall": None,
    "denied": [],
    "now": NOW,
}
_UNIT = {
    "ActiveState": "active",
    "SubState": "running",
    "Result": "success",
    "NRestarts": "0",
    "UnitFileState": "enabled",
    "LoadState": "loaded",
    "MainPID": "812",
    "MemoryMax": "infinity",
}
_PROCESS = {"state": "S", "files": 120, "files_limit": 65_536, "resident": 150_000_000}
_LOG: dict[str, Any] = {"found": {}, "last": []}


def _answer(node: str, members: list[str]) -> dict[str, Any]:
    return {
        "node": node,
        "version": "4.0.5",
        "erlang": "27.3.4.1",
        "view": {
            "running": True,
            "booting": False,
            "members": members,
            "sees": members,
            "khepri": False,
            "partitions": [],
            "partition_handling": "autoheal",
            "alarms": [],
            "drained": False,
            "listeners": ["amqp"],
        },
        "memory": {"total": 8 * GB, "limit": 3 * GB, "used": GB // 10},
        "disk": {"free": 50 * GB, "limit": 2 * GB},
        "connections": 3,
        "connection_max": -1,
        **{key: [] for key in ("no_majority", "leaderless", "short", "away", "stopped", "piled", "unacked")},
        **{f"{key}_count": 0 for key in ("no_majority", "leaderless", "short", "away", "stopped")},
        "vhosts_down": [],
        "flags_off": [],
        "deprecated": ["management_metrics_collection"],
        "plugins_idle": [],
        "certificates": [],
    }


def machine() -> dict[str, Any]:
    """A host with nothing wrong."""
    return copy.deepcopy(_MACHINE)


def node(name: str = "rabbit@mq1", members: list[str] | None = None) -> dict[str, Any]:
    """A RabbitMQ node with nothing wrong."""
    owner = {"mode": 0o750, "owner": "rabbitmq", "written": NOW - 9000}
    return copy.deepcopy(
        {
            "packages": {
                "rabbitmq-server": {"state": "ii", "version": "4.0.5-6"},
                "erlang-base": {"state": "ii", "version": "1:27.3.4.1+dfsg-1"},
            },
            "unit": _UNIT,
            "process": _PROCESS,
            "strangers": [],
            "node": name,
            "node_resolves": ["10.0.0.1"],
            "node_foreign": [],
            "cookie": {"mode": 0o400, "owner": "rabbitmq", "written": NOW - 9000},
            "cookie_digest": "a" * 64,
            "configuration": {"/etc/rabbitmq/rabbitmq.conf": owner},
            "started": NOW - 4000,
            "definitions": {},
            "applied": {"written": NOW - 4100, "pending": False},
            "certificates": [],
            "directories": {"/var/lib/rabbitmq": owner},
            "foreign_file": None,
            "needrestart": False,
            "answer": _answer(name, members or [name]),
            "unanswered": None,
            "log": _LOG,
        }
    )


def instance() -> dict[str, Any]:
    """An ActiveMQ instance with nothing wrong."""
    return copy.deepcopy(
        {
            "instance": "main",
            "unit": _UNIT,
            "unit_name": "activemq-main.service",
            "process": _PROCESS,
            "heap": 512 << 20,
            "file": "/etc/activemq/main/activemq.xml",
            "settings": {"store": "/var/lib/activemq/main/kahadb", "storeUsage": 10 * GB},
            "version": "5.17.2",
            "disks": {"/var/lib/activemq/main/kahadb": _DISK},
            "store_size": 1000,
            "usage": {"store": 0.1, "memory": 0.0, "temp": 0.0},
            "dead_letters": {"ActiveMQ.DLQ": 3},
            "log": _LOG,
        }
    )


def reading(rabbitmq: Any = None, activemq: Any = ()) -> dict[str, Any]:
    """A host with these brokers."""
    return {"machine": machine(), "rabbitmq": rabbitmq, "activemq": list(activemq)}
