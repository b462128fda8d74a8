"""What a relay needs of a broker that is in the same inventory, as far as its variables say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..versions import number
from .declared import VARIABLE
from .settings import ACTIVEMQ, RABBITMQ

Variables = Mapping[str, Any]
_LOOPBACK = re.compile(r"localhost\Z|127\.|::1\Z")


def problems(
    relays: Sequence[Mapping[str, Any]],
    host: str,
    hosts: Mapping[str, Variables],
    groups: Mapping[str, Sequence[str]],
) -> list[str]:
    """Return what is wrong with the brokers of the relays of `host`, one sentence each."""
    found: dict[str, None] = {}  # each sentence once, in their order
    for relay in relays:
        source = relay["source"]
        kind = source.get("broker", RABBITMQ)
        for name in brokers(source["hosts"], host, hosts, groups.get(kind, [])):
            where = f"{VARIABLE}[{relay['name']}].source: {name}"
            check = _of_activemq if kind == ACTIVEMQ else _of_rabbitmq
            found.update(dict.fromkeys(f"{where} {one}" for one in check(hosts[name])))
    return list(found)


def brokers(
    addresses: Sequence[str], host: str, hosts: Mapping[str, Variables], names: Sequence[str]
) -> list[str]:
    """Return which of the brokers are meant by these addresses, seen from `host`."""
    wanted = {host if _LOOPBACK.match(one) else one for one in addresses}
    return [name for name in names if wanted & _addresses(name, hosts[name])]


def _addresses(name: str, variables: Variables) -> set[str]:
    return {name, *(str(variables[key]) for key in ("ansible_host", "endpoint_host") if variables.get(key))}


def _of_activemq(variables: Variables) -> Iterator[str]:
    if str(variables.get("activemq_scheduler", False)).lower() not in ("true", "yes", "on", "1"):
        yield (
            "puts messages that are to wait back at once, as activemq_scheduler is false there; "
            "set it to true, for messages that cannot be done now"
        )


def _of_rabbitmq(variables: Variables) -> Iterator[str]:
    pinned = str(variables.get("rabbitmq_version", ""))
    # Of `3` nobody knows which it will be.
    if pinned and number(pinned) != (3,) and number(pinned) < (3, 10):
        yield (
            f"is RabbitMQ {pinned} (rabbitmq_version), whose queues may lose a message on its way to another one; "
            "a relay needs 3.10 or later"
        )
