"""Versions of TLS and their ciphers, as the roles of both brokers take them: what is refused, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

VERSIONS = ("tlsv1.2", "tlsv1.3")
_OUTDATED = ("sslv3", "tlsv1", "tlsv1.1")
# What the names of all ciphers of TLS 1.3 begin with, OpenSSL's and Java's alike.
_NEWER = ("TLS_AES_", "TLS_CHACHA20_")


def refusals(
    prefix: str, versions: Sequence[str], ciphers: Sequence[str], examples: Mapping[str, str]
) -> list[str]:
    """Return what is wrong with the variables `prefix`versions and `prefix`ciphers, one sentence each.

    `examples` has a cipher of each version, by the name that the broker takes.
    """
    found = []
    if not versions:
        found.append(f"{prefix}versions: is empty; give {' and '.join(VERSIONS)}, or one of the two")
    for one in versions:
        if one in _OUTDATED:
            found.append(
                f"{prefix}versions: '{one}' is no longer secure, and clients refuse it; use {' and '.join(VERSIONS)}"
            )
        elif one not in VERSIONS:
            found.append(f"{prefix}versions: '{one}' is not a version of TLS; write {' or '.join(VERSIONS)}")
    return found or _cipher_refusals(prefix, versions, [str(one) for one in ciphers], examples)


def _cipher_refusals(
    prefix: str, versions: Sequence[str], ciphers: Sequence[str], examples: Mapping[str, str]
) -> list[str]:
    """Return why no client could agree on a cipher: each version has its own."""
    if not ciphers:
        return []
    newer = [one for one in ciphers if one.startswith(_NEWER)]
    missing = {"tlsv1.3": not newer, "tlsv1.2": len(newer) == len(ciphers)}
    return [
        f"{prefix}ciphers: holds none for {version}, so that no client could use it; add one such as "
        f"{examples[version]}, or take {version} out of {prefix}versions"
        for version in versions
        if missing[version]
    ]
