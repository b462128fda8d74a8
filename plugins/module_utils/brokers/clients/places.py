"""Where an application reaches a broker, from the variables of the inventory alone.

A name stands for a broker as its clients see it: a host, all members of its cluster, the balancers in front of them, or
the brokers with one store of which one serves at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..activemq import tls as activemq_tls
from ..activemq.connectors import connectors
from ..balancer import settings as balancers
from ..inventory.endpoints import NO_LIMITS, address
from ..rabbitmq import cluster
from ..rabbitmq.listeners import listeners

Variables = Mapping[str, Any]
Defaults = Mapping[str, Mapping[str, Any]]
Place = tuple[str, int]

_SERVICES = {"amqp": "amqp", "amqp/ssl": "amqps", "stomp": "stomp", "stomp/ssl": "stomps"}


@dataclass(frozen=True)
class Inventory:
    """The variables of each host, the groups, and the defaults of the roles rabbitmq, activemq and haproxy."""

    hosts: Mapping[str, Variables]
    groups: Mapping[str, list[str]]
    defaults: Defaults

    def of(self, group: str) -> list[str]:
        """Return the hosts of a group."""
        return list(self.groups.get(group) or [])


@dataclass(frozen=True)
class Broker:
    """A broker as its clients see it: `members` are hosts of the inventory, `balancers` those in front of them."""

    name: str
    kind: str  # rabbitmq or activemq
    members: tuple[str, ...]
    balancers: tuple[str, ...] = ()


def names(inventory: Inventory) -> list[str]:
    """Return what a broker may be called by: hosts, and clusters of RabbitMQ."""
    nodes, balanced = inventory.of("rabbitmq"), inventory.of("haproxy")
    found = [*balancers.clusters(inventory.hosts, inventory.groups), *nodes]
    found += [_activemq_name(host, nodes) for host in inventory.of("activemq")]
    return list(dict.fromkeys([*found, *(_balancer_name(host, found) for host in balanced)]))


def _activemq_name(host: str, nodes: list[str]) -> str:
    """A host with both brokers is RabbitMQ by its own name, as in the endpoints file."""
    return f"{host}-activemq" if host in nodes else host


def _balancer_name(host: str, taken: list[str]) -> str:
    return f"{host}-haproxy" if host in taken else host


def find(name: str, inventory: Inventory) -> Broker | None:
    """Return the broker that a name stands for; None where the inventory has no such one."""
    hosts, nodes = inventory.hosts, inventory.of("rabbitmq")
    if name in nodes:
        return _rabbitmq(name, str(hosts[name].get("rabbitmq_cluster_name") or ""), (name,), inventory)
    for host in inventory.of("activemq"):
        if name == _activemq_name(host, nodes):
            return Broker(name, "activemq", _with_its_store(host, inventory))
    if name in balancers.clusters(hosts, inventory.groups):
        return _rabbitmq(name, name, (), inventory)
    taken = [one for one in names(inventory) if one not in inventory.of("haproxy")]
    for host in inventory.of("haproxy"):
        behind = _behind(host, inventory)
        if behind and name == _balancer_name(host, [*taken, *nodes, *inventory.of("activemq")]):
            return Broker(name, "rabbitmq", behind, (host,))
    return None


def _rabbitmq(name: str, cluster_name: str, alone: tuple[str, ...], inventory: Inventory) -> Broker:
    found = cluster.members(inventory.hosts, inventory.groups, cluster_name)
    members = tuple(one["host"] for one in found) or alone
    before = tuple(host for host in inventory.of("haproxy") if _behind(host, inventory) == members)
    return Broker(name, "rabbitmq", members, before)


def _balancer_settings(host: str, inventory: Inventory) -> dict[str, Any]:
    variables = inventory.hosts[host]
    return {key: variables.get(key, default) for key, default in inventory.defaults["haproxy"].items()}


def _behind(host: str, inventory: Inventory) -> tuple[str, ...]:
    settings = _balancer_settings(host, inventory)
    return tuple(one["host"] for one in balancers.members(settings, inventory.hosts, inventory.groups))


def _with_its_store(host: str, inventory: Inventory) -> tuple[str, ...]:
    """Return the brokers of one name that share a store with this one, as master and slave do."""

    def pair(name: str) -> tuple[Any, Any]:
        variables = inventory.hosts[name]
        return variables.get("activemq_store_directory"), variables.get("activemq_broker_name")

    if not pair(host)[0]:
        return (host,)
    return tuple(one for one in inventory.of("activemq") if pair(one) == pair(host))


# --- listeners ----------------------------------------------------------------------------------------------


def places(broker: Broker, protocol: str, tls: bool, inventory: Inventory) -> list[Place]:
    """Return host and port of each place where clients speak a protocol: amqp, stomp or openwire."""
    if broker.kind == "activemq":
        found = [_activemq_place(host, protocol, tls, inventory) for host in broker.members]
    else:
        named = f"{protocol}/ssl" if tls else protocol
        found = [_balancer_place(host, named, inventory) for host in broker.balancers]
        if not any(found):
            found = [_rabbitmq_place(host, named, inventory) for host in broker.members]
    return [place for place in found if place]


def _is_loopback(given: Any) -> bool:
    return str(given).startswith("127.") or str(given) == "::1"


def _rabbitmq_place(host: str, protocol: str, inventory: Inventory) -> Place | None:
    variables, defaults = inventory.hosts[host], inventory.defaults["rabbitmq"]
    # A default that depends on other variables has nothing to do with listeners for clients.
    for one in listeners({name: variables.get(name, default) for name, default in defaults.items()}):
        if one["protocol"] == protocol and not _is_loopback(one["address"]):
            return address(variables), int(one["port"])
    return None


def _balancer_place(host: str, protocol: str, inventory: Inventory) -> Place | None:
    settings, wanted = _balancer_settings(host, inventory), _SERVICES.get(protocol)
    there = balancers.services(settings, inventory.hosts, inventory.groups, inventory.defaults["rabbitmq"])
    for one in there:
        if one["name"] == wanted:
            own = inventory.hosts[host].get("haproxy_address")
            reached = address(inventory.hosts[host])
            return (own if own and own not in ("0.0.0.0", "::") else reached), int(one["port"])  # noqa: S104 - compared
    return None


_OF_CONNECTORS = ("activemq_connectors", "activemq_tls", "activemq_tls_versions", "activemq_tls_ciphers")


def _connectors(host: str, inventory: Inventory) -> list[dict[str, Any]]:
    variables, defaults = inventory.hosts[host], inventory.defaults["activemq"]
    wanted = (*_OF_CONNECTORS, "activemq_tls_client_certificates")
    settings = {name: variables.get(name, defaults[name]) for name in wanted}
    return connectors({**settings, **NO_LIMITS})


def _activemq_place(host: str, protocol: str, tls: bool, inventory: Inventory) -> Place | None:
    for one in _connectors(host, inventory):
        if (one["protocol"], one["tls"]) == (protocol, tls) and not _is_loopback(one["address"]):
            return address(inventory.hosts[host]), int(one["port"])
    return None


# --- certificates -------------------------------------------------------------------------------------------


def asks_for_certificate(broker: Broker, inventory: Inventory) -> bool:
    """Return whether clients that speak TLS have to show a certificate."""
    host = broker.members[0]
    if broker.kind == "activemq":
        asked = (
            activemq_tls.client_certificate(one["options"])
            for one in _connectors(host, inventory)
            if one["tls"]
        )
        return "required" in asked
    default = inventory.defaults["rabbitmq"]["rabbitmq_tls_client_certificates"]
    return bool(inventory.hosts[host].get("rabbitmq_tls_client_certificates", default) == "required")


def authority(broker: Broker, inventory: Inventory) -> tuple[str, str]:
    """Return the PEM text of the authority to trust, or the file on the controller that has it; '' for neither.

    Without one, the certificate's issuer is one that every machine trusts.
    """
    variables = inventory.hosts[broker.members[0]]
    text = str(
        variables.get(f"{broker.kind}_tls_authority")
        or variables.get(f"{broker.kind}_tls_ca_certificate")
        or ""
    )
    return text, "" if text else str(variables.get("endpoint_ca_file") or "")
