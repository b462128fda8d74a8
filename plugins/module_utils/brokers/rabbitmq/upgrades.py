"""Upgrades in place: which packages change on a host, which steps RabbitMQ takes, and whether there is a way back.

Pure functions of what the module broker_host_facts read and of the inventory. Sources of the tables: upstream's
"Upgrading RabbitMQ" page (version compatibility) and "Erlang Version Requirements", both read for 4.3 in late 2026.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ..host import managers
from ..sentences import listed
from ..versions import at_least, number, starts_with, upstream

Settings = Mapping[str, Any]
Versions = Mapping[str, str]
Change = dict[str, str]

BROKER = "rabbitmq-server"
# The package that has Erlang's version: Debian ships it in parts, upstream's RPM in one.
ERLANGS = ("erlang-base", "erlang")

# From one series of RabbitMQ, those that a node can go on to with its data. Within a series every step is allowed.
STEPS: Mapping[str, tuple[str, ...]] = {
    "3.8": ("3.9",),
    "3.9": ("3.10",),
    "3.10": ("3.11",),
    "3.11": ("3.12",),
    "3.12": ("3.13",),
    "3.13": ("4.0", "4.1", "4.2"),
    "4.0": ("4.1", "4.2"),
    "4.1": ("4.2",),
    "4.2": ("4.3",),
}
# Major versions of Erlang that members of one cluster on Khepri must not run side by side.
NOT_TOGETHER = (27, 28)
_NEWEST = "4.3"


def series(version: str) -> str:
    """Return the series of a version of RabbitMQ: 3.10 of 3.10.8-1.1+deb12u1."""
    return ".".join(str(part) for part in number(upstream(version))[:2])


def _major(version: str) -> int:
    return number(upstream(version))[0]


def route(first: str, last: str) -> list[str]:
    """Return the series on the shortest way from one to another, without the first; [] where there is no way."""
    ways = [[first]]
    while ways:
        way = ways.pop(0)
        if way[-1] == last:
            return way[1:]
        ways += [[*way, following] for following in STEPS.get(way[-1], ())]
    return []


# --- what changes on a host ---------------------------------------------------------------------------------


def specifications(
    settings: Settings, erlang_version: str, installed: Versions, available: Mapping[str, Sequence[str]]
) -> list[str]:
    """Return what is to be installed, as name or name=version: the installed packages, with a declared version.

    `installed` are the packages of RabbitMQ and Erlang on the host, `available` the versions that the
    repositories hold. A declared version that they do not hold is asked for as it is, so that the package manager
    names it in its refusal.
    """
    found = []
    for name in sorted(installed):
        wanted = str(settings["rabbitmq_version"] if name == BROKER else erlang_version)
        held = [one for one in available.get(name, ()) if wanted and starts_with(upstream(one), wanted)]
        if held:
            found.append(f"{name}={held[0]}")
        else:
            found.append(f"{name}={wanted}" if wanted and name in (BROKER, *ERLANGS) else name)
    return found


def changes(installed: Versions, planned: Versions) -> list[Change]:
    """Return the packages that get another version, or are new, by name: name, from ('' where it is new), to."""
    return [
        {"name": name, "from": installed.get(name, ""), "to": planned[name]}
        for name in sorted(planned)
        if installed.get(name) != planned[name]
    ]


def runs_older(host: Mapping[str, Any]) -> bool:
    """Return whether the node is older than its packages: its files were replaced under it."""
    started = float(host["unit"].get("started") or 0)
    # What the package manager wrote just before the start is not newer than it; clocks are rounded.
    return bool(started) and float(host["packages_written"]) > started + 2


def summary(found: Sequence[Change], host: str) -> str:
    """Return what changes on a host as a sentence's part: RabbitMQ and Erlang by version, others by name."""
    parts = []
    broker = next((one for one in found if one["name"] == BROKER), None)
    if broker:
        parts.append(f"RabbitMQ {broker['from']} -> {broker['to']}")
    erlang = [one for one in found if one["name"].startswith("erlang-") or one["name"] in ERLANGS]
    if erlang:
        first = next((one for one in erlang if one["name"] in ERLANGS), erlang[0])
        counted = f"{len(erlang)} packages" if len(erlang) > 1 else "1 package"
        parts.append(f"Erlang {first['from'] or 'none'} -> {first['to']} ({counted})")
    others = [one["name"] for one in found if one is not broker and one not in erlang]
    if others:
        parts.append(f"with them {listed(others)}")
    return f"{host}: {'; '.join(parts)}"


def changes_series(found: Sequence[Change]) -> bool:
    """Return whether RabbitMQ goes on to another series, for which every feature flag has to be on."""
    return any(one["name"] == BROKER and series(one["from"]) != series(one["to"]) for one in found)


# --- what rules an upgrade out ------------------------------------------------------------------------------


def refusals(
    settings: Settings, host: Mapping[str, Any], found: Sequence[Change], khepri: bool, member: bool
) -> list[str]:
    """Return why a host is not upgraded, one sentence each; nothing was stopped or installed yet.

    `host` is what broker_host_facts returned with its plan, `found` what changes() made of it. `khepri`: the node keeps
    what its cluster knows in Khepri.
    """
    name, plan = host["hostname"], host["plan"]
    if settings["rabbitmq_service_state"] == "stopped":
        return [
            f"rabbitmq_service_state: is 'stopped' for {name}, and an upgrade is proven by a start; set it to started"
        ]
    if plan["error"]:
        return [
            f"rabbitmq_version: {host['manager']} cannot upgrade {name}: {plan['error'].rstrip('.')}. "
            f"{managers.LOOK[host['manager']]} on the host shows what its repositories hold"
        ]
    sentences = _removed(host)
    for change in found:
        if change["name"] == BROKER and change["from"]:
            sentences += _step(name, upstream(change["from"]), upstream(change["to"]))
        elif change["name"] in ERLANGS and change["from"] and khepri and member:
            sentences += _erlang_step(name, change)
    return sentences


def _removed(host: Mapping[str, Any]) -> list[str]:
    gone, manager = host["plan"].get("removed") or [], host["manager"]
    if not gone:
        return []
    return [
        f"{host['hostname']}: {manager} would remove {listed(gone)} for this upgrade; see {managers.TRY[manager]} "
        "there, and have its repositories offer versions that fit together"
    ]


def _step(name: str, old: str, new: str) -> list[str]:
    before, after = series(old), series(new)
    if before == after:
        return []
    if not at_least(new, old):
        return [
            f"rabbitmq_version: {name} runs RabbitMQ {old}, and its data cannot go back to {new}: {after} does not "
            f"read what {before} has written; set it to {before}, or empty"
        ]
    if after in STEPS.get(before, ()):
        return []
    way = route(before, after)
    if not way and before not in STEPS and before != _NEWEST:
        return [
            f"rabbitmq_version: {name} runs RabbitMQ {old}, of which the table of upgrades says nothing; it begins "
            f"with {min(STEPS, key=number)} and ends with {_NEWEST}"
        ]
    onward = (
        f"upgrade to {way[0]} first (rabbitmq_version), then to {listed(way[1:], most=10)}, each with this playbook"
        if way
        else f"the table of upgrades ends with {_NEWEST}"
    )
    return [
        f"rabbitmq_version: RabbitMQ {old} of {name} does not become {new} in place; {onward}. Or set up a new cluster "
        "beside it, and take the topology there (playbooks/topology_backup.yml, playbooks/topology_restore.yml)"
    ]


def _erlang_step(name: str, change: Change) -> list[str]:
    old, new = _major(change["from"]), _major(change["to"])
    if (old < NOT_TOGETHER[1] <= new) or (new < NOT_TOGETHER[1] <= old):
        return [
            f"erlang_version: {name} is in a cluster on Khepri with Erlang {old}, whose members must not run Erlang "
            f"{old} and {new} side by side, as a rolling upgrade has them do; set it to {old}. Erlang "
            f"{NOT_TOGETHER[1]} is for new clusters"
        ]
    return []


def not_come(found: Sequence[Change], host: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each package that has another version than planned, by what the host says afterwards."""
    has = host["packages"]
    return [
        f"{host['hostname']}: {one['name']} was to become {one['to']}, {host['manager']} has said nothing against it, "
        f"and it is {has[one['name']]}; see the manager's log in /var/log there"
        for one in found
        if one["name"] in has and has[one["name"]] != one["to"]
    ]


def held_back(
    host: Mapping[str, Any], has: Mapping[str, Any], versions: Versions, pins: Versions
) -> list[str]:
    """Return a sentence for each newer package that dnf leaves where it is, which it says to nobody.

    `has` is what broker_host_facts read with `available`, `versions` what the host ends with, `pins` name -> declared
    version. apt's candidate is often not the newest on purpose, so that nothing is said of it.
    """
    if host["manager"] != "dnf":
        return []
    found = []
    for name in sorted({BROKER, *ERLANGS} & {*versions}):
        offered = [
            one for one in has["available"].get(name, ()) if starts_with(upstream(one), pins.get(name) or "")
        ]
        if offered and versions[name] in offered[1:]:
            why = managers.TRY["dnf"].replace(BROKER, f"{name}-{offered[0]}")
            found.append(
                f"{host['hostname']}: {name} {offered[0]} is in the repositories and {versions[name]} stays: dnf holds "
                f"it back for what else is installed. {why} says why"
            )
    return found


def apart(planned: Mapping[str, str]) -> list[str]:
    """Return a sentence if members would end in several series. `planned`: host -> RabbitMQ's version."""
    kinds: dict[str, list[str]] = {}
    for host, version in planned.items():
        kinds.setdefault(series(version), []).append(host)
    if len(kinds) < 2:
        return []
    told = "; ".join(f"{kind} on {listed(hosts)}" for kind, hosts in sorted(kinds.items()))
    return [
        f"rabbitmq_version: the members would end with RabbitMQ of several series ({told}); have all of them offer the "
        "same, or pin one"
    ]


def nobody_to_start_with(down: Collection[str], members: int) -> list[str]:
    """Return a sentence if a member that is started alone would wait for others, which are started after it.

    `down` are the hosts whose nodes are known to be down. Without a majority a node does not come up (Khepri), or waits
    for those that were stopped after it (Mnesia), and would be taken for one that the new version keeps from starting.
    """
    if members < 2 or 2 * (members - len(down) + 1) > members:
        return []
    return [
        f"the nodes of {listed(down)} are down, and the first of them that is upgraded would wait for the others; "
        "start them first (playbooks/rabbitmq_start.yml), and run this again"
    ]


# --- the way back -------------------------------------------------------------------------------------------


def way_back(found: Sequence[Change], available: Mapping[str, Collection[str]]) -> list[str]:
    """Return what is to be installed to undo the changes, as name=version; [] where there is no way back.

    There is none into an older series, whose RabbitMQ does not read the newer data, and none to versions that the
    repositories no longer hold.
    """
    if changes_series(found):
        return []
    old = [one for one in found if one["from"]]
    if any(one["from"] not in available.get(one["name"], ()) for one in old):
        return []
    return [f"{one['name']}={one['from']}" for one in old]


def no_way_back(found: Sequence[Change], available: Mapping[str, Collection[str]]) -> str:
    """Return why there is no way back as a sentence's part; '' where there is one."""
    if way_back(found, available) or not found:
        return ""
    if changes_series(found):
        broker = next(one for one in found if one["name"] == BROKER)
        return f"RabbitMQ {series(broker['from'])} does not read what {series(broker['to'])} has written"
    gone = [one["name"] for one in found if one["from"] and one["from"] not in available.get(one["name"], ())]
    return f"the repositories no longer hold the present versions of {listed(gone, most=3)}"


# --- feature flags ------------------------------------------------------------------------------------------


def flags_off(said: str, store_too: bool) -> list[str]:
    """Return the stable feature flags that are off, by what `rabbitmqctl --formatter json list_feature_flags` said.

    `store_too`: with khepri_db, which moves what the cluster knows from Mnesia to Khepri where it is stable (4.2).
    """
    found: list[dict[str, str]] = json.loads(said)
    return sorted(
        one["name"]
        for one in found
        if one["state"] == "disabled"
        and one.get("stability") != "experimental"
        and (store_too or one["name"] != "khepri_db")
    )
