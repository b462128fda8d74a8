"""What rules these settings out on a host, and what changed files require of a running node."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from typing import Any

from ..host import managers
from ..host.service import service_refusals
from ..versions import at_least, starts_with, upstream
from . import cluster, metrics, tls, written_places
from .settings import Settings, is_loopback, listeners

# Processes that a node of the broker consists of; a port that one of them holds on this host is its own.
_OWN = frozenset({"beam.smp", "beam", "epmd", "systemd"})
_NO_MNESIA = "4.3.0"
_DEFAULT_QUEUE_TYPE_SINCE = "3.13.0"

# Where a node keeps its data: a directory of its name, and beside it files that begin with the name.
DATA = "/var/lib/rabbitmq/mnesia/"
_START_FILE = "/etc/rabbitmq/start.env"  # there until the first boot has succeeded
_NODE_DATA = re.compile(r"([A-Za-z0-9_-]+@[A-Za-z0-9.-]+?)(?:-plugins-expand|-feature_flags|\.pid)?\Z")

# The name of a node in an Erlang term, quoted where it holds more than letters.
_MEMBER = re.compile(r"[A-Za-z0-9_-]+@[A-Za-z0-9.-]*[A-Za-z0-9]")


def enabled_plugins(text: str) -> list[str]:
    """Return the plugins that the text of an enabled_plugins file names."""
    said = re.sub(r"%.*", "", text)
    return [name.strip("'") for name in re.findall(r"'[^']+'|[a-z][A-Za-z0-9_@]*", said)]


def _any(address: str) -> bool:
    return address in ("", "0.0.0.0", "::")  # noqa: S104 - compared with, not bound to


def _port_refusals(settings: Settings, host: dict[str, Any]) -> list[str]:
    """Return a sentence for each wanted port that is held by a process other than the broker's."""
    found = []
    for wanted in listeners(settings):
        for held in host["listeners"]:
            clash = _any(wanted["address"]) or _any(held["address"]) or wanted["address"] == held["address"]
            if held["port"] == wanted["port"] and clash and held["process"] not in _OWN:
                holder = (
                    f"'{held['process']}' (pid {held['pid']})"
                    if held["pid"]
                    else "a process that this user cannot see"
                )
                found.append(
                    f"rabbitmq_{wanted['name']}_port: {wanted['port']} is held by {holder} on "
                    f"{host['hostname']}; "
                    "stop it or choose another port. The node would not boot"
                )
                break
    return found


def _address_refusals(settings: Settings, host: dict[str, Any]) -> list[str]:
    """Return a sentence for each listening address that the host does not have."""
    return [
        f"rabbitmq_{wanted['name']}_address: {wanted['address']} is not an address of {host['hostname']}, and the node "
        "would not boot; set one that `ip address` shows there, or leave it empty for every interface"
        for wanted in listeners(settings)
        if wanted["address"] in host["foreign"]
    ]


def _node(settings: Settings, host: dict[str, Any]) -> str:
    return str(settings["rabbitmq_node_name"] or f"rabbit@{host['hostname']}")


def _data_refusals(settings: Settings, host: dict[str, Any]) -> list[str]:
    """Return a sentence if the host only has data of nodes with other names: this one would start empty."""
    names = (path[len(DATA) :] for path in host["files"] if path.startswith(DATA))
    nodes = {match[1] for match in map(_NODE_DATA.match, names) if match}
    node = _node(settings, host)
    if not nodes or node in nodes:
        return []
    other = sorted(nodes)[0]
    return [
        f"rabbitmq_node_name: {host['hostname']} holds the data of {other}, and {node} would start without it; "
        f"set rabbitmq_node_name to {other}, or move {DATA}{other} away to start empty"
    ]


def _members(said: str) -> set[str]:
    try:
        status = json.loads(said)
        return {str(member) for member in [*status.get("disk_nodes", []), *status.get("ram_nodes", [])]}
    except ValueError:
        return set(_MEMBER.findall(said))


def cut_off_refusals(said: str, node: str, switches: bool = False) -> list[str]:
    """Return a sentence if a node that is to listen on loopback only has other members in its cluster.

    With `switches`, it is to begin or to end speaking TLS with them (rabbitmq_tls_inter_node).
    `said` is what `rabbitmqctl cluster_status` said, as JSON, or the file in which a node that is down remembers them.
    """
    others = sorted(_members(said) - {node})
    if not others:
        return []
    if switches:
        return [
            f"rabbitmq_tls_inter_node: {node} is in a cluster with {', '.join(others)}, and nodes with and without TLS "
            "cannot talk; change all of them in one stop with playbooks/rabbitmq_full_stop.yml, or set it back"
        ]
    return [
        f"rabbitmq_distribution_address: {node} is in a cluster with {', '.join(others)}, and would be cut off by "
        "listening for its own host alone, which is the default; set it and rabbitmq_epmd_address to the address that "
        "the members use, or both to '' for every interface"
    ]


def cookie_refusals(said: str, node: str, declared: Collection[str] = ()) -> list[str]:
    """Return a sentence if a node that runs is to get another cookie, and its cluster has other members.

    `said` is as above; `declared` are the members by the inventory, as a node may be unable to name them.
    """
    others = sorted((_members(said) | {*declared}) - {node})
    if not others:
        return []
    return [
        f"rabbitmq_erlang_cookie: is not the one that {node} runs with, and its cluster has {', '.join(others)} as "
        "well, which would not let it in again; change it on all of them in one stop with "
        "playbooks/rabbitmq_full_stop.yml, or set it back"
    ]


def _service_refusals(settings: Settings, host: dict[str, Any]) -> list[str]:
    """Return why the unit must not be touched. The role's own mask, on a node that never booted, is an empty file."""
    booted = f"{DATA}{_node(settings, host)}" in host["files"] and _START_FILE not in host["files"]
    wanted = settings["rabbitmq_service_state"]
    return service_refusals("rabbitmq_service_state", wanted, "rabbitmq-server.service", host, booted)


def _name_refusals(settings: Settings, host: dict[str, Any]) -> list[str]:
    node = _node(settings, host)
    name = node.partition("@")[2]
    addresses = host["addresses"].get(name, [])
    bound = settings["rabbitmq_distribution_address"]
    if is_loopback(bound):
        # Erlang is told where the name leads; one that somebody wrote and that leads nowhere is a slip.
        if addresses or name == host["hostname"] or name in settings["rabbitmq_hosts_entries"]:
            return []
        return [
            f"rabbitmq_node_name: the host name '{name}' of node {node} does not resolve on {host['hostname']}; "
            f"correct it, or set rabbitmq_hosts_entries to {{{name}: {bound}}} if that is its name"
        ]
    if settings["rabbitmq_cluster_name"] and not _any(bound):
        return []  # Erlang is told here too, and the other members where they pin names
    if not addresses and name not in settings["rabbitmq_hosts_entries"]:
        return [
            f"rabbitmq_node_name: the host name '{name}' of node {node} does not resolve on "
            f"{host['hostname']}, epmd would time out; "
            f"set rabbitmq_hosts_entries to {{{name}: ADDRESS}} or repair DNS"
        ]
    mapper = settings["rabbitmq_epmd_address"]
    if not _any(mapper) and addresses and not {mapper, "127.0.0.1"} & set(addresses):
        return [
            f"rabbitmq_epmd_address: {mapper} is not what '{name}' resolves to ({', '.join(addresses)}), so that "
            "whoever looks for the node would ask there in vain; set it to the address that "
            "rabbitmq_distribution_address has, '' for every interface, or both to 127.0.0.1"
        ]
    if not _any(bound) and addresses and bound not in addresses:
        return [
            f"rabbitmq_distribution_address: {bound} is not what '{name}' resolves to "
            f"({', '.join(addresses)}), so that "
            "rabbitmqctl could not reach the node; set rabbitmq_hosts_entries to "
            f"{{{name}: {bound}}} or leave the address empty"
        ]
    return []


def version_refusals(settings: Settings, version: str) -> list[str]:
    """Return what the settings ask for but that upstream version of RabbitMQ lacks."""
    found = []
    for name in ("rabbitmq_mnesia_dump_log_write_threshold", "rabbitmq_mnesia_dc_dump_limit"):
        if settings[name] and at_least(version, _NO_MNESIA):
            found.append(
                f"{name}: RabbitMQ {version} keeps its metadata in Khepri and has no Mnesia "
                "(removed in 4.3); drop the variable"
            )
    if settings["rabbitmq_default_queue_type"] and not at_least(version, _DEFAULT_QUEUE_TYPE_SINCE):
        found.append(
            f"rabbitmq_default_queue_type: RabbitMQ {version} has no such setting for the node (since 3.13); "
            "set default_queue_type on the vhosts (3.11), or drop the variable"
        )
    return found + tls.version_refusals(settings, version) + metrics.version_refusals(settings, version)


def host_refusals(settings: Settings, host: dict[str, Any], upgrades: bool = False) -> list[str]:
    """Return everything about the host that rules the settings out, one sentence each.

    `host` is what the module broker_host_facts returned. With `upgrades`, the version that it has is about to change.
    """
    name = host["hostname"]
    if host["uid"] != 0:
        return [
            f"ansible_become: the tasks run as uid {host['uid']} on {name}; set ansible_become "
            "to true, a broker is installed by root"
        ]
    found = [
        refusal
        for look in (_service_refusals, _port_refusals, _address_refusals, _name_refusals, _data_refusals)
        for refusal in look(settings, host)
    ]
    found += written_places.host_refusals(settings, host)
    installed = upstream(host["packages"].get("rabbitmq-server", ""))
    wanted = settings["rabbitmq_version"]
    if installed and wanted and not upgrades and not starts_with(installed, wanted):
        found.append(
            f"rabbitmq_version: {name} runs RabbitMQ {installed} and {wanted} is wanted; site.yml does not upgrade. "
            f"Upgrade with playbooks/rabbitmq_upgrade.yml, or set rabbitmq_version to {installed}"
        )
    if installed and not upgrades:
        found += version_refusals(settings, installed)
    return found


def install_refusals(settings: Settings, host: dict[str, Any]) -> list[str]:
    """Return why the package that would be installed is not the wanted one, one sentence each."""
    plan, wanted = host["plan"], settings["rabbitmq_version"]
    if plan["error"]:
        asked = f"rabbitmq-server {wanted}".strip()
        return [
            f"rabbitmq_version: {host['manager']} cannot install {asked} on {host['hostname']}: {plan['error']}. "
            f"{managers.LOOK[host['manager']]} on the host shows what the repositories hold"
        ]
    version = upstream(plan["packages"].get("rabbitmq-server", ""))
    if version and wanted and not starts_with(version, wanted):
        return [
            f"rabbitmq_version: {wanted} is wanted and the repositories of {host['hostname']} "
            f"hold {version}; correct one of the two"
        ]
    return version_refusals(settings, version) if version else []


def restart_reasons(pending: dict[str, list[str]], online: Iterable[str]) -> list[str]:
    """Return why the pending changes need a restart; empty if all can be applied online.

    `pending` is what the module broker_files returned: path -> keys that differ. `online` are patterns of the keys of
    rabbitmq.conf that rabbitmqctl applies to a running node.
    """
    taken = re.compile("|".join(f"(?:{pattern})" for pattern in (*online, cluster.READ_ONCE)))
    reasons = []
    for path, keys in sorted(pending.items()):
        if path.endswith(("/enabled_plugins", "/administrator.json", "/administrators.json")):
            continue
        if path in tls.RENEWABLE:
            continue
        offline = [key for key in keys if not taken.fullmatch(key)]
        if not keys or not path.endswith("/rabbitmq.conf"):
            reasons.append(path)
        elif offline:
            reasons.append(f"{path}: {', '.join(offline)}")
    return reasons
