"""Filters about message relays: what rules them out, their files, and what they need in their brokers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..module_utils.brokers.relay import beside, declared, objects


def archive_digest(path: str) -> str:
    """Return the first digits of the SHA-256 of the relay's archive on the controller; '' where it is not there."""
    file = Path(path)
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16] if file.is_file() else ""


def document(relay: Mapping[str, Any]) -> str:
    """Return the declaration that the program reads, as text; secrets are files of their own."""
    return json.dumps(declared.document(relay), indent=2, sort_keys=True) + "\n"


class FilterModule:
    """Loaded by Ansible under this name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return name -> function for each filter."""
        return {
            "relay_activemq_authorization": objects.activemq_authorization,
            "relay_activemq_destinations": objects.activemq_destinations,
            "relay_activemq_policies": objects.activemq_policies,
            "relay_activemq_users": objects.activemq_users,
            "relay_archive_digest": archive_digest,
            "relay_broker_refusals": beside.problems,
            "relay_document": document,
            "relay_exchanges": objects.exchanges,
            "relay_queues": objects.queues,
            "relay_refusals": declared.problems,
            "relay_secrets": declared.secrets,
            "relay_users": objects.users,
        }
