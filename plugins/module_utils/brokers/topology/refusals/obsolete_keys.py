"""Keys that newer brokers reject or ignore, by version, to be reported before anything is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..model import Desired, Version, show_version


@dataclass(frozen=True)
class Obsolete:
    """A key that lost its meaning with ``since``; ``rejected`` says whether the broker refuses it or ignores
    it.

    ``field`` of items of ``kind`` holds the key, or a key that starts with it where it ends in a hyphen;
    ``value`` limits it to one value.
    """

    kind: str
    field: str
    key: str
    since: Version
    rejected: bool
    instead: str
    value: object = None


MIRRORING = (
    "classic queues are no longer mirrored; use quorum queues or streams for what has to be replicated"
)
LAZY = "classic queues keep their messages on disk since 3.12, as lazy ones did"
# Tried on 3.8.9, 3.10.8, 4.0.5 and 4.3.6; the first version between them is from RabbitMQ's release notes.
OBSOLETE = (
    Obsolete("policies", "definition", "ha-", (4, 0), True, MIRRORING),
    Obsolete("operator_policies", "definition", "ha-", (4, 0), True, MIRRORING),
    Obsolete("policies", "definition", "queue-mode", (3, 12), False, LAZY),
    Obsolete("queues", "arguments", "x-queue-mode", (3, 12), False, LAZY),
    Obsolete(
        "queues", "arguments", "x-queue-version", (4, 3), True, "version 1 of classic queues is gone", value=1
    ),
    Obsolete(
        "policies",
        "definition",
        "queue-master-locator",
        (4, 3),
        True,
        "queue-leader-locator is its replacement",
    ),
)


def found(desired: Desired, version: Version) -> Iterator[tuple[str, bool, str]]:
    """What of a document this version does not take: the item's path, whether it is rejected, and a sentence."""
    for rule in OBSOLETE:
        if version < rule.since:
            continue
        for item in desired.get(rule.kind, []):
            for key, value in ({} if item.absent else item.values.get(rule.field) or {}).items():
                if _meant(rule, key, value):
                    verb = "rejects" if rule.rejected else "ignores"
                    yield (
                        item.path,
                        rule.rejected,
                        (
                            f"{item.path}.{rule.field}.{key}: RabbitMQ {show_version(version)} {verb} it: "
                            f"{rule.instead}; "
                            "remove the key"
                        ),
                    )


def _meant(rule: Obsolete, key: str, value: object) -> bool:
    named = key.startswith(rule.key) if rule.key.endswith("-") else key == rule.key
    return named and (rule.value is None or rule.value == value)
