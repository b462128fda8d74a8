"""One setting of a node: what it is in either format of the broker's configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Line = tuple[str, Any]


@dataclass(frozen=True)
class Setting:
    """One setting: its lines of rabbitmq.conf, and where and how a classic rabbitmq.config has it.

    `path` is the application and the keys below it. `term` is what erlang_terms.term writes. A setting that a running
    node takes has the `command` of rabbitmqctl for it, and `forms`: a pattern of all keys that say it, since the key
    before the change may have been another one.
    """

    section: str
    lines: tuple[Line, ...]
    path: tuple[str, ...]
    term: Any
    command: str = ""
    forms: str = ""


def listener(section: str, keys: str, path: tuple[str, ...], address: str, port: int) -> Setting:
    """Return the setting of one listener; only one without an address is called default."""
    shown = f"[{address}]" if ":" in address else address
    line = (f"{keys}.1", f"{shown}:{port}") if address else (f"{keys}.default", port)
    return Setting(section, (line,), path, [{"_tuple": [address, port]} if address else port])
