"""Filters of the role activemq: what is wrong with its settings, and the forms its files need."""

from __future__ import annotations

from typing import Any

from ..module_utils.brokers.activemq import (
    access,
    advisories,
    connectors,
    first_contact,
    management,
    on_host,
    settings,
)


def systemd_word(text: str) -> str:
    """Return `text` as one quoted word of an ExecStart= line. Source: systemd.service(5), "Command lines"."""
    escaped = str(text).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'


class FilterModule:
    """Loaded by Ansible under this name."""

    def filters(self) -> dict[str, Any]:
        """Return name -> function for each filter."""
        return {
            "activemq_agent_option": management.agent_option,
            "activemq_connectors": connectors.connectors,
            "activemq_archive_refusals": settings.archive_refusals,
            "activemq_first_contact_refusals": first_contact.refusals,
            "activemq_first_contact_words": first_contact.words,
            "activemq_is_foreign": first_contact.is_foreign,
            "activemq_groups": access.groups,
            "activemq_host_refusals": on_host.host_refusals,
            "activemq_install_refusals": on_host.install_refusals,
            "activemq_java_refusal": advisories.java_refusal,
            "activemq_refusals": settings.refusals,
            "activemq_restart_reasons": on_host.restart_reasons,
            "activemq_security_verdict": advisories.security_verdict,
            "activemq_service_refusals": on_host.unit_refusals,
            "activemq_static_uri": settings.static_uri,
            "activemq_listeners": management.listeners,
            "activemq_serves_tls": connectors.serves_tls,
            "activemq_trusted": connectors.trusted,
            "activemq_uses_tls": connectors.uses_tls,
            "activemq_uri": connectors.connector_uri,
            "java_property": access.property_text,
            "systemd_word": systemd_word,
        }
