"""TLS of an ActiveMQ broker: what a connector's URI says of it, and the checks that need no certificate.

The switch `activemq_tls` gives every connector that names no transport a twin with TLS (both), or makes it speak TLS
(only): see connectors.py. Options are those of 5.16 to 6.3.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .. import tls_versions
from .access import Settings

# What names a listener with TLS that was made of a connector.
SUFFIX = "-tls"
_CIPHERS = {"tlsv1.3": "TLS_AES_256_GCM_SHA384", "tlsv1.2": "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"}
_JAVA_CIPHER = re.compile(r"TLS_[A-Z0-9_]+\Z")
_ASKS = {"offered": "transport.wantClientAuth", "required": "transport.needClientAuth"}
_DEFAULT_VERSIONS = list(tls_versions.VERSIONS)


def is_on(settings: Settings) -> bool:
    """Return whether connectors that name no transport speak TLS, alone or as well."""
    return settings["activemq_tls"] in ("both", "only")


def is_only(settings: Settings) -> bool:
    """Return whether the broker is to have no listener without TLS."""
    return bool(settings["activemq_tls"] == "only")


def options(settings: Settings, protocol: str) -> dict[str, Any]:
    """Return the options of a URI with TLS."""
    found: dict[str, Any] = {}
    # Jetty serves WebSocket, and takes what Java allows: TLS 1.2 and 1.3.
    if protocol != "ws":
        versions = settings["activemq_tls_versions"]
        found["transport.enabledProtocols"] = ",".join(one.replace("tls", "TLS") for one in versions)
        if settings["activemq_tls_ciphers"]:
            found["transport.enabledCipherSuites"] = ",".join(settings["activemq_tls_ciphers"])
    asks = _ASKS.get(settings["activemq_tls_client_certificates"])
    return {**found, asks: True} if asks else found


def client_certificate(options_of_uri: Mapping[str, Any]) -> str:
    """Return what a connector asks of its clients: none, offered or required."""

    def says(name: str) -> bool:
        return str(options_of_uri.get(_ASKS[name], "")).lower() == "true"

    return "required" if says("required") else "offered" if says("offered") else "none"


def refusals(settings: Settings, serving: list[dict[str, Any]]) -> list[str]:
    """Return what is wrong with the settings of TLS, apart from certificates; `serving` are the connectors with TLS."""
    if not serving:
        return []
    versions, ciphers = settings["activemq_tls_versions"], settings["activemq_tls_ciphers"]
    found = tls_versions.refusals("activemq_tls_", versions, ciphers, _CIPHERS)
    found += [
        f"activemq_tls_ciphers: '{one}' is not a cipher by Java's name; write it as {_CIPHERS['tlsv1.2']}, which "
        "OpenSSL calls ECDHE-RSA-AES256-GCM-SHA384"
        for one in ciphers
        if not _JAVA_CIPHER.match(str(one))
    ]
    found += _web_refusals(settings, serving)
    wanted = settings["activemq_tls_client_certificates"]
    if wanted != "none" and not (
        settings["activemq_tls_client_authority"] or settings["activemq_tls_authority"]
    ):
        found.append(
            f"activemq_tls_client_authority: is empty, and activemq_tls_client_certificates is '{wanted}'; give the "
            "PEM text of the certificates of the issuers of clients' certificates"
        )
    return found


def _web_refusals(settings: Settings, serving: list[dict[str, Any]]) -> list[str]:
    """Return which settings a listener for WebSocket would not keep to."""
    given = {
        "versions": sorted(settings["activemq_tls_versions"]) != _DEFAULT_VERSIONS,
        "ciphers": bool(settings["activemq_tls_ciphers"]),
    }
    return [
        f"activemq_tls_{what}: has no effect on the connector '{one['name']}', whose protocol ws takes what Java "
        "allows; drop the variable, or the connector"
        for what, changed in given.items()
        for one in serving
        if changed and one["protocol"] == "ws"
    ]
