"""Where a node reads its certificate, and what nodes need to speak TLS with one another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import tls_sources

Settings = Mapping[str, Any]

DIRECTORY = "/etc/rabbitmq/tls"
CERTIFICATE = f"{DIRECTORY}/certificate.pem"
KEY = f"{DIRECTORY}/key.pem"
AUTHORITY = f"{DIRECTORY}/authority.pem"
CLIENT_AUTHORITY = f"{DIRECTORY}/client_authority.pem"


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
    found = tls_sources.refusals(settings, "rabbitmq_tls_")
    if is_between_nodes(settings) and not settings["rabbitmq_tls_authority"]:
        found.append(
            "rabbitmq_tls_authority: is empty, and rabbitmq_tls_inter_node is on: nodes trust no public CA; give the "
            "PEM text of the certificate of the CA that issues the nodes' certificates"
        )
    return found
