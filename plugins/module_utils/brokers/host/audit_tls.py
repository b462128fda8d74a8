"""What an audit says of a broker's listeners with TLS: the certificates that they serve, old versions, and the key."""

from __future__ import annotations

from collections.abc import Iterator

from .audit import Found, Row

LEAST_DAYS = 14


def rows(seen: Found, kind: str) -> list[Row]:
    """Return what the listeners with TLS of a broker have shown; `kind` names the broker's role and user."""
    found = [row for one in seen["listeners"] for row in _listener(one, kind)]
    return [*found, *(_key(path, mode, kind) for path, mode in sorted(seen["keys"].items()))]


def _listener(one: Found, kind: str) -> Iterator[Row]:
    name, trouble = f"certificate {one['port']}", one["trouble"]
    if trouble:
        yield Row(name, f"{one['protocol']} serves none: {trouble}; see the broker's log")
        return
    days = one["days"]
    renew = f"renew it and run playbooks/{kind}_certificates.yml"
    if days is None or days >= LEAST_DAYS:
        yield Row(name)
    elif days < 0:
        yield Row(name, f"that of {one['protocol']} is over since {-days} days: {renew}")
    else:
        yield Row(name, f"that of {one['protocol']} ends in {days} days: {renew}")
    if one["old"]:
        yield Row(
            f"TLS versions {one['port']}",
            f"{one['protocol']} agrees to {one['old']}, which is withdrawn (RFC 8996): set {kind}_tls_versions to "
            "[tlsv1.2, tlsv1.3]",
        )
    else:
        yield Row(f"TLS versions {one['port']}")


def _key(path: str, mode: int, kind: str) -> Row:
    name = f"key {path}"
    if not mode & 0o007:
        return Row(name)
    return Row(
        name,
        f"it has mode {mode:04o}, and every user of the host can take it: run chmod o= {path}, or site.yml if the role "
        f"{kind} has written it, and replace certificate and key",
    )
