"""Applications as the inventory declares them: what is wrong with them, and what is rendered for each.

A declaration may stand with any of the hosts' variables, such as those of all or of the group of a broker. Hosts that
declare an application alike, as the members of a group do, declare it once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..role_arguments import kind_of
from ..sentences import listed
from . import places
from .formats import Application
from .places import Broker, Inventory

VARIABLE, ABSENT = "client_settings_applications", "client_settings_absent"
GROUPS = ("rabbitmq", "activemq", "haproxy", "relays")
_KEYS = {
    **dict.fromkeys(("name", "broker", "user", "vhost", "certificate", "key", "installed_at"), str),
    "tls": bool,
    "destinations": Mapping,
}
_REQUIRED = ("name", "broker", "user")
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}\Z")
_PATH = re.compile(r"(?!.*/[.][.](/|\Z))/[A-Za-z0-9_.+@/-]*\Z")
_SETTING = re.compile(r"[a-z][a-z0-9_]*\Z")
_DESTINATION = re.compile(r"[A-Za-z0-9_./:@%+*>-]+\Z")
_PEM = {
    "certificate": re.compile(r"-----BEGIN CERTIFICATE-----"),
    "key": re.compile(r"-----BEGIN (RSA |EC )?PRIVATE KEY-----"),
}
PROTOCOLS = ("amqp", "stomp", "openwire")

Read = Callable[[str], str]


def _hosts(inventory: Inventory) -> list[str]:
    return sorted({host for group in GROUPS for host in inventory.of(group)})


def collected(inventory: Inventory) -> list[Any]:
    """Return every declaration of the inventory, once each; what is not a list is left for `refusals`."""
    found: list[Any] = []
    for host in _hosts(inventory):
        given = inventory.hosts[host].get(VARIABLE) or []
        found += [one for one in (given if isinstance(given, (list, tuple)) else []) if one not in found]
    return found


def absent(inventory: Inventory) -> list[str]:
    """Return the names of the applications whose directory is to go."""
    given = [inventory.hosts[host].get(ABSENT) or [] for host in _hosts(inventory)]
    return list(
        dict.fromkeys(str(name) for names in given if isinstance(names, (list, tuple)) for name in names)
    )


# --- what is wrong with the declarations --------------------------------------------------------------------


def refusals(inventory: Inventory, directory: str, read: Read) -> list[str]:
    """Return what is wrong, one sentence each; no sentence holds a password.

    `read` returns the text of a file of the controller; it raises OSError where there is none.
    """
    shapes = _wrong_shapes(inventory)
    if shapes:
        return shapes
    every = collected(inventory)
    found = [sentence for number, one in enumerate(every) for sentence in _wrong_keys(one, number)]
    found += [
        f"{ABSENT}: '{name}' is not an application's name"
        for name in absent(inventory)
        if not NAME.match(name)
    ]
    found = found or _twice(every, absent(inventory)) or _wrong_home(every, directory)
    return found or [sentence for one in every for sentence in _misfits(one, inventory, read)]


def _wrong_shapes(inventory: Inventory) -> list[str]:
    found = []
    for name, what in ((VARIABLE, "one item for each application"), (ABSENT, "of names")):
        given = [inventory.hosts[host].get(name) for host in _hosts(inventory)]
        wrong = [value for value in given if value is not None and not isinstance(value, (list, tuple))]
        if wrong:
            found.append(f"{name}: is {kind_of(wrong[0])}; write a list, {what}")
    return found


def _label(one: Any, number: int) -> str:
    name = one.get("name") if isinstance(one, Mapping) else None
    return f"{VARIABLE}[{name if isinstance(name, str) and name else number}]"


def _wrong_keys(one: Any, number: int) -> Iterator[str]:
    where = _label(one, number)
    if not isinstance(one, Mapping):
        yield f"{where}: is {kind_of(one)}; write its keys ({', '.join(_KEYS)})"
        return
    for key in sorted(set(one) - set(_KEYS)):
        yield f"{where}.{key}: is not a key of an application; it takes {', '.join(_KEYS)}"
    for key in (key for key in _REQUIRED if key not in one):
        yield f"{where}.{key}: is missing; every application has {', '.join(_REQUIRED)}"
    wrong = [key for key, wanted in _KEYS.items() if key in one and not isinstance(one[key], wanted)]
    for key in wrong:
        wanted = {bool: "true or false", Mapping: "a dictionary"}.get(_KEYS[key], "a text")
        yield f"{where}.{key}: is {kind_of(one[key])}; write {wanted}"
    if not wrong:
        yield from _wrong_values(one, where)


def _wrong_values(one: Mapping[str, Any], where: str) -> Iterator[str]:
    if "name" in one and not NAME.match(one["name"]):
        yield (
            f"{where}.name: '{one['name']}' is not a directory's name; use small letters, digits, '.', '_' and "
            "'-', and "
            "begin with a letter or digit"
        )
    if "installed_at" in one and not _PATH.match(one["installed_at"]):
        yield (
            f"{where}.installed_at: '{one['installed_at']}' is not where an application could find its files; write an "
            "absolute path of letters, digits, '.', '_', '+', '@' and '-', without '..'"
        )
    for key, value in (one.get("destinations") or {}).items():
        if not _SETTING.match(str(key)):
            yield f"{where}.destinations: '{key}' is not a setting's name; use small letters, digits and '_'"
        if not isinstance(value, str) or not _DESTINATION.match(value):
            yield (
                f"{where}.destinations.{key}: is not a destination; write a text such as /queue/orders or "
                "/topic/prices, "
                "without blanks, quotes or '$'"
            )
    if ("certificate" in one) != ("key" in one):
        has, lacks = ("certificate", "key") if "certificate" in one else ("key", "certificate")
        yield f"{where}.{lacks}: is missing, and {has} is there; give both, or neither"
    for key in ("certificate", "key"):
        if key in one and not _PEM[key].search(one[key]):
            what = "certificate" if key == "certificate" else "key without a passphrase"
            yield (
                f"{where}.{key}: is not a PEM text of a {what}; give the text itself, such as "
                "\"{{ lookup('ansible.builtin.file', 'shop.pem') }}\""
            )


def _twice(every: Sequence[Mapping[str, Any]], gone: Sequence[str]) -> list[str]:
    names = [one["name"] for one in every]
    found = [
        f"{VARIABLE}[{name}]: is declared twice, and not alike; give each application a name of its own, and "
        "declare it once"
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
    return found + [
        f"{ABSENT}: {name} is declared in {VARIABLE} as well; take it out of one"
        for name in gone
        if name in names
    ]


def _wrong_home(every: Sequence[Mapping[str, Any]], directory: str) -> list[str]:
    if _PATH.match(directory) or all("installed_at" in one for one in every):
        return []
    return [
        f"client_settings_directory: '{directory}' is a path that not every reader of settings takes as it is; "
        "choose one of "
        "letters, digits, '.', '_', '+', '@' and '-', or give each application an installed_at"
    ]


def _misfits(one: Mapping[str, Any], inventory: Inventory, read: Read) -> list[str]:
    """Return what does not fit the broker."""
    where = f"{VARIABLE}[{one['name']}]"
    broker = places.find(one["broker"], inventory)
    if broker is None:
        return [
            f"{where}.broker: '{one['broker']}' is no broker of the inventory; it has "
            f"{listed(places.names(inventory)) or 'none'}"
        ]
    found = _wrong_user(one, where, broker, inventory) or _wrong_vhost(one, where, broker, inventory)
    return [
        *found,
        *(_no_listener(one, where, broker, inventory) or _wrong_tls(one, where, broker, inventory, read)),
    ]


def _users(broker: Broker, inventory: Inventory) -> dict[str, Mapping[str, Any]]:
    """Return the declared users of a broker that are to be there, by name."""
    name = "rabbitmq_topology_users" if broker.kind == "rabbitmq" else "activemq_users"
    given = inventory.hosts[broker.members[0]].get(name) or []
    return {
        str(user.get("name")): user
        for user in given
        if isinstance(user, Mapping) and user.get("state", "present") != "absent"
    }


def _wrong_user(one: Mapping[str, Any], where: str, broker: Broker, inventory: Inventory) -> list[str]:
    users = _users(broker, inventory)
    variable = "rabbitmq_topology_users" if broker.kind == "rabbitmq" else "activemq_users"
    if one["user"] not in users:
        return [
            f"{where}.user: '{one['user']}' is not declared in {variable}, which has {listed(users) or 'none'}"
        ]
    password = users[one["user"]].get("password")
    place = f"{variable}[{one['user']}].password"
    if not isinstance(password, str) or not password:
        return [
            f"{place}: is not there in clear text, and {where} is to have it; declare the user with a password "
            "from your "
            "vault in place of a hash"
        ]
    if not password.isprintable() or not one["user"].isprintable():
        return [
            f"{place}: holds a line break or another character that is not printed, which no file of settings can hold"
        ]
    if "${" in password or "${" in one["user"]:
        return [
            f"{place}: holds '${{', which Spring takes for the name of a setting; choose another password"
        ]
    return []


def _vhosts(user: str, broker: Broker, inventory: Inventory) -> list[str]:
    """Return the virtual hosts that a user has permissions on."""
    listed_apart = inventory.hosts[broker.members[0]].get("rabbitmq_topology_permissions") or []
    own = _users(broker, inventory)[user].get("permissions") or []
    given = [*own, *(one for one in listed_apart if isinstance(one, Mapping) and one.get("user") == user)]
    return [str(one.get("vhost")) for one in given if one.get("state", "present") != "absent"]


def _wrong_vhost(one: Mapping[str, Any], where: str, broker: Broker, inventory: Inventory) -> list[str]:
    if broker.kind == "activemq":
        if "vhost" not in one:
            return []
        return [f"{where}.vhost: ActiveMQ has no virtual hosts; drop the key"]
    there, user = _vhosts(one["user"], broker, inventory), one["user"]
    if one.get("vhost", "") in there or ("vhost" not in one and len(there) == 1):
        return []
    if "vhost" not in one and there:
        return [f"{where}.vhost: is not set, and {user} has permissions on {listed(there)}; name one of them"]
    lacks = (
        f"{user} has permissions on {listed(there)}"
        if there
        else f"{user} has permissions on no virtual host"
    )
    given = f"'{one['vhost']}' is closed to {user}: " if "vhost" in one else ""
    return [
        f"{where}.vhost: {given}{lacks}; declare the permission in rabbitmq_topology_users[{user}].permissions"
    ]


def _with_tls(one: Mapping[str, Any], broker: Broker, inventory: Inventory) -> bool:
    """Whether the application is to use TLS: wherever the broker has it, unless told otherwise."""
    return bool(one.get("tls", any(places.places(broker, name, True, inventory) for name in PROTOCOLS)))


def _no_listener(one: Mapping[str, Any], where: str, broker: Broker, inventory: Inventory) -> list[str]:
    tls = _with_tls(one, broker, inventory)
    if any(places.places(broker, name, tls, inventory) for name in PROTOCOLS):
        return []
    if "tls" in one and any(places.places(broker, name, not tls, inventory) for name in PROTOCOLS):
        return [
            f"{where}.tls: is {str(tls).lower()}, and {broker.name} has listeners {'without' if tls else 'inside'} "
            "TLS only; "
            f"drop the key, or change {broker.kind}_tls"
        ]
    return [
        f"{where}.broker: {broker.name} has no listener for AMQP, STOMP or OpenWire that other hosts reach; open "
        "one beyond "
        "127.0.0.1"
    ]


def _wrong_tls(
    one: Mapping[str, Any], where: str, broker: Broker, inventory: Inventory, read: Read
) -> list[str]:
    if not _with_tls(one, broker, inventory):
        return (
            [f"{where}.certificate: is for TLS, which this application does not use; drop it and its key"]
            if "certificate" in one
            else []
        )
    if "certificate" not in one and places.asks_for_certificate(broker, inventory):
        return [
            f"{where}.certificate: is missing, and {broker.name} asks clients for one; give certificate and key"
        ]
    text, file = places.authority(broker, inventory)
    if file:
        try:
            text = read(file)
        except (OSError, UnicodeDecodeError):
            return [
                f"endpoint_ca_file: {file} of {broker.members[0]} cannot be read; write the authority's "
                "certificate there"
            ]
    if "certificate" in one and not text:
        return [
            f"{broker.kind}_tls_authority: is not set for {broker.members[0]}, and clients with a certificate of "
            "their own "
            "are told whom to trust; set it, or endpoint_ca_file"
        ]
    return []


# --- what is rendered ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wanted:
    """What a directory of applications is to hold: one application by each name, and the names that go."""

    applications: Mapping[str, Application]
    gone: Sequence[str]


def wanted(inventory: Inventory, directory: str, read: Read, name: str = "") -> Wanted:
    """Return what is rendered, for declarations that `refusals` has nothing against; `name` is the inventory's."""
    found = {str(one["name"]): _application(one, inventory, directory, read) for one in collected(inventory)}
    return Wanted({key: replace(app, inventory=name) for key, app in found.items()}, absent(inventory))


def _application(one: Mapping[str, Any], inventory: Inventory, directory: str, read: Read) -> Application:
    broker: Broker | None = places.find(one["broker"], inventory)
    assert broker is not None  # noqa: S101 - `refusals` has seen it
    tls, user = _with_tls(one, broker, inventory), str(one["user"])
    vhost = str(one.get("vhost") or _vhosts(user, broker, inventory)[0]) if broker.kind == "rabbitmq" else ""
    text, file = places.authority(broker, inventory) if tls else ("", "")
    return Application(
        name=str(one["name"]),
        kind=broker.kind,
        user=user,
        password=str(_users(broker, inventory)[user]["password"]),
        home=str(one.get("installed_at") or f"{directory}/{one['name']}").rstrip("/"),
        vhost=vhost,
        tls=tls,
        amqp=tuple(places.places(broker, "amqp", tls, inventory)),
        stomp=tuple(places.places(broker, "stomp", tls, inventory)),
        openwire=tuple(places.places(broker, "openwire", tls, inventory)),
        authority=_ended(read(file) if file else text),
        certificate=_ended(one.get("certificate", "")),
        key=_ended(one.get("key", "")),
        destinations={str(key): str(value) for key, value in (one.get("destinations") or {}).items()},
    )


def _ended(text: str) -> str:
    """A PEM text that ends with a line break; templates lose it."""
    return f"{text.rstrip()}\n" if text.strip() else ""
