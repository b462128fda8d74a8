"""Recognises secrets: published values, and names of settings that hold one.

A secret that is published in this project, or that a guide prints, is no secret: inventory/published_secrets.py
refuses it on all hosts but the test bed's.
"""

from __future__ import annotations

import re
from typing import Any

# What every secret of the examples and tests begins with, or holds where its beginning matters; a test walks the tree.
MARK = "test-host-only-"


_PARTS = (
    MARK,
    # The example's cookie before that was so.
    "5f0d2a7c91b84e36a0c4d7f2e8b1963a",
    # Of RabbitMQ's guides "Access control" and "TLS", found in the configuration of many a site.
    "2a55f70a841f18b97c3a7db939b7adc9e34a0f1",
    "t0p$3kre7",
)


# Passwords of tests before that, which are words that something else may hold.
_WHOLE = frozenset(
    {"test-only-rz81kq", "test-only-ux73mw", "test-only-lw55nd", "typed-by-hand", "a-password-for-tests"}
)


# The examples' passwords, which a hash that was adopted from a test host is of.
EXAMPLES = tuple(MARK + end for end in ("Kq7w2Zr9", "Tz5c9Hw2", "Xn4t8Lm1", "Bv6y3Pd5"))


# What stands where a secret is to be put, credentials that some release has shipped, and what everybody tries first.
_PLACEHOLDER = re.compile(
    r"(activemq|admin|anyalphanumericstringwilldo|artemis|changeit|changeme|changethis|cookie|"
    r"default|fixme|guest|insertpasswordhere|letmein|manager|mypassword|pass|passphrase|passw0rd|"
    r"passwd|password|placeholder|rabbit|rabbitmq|replaceme|s3cret|secret|system|test|todo|"
    r"topsecret|user|xxx|yourpassword|yoursecret)\Z"
)


def is_published(text: str) -> bool:
    """Return whether a secret that is published stands in `text`, whole or as a part, such as in a URI."""
    lowered = text.lower()
    return lowered in _WHOLE or any(part in lowered for part in _PARTS)


def is_placeholder(text: str) -> bool:
    """Return whether `text` is what stands for a secret until somebody chooses one; case and punctuation aside."""
    return _PLACEHOLDER.match(re.sub(r"[^a-z0-9]", "", text.lower())) is not None


def is_secret_key(key: str) -> bool:
    """Return whether a setting of that name holds a secret, going by the names that the broker's schemas use."""
    return (
        re.search(r"pass(word|phrase)?$|\.pass\b|password|passphrase|secret|token|cookie", key.lower())
        is not None
    )


def holds_secret(value: Any) -> bool:
    """Return whether a setting whose name speaks of a secret stands anywhere in `value`."""
    if isinstance(value, dict):
        return any(is_secret_key(str(key)) or holds_secret(item) for key, item in value.items())
    return isinstance(value, (list, tuple)) and any(holds_secret(item) for item in value)
