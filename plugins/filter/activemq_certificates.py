"""Filters of the role activemq about certificates: what is wrong with one, and whether it ends soon.

The library cryptography is loaded where a broker uses TLS, and not in each of Ansible's processes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from ..module_utils.brokers.activemq import connectors

Settings = Mapping[str, Any]
_PREFIX = "activemq_tls_"


def activemq_certificate_refusals(settings: Settings, names: Sequence[str]) -> list[str]:
    """Return a sentence for each thing that is wrong with the certificates of a broker that uses TLS.

    One whose bridges alone use it may have none; if it has, other brokers see it as their client's.
    """
    if not connectors.uses_tls(settings):
        return []
    from ..module_utils.brokers.certificates import checks

    now, found = datetime.now(timezone.utc), []
    serves = connectors.serves_tls(settings)
    certificate, key = settings[f"{_PREFIX}certificate"], settings["activemq_tls_key"]
    authority, clients = settings[f"{_PREFIX}authority"], settings[f"{_PREFIX}client_authority"]
    if serves:
        found = checks.refusals(checks.Given(certificate, key, authority, _PREFIX), names, now)
    elif certificate:
        found = checks.refusals(checks.Given(certificate, key, "", _PREFIX), [], now, client=True)
    if authority and not serves:
        found += checks.authority_refusals(f"{_PREFIX}authority", authority, now)
    if clients:
        found += checks.authority_refusals(f"{_PREFIX}client_authority", clients, now)
    return found


def activemq_certificate_warnings(settings: Settings) -> list[str]:
    """Return a sentence if the broker's certificate ends soon."""
    name = f"{_PREFIX}certificate"
    if not (connectors.uses_tls(settings) and settings[name]):
        return []
    from ..module_utils.brokers.certificates import checks

    days, playbook = settings["activemq_tls_days"], "playbooks/activemq_certificates.yml"
    return checks.warnings(name, settings[name], datetime.now(timezone.utc), days, playbook)


class FilterModule:
    """Loaded by Ansible under this name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return name -> function for each filter."""
        return {
            "activemq_certificate_refusals": activemq_certificate_refusals,
            "activemq_certificate_warnings": activemq_certificate_warnings,
            "activemq_tls_listeners": connectors.tls_listeners,
        }
