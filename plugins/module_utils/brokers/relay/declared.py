"""Relays as the inventory has them: with their secrets, of which the program gets files, and several on a host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..role_arguments import kind_of
from .settings import NAME, refusals

VARIABLE = "message_relay_relays"
# Where a secret is in a declaration, the key that the program has in its place, and the file's name.
_SECRETS = (
    ("source", "password", "password_file", "broker-password"),
    ("request", "password", "password_file", "http-password"),
    ("request", "token", "token_file", "http-token"),
)


def document(relay: Mapping[str, Any]) -> dict[str, Any]:
    """Return a relay as the program reads it: with the names of files in the place of secrets."""
    found = dict(relay)
    for section, secret, key, file in _SECRETS:
        given = found.get(section)
        if isinstance(given, Mapping) and secret in given:
            found[section] = {**{name: given[name] for name in given if name != secret}, key: file}
    return found


def secrets(relay: Mapping[str, Any]) -> dict[str, str]:
    """Return the secrets of a relay by the names of their files."""
    return {
        file: str(relay[section][secret])
        for section, secret, _, file in _SECRETS
        if secret in relay.get(section, {})
    }


def problems(relays: Any, absent: Sequence[str] = ()) -> list[str]:
    """Return what is wrong with the relays of a host, and with the names of those to remove, one sentence each."""
    if not isinstance(relays, (list, tuple)):
        return [f"{VARIABLE}: is {kind_of(relays)}; write a list, one item for each relay"]
    found: list[str] = []
    for number, relay in enumerate(relays):
        where = f"{VARIABLE}[{_name(relay, number)}]."
        wrong = [f"{where}{one}" for one in _secret_problems(relay)]
        found += wrong or refusals(document(relay) if isinstance(relay, Mapping) else relay, where)
    found += [
        f"message_relay_absent: '{name}' is not a relay's name" for name in absent if not NAME.match(name)
    ]
    if found:
        return found
    kept = [relay["name"] for relay in relays if relay["name"] in absent]
    return [
        *_twice(relays, "name"),
        *_twice(relays, "metrics_port"),
        *(
            f"message_relay_absent: {name} is declared in {VARIABLE} as well; take it out of one"
            for name in kept
        ),
    ]


def _name(relay: Any, number: int) -> str:
    name = relay.get("name") if isinstance(relay, Mapping) else None
    return str(name) if isinstance(name, str) and name else str(number)


def _secret_problems(relay: Any) -> list[str]:
    """Say of a secret that it is not one, never what it is."""
    found = []
    for section, secret, key, _ in _SECRETS:
        given = relay.get(section) if isinstance(relay, Mapping) else None
        if not isinstance(given, Mapping):
            continue
        if key in given:
            found.append(
                f"{section}.{key}: the role writes that file itself; give {section}.{secret}, from a vault"
            )
        elif secret not in given:
            if (section, secret) == ("source", "password"):
                found.append(
                    "source.password: is missing; give the password of the broker's user, from a vault"
                )
        elif not isinstance(given[secret], str) or not given[secret] or not given[secret].isprintable():
            found.append(f"{section}.{secret}: is not a text in one line; write it so, in quotes")
    return found


def _twice(relays: Sequence[Mapping[str, Any]], key: str) -> list[str]:
    values = [relay[key] for relay in relays]
    return [
        f"{VARIABLE}: {key} {value} is that of two relays of this host; give each its own"
        for value in dict.fromkeys(values)
        if values.count(value) > 1
    ]
