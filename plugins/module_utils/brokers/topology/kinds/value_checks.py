"""Checks of single values. Each returns what is wrong, as the rest of a sentence with its remedy, or None."""

from __future__ import annotations

import re
import warnings
from typing import Any

from ...rabbitmq import passwords

# What RabbitMQ's regular expressions (PCRE) know and Python's do not, or write differently. A pattern that
# uses one of these is left for the broker to judge; refusing it here would be a false alarm.
PCRE_ONLY = re.compile(
    r"\\[hHRKQEGXNpPgzk]|\(\?<[A-Za-z_]|\(\?[>|R&+\-\d]|\(\?P[>=]|\(\*[A-Z]|\[\[:|[*+?}]\+|\(\?[a-zA-Z^-]*[J^]|.\(\?[a-z]+\)|\\x\{"
)


def regex_problem(value: str) -> str | None:
    """Whether a regular expression compiles."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(value)
    except (re.error, OverflowError, RecursionError) as error:
        if PCRE_ONLY.search(value):
            return None
        return (
            f"{value!r} is not a regular expression ({error}); correct it, or escape the character "
            "with a backslash"
        )
    return None


def password_problem(value: str) -> str | None:
    """An empty password would make a user who cannot log in, which is never what was meant."""
    if value:
        return None
    return "is empty; set a password, or leave the key out for a user who has none"


def hash_problem(value: str) -> str | None:
    """Whether a text can be one of the broker's salted hashes. The value itself never appears in the
    sentence.
    """
    if passwords.decode(value) is None:
        return "is not base64; use the password_hash that the broker exports, or declare `password` instead"
    if passwords.algorithm_of(value) is None:
        lengths = ", ".join(
            f"{passwords.SALT_BYTES + size} for {name}"
            for size, name in sorted(passwords.ALGORITHM_BY_LENGTH.items())
        )
        return (
            f"has {len(passwords.decode(value) or b'')} bytes, but 4 bytes of salt and a digest are "
            f"{lengths}; "
            "copy the whole password_hash that the broker exports"
        )
    return None


def tags_problem(value: list[str]) -> str | None:
    """Whether tags survive the way to the broker, which takes them as one comma-separated text."""
    for tag in value:
        if not tag or "," in tag or tag != tag.strip():
            return (
                f"{tag!r} cannot be a tag (tags are separated by commas and spaces around them are "
                "lost); rename it"
            )
    return None


def arguments_problem(value: Any) -> str | None:
    """Whether a table of arguments can be sent: the broker has no null in one, and no names but texts."""
    for key, part in value.items():
        if not isinstance(key, str):
            return f"has the key {key!r}, which is no text; put it in quotes"
        if _has_null(part):
            return f"has the key {key!r} without a value; give it one or remove it"
    return None


def _has_null(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_null, value.values()))
    return any(map(_has_null, value)) if isinstance(value, (list, tuple)) else value is None
