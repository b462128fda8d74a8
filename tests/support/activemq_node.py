"""An ActiveMQ broker's settings that are right, and a certificate for it: where the tests of wrong ones begin."""

from __future__ import annotations

import functools
from typing import Any

import certificates
from role_files import defaults

HOST = "mq1.example.org"
ETC = "/etc/activemq/main"
ONLY = {"tls": "only", "tls_authority": "a CA"}


def broker(**changes: Any) -> dict[str, Any]:
    """Settings that are right, with `changes` (without the prefix) laid over them."""
    # A default that is a template, as it is where no authority is given.
    found = defaults("activemq") | {"activemq_admin_password": "Tz5c-9Hw2", "activemq_tls_authority": ""}
    return found | {f"activemq_{name}": value for name, value in changes.items()}


def bridge(*brokers: str) -> list[dict[str, Any]]:
    """A connection to other brokers."""
    return [{"name": "other", "brokers": list(brokers), "user": "bridge", "password": "kq81-Zr3"}]


@functools.cache
def authority() -> certificates.Authority:
    """One for all tests of a process."""
    return certificates.Authority.new()


@functools.cache
def issued(*usages: Any) -> certificates.Pair:
    """A certificate of it for HOST, which ends in 20 days."""
    return authority().issue(HOST, usages=usages or (certificates.SERVER, certificates.CLIENT), ends=20)
