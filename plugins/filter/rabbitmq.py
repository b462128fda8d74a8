"""Filters of the role rabbitmq: what is wrong with its settings, and the forms its files need."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ..module_utils.brokers import secret_words, versions
from ..module_utils.brokers.rabbitmq import (
    administrator,
    configuration,
    erlang_terms,
    erlang_versions,
    first_contact,
    on_host,
    settings,
    upgrades,
)


def _apart(members: Collection[Mapping[str, str]], hostvars: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Judge a cluster's members by what the run has read of their hosts (tasks/upgrade_plan.yml)."""
    planned, down = {}, []
    for host in (one["host"] for one in members):
        unit = (hostvars[host].get("__rabbitmq_host") or {}).get("unit")
        if unit and unit["active_state"] != "active":
            down.append(host)
        asked = hostvars[host].get("__rabbitmq_offer") or {}
        if "plan" in asked:
            has = hostvars[host]["__rabbitmq_has"]["packages"]
            planned[host] = {**has, **asked["plan"]["packages"]}[upgrades.BROKER]
    return upgrades.apart(planned) + upgrades.nobody_to_start_with(down, len(members))


class FilterModule:
    """Loaded by Ansible under this name."""

    def filters(self) -> dict[str, Any]:
        """Return name -> function for each filter."""
        return {
            "erlang_config": erlang_terms.config_file,
            "erlang_term": erlang_terms.term,
            "erlang_verdict": erlang_versions.erlang_verdict,
            "rabbitmq_administrator": administrator.definitions,
            "rabbitmq_classic": configuration.classic,
            "rabbitmq_conf": configuration.conf,
            "rabbitmq_cookie_refusals": on_host.cookie_refusals,
            "rabbitmq_cut_off_refusals": on_host.cut_off_refusals,
            "rabbitmq_enabled_plugins": on_host.enabled_plugins,
            "rabbitmq_first_contact_refusals": first_contact.refusals,
            "rabbitmq_first_contact_words": first_contact.words,
            "rabbitmq_holds_secret": secret_words.holds_secret,
            "rabbitmq_host_refusals": on_host.host_refusals,
            "rabbitmq_install_refusals": on_host.install_refusals,
            "rabbitmq_is_foreign": first_contact.is_foreign,
            "rabbitmq_listeners": settings.listeners,
            "rabbitmq_plugin_refusals": first_contact.plugin_refusals,
            "rabbitmq_online": configuration.online,
            "rabbitmq_refusals": settings.refusals,
            "rabbitmq_restart_reasons": on_host.restart_reasons,
            "rabbitmq_unasked_refusal": first_contact.unasked_refusal,
            "rabbitmq_upgrade_apart": _apart,
            "rabbitmq_upgrade_changes": upgrades.changes,
            "rabbitmq_upgrade_changes_series": upgrades.changes_series,
            "rabbitmq_upgrade_no_way_back": upgrades.no_way_back,
            "rabbitmq_upgrade_held_back": upgrades.held_back,
            "rabbitmq_upgrade_not_come": upgrades.not_come,
            "rabbitmq_upgrade_refusals": upgrades.refusals,
            "rabbitmq_upgrade_specifications": upgrades.specifications,
            "rabbitmq_upgrade_summary": upgrades.summary,
            "rabbitmq_upgrade_way_back": upgrades.way_back,
            "rabbitmq_runs_older": upgrades.runs_older,
            "rabbitmq_flags_off": upgrades.flags_off,
            "rabbitmq_users": administrator.users,
            "upstream_version": versions.upstream,
        }
