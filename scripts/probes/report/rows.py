"""Which row of docs/troubleshooting.md a probe that fails leads to: the doctor and the alerts name the same one.

A probe that may fail for many reasons leads to none: what it says of its failure is nearer than a page.
"""

from __future__ import annotations

PAGE = "docs/troubleshooting.md"
_ROWS = {
    "management.alarms": "memory-alarm",
    "management.unacked": "unacknowledged",
    "cluster.members": "members-disagree",
    "cluster.quorum": "under-replicated",
    "tls.certificate": "certificate-expired",
    "activemq.dead_letters": "activemq-dead-letters",
    "relay.dead": "dead-letters",
    "relay.activemq.dead": "dead-letters",
    "negative.": "strangers-let-in",
    "activemq.anonymous": "strangers-let-in",
    "activemq.shipped": "strangers-let-in",
}


def place(probe: str) -> str:
    """Return where the page has more on a failed probe, '' where it has not."""
    row = next((row for name, row in _ROWS.items() if probe == name or probe.startswith(name)), "")
    return f"{PAGE}#{row}" if row else ""
