"""Filters of roles whose brokers speak TLS: what is wrong with a certificate, and how long it lasts.

The library cryptography is loaded where a broker speaks TLS, and not in each of Ansible's processes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from ..module_utils.brokers.rabbitmq import certificate_source, listeners, tls

_PREFIX = "rabbitmq_tls_"


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _issuer(settings: Mapping[str, Any]) -> Any:
    from ..module_utils.brokers.certificates.issuing import Issuer

    return Issuer(
        str(settings["rabbitmq_tls_ca_certificate"]), str(settings["rabbitmq_tls_ca_key"]), f"{_PREFIX}ca_"
    )


def rabbitmq_certificate_refusals(settings: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """Return a sentence for each thing that is wrong with the certificates of a node that speaks TLS.

    `names` are those by which clients reach it. What lies on the host is not looked at.
    """
    if not tls.is_on(settings):
        return []
    from ..module_utils.brokers.certificates import checks, issuing

    now, source = _now(), settings["rabbitmq_tls_source"]
    authority = settings["rabbitmq_tls_authority"]
    found: list[str] = []
    if source == "files":
        given = checks.Given(
            settings["rabbitmq_tls_certificate"], settings["rabbitmq_tls_key"], authority, _PREFIX
        )
        found = checks.refusals(given, names, now)
    elif source == "ca":
        found = issuing.refusals(_issuer(settings), now)
    if source != "files" and authority and not found:
        found = checks.authority_refusals("rabbitmq_tls_authority", authority, now)
    if source == "ca" and authority and not found:
        called = {"certificate": f"{_PREFIX}ca_certificate"}
        found = checks.trust_refusals(
            checks.Given(settings["rabbitmq_tls_ca_certificate"], None, authority, _PREFIX, called)
        )
    clients = settings["rabbitmq_tls_client_authority"]
    if clients:
        found += checks.authority_refusals("rabbitmq_tls_client_authority", clients, now)
    return found


def rabbitmq_host_certificate_refusals(
    settings: Mapping[str, Any], names: Sequence[str], node: str, host: Mapping[str, Any]
) -> list[str]:
    """Return what is wrong with a certificate on its host, and with one for TLS between nodes.

    `node` is the node's name, `host` what the module broker_host_facts returned.
    """
    if not tls.is_on(settings) or settings["rabbitmq_tls_source"] == "ca":
        return []
    from ..module_utils.brokers.certificates import checks

    source, found = settings["rabbitmq_tls_source"], []
    called, text = "rabbitmq_tls_certificate", settings["rabbitmq_tls_certificate"]
    if source == "host":
        called, text = "rabbitmq_tls_certificate_file", host["pair"]["text"]
        trouble = host["pair"]["trouble"]
        found = [f"{_PREFIX}{part}_file: {said}" for part, said in trouble.items()]
        if not found:
            given = checks.Given(
                text, None, settings["rabbitmq_tls_authority"], _PREFIX, {"certificate": called}
            )
            found = checks.refusals(given, names, _now())
    if certificate_source.is_between_nodes(settings) and not found:
        found = checks.node_refusals(called, text, node.partition("@")[2])
    return found


def rabbitmq_certificate_pair(
    settings: Mapping[str, Any], names: Sequence[str], host: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the node's certificate and key, and whether the host keeps those that it has (`keep`).

    An authority issues new ones where those of the host are no pair, lack one of `names`, or end soon. `host` is what
    the module broker_host_facts returned.
    """
    source = settings["rabbitmq_tls_source"]
    if not tls.is_on(settings) or source == "host":
        return {"certificate": "", "key": "", "keep": False}
    if source == "files":
        return {
            "certificate": settings["rabbitmq_tls_certificate"],
            "key": settings["rabbitmq_tls_key"],
            "keep": False,
        }
    from ..module_utils.brokers.certificates import issuing

    issuer, pair, days = _issuer(settings), host["pair"], settings["rabbitmq_tls_days"]
    again = settings["rabbitmq_tls_ca_reissue"] or pair["trouble"]
    if not again and issuing.is_good(pair["text"], issuer, names, _now(), days):
        return {"certificate": pair["text"], "key": "", "keep": True}
    issued = issuing.issue(issuer, tuple(map(str, names)), settings["rabbitmq_tls_ca_valid_days"])
    return {"certificate": issued.certificate, "key": issued.key, "keep": False}


def rabbitmq_certificate_warnings(settings: Mapping[str, Any], certificate: str) -> list[str]:
    """Return a sentence if the node's certificate, a PEM text, ends soon.

    Those of an authority of ours are renewed before that, and it is the authority's own end that is reported.
    """
    if not tls.is_on(settings):
        return []
    from ..module_utils.brokers.certificates import checks

    ends = {"files": "certificate", "host": "certificate_file", "ca": "ca_certificate"}
    called = _PREFIX + ends[settings["rabbitmq_tls_source"]]
    if settings["rabbitmq_tls_source"] == "ca":
        certificate = settings["rabbitmq_tls_ca_certificate"]
    playbook = "playbooks/rabbitmq_certificates.yml"
    return checks.warnings(called, certificate, _now(), settings["rabbitmq_tls_days"], playbook)


def certificate_words(certificate: str) -> str:
    """Return whose a certificate is, for which names, and until when."""
    from ..module_utils.brokers.certificates import checks

    return checks.words(certificate, _now())


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
            "rabbitmq_certificate_pair": rabbitmq_certificate_pair,
            "rabbitmq_host_certificate_refusals": rabbitmq_host_certificate_refusals,
            "rabbitmq_inter_node_terms": rabbitmq_inter_node_terms,
            "rabbitmq_tls_listeners": listeners.with_tls,
            "rabbitmq_tls_terms": tls.terms,
        }
