"""Filters of playbooks/audit.yml: what was read of a host, as findings and as a summary."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..module_utils.brokers.activemq import audit as activemq_audit
from ..module_utils.brokers.host import audit, audit_tls
from ..module_utils.brokers.rabbitmq import audit as rabbitmq_audit

NO_TLS: dict[str, Any] = {"listeners": [], "keys": {}}


def _rows(found: dict[str, Any]) -> list[audit.Row]:
    kind, listeners = found["kind"], found["listeners"]
    host = [*audit.rows(found), *audit_tls.rows(found.get("tls") or NO_TLS, kind)]
    if kind == "activemq":
        return [*host, *activemq_audit.rows(found.get("connectors", []), listeners)]
    if found["unanswered"]:
        return [
            *host,
            audit.Row("node", f"it could not be asked: {found['unanswered']}; start it and run again"),
        ]
    if not found["node"]:
        return host
    return [*host, *rabbitmq_audit.rows(found["node"], listeners, found.get("filtered", False))]


def _broker(found: dict[str, Any], host: str) -> str:
    """Return what a broker is called: a host may have one of each kind."""
    return f"{host} ({found['kind']})"


def names(accepted: Any) -> list[str]:
    """Return audit_accepted as a list; on the command line it is a text with commas."""
    items = accepted.split(",") if isinstance(accepted, str) else accepted or []
    return [str(item).strip() for item in items if str(item).strip()]


def findings(found: dict[str, Any], host: str, accepted: Any) -> list[str]:
    """Return a sentence for each thing that is not as it should be and was not accepted."""
    return audit.findings(_broker(found, host), _rows(found), names(accepted))


def summary(found: dict[str, Any], host: str, accepted: Any) -> str:
    """Return what was looked at and is well, in one sentence."""
    return audit.summary(_broker(found, host), _rows(found), names(accepted))


class FilterModule:
    """Loaded by Ansible under this name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return name -> function for each filter."""
        return {"audit_findings": findings, "audit_summary": summary}
