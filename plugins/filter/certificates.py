"""Filters of roles whose brokers speak TLS: what is wrong with a certificate, and how long it lasts.

The library cryptography is loaded where a broker speaks TLS, and not in each of Ansible's processes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from ..module_utils.brokers.rabbitmq import listeners, tls


def rabbitmq_certificate_refusals(settings: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """Return a sentence for each thing that is wrong with the certificates of a node that speaks TLS."""
    if not tls.is_on(settings):
        return []
    from ..module_utils.brokers.certificates import checks

    now = datetime.now(timezone.utc)
    given = checks.Given(
        settings["rabbitmq_tls_certificate"],
        settings["rabbitmq_tls_key"],
        settings["rabbitmq_tls_authority"],
        "rabbitmq_tls_",
    )
    found = checks.refusals(given, names, now)
    clients = settings["rabbitmq_tls_client_authority"]
    if clients:
        found += checks.authority_refusals("rabbitmq_tls_client_authority", clients, now)
    return found


def rabbitmq_certificate_warnings(settings: Mapping[str, Any]) -> list[str]:
    """Return a sentence if the node's certificate ends soon."""
    if not tls.is_on(settings):
        return []
    from ..module_utils.brokers.certificates import checks

    certificate, days = settings["rabbitmq_tls_certificate"], settings["rabbitmq_tls_days"]
    return checks.warnings("rabbitmq_tls_certificate", certificate, datetime.now(timezone.utc), days)


def rabbitmq_certificate_words(settings: Mapping[str, Any]) -> str:
    """Return whose the node's certificate is, for which names, and until when."""
    from ..module_utils.brokers.certificates import checks

    return checks.words(settings["rabbitmq_tls_certificate"], datetime.now(timezone.utc))


class FilterModule:
    """Loaded by Ansible under this name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return name -> function for each filter."""
        return {
            "rabbitmq_certificate_refusals": rabbitmq_certificate_refusals,
            "rabbitmq_certificate_warnings": rabbitmq_certificate_warnings,
            "rabbitmq_certificate_words": rabbitmq_certificate_words,
            "rabbitmq_tls_listeners": listeners.with_tls,
            "rabbitmq_tls_terms": tls.terms,
        }
