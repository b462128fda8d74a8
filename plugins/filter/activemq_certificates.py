"""Filters of the role activemq about certificates: what is wrong with one, and whether it ends soon.

The library cryptography is loaded where a broker uses TLS, and not in each of Ansible's processes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from ..module_utils.brokers.activemq import connectors

if TYPE_CHECKING:
    from ..module_utils.brokers.certificates.obtaining import Wanted

Settings = Mapping[str, Any]
_PREFIX = "activemq_tls_"
_PLAYBOOK = "playbooks/activemq_certificates.yml"


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _wanted(settings: Settings, names: Sequence[str]) -> Wanted:
    from ..module_utils.brokers.certificates.obtaining import Wanted

    return Wanted(settings, _PREFIX, names, connectors.serves_tls(settings))


def activemq_certificate_refusals(settings: Settings, names: Sequence[str]) -> list[str]:
    """Return a sentence for each thing that is wrong with the certificates of a broker that uses TLS.

    One whose bridges alone use it may have none; if it has, other brokers see it as their client's.
    """
    if not connectors.uses_tls(settings):
        return []
    from ..module_utils.brokers.certificates import obtaining

    return obtaining.refusals(_wanted(settings, names), _now())


def activemq_host_certificate_refusals(
    settings: Settings, names: Sequence[str], host: Mapping[str, Any]
) -> list[str]:
    """Return what is wrong with a certificate on its host; `host` is what the module broker_host_facts returned."""
    if not connectors.uses_tls(settings):
        return []
    from ..module_utils.brokers.certificates import obtaining

    return obtaining.host_refusals(_wanted(settings, names), host, _now())


def activemq_certificate_pair(
    settings: Settings, names: Sequence[str], host: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the broker's certificate and key, and whether the host keeps those that it has (`keep`)."""
    if not connectors.uses_tls(settings):
        return {"certificate": "", "key": "", "keep": False}
    from ..module_utils.brokers.certificates import obtaining

    return obtaining.pair(_wanted(settings, names), host, _now())


def activemq_certificate_warnings(settings: Settings, certificate: str) -> list[str]:
    """Return a sentence if the broker's certificate, a PEM text, ends soon."""
    if not connectors.uses_tls(settings):
        return []
    from ..module_utils.brokers.certificates import obtaining

    return obtaining.warnings(_wanted(settings, ()), certificate, _now(), _PLAYBOOK)


class FilterModule:
    """Loaded by Ansible under this name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return name -> function for each filter."""
        return {
            "activemq_certificate_pair": activemq_certificate_pair,
            "activemq_certificate_refusals": activemq_certificate_refusals,
            "activemq_certificate_warnings": activemq_certificate_warnings,
            "activemq_host_certificate_refusals": activemq_host_certificate_refusals,
            "activemq_tls_listeners": connectors.tls_listeners,
        }
