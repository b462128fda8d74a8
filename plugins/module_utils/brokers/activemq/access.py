"""Users, groups and their rights: checks, and the format of the broker's files."""

from __future__ import annotations

import re
from typing import Any

from ..secret_words import is_placeholder

Settings = dict[str, Any]

ADMINS = "admins"  # the administrator's group, which has all rights
_USER_KEYS = frozenset({"name", "password", "groups"})
_ENTRY_KEYS = frozenset({"queue", "topic", "read", "write", "admin"})
_GROUP = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")
_DESTINATION = re.compile(r"(?!.*://)[^\s,:*>][^\s,]*\Z|[*>]([.][^\s,]*)?\Z")


def property_text(text: str, key: bool = False) -> str:
    """Return `text` as java.util.Properties reads it back, as a value or as a `key`.

    Source: the documentation of java.util.Properties.load; the file is ISO 8859-1 with escapes for the rest.
    """
    escaped = []
    for place, letter in enumerate(text):
        if letter in "\\=:#!" or (letter == " " and (key or place == 0)):
            escaped.append("\\" + letter)
        elif " " <= letter <= "~":
            escaped.append(letter)
        else:
            units = letter.encode("utf-16-be")
            escaped += [f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2)]
    return "".join(escaped)


def groups(settings: Settings) -> dict[str, list[str]]:
    """Return group -> its users, sorted; the administrator is in `admins`."""
    found: dict[str, list[str]] = {ADMINS: [settings["activemq_admin_user"]]}
    for user in settings["activemq_users"]:
        for group in user.get("groups", []):
            found.setdefault(group, []).append(user["name"])
    return {group: sorted(set(users)) for group, users in sorted(found.items())}


def key_refusals(where: str, item: Any, known: frozenset[str]) -> list[str]:
    """Return what is wrong with `item` as a mapping that may have the keys `known`."""
    if not isinstance(item, dict):
        return [
            f"{where}: is {type(item).__name__}, not a mapping; write its keys ({', '.join(sorted(known))})"
        ]
    return [
        f"{where}: has no key '{key}'; it takes {', '.join(sorted(known))}"
        for key in sorted(set(item) - known)
    ]


def password_refusals(where: str, user: str, password: Any) -> list[str]:
    if not isinstance(password, str) or not password:
        return [
            f"{where}: is empty; set it in your vault, the broker is never left with an account without a "
            "password"
        ]
    if is_placeholder(password) or password == user:
        return [
            f"{where}: is a placeholder, a password that ActiveMQ once shipped, or the user's own name; "
            "choose another one"
        ]
    if "\n" in password or "\0" in password:
        return [f"{where}: has a line break in it; give one line"]
    return []


def _user_name_refusals(where: str, name: Any) -> list[str]:
    if not isinstance(name, str) or not name or name != name.strip() or "," in name or "\n" in name:
        return [
            f"{where}: '{name}' is not a user name; give a text without commas and without blanks around it"
        ]
    return []


def account_refusals(settings: Settings) -> list[str]:
    admin = settings["activemq_admin_user"]
    found = _user_name_refusals("activemq_admin_user", admin)
    found += password_refusals("activemq_admin_password", admin, settings["activemq_admin_password"])
    seen = {admin}
    for index, user in enumerate(settings["activemq_users"]):
        where = f"activemq_users[{index}]"
        wrong = key_refusals(where, user, _USER_KEYS)
        if wrong:
            found += wrong
            continue
        name = user.get("name")
        found += _user_name_refusals(f"{where}.name", name) + password_refusals(
            f"{where}.password", str(name), user.get("password")
        )
        if name in seen:
            found.append(f"{where}.name: '{name}' is listed already; give each user once")
        seen.add(name)
        for group in user.get("groups", []):
            if not _GROUP.match(str(group)):
                found.append(
                    f"{where}.groups: '{group}' is not a group's name; use letters, digits, '.', '_' and '-'"
                )
    return found


def authorization_refusals(settings: Settings) -> list[str]:
    known = {ADMINS} | {
        str(group)
        for user in settings["activemq_users"]
        if isinstance(user, dict)
        for group in user.get("groups", [])
    }
    found = []
    for index, entry in enumerate(settings["activemq_authorization"]):
        where = f"activemq_authorization[{index}]"
        wrong = key_refusals(where, entry, _ENTRY_KEYS)
        if wrong:
            found += wrong
            continue
        named = [kind for kind in ("queue", "topic") if kind in entry]
        if len(named) != 1:
            found.append(
                f"{where}: names {'both queue and topic' if named else 'neither queue nor topic'}; give "
                "one of them, such as queue: orders.>"
            )
            continue
        pattern = str(entry[named[0]])
        if not _DESTINATION.match(pattern):
            found.append(
                f"{where}.{named[0]}: '{pattern}' is not a destination; write its name without "
                f"'{named[0]}://', with * and > as wildcards between dots"
            )
        for right in ("read", "write", "admin"):
            found += _group_refusals(f"{where}.{right}", entry.get(right, []), known)
    found += _group_refusals(
        "activemq_temporary_destination_groups", settings["activemq_temporary_destination_groups"], known
    )
    return found


def _group_refusals(where: str, given: Any, known: set[str]) -> list[str]:
    if not isinstance(given, list):
        return [f"{where}: is {type(given).__name__}; give a list of groups, [] for nobody"]
    return [
        f"{where}: no user is in the group '{group}'; known are {', '.join(sorted(known))}; add it to a "
        "user of activemq_users or correct it"
        for group in given
        if group not in known
    ]
