"""A node's settings that are right: where the tests of wrong ones begin."""

from __future__ import annotations

from typing import Any

from role_files import defaults

COOKIE = "5f0d2a7c91b84e36a0c4d7f2e8b1963a"


def node(**settings: Any) -> dict[str, Any]:
    """The role's defaults, the two secrets that have to be given, and what a test says of them."""
    secrets = {"rabbitmq_erlang_cookie": COOKIE, "rabbitmq_admin_password": "Kq7w2Zr9"}
    return {
        **defaults("rabbitmq"),
        **secrets,
        **{f"rabbitmq_{name}": value for name, value in settings.items()},
    }
