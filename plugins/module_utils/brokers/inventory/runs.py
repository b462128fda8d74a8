"""Errors of a run as a whole, whatever the hosts' settings: it would do nothing, or not what was meant.

Ansible skips a play without hosts, and a tag that nothing carries, without a word and with exit code 0.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, Optional

Known = Callable[[], Optional[Collection[str]]]

OLDEST_ANSIBLE = (2, 19)
TAGS = ("provision", "declare", "endpoints")
_BUILT_IN_TAGS = frozenset({"all", "tagged", "untagged", "always", "never"})
# A group that has this much in common with a broker's is meant to be it; `rabbit` has less, and may be anything.
_MISSPELT = 0.87


def version_refusals(version: str) -> list[str]:
    """Return a sentence if ansible-core is too old to keep the types of template results."""
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    if numbers >= OLDEST_ANSIBLE:
        return []
    return [
        f"ansible-core: this is {version}, and Brokerkit needs 2.19 or later; `make setup` makes an environment that "
        "has it (. .venv/bin/activate), and elsewhere `pip install 'ansible-core>=2.19'` brings it. Nothing was changed"
    ]


def tag_refusals(
    run: Collection[str],
    skipped: Collection[str],
    known: Known = lambda: TAGS,
    carried: Collection[str] = TAGS,
) -> list[str]:
    """Return a sentence for each tag of --tags that nothing carries, and of --skip-tags that is a slip for one of ours.

    A tag to skip may be that of somebody else's playbook, or a convention: molecule always skips `notest`. `carried` is
    what the plays of ours have. `known` says which tags the run has, or None where that cannot be told: then a slip
    alone is refused.
    """
    strange = sorted({*run, *skipped} - set(carried) - _BUILT_IN_TAGS)
    there = known() if strange else None
    exist = [*carried, *sorted(set(there or ()) - set(carried) - _BUILT_IN_TAGS)]
    words = (
        f"those that exist are {', '.join(exist)}"
        if exist
        else "this playbook has none, so nothing would be done"
    )
    found = []
    for option, tags in (("--tags", run), ("--skip-tags", skipped)):
        for tag in (one for one in strange if one in tags and one not in (there or ())):
            near = difflib.get_close_matches(tag, carried, n=1)
            if near or (option == "--tags" and there is not None):
                hint = f" (did you mean {near[0]}?)" if near else ""
                found.append(f"{option}: '{tag}' is not a tag{hint}; {words}")
    return found


def _misspelt(groups: Mapping[str, Collection[str]], wanted: Collection[str]) -> list[str]:
    brokers = {host for name in wanted for host in groups.get(name, ())}
    found = []
    for name in wanted:
        for group in sorted(set(groups) - {*wanted, "all", "ungrouped", f"{name}_restart_needed"}):
            alike = difflib.SequenceMatcher(None, group.lower(), name).ratio() >= _MISSPELT
            if alike and not brokers.issuperset(groups[group]):
                found.append(
                    f"inventory: the hosts of the group {group} are in no group of brokers; if they are meant to be "
                    f"brokers, name it {name} or make it a child of {name}, or rename it"
                )
    return found


def host_refusals(
    groups: Mapping[str, Collection[str]],
    hosts: Collection[str],
    wanted: Collection[str],
    sources: Collection[str],
) -> list[str]:
    """Return a sentence if a run would reach no broker, or miss some whose group is misspelt.

    `hosts` are those of the run, after --limit, `wanted` the groups of brokers that the playbook is about.
    """
    found = _misspelt(groups, wanted)
    brokers = {host for name in wanted for host in groups.get(name, ())}
    kinds, inventory = " or ".join(wanted), ", ".join(sources)
    if not brokers and not found:
        found.append(
            f"inventory: no host is in the group {kinds} of {inventory}; name your inventory with -i, such as "
            "-i inventory/prod, and put the hosts that are to be brokers into that group"
            + (
                "; brokers of the group rabbitmq_topology, which somebody else runs, are for playbooks/topology.yml"
                if groups.get("rabbitmq_topology")
                else ""
            )
        )
    if brokers and brokers.isdisjoint(hosts):
        found.append(
            f"--limit: leaves no host of the group {kinds} of {inventory}, so nothing would be done; those that "
            f"it has are {', '.join(sorted(brokers)[:10])}{', ...' if len(brokers) > 10 else ''}"
        )
    return found


def elsewhere_refusals(
    hosts: Mapping[str, Mapping[str, Any]], groups: Mapping[str, Collection[str]]
) -> list[str]:
    """Return a sentence for each broker that somebody else runs but that is in the group of nodes."""
    return [
        f"{name}: has rabbitmq_topology_url and no rabbitmq_erlang_cookie, as a broker that somebody else runs; put it "
        "into the group rabbitmq_topology and run playbooks/topology.yml, which needs only that address and a login"
        for name in sorted(groups.get("rabbitmq", []))
        if "rabbitmq_topology_url" in hosts[name] and "rabbitmq_erlang_cookie" not in hosts[name]
    ]


def refusals(run: Mapping[str, Any], known: Known = lambda: TAGS) -> list[str]:
    """Return what is wrong with a run: unknown tags, hosts that are not brokers."""
    return tag_refusals(run["tags"], run["skip_tags"], known, run.get("carried", TAGS)) + host_refusals(
        run["groups"], run["hosts"], run["wanted"], run["sources"]
    )
