"""The certificate of a broker by the source that its variables name: what is wrong with it, and its text.

The same for both brokers. A source's variables are checked in tls_sources.py, without the library cryptography.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from . import checks, issuing


@dataclass(frozen=True)
class Wanted:
    """A broker's settings, what their names begin with, and the names by which clients reach it.

    One that does not serve TLS shows its certificate to other brokers only, as their client.
    """

    settings: Mapping[str, Any]
    prefix: str
    names: Sequence[str]
    serves: bool = True

    def value(self, part: str) -> Any:
        """Return the value of a variable."""
        return self.settings[f"{self.prefix}{part}"]

    @property
    def source(self) -> str:
        """Where the certificate comes from: files, host or ca."""
        return str(self.value("source"))


def _issuer(wanted: Wanted) -> issuing.Issuer:
    certificate, key = str(wanted.value("ca_certificate")), str(wanted.value("ca_key"))
    return issuing.Issuer(certificate, key, f"{wanted.prefix}ca_")


def _certificate_refusals(wanted: Wanted, certificate: str, key: str | None, now: datetime) -> list[str]:
    called = {} if wanted.source == "files" else {"certificate": f"{wanted.prefix}certificate_file"}
    authority, names = (wanted.value("authority"), wanted.names) if wanted.serves else ("", ())
    given = checks.Given(certificate, key, authority, wanted.prefix, called)
    return checks.refusals(given, names, now, client=not wanted.serves)


def refusals(wanted: Wanted, now: datetime) -> list[str]:
    """Return a sentence for each thing that is wrong with the certificates, before any host is asked."""
    authority, clients, found = wanted.value("authority"), wanted.value("client_authority"), []
    certificate = wanted.value("certificate")
    if wanted.source == "files" and (wanted.serves or certificate):
        found = _certificate_refusals(wanted, certificate, wanted.value("key"), now)
    elif wanted.source == "ca":
        found = issuing.refusals(_issuer(wanted), now)
    checked = wanted.source == "files" and wanted.serves
    if authority and not checked and not found:
        found = checks.authority_refusals(f"{wanted.prefix}authority", authority, now)
    if authority and wanted.serves and wanted.source == "ca" and not found:
        called = {"certificate": f"{wanted.prefix}ca_certificate"}
        issuer = checks.Given(wanted.value("ca_certificate"), None, authority, wanted.prefix, called)
        found = checks.trust_refusals(issuer)
    if clients:
        found += checks.authority_refusals(f"{wanted.prefix}client_authority", clients, now)
    return found


def host_refusals(wanted: Wanted, host: Mapping[str, Any], now: datetime) -> list[str]:
    """Return what is wrong with a certificate that something else keeps on the host.

    `host` is what the module broker_host_facts returned.
    """
    if wanted.source != "host":
        return []
    found = [f"{wanted.prefix}{part}_file: {said}" for part, said in host["pair"]["trouble"].items()]
    return found or _certificate_refusals(wanted, host["pair"]["text"], None, now)


def pair(wanted: Wanted, host: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return the broker's certificate and key, and whether the host keeps those that it has (`keep`).

    An authority issues new ones where those of the host are no pair, lack one of the names, or end soon. `host` is
    what the module broker_host_facts returned.
    """
    if wanted.source == "host":
        return {"certificate": "", "key": "", "keep": False}
    if wanted.source == "files":
        return {"certificate": wanted.value("certificate"), "key": wanted.value("key"), "keep": False}
    issuer, found = _issuer(wanted), host["pair"]
    names = tuple(dict.fromkeys(map(str, wanted.names)))
    again = wanted.value("ca_reissue") or found["trouble"]
    if not again and issuing.is_good(found["text"], issuer, names, now, wanted.value("days")):
        return {"certificate": found["text"], "key": "", "keep": True}
    issued = issuing.issue(issuer, names, wanted.value("ca_valid_days"))
    return {"certificate": issued.certificate, "key": issued.key, "keep": False}


def warnings(wanted: Wanted, certificate: str, now: datetime, playbook: str) -> list[str]:
    """Return a sentence if the broker's certificate, a PEM text, ends soon; `playbook` renews it.

    Those of an authority of ours are renewed before that, and it is the authority's own end that is reported.
    """
    ends = {"files": "certificate", "host": "certificate_file", "ca": "ca_certificate"}
    text = wanted.value("ca_certificate") if wanted.source == "ca" else certificate
    if not text:
        return []
    return checks.warnings(f"{wanted.prefix}{ends[wanted.source]}", text, now, wanted.value("days"), playbook)
