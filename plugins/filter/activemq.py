"""Filters of the role activemq: what is wrong with its settings, and the forms its files need."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

# The library ships to targets as ansible.module_utils.brokers; on the controller it is beside this file.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "module_utils"))

from brokers import (
    activemq_access,
    activemq_connectors,
    activemq_host,
    activemq_management,
    activemq_settings,
    activemq_versions,
    first_contact,
)


def systemd_word(text: str) -> str:
    """Return `text` as one quoted word of an ExecStart= line. Source: systemd.service(5), "Command lines"."""
    escaped = str(text).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'


class FilterModule:
    """What Ansible looks for in this file."""

    def filters(self) -> dict[str, Any]:
        """Return name -> function for each filter."""
        return {
            "activemq_connectors": activemq_connectors.connectors,
            "activemq_archive_refusals": activemq_settings.archive_refusals,
            "activemq_first_contact_refusals": first_contact.activemq_refusals,
            "activemq_first_contact_words": first_contact.activemq_words,
            "activemq_is_foreign": first_contact.activemq_is_foreign,
            "activemq_groups": activemq_access.groups,
            "activemq_host_refusals": activemq_host.host_refusals,
            "activemq_install_refusals": activemq_host.install_refusals,
            "activemq_java_refusal": activemq_versions.java_refusal,
            "activemq_refusals": activemq_settings.refusals,
            "activemq_restart_reasons": activemq_host.restart_reasons,
            "activemq_security_verdict": activemq_versions.security_verdict,
            "activemq_service_refusals": activemq_host.unit_refusals,
            "activemq_static_uri": activemq_settings.static_uri,
            "activemq_listeners": activemq_management.listeners,
            "activemq_uses_tls": activemq_connectors.uses_tls,
            "activemq_uri": activemq_connectors.connector_uri,
            "java_property": activemq_access.property_text,
            "systemd_word": systemd_word,
        }
