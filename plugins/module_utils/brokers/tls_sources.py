"""Where a broker's certificate comes from, the same for both brokers: texts in the inventory, files that something
else keeps on the host, or an authority in the vault that issues one for each host.

The variables begin with `prefix`, such as rabbitmq_tls_. certificates/obtaining.py checks the certificates themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

Settings = Mapping[str, Any]

# The variables of each source; those of another one would be ignored, and are refused.
SOURCES = {
    "files": ("certificate", "key"),
    "host": ("certificate_file", "key_file"),
    "ca": ("ca_certificate", "ca_key"),
}
MOST_DAYS = 3650
# What the sandbox of the unit hides (ProtectHome), and what a user of the host does not enter either.
_HIDDEN = ("/home", "/root", "/run/user")


def refusals(settings: Settings, prefix: str) -> list[str]:
    """Return what is wrong with the variables of the source, apart from the certificates themselves."""
    source = settings[f"{prefix}source"]
    found = [
        f"{prefix}{part}: is not used, since {prefix}source is '{source}'; drop it, or set {prefix}source to {other}"
        for other, parts in SOURCES.items()
        for part in parts
        if other != source and settings[f"{prefix}{part}"]
    ]
    if settings[f"{prefix}days"] < 0:
        found.append(
            f"{prefix}days: {settings[f'{prefix}days']} is negative; give the number of days before its end from "
            "which a certificate is spoken of, such as 14"
        )
    if source == "host":
        found += [
            refusal
            for part in SOURCES["host"]
            for refusal in _path_refusals(f"{prefix}{part}", str(settings[f"{prefix}{part}"]), prefix)
        ]
    return found + (_days_refusals(settings, prefix) if source == "ca" else [])


def _days_refusals(settings: Settings, prefix: str) -> list[str]:
    """Return why each run would issue another certificate, or one that nobody takes."""
    valid, left = settings[f"{prefix}ca_valid_days"], settings[f"{prefix}days"]
    if valid > MOST_DAYS:
        return [
            f"{prefix}ca_valid_days: {valid} is more than ten years; choose {MOST_DAYS} or fewer: a run renews "
            "certificates by itself"
        ]
    if valid > max(left, 0):
        return []
    return [
        f"{prefix}ca_valid_days: {valid} is no more than {prefix}days ({left}), so that each run would issue "
        "another certificate; make it longer, at best several times as long"
    ]


def _path_refusals(name: str, path: str, prefix: str) -> list[str]:
    if not path:
        return [f"{name}: is empty, and {prefix}source is 'host'; give the path of the PEM file on the host"]
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
