"""Filters of roles whose brokers speak TLS: what is wrong with a certificate, and how long it lasts.

The library cryptography is loaded where a broker speaks TLS, and not in each of Ansible's processes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..module_utils.brokers.rabbitmq import certificate_source, listeners, tls

if TYPE_CHECKING:
    from ..module_utils.brokers.certificates.obtaining import Wanted

_PREFIX = "rabbitmq_tls_"
_PLAYBOOK = "playbooks/rabbitmq_certificates.yml"


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _wanted(settings: Mapping[str, Any], names: Sequence[str]) -> Wanted:
    from ..module_utils.brokers.certificates.obtaining import Wanted

    return Wanted(settings, _PREFIX, names)


def rabbitmq_certificate_refusals(settings: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """Return a sentence for each thing that is wrong with the certificates of a node that speaks TLS.

    `names` are those by which clients reach it. What lies on the host is not looked at.
    """
    if not tls.is_on(settings):
        return []
    from ..module_utils.brokers.certificates import obtaining

    return obtaining.refusals(_wanted(settings, names), _now())


def rabbitmq_host_certificate_refusals(
    settings: Mapping[str, Any], names: Sequence[str], node: str, host: Mapping[str, Any]
) -> list[str]:
    """Return what is wrong with a certificate on its host, and with one for TLS between nodes.

    `node` is the node's name, `host` what the module broker_host_facts returned.
    """
    source = settings["rabbitmq_tls_source"]
    if not tls.is_on(settings) or source == "ca":
        return []
    from ..module_utils.brokers.certificates import checks, obtaining

    found = obtaining.host_refusals(_wanted(settings, names), host, _now())
    if certificate_source.is_between_nodes(settings) and not found:
        called, text = (
            ("certificate_file", host["pair"]["text"])
            if source == "host"
            else ("certificate", settings["rabbitmq_tls_certificate"])
        )
        found = checks.node_refusals(f"{_PREFIX}{called}", text, node.partition("@")[2])
    return found


def rabbitmq_certificate_pair(
    settings: Mapping[str, Any], names: Sequence[str], host: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the node's certificate and key, and whether the host keeps those that it has (`keep`)."""
    if not tls.is_on(settings):
        return {"certificate": "", "key": "", "keep": False}
    from ..module_utils.brokers.certificates import obtaining

    return obtaining.pair(_wanted(settings, names), host, _now())


def rabbitmq_certificate_warnings(settings: Mapping[str, Any], certificate: str) -> list[str]:
    """Return a sentence if the node's certificate, a PEM text, ends soon."""
    if not tls.is_on(settings):
        return []
    from ..module_utils.brokers.certificates import obtaining

    return obtaining.warnings(_wanted(settings, ()), certificate, _now(), _PLAYBOOK)


def certificate_words(certificate: str) -> str:
    """Return whose a certificate is, for which names, and until when."""
    from ..module_utils.brokers.certificates import checks

    return checks.words(certificate, _now())


def probe_certificate_refusals(certificate_file: str, key_file: str) -> list[str]:
    """Return what a broker would refuse of the certificate that the probes show, before any host is changed.

    Its files may lie on another machine, where smoke.py runs: what is not here, or not for this user, is left to it.
    """
    certificate, key = _text(certificate_file), _text(key_file)
    if certificate is None:
        return []
    from ..module_utils.brokers.certificates import checks

    return checks.client_refusals(("endpoint_cert_file", "endpoint_key_file"), certificate, key, _now())


def _text(path: str) -> str | None:
    """Return what a file of the controller holds; a relative path is seen from where the run was started."""
    try:
        return Path(path).expanduser().read_text(encoding="utf-8", errors="replace") if path else None
    except OSError:
        return None


def rabbitmq_inter_node_terms(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of TLS between nodes, for the filter erlang_term."""
    return certificate_source.inter_node_terms(settings)


class FilterModule:
    """Loaded by Ansible under this name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return name -> function for each filter."""
        return {
            "rabbitmq_certificate_refusals": rabbitmq_certificate_refusals,
            "rabbitmq_certificate_warnings": rabbitmq_certificate_warnings,
            "certificate_words": certificate_words,
            "probe_certificate_refusals": probe_certificate_refusals,
            "rabbitmq_certificate_pair": rabbitmq_certificate_pair,
            "rabbitmq_host_certificate_refusals": rabbitmq_host_certificate_refusals,
            "rabbitmq_inter_node_terms": rabbitmq_inter_node_terms,
            "rabbitmq_tls_listeners": listeners.with_tls,
            "rabbitmq_tls_terms": tls.terms,
        }
