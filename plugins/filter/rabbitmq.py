"""Filters of the role rabbitmq: what is wrong with its settings, and the forms its files need."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

# The library ships to targets as ansible.module_utils.brokers; on the controller it is found beside this file.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "module_utils"))

from brokers import administrator, erlang, first_contact, rabbitmq_host, rabbitmq_settings, versions


class FilterModule:
    """What Ansible looks for in this file."""

    def filters(self) -> dict[str, Any]:
        """Return name -> function for each filter."""
        return {
            "erlang_config": erlang.config_file,
            "erlang_term": erlang.term,
            "erlang_verdict": versions.erlang_verdict,
            "rabbitmq_administrator": administrator.definitions,
            "rabbitmq_classic": rabbitmq_settings.classic,
            "rabbitmq_content_option": rabbitmq_settings.content_option,
            "rabbitmq_cut_off_refusals": rabbitmq_host.cut_off_refusals,
            "rabbitmq_enabled_plugins": rabbitmq_host.enabled_plugins,
            "rabbitmq_first_contact_refusals": first_contact.rabbitmq_refusals,
            "rabbitmq_first_contact_words": first_contact.rabbitmq_words,
            "rabbitmq_host_refusals": rabbitmq_host.host_refusals,
            "rabbitmq_install_refusals": rabbitmq_host.install_refusals,
            "rabbitmq_is_foreign": first_contact.rabbitmq_is_foreign,
            "rabbitmq_listeners": rabbitmq_settings.listeners,
            "rabbitmq_plugin_refusals": first_contact.plugin_refusals,
            "rabbitmq_refusals": rabbitmq_settings.refusals,
            "rabbitmq_restart_reasons": rabbitmq_host.restart_reasons,
            "rabbitmq_unasked_refusal": first_contact.unasked_refusal,
            "rabbitmq_users": administrator.users,
            "upstream_version": versions.upstream,
        }
