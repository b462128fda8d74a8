"""A node's settings that are right: where the tests of wrong ones begin."""

from __future__ import annotations

from typing import Any

from role_files import defaults

COOKIE = "9c1e7f3b5d2a486f80b4c6d8e0a2f491"


def node(**settings: Any) -> dict[str, Any]:
    """The role's defaults, the two secrets that have to be given, and what a test says of them."""
    secrets = {"rabbitmq_erlang_cookie": COOKIE, "rabbitmq_admin_password": "Kq7w2Zr9"}
    # Defaults that are templates, as a node of its own has them.
    alone = {f"rabbitmq_{name}_address": "127.0.0.1" for name in ("distribution", "epmd")}
    return {
        **defaults("rabbitmq"),
        **secrets,
        **alone,
        "rabbitmq_cluster_address": "10.0.0.5",
        **{f"rabbitmq_{name}": value for name, value in settings.items()},
    }
