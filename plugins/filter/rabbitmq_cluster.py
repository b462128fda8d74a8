"""Filters about the members of a cluster: who they are, how they become one, what they say of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ..module_utils.brokers.rabbitmq import cluster, formation, healing, membership, packet_filter

HostVars = Mapping[str, Mapping[str, Any]]


def _alike(hostvars: Any, groups: Mapping[str, Collection[str]]) -> list[str]:
    """Compare the variables as they are written where Ansible has them, so that large documents are not templated."""
    hosts = groups.get("rabbitmq", ())
    raw = {host: hostvars.raw_get(host) for host in hosts} if hasattr(hostvars, "raw_get") else None
    return cluster.alike_refusals(hostvars, groups, raw)


def _speaker(
    hostvars: HostVars, groups: Mapping[str, Collection[str]], name: str, own: str, hosts: Collection[str]
) -> str:
    """Return the host of a run that acts for its cluster: its first member that has not failed."""
    members = [one["host"] for one in cluster.members(hostvars, groups, name)]
    return next((host for host in members if host in hosts), own)


def _verdict(
    members: list[cluster.Member],
    name: str,
    hostvars: HostVars,
    own: str,
    discard: Collection[str] = (),
) -> dict[str, Any]:
    """Judge what every member of the run has said last (tasks/cluster.yml)."""
    return formation.verdict(name, members, _said(members, hostvars), own, discard)


def _said(members: list[cluster.Member], hostvars: HostVars) -> dict[str, Any]:
    """Return the last answer of each host. A task that was skipped for a host registers a result without one."""
    said = {}
    for one in members:
        answers = (
            hostvars[one["host"]].get(f"__rabbitmq_cluster_said{last}") or {} for last in ("_last", "")
        )
        if answer := next((one["own"] for one in answers if one.get("own")), None):
            said[one["host"]] = answer
    return said


def _unsettled(members: list[cluster.Member], name: str, hostvars: HostVars) -> bool:
    """Return whether what members said is to be asked again: one has joined since, or they do not agree yet."""
    said = _said(members, hostvars)
    verdicts = (formation.verdict(name, members, said, one["host"]) for one in members)
    joined = any("__rabbitmq_home" in hostvars[one["host"]] for one in members)
    return joined or any(one["refusals"] for one in verdicts)


def _healing(
    hostvars: HostVars,
    groups: Mapping[str, Collection[str]],
    name: str,
    hosts: Collection[str],
    keep: str = "",
) -> dict[str, Any]:
    """Plan the cure of a cluster by what its members in the run said, with hosts in place of nodes to restart."""
    members = [one for one in cluster.members(hostvars, groups, name) if one["host"] in hosts]
    said = _said(members, hostvars)
    names = {one["node"]: one["host"] for one in members}
    kept = membership.node_named(keep, hostvars, groups) or keep
    if kept not in names and membership.host_of(kept, hostvars, groups):
        kept = ""  # it names a member of another cluster of the inventory
    plan = healing.plan({own["node"]: own for own in said.values()}, kept)
    return {**plan, "hosts": [names[node] for node in plan["restart"] if node in names]}


def _actor(hostvars: HostVars, hosts: Collection[str], node: str) -> str:
    """Return the host of a run that acts for the cluster of a node (tasks/remove_member.yml)."""
    said = {host: (hostvars[host].get("__rabbitmq_cluster_said") or {}).get("own") or {} for host in hosts}
    return membership.actor(said, node)


class FilterModule:
    """Loaded by Ansible under this name."""

    def filters(self) -> dict[str, Any]:
        """Return name -> function for each filter."""
        return {
            "rabbitmq_behind": membership.behind,
            "rabbitmq_cluster_actor": _actor,
            "rabbitmq_cluster_alike_refusals": _alike,
            "rabbitmq_cluster_host_refusals": cluster.host_refusals,
            "rabbitmq_cluster_members": cluster.members,
            "rabbitmq_cluster_pins": cluster.pins,
            "rabbitmq_cluster_refusals": cluster.refusals,
            "rabbitmq_cluster_speaker": _speaker,
            "rabbitmq_cluster_unsettled": _unsettled,
            "rabbitmq_cluster_verdict": _verdict,
            "rabbitmq_filter_admitted": packet_filter.admitted,
            "rabbitmq_filter_ports": packet_filter.ports,
            "rabbitmq_filter_refusals": packet_filter.refusals,
            "rabbitmq_filter_shuts_out": packet_filter.shut_out,
            "rabbitmq_formation": formation.plan,
            "rabbitmq_growth": membership.growth,
            "rabbitmq_host_of_node": membership.host_of,
            "rabbitmq_node_named": membership.node_named,
            "rabbitmq_leaving_refusals": membership.leaving_refusals,
            "rabbitmq_looked_for": formation.looked_for,
            "rabbitmq_healing": _healing,
            "rabbitmq_joining_refusals": formation.joining_refusals,
            "rabbitmq_shrinking": membership.shrinking,
        }
