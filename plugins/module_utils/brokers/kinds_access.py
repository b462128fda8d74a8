"""Who may do what: virtual hosts, users and permissions, as declarations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from . import passwords
from .checks import hash_problem, password_problem, regex_problem, tags_problem
from .model import Action, Definition, Field, Kind, Object, Reference, Request, Snapshot, Version, Write

NAME = Field("name", required=True)
VHOST = Field("vhost", required=True)
USER = Field("user", required=True)


def path(*parts: str) -> str:
    """An API path with every name percent-encoded: names hold slashes, spaces, percent signs and newlines."""
    return "/api/" + "/".join(quote(part, safe="") for part in parts)


def as_set(value: Any) -> frozenset[str]:
    """Tags as a set: their order means nothing, and RabbitMQ 3.8 keeps a user's tags as one comma-separated
    text.
    """
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",")]
    return frozenset(part for part in value or () if part)


def as_permission(value: Any) -> Any:
    """To the broker an empty permission and ``^$`` are the same: nothing matches."""
    return value or "^$"


# --- virtual hosts ------------------------------------------------------------------------------------------


def read_vhosts(snapshot: Snapshot) -> list[Object]:
    """Virtual hosts, with the metadata that versions keep beside, or instead of, the fields themselves."""
    return [{"name": raw["name"], **vhost_fields(raw)} for raw in snapshot.section("vhosts")]


def vhost_fields(raw: Object) -> Object:
    metadata = raw.get("metadata") or {}
    merged = {**metadata, **{name: value for name, value in raw.items() if value is not None}}
    queue_type = merged.get("default_queue_type")
    return {
        "description": merged.get("description") or "",
        "tags": sorted(as_set(merged.get("tags"))),
        "default_queue_type": None if queue_type in (None, "undefined") else queue_type,
    }


def write_vhost(action: Action, version: Version) -> Write:
    target = action.after or {}
    body = {key: target[key] for key in ("description", "default_queue_type") if target.get(key) is not None}
    body["tags"] = ",".join(target.get("tags") or [])
    return Request("PUT", path("vhosts", target["name"]), body)


def remove_vhost(target: Object) -> Request:
    return Request("DELETE", path("vhosts", target["name"]))


VHOSTS = Kind(
    name="vhosts",
    noun="virtual host",
    identity=(NAME,),
    fields=(
        Field("description", default=""),
        Field("tags", type="list", elements="str", default=[], canonical=as_set, check=tags_problem),
        Field(
            "default_queue_type",
            choices=("classic", "quorum", "stream"),
            since=(3, 10),
            updates_since=(3, 11),
        ),
    ),
    read=read_vhosts,
    write=write_vhost,
    remove=remove_vhost,
)

# --- users --------------------------------------------------------------------------------------------------


def read_users(snapshot: Snapshot) -> list[Object]:
    return [
        {
            "name": raw["name"],
            "password_hash": raw.get("password_hash") or "",
            "hashing_algorithm": passwords.short_name(
                raw.get("hashing_algorithm") or passwords.DEFAULT_ALGORITHM
            ),
            "tags": sorted(as_set(raw.get("tags"))),
            "limits": raw.get("limits") or {},
        }
        for raw in snapshot.section("users")
    ]


def complete_user(values: Object) -> Object:
    """A ready hash tells its algorithm by its length."""
    algorithm = passwords.algorithm_of(values["password_hash"]) if "password_hash" in values else None
    return {"hashing_algorithm": algorithm, **values} if algorithm else values


def check_user(values: Object) -> Iterable[tuple[str, str]]:
    """What is wrong with a user's fields taken together."""
    if "password" in values and "password_hash" in values:
        yield "password", "stands beside `password_hash`; keep one of the two"
    made_by = passwords.algorithm_of(values.get("password_hash", ""))
    named = values.get("hashing_algorithm")
    if made_by and named and named != made_by:
        yield (
            "hashing_algorithm",
            f"is {named}, but the length of `password_hash` says {made_by}; correct it or leave it out",
        )


def password_matches(declared: str, current: Object) -> bool:
    return passwords.matches(declared, current["password_hash"], current["hashing_algorithm"])


def hash_matches(declared: str, current: Object) -> bool:
    return passwords.decode(declared) == passwords.decode(current["password_hash"])


def write_user(action: Action, version: Version) -> Write:
    """A user for the definitions. The password leaves this process as a salted hash only."""
    target = action.after or {}
    stored, algorithm = target.get("password_hash") or "", target["hashing_algorithm"]
    if "password" in action.declared and (
        action.before is None or {"password", "hashing_algorithm"} & set(action.changed)
    ):
        stored = passwords.make_hash(action.declared["password"], algorithm)
    tags = list(target.get("tags") or [])
    return Definition(
        "users",
        {
            "name": target["name"],
            "password_hash": stored,
            "hashing_algorithm": passwords.broker_name(algorithm),
            "tags": ",".join(tags) if version < (3, 9) else tags,
            "limits": target.get("limits") or {},
        },
    )


def remove_user(target: Object) -> Request:
    return Request("DELETE", path("users", target["name"]))


USERS = Kind(
    name="users",
    noun="user",
    identity=(NAME,),
    fields=(
        Field(
            "password",
            secret=True,
            matches=password_matches,
            check=password_problem,
            why_changed="the stored hash does not match the declared password",
        ),
        Field(
            "password_hash",
            secret=True,
            matches=hash_matches,
            check=hash_problem,
            why_changed="the stored hash is not the declared one",
        ),
        Field("hashing_algorithm", choices=tuple(passwords.DIGESTS), default=passwords.DEFAULT_ALGORITHM),
        Field("tags", type="list", elements="str", default=[], canonical=as_set, check=tags_problem),
    ),
    read=read_users,
    write=write_user,
    remove=remove_user,
    complete=complete_user,
    check=check_user,
)

# --- permissions --------------------------------------------------------------------------------------------


def read_permissions(snapshot: Snapshot) -> list[Object]:
    return [dict(raw) for raw in snapshot.section("permissions")]


def write_permission(action: Action, version: Version) -> Write:
    return Definition("permissions", dict(action.after or {}))


def remove_permission(target: Object) -> Request:
    return Request("DELETE", path("permissions", target["vhost"], target["user"]))


def permission(name: str) -> Field:
    return Field(name, default="^$", canonical=as_permission, check=regex_problem, empty=True)


PERMISSIONS = Kind(
    name="permissions",
    noun="permission",
    identity=(USER, VHOST),
    fields=(permission("configure"), permission("write"), permission("read")),
    read=read_permissions,
    write=write_permission,
    remove=remove_permission,
    references=(Reference(("user",), "users"), Reference(("vhost",), "vhosts")),
)
