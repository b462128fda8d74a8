"""Where a node's certificate comes from: texts in the inventory, files that something else keeps on the host, or an
authority in the vault that issues one for each host. And what its nodes need to speak TLS with one another.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

Settings = Mapping[str, Any]

DIRECTORY = "/etc/rabbitmq/tls"
CERTIFICATE = f"{DIRECTORY}/certificate.pem"
KEY = f"{DIRECTORY}/key.pem"
AUTHORITY = f"{DIRECTORY}/authority.pem"
CLIENT_AUTHORITY = f"{DIRECTORY}/client_authority.pem"

# The variables of each source; those of another one would be ignored, and are refused.
SOURCES = {
    "files": ("rabbitmq_tls_certificate", "rabbitmq_tls_key"),
    "host": ("rabbitmq_tls_certificate_file", "rabbitmq_tls_key_file"),
    "ca": ("rabbitmq_tls_ca_certificate", "rabbitmq_tls_ca_key"),
}
# What the sandbox of the unit hides (ProtectHome), and what a user of the host does not enter either.
_HIDDEN = ("/home", "/root", "/run/user")


def is_between_nodes(settings: Settings) -> bool:
    """Return whether nodes, and the tools of the command line, speak TLS with one another."""
    return bool(settings["rabbitmq_tls_inter_node"])


def certificate_path(settings: Settings) -> str:
    """Return where the node reads its certificate."""
    at_home = settings["rabbitmq_tls_source"] == "host"
    return str(settings["rabbitmq_tls_certificate_file"]) if at_home else CERTIFICATE


def key_path(settings: Settings) -> str:
    """Return where the node reads its key."""
    at_home = settings["rabbitmq_tls_source"] == "host"
    return str(settings["rabbitmq_tls_key_file"]) if at_home else KEY


def inter_node_terms(settings: Settings) -> dict[str, Any]:
    """Return the Erlang term of the options of TLS between nodes, as `erlang_terms.term` writes it.

    A node shows its certificate both ways, and asks for one both ways. `fail_if_no_peer_cert` belongs to the server
    alone: among a client's options it breaks every connection from OTP 26 on (erlang/otp#7497).
    """
    files = {
        "cacertfile": AUTHORITY,
        "certfile": certificate_path(settings),
        "keyfile": key_path(settings),
        "verify": {"_atom": "verify_peer"},
        "depth": settings["rabbitmq_tls_depth"],
    }
    return {"server": {**files, "fail_if_no_peer_cert": True}, "client": files}


def refusals(settings: Settings) -> list[str]:
    """Return what is wrong with the variables of the source, apart from the certificates themselves."""
    source = settings["rabbitmq_tls_source"]
    found = [
        f"{name}: is not used, since rabbitmq_tls_source is '{source}'; drop it, or set rabbitmq_tls_source to {other}"
        for other, names in SOURCES.items()
        for name in names
        if other != source and settings[name]
    ]
    if source == "host":
        found += [refusal for name in SOURCES["host"] for refusal in _path_refusals(settings, name)]
    if source == "ca":
        found += _days_refusals(settings)
    if is_between_nodes(settings) and not settings["rabbitmq_tls_authority"]:
        found.append(
            "rabbitmq_tls_authority: is empty, and rabbitmq_tls_inter_node is on: nodes trust no public CA; give the "
            "PEM text of the certificate of the CA that issues the nodes' certificates"
        )
    return found


def _days_refusals(settings: Settings) -> list[str]:
    """Return why each run would issue another certificate, or one that nobody takes."""
    valid, left = settings["rabbitmq_tls_ca_valid_days"], settings["rabbitmq_tls_days"]
    if valid > max(left, 0):
        return []
    return [
        f"rabbitmq_tls_ca_valid_days: {valid} is no more than rabbitmq_tls_days ({left}), so that each run would issue "
        "another certificate; make it longer, at best several times as long"
    ]


def _path_refusals(settings: Settings, name: str) -> list[str]:
    path = str(settings[name])
    if not path:
        return [
            f"{name}: is empty, and rabbitmq_tls_source is 'host'; give the path of the PEM file on the host"
        ]
    if not path.startswith("/") or ".." in PurePosixPath(path).parts:
        return [
            f"{name}: '{path}' is not an absolute path on the host; give one such as /etc/ssl/private/mq1.pem"
        ]
    hidden = next((place for place in _HIDDEN if path.startswith(f"{place}/")), "")
    if hidden:
        return [
            f"{name}: '{path}' is below {hidden}, where the broker sees nothing; have the file put below /etc/ssl or "
            "another place"
        ]
    return []
