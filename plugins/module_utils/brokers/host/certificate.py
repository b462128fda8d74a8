"""A certificate and its key as they lie on a host: whether a broker could use them. The key is not shown to anybody."""

from __future__ import annotations

import re
import ssl
import subprocess
from typing import Any

_ENCRYPTED = re.compile(r"BEGIN ENCRYPTED PRIVATE KEY|Proc-Type: 4,ENCRYPTED")

# What of the pair a sentence is about, and the sentence.
Trouble = dict[str, str]


def _text(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as handle:
        return handle.read()


def _unreadable(part: str, path: str) -> tuple[str, Trouble]:
    """Return the text of a file, and what keeps root from reading it."""
    try:
        text = _text(path)
    except OSError as error:
        said = (error.strerror or str(error)).lower()
        return "", {
            part: f"{path}: {said}; correct the path, or have whatever issues certificates put one there"
        }
    return text, {}


def _closed(account: str, path: str) -> bool:
    """Whether a user of the host may not read a file; a user that there is not yet is not asked."""
    known = subprocess.run(["id", account], capture_output=True, timeout=30, check=False).returncode == 0
    command = ["runuser", "-u", account, "--", "test", "-r", path]
    return known and subprocess.run(command, capture_output=True, timeout=30, check=False).returncode != 0


def _pair_trouble(certificate: str, key: str) -> Trouble:
    """Return why the two files are no pair."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key, password="")
    except ssl.SSLError as error:
        if "MISMATCH" in str(error.reason):
            return {
                "key": f"{key}: is not the key of the certificate in {certificate}; put the two there that belong "
                "together"
            }
        return {
            "key": f"{key}: holds no private key that can be read; put the PEM file of the certificate's key there"
        }
    return {}


def pair(certificate: str, key: str, account: str = "") -> dict[str, Any]:
    """Return what is known of a certificate and its key, by their paths.

    `text` is the certificate file, empty where it cannot be read. `trouble` says what is wrong with `certificate` or
    `key` in a sentence each, and is empty for a pair that `account` (a user of the host) can use.
    """
    text, trouble = _unreadable("certificate", certificate)
    secret, missing = _unreadable("key", key)
    trouble = {**trouble, **missing}
    if not trouble and _ENCRYPTED.search(secret):
        trouble["key"] = f"{key}: has a passphrase, which the broker is not given; put it there without one"
    if not trouble:
        trouble = _pair_trouble(certificate, key)
    for part, path in (("certificate", certificate), ("key", key)):
        if account and part not in trouble and _closed(account, path):
            trouble[part] = (
                f"{path}: the user {account} cannot read it; let the group {account} read the file and enter the "
                "directories above it"
            )
    return {"text": text, "trouble": trouble}
