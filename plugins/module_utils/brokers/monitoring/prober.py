"""The prober on a host of its own: its endpoints file, and what rules the settings of its timer out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ..host.sandbox import path_refusals

# The alert that the prober is stale comes after twenty minutes.
LONGEST = 600
_PROTOCOLS = ("amqp", "stomp", "management")
# Files on the controller, which the host does not have.
_FILES = ("ca_file", "cert_file", "key_file")


def _endpoints(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for broker in document.get("brokers", []):
        for protocol in _PROTOCOLS:
            if broker.get(protocol):
                yield broker["name"], protocol, broker[protocol]


def document(given: Mapping[str, Any], authority: str) -> str:
    """Return the endpoints file of the host; `authority` is its file of trusted issuers, or empty."""
    made: dict[str, Any] = json.loads(json.dumps(given))
    for _, _, endpoint in _endpoints(made):
        for name in _FILES:
            endpoint.pop(name, None)
        if endpoint.get("tls") and authority:
            endpoint["ca_file"] = authority
    return json.dumps(made, indent=2, sort_keys=True) + "\n"


def refusals(settings: Mapping[str, Any], given: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the settings, one sentence each."""
    found = [
        f"{name}: {settings[name]} is out of range; choose {low} to {high} seconds"
        for name, low, high in (
            ("smoke_timer_interval", 10, LONGEST),
            ("smoke_timer_probe_timeout", 1, 60),
            ("smoke_timer_time_limit", 10, LONGEST),
        )
        if not low <= int(settings[name]) <= high
    ]
    if not given.get("brokers"):
        found.append(
            "smoke_timer_endpoints: holds no broker; run playbooks/smoke_timer.yml with an inventory that has some, or "
            "give the content of artifacts/endpoints.json"
        )
    found += [
        f"smoke_timer_endpoints: {name} lets clients in over {protocol} by their certificate only, and the timer has "
        "none; leave the broker out, or set rabbitmq_tls_client_certificates to offered"
        for name, protocol, endpoint in _endpoints(given)
        if endpoint.get("client_certificate") == "required"
    ]
    return found + path_refusals("smoke_timer_directory", [settings["smoke_timer_directory"]])
