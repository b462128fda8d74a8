"""Published secrets: those of this project's examples and tests, and those printed in guides.

On a test host, which nobody but its own machine reaches, they are what makes an example run as it is. Anywhere else
whoever has read them owns the broker, so that they are refused there.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from ..rabbitmq import passwords
from ..secret_words import EXAMPLES, is_placeholder, is_published

# scripts/testbed makes hosts in this network alone, on a bridge of the machine itself.
TESTBED = ipaddress.ip_network("10.61.13.0/24")
# The parts of a declared topology that hold secrets; the others may be long.
_DECLARED = ("rabbitmq_topology_users", "rabbitmq_topology_parameters", "rabbitmq_topology_global_parameters")
_LOOPBACK = re.compile(r"localhost\Z|127\.|::1\Z")


def is_hash_of_published(text: str) -> bool:
    """Return whether a broker's stored hash is one of an example's password, or of guest's."""
    algorithm = passwords.algorithm_of(text)
    return algorithm is not None and any(
        passwords.matches(known, text, algorithm) for known in (*EXAMPLES, "guest")
    )


def is_test_host(said: Any, address: str) -> bool:
    """Return whether a host is one of the test bed's: its inventory says so, and its address is of that network.

    The one without the other is an inventory that was copied whole, or a network that happens to have that number.
    """
    try:
        inside = ipaddress.ip_address(address) in TESTBED
    except ValueError:
        inside = False
    return inside and str(said).lower() in ("true", "yes", "on", "1")


def _stranger(host: str, address: str) -> str:
    """Return why a host does not count as a test host."""
    if is_test_host(True, address):
        return f"{host} is not a test host (testbed_host is not true)"
    return f"{host} ({address}) is not in the test bed's network {TESTBED}"


def broker_address(url: str, address: str) -> str:
    """Return where the broker behind `url` is, for a task that runs on the host at `address`."""
    named = urlsplit(url).hostname or ""
    return address if _LOOPBACK.match(named) else named


def texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield each text in `value` with its path, written as the operator would."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from texts(part, f"{path}.{key}" if path else str(key))
    elif isinstance(value, (list, tuple)):
        for index, part in enumerate(value):
            yield from texts(part, f"{path}[{index}]")


def refusals(values: Mapping[str, Any], host: str, said: Any, address: str, broker: str) -> list[str]:
    """Return a sentence for each of a broker's variables that holds a published secret; none on a test host.

    :param values: the variables by name.
    :param said: what the inventory says of the host in `testbed_host`.
    :param address: where the host is.
    :param broker: rabbitmq or activemq, as `make inventory` wants it.
    """
    if is_test_host(said, address):
        return []
    return [
        f"{path}: is published, with Brokerkit or in a guide, and known to everybody, and "
        f"{_stranger(host, address)}; put the output of `openssl rand -hex 24` into your vault "
        "instead, or have `make inventory NAME=prod"
        f"{'' if broker == 'rabbitmq' else ' BROKER=' + broker}` make an inventory with new secrets"
        for path, text in texts(values, "")
        if is_published(text)
        or (path.endswith((".password", ".token")) and is_placeholder(text))
        or (path.endswith(".password_hash") and is_hash_of_published(text))
    ]


def variables_of(broker: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of a host's variables in which a broker's secrets stand, the login of the probes among them.

    One that cannot be read yet is left for the roles' own checks, which say why.
    """
    found = {}
    for name in sorted(variables):
        topology = name.startswith("rabbitmq_topology_")
        if (
            name == "endpoint_password"
            or name in _DECLARED
            or (name.startswith(f"{broker}_") and not topology)
        ):
            with contextlib.suppress(Exception):
                found[name] = variables[name]
    return found


def inventory_refusals(hosts: Mapping[str, Mapping[str, Any]], groups: Mapping[str, list[str]]) -> list[str]:
    """Return the same for every broker of an inventory at once: `hosts` has the variables of each host."""
    return [
        sentence
        for broker in ("rabbitmq", "activemq")
        for name in sorted(groups.get(broker, []))
        for sentence in refusals(
            variables_of(broker, hosts[name]),
            name,
            hosts[name].get("testbed_host", False),
            str(hosts[name].get("ansible_host", name)),
            broker,
        )
    ]
