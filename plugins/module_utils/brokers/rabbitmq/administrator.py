"""The first administrator, as the definitions that a node imports."""

from __future__ import annotations

import hashlib
from typing import Any

from .passwords import SALT_BYTES, make_hash


def users(names: list[str]) -> dict[str, Any]:
    """Return `names` in the form of definitions, sorted: a note of who they are."""
    return {"users": [{"name": name} for name in sorted(names)]}


def definitions(user: str, password: str, secret: str) -> dict[str, Any]:
    """Return definitions with the vhost `/` and the administrator `user`, the password as a salted hash.

    The salt follows from the password and from `secret`, which the host knows and strangers do not: the same password
    gives the same file on every run, and another password another file.
    """
    salt = hashlib.sha256(f"{secret}\0{user}\0{password}".encode()).digest()[:SALT_BYTES]
    return {
        "vhosts": [{"name": "/"}],
        "users": [
            {
                "name": user,
                "password_hash": make_hash(password, salt=salt),
                "hashing_algorithm": "rabbit_password_hashing_sha256",
                "tags": "administrator",
            }
        ],
        "permissions": [{"user": user, "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}],
    }
