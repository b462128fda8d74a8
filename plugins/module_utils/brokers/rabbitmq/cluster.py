"""The members of a cluster by the inventory, what rules them out, and the settings that make a node one of them.

Hosts of the group rabbitmq with the same rabbitmq_cluster_name are the members of one cluster. Everything here is a
pure function of the inventory's variables, so it is the same for every host of a run and whatever --limit leaves out.

Sources: the schemas of RabbitMQ 3.8.9 to 4.3 and `rabbit_peer_discovery.erl`. 3.8 waits 5 to 60 s at random before it
looks for the others, 3.10 does not and warns of the key, 4.0 refuses to boot on it. 4.3 has no Mnesia, whose partitions
are what would be handled.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from ..sentences import listed
from ..versions import at_least
from .setting import Setting

Settings = Mapping[str, Any]
Member = dict[str, str]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}\Z")
_NO_RANDOM_DELAY = "3.10.0"
_NO_MNESIA = "4.3.0"
_KNOWS_A_RESET = "4.3.0"
_QUORUM_BY_DEFAULT = "3.13.0"
_SECTION = "Cluster"
# Keys of rabbitmq.conf that the role writes itself; others that begin alike, such as cluster_queue_limit, are free.
_OWNED = re.compile(
    r"cluster_name\Z|cluster_partition_handling|cluster_formation[.](peer_discovery_backend\Z|classic_config[.])"
)
# What all members have to be told alike: a node lets in, and is declared by, whoever has the same.
_ALIKE = (
    "rabbitmq_erlang_cookie",
    "rabbitmq_admin_user",
    "rabbitmq_admin_password",
    "rabbitmq_tls_inter_node",
)
TOPOLOGY = "rabbitmq_topology_"


def _short(host: str) -> str:
    return host.partition(".")[0]


def node_name(host: str, variables: Mapping[str, Any]) -> str:
    """Return the node's name by the inventory, which is all that the other members have of a host outside the run."""
    return str(variables.get("rabbitmq_node_name") or f"rabbit@{_short(host)}")


def address(host: str, variables: Mapping[str, Any]) -> str:
    """Return where the other members reach a host: rabbitmq_cluster_address, with the default of defaults/main.yml."""
    return str(variables.get("rabbitmq_cluster_address", variables.get("ansible_host", host)))


def members(
    hostvars: Mapping[str, Mapping[str, Any]], groups: Mapping[str, Collection[str]], name: str
) -> list[Member]:
    """Return the members of the cluster `name` in the inventory's order: host, node, address. None without a name."""
    if not name:
        return []
    return [
        {"host": host, "node": node_name(host, hostvars[host]), "address": address(host, hostvars[host])}
        for host in groups.get("rabbitmq", ())
        if hostvars[host].get("rabbitmq_cluster_name", "") == name
    ]


# --- what rules a cluster out -------------------------------------------------------------------------------


def refusals(settings: Settings, found: list[Member], host: str) -> list[str]:
    """Return what is wrong with one member's settings, one sentence each; nothing for a node on its own."""
    name = settings["rabbitmq_cluster_name"]
    if not name:
        return []
    if not _NAME.match(name):
        return [
            f"rabbitmq_cluster_name: '{name}' is not a name for a cluster; use up to 64 letters, digits, '.', '_', '@' "
            "and '-', or '' for a node on its own"
        ]
    return [*_addresses(settings), *_own_formation(settings), *_twins(found, host), *_few(settings, found)]


def _addresses(settings: Settings) -> list[str]:
    wanted = settings["rabbitmq_cluster_address"]
    try:
        parsed = ipaddress.ip_address(wanted)
    except ValueError:
        parsed = None
    if parsed is None or parsed.version != 4 or parsed.is_unspecified:
        return [
            f"rabbitmq_cluster_address: '{wanted}' is not an IPv4 address of the host; set the one by which the other "
            "members of the cluster reach it (it is ansible_host where that is an address)"
        ]
    closed = [
        f"{name}: {settings[name]} lets no other member of {settings['rabbitmq_cluster_name']} reach the node; leave "
        "it out, and it is rabbitmq_cluster_address"
        for name in ("rabbitmq_cluster_address", "rabbitmq_distribution_address", "rabbitmq_epmd_address")
        if settings[name].startswith("127.") or settings[name] == "::1"
    ]
    return closed[:1]


def _own_formation(settings: Settings) -> list[str]:
    """Refuse a second way of naming the members."""
    keys = [key for key in settings["rabbitmq_config"] if _OWNED.match(str(key))]
    return [
        f"rabbitmq_config.{key}: is written by the role where rabbitmq_cluster_name is set; "
        + (
            "use rabbitmq_cluster_partition_handling"
            if str(key).startswith("cluster_partition_handling")
            else "drop it: the members are the hosts of the group rabbitmq with the same name"
        )
        for key in keys
    ]


def _twins(found: list[Member], host: str) -> list[str]:
    own = next((one for one in found if one["host"] == host), None)
    if own is None:
        return []
    sentences = []
    for what, variable in (("node", "rabbitmq_node_name"), ("address", "rabbitmq_cluster_address")):
        others = [one["host"] for one in found if one[what] == own[what] and one["host"] != host]
        if others:
            sentences.append(
                f"{variable}: {own[what]} is that of {listed(others)} as well; each member has its own"
            )
    dotted = {"." in one["node"].partition("@")[2] for one in found}
    if len(dotted) == 2:
        sentences.append(
            "rabbitmq_node_name: some members have a full host name and some a short one "
            f"({listed([one['node'] for one in found])}), and such nodes cannot talk; use one kind for all"
        )
    return sentences


def _few(settings: Settings, found: list[Member]) -> list[str]:
    if len(found) != 2 or settings["rabbitmq_cluster_two_members"]:
        return []
    return [
        f"rabbitmq_cluster_name: {settings['rabbitmq_cluster_name']} has two members, and neither can go on alone: a "
        "restart of one interrupts the service of both, and quorum queues survive the loss of none; add a third, or "
        "set rabbitmq_cluster_two_members to true"
    ]


def alike_refusals(
    hostvars: Mapping[str, Mapping[str, Any]],
    groups: Mapping[str, Collection[str]],
    raw: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[str]:
    """Return what members of one cluster are told differently though it has to be the same, one sentence each.

    `raw` holds the variables as they are written; values that are the same text are the same, and are not templated.
    """
    written = hostvars if raw is None else raw
    clusters: dict[str, list[str]] = {}
    for host in groups.get("rabbitmq", ()):
        name = str(hostvars[host].get("rabbitmq_cluster_name") or "")
        if name:
            clusters.setdefault(name, []).append(host)
    return [
        sentence for name, hosts in clusters.items() for sentence in _unlike(name, hosts, hostvars, written)
    ]


def _unlike(
    name: str,
    hosts: list[str],
    hostvars: Mapping[str, Mapping[str, Any]],
    written: Mapping[str, Mapping[str, Any]],
) -> Iterator[str]:
    first = hosts[0]
    topology = {key for host in hosts for key in written[host] if str(key).startswith(TOPOLOGY)}
    for key in (*_ALIKE, *sorted(topology)):
        others = [
            host
            for host in hosts[1:]
            if written[host].get(key) != written[first].get(key)
            and hostvars[host].get(key) != hostvars[first].get(key)
        ]
        if others:
            yield (
                f"{key}: is not the same on {listed(others)} as on {first}, and both are members of {name}; set it "
                "once for the whole cluster, in the variables of a group"
            )


def host_refusals(settings: Settings, found: list[Member], host: Mapping[str, Any], own: str) -> list[str]:
    """Return why a host, as it was read, cannot be the member that the others look for. `own` is its inventory name."""
    mine = next((one for one in found if one["host"] == own), None)
    if mine is None:
        return []
    looked_for, is_called = mine["node"], settings["rabbitmq_node_name"] or f"rabbit@{host['hostname']}"
    if looked_for != is_called:
        return [
            f"rabbitmq_node_name: the host calls itself {host['hostname']}, and the other members of "
            f"{settings['rabbitmq_cluster_name']} would look for {looked_for}; set it to {is_called} for {own}"
        ]
    if settings["rabbitmq_cluster_pin_names"]:
        return []
    return [
        f"rabbitmq_cluster_pin_names: is false, and '{name}' resolves to "
        f"{listed(addresses) if addresses else 'nothing'} on {host['hostname']}, not to {one['address']} of "
        f"{one['host']}; correct DNS, or leave the variable out"
        for one in found
        if one["host"] != own
        for name in [one["node"].partition("@")[2]]
        for addresses in [host["addresses"].get(name, [])]
        if one["address"] not in addresses
    ]


def pins(settings: Settings, found: list[Member], own: str) -> dict[str, str]:
    """Return the names to pin in /etc/hosts: those of the other members, and what the operator says."""
    wanted = found if settings["rabbitmq_cluster_pin_names"] else []
    others = {one["node"].partition("@")[2]: one["address"] for one in wanted if one["host"] != own}
    return {**others, **settings["rabbitmq_hosts_entries"]}


# --- settings -----------------------------------------------------------------------------------------------


def wanted(settings: Settings, looked_for: Sequence[Member], version: str) -> Iterator[Setting]:
    """Yield the settings that make a node a member.

    `looked_for` are the members that it looks for when it boots without data; none for the first one to boot, which
    would wait for the others. `version` is upstream's, '' where it is not known yet.
    """
    name = settings["rabbitmq_cluster_name"]
    if not name:
        return
    yield Setting(
        _SECTION,
        (("cluster_name", name),),
        ("rabbit", "cluster_name"),
        {"_binary": name},
        command=f"set_cluster_name {name}",
        forms="cluster_name",
    )
    yield from _discovery([one["node"] for one in looked_for])
    if version and not at_least(version, _NO_RANDOM_DELAY):
        bounds = tuple(
            (f"cluster_formation.randomized_startup_delay_range.{end}", 0) for end in ("min", "max")
        )
        path = ("rabbit", "cluster_formation", "randomized_startup_delay_range")
        yield Setting(_SECTION, bounds, path, {"_tuple": [0, 0]})
    if not at_least(version or "0", _NO_MNESIA):
        key, handling = "cluster_partition_handling", settings["rabbitmq_cluster_partition_handling"]
        yield Setting(_SECTION, ((key, handling),), ("rabbit", key), {"_atom": handling})
    if version and at_least(version, _KNOWS_A_RESET):
        key = "prevent_startup_if_node_was_reset"
        yield Setting(_SECTION, ((key, True),), ("rabbit", key), True)
    if version and at_least(version, _QUORUM_BY_DEFAULT) and not settings["rabbitmq_default_queue_type"]:
        key, kind = "default_queue_type", "quorum"
        yield Setting(_SECTION, ((key, kind),), ("rabbit", key), {"_binary": kind})


def _discovery(nodes: list[str]) -> Iterator[Setting]:
    if nodes:
        lines = [
            (f"cluster_formation.classic_config.nodes.{number}", node) for number, node in enumerate(nodes, 1)
        ]
        term = {"_tuple": [[{"_atom": node} for node in nodes], {"_atom": "disc"}]}
        yield Setting(_SECTION, tuple(lines), ("rabbit", "cluster_nodes"), term)


# Read by a node that has no data and by no other: members that come or go are no reason to restart those that stay.
READ_ONCE = "cluster_formation[.].*"
