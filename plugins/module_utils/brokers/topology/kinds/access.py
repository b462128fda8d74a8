"""Virtual hosts, users and permissions, as declarations."""

from __future__ import annotations

from typing import Any

from ...rabbitmq import passwords
from ...rabbitmq.request import Request
from ..model import (
    Action,
    Context,
    Definition,
    Desired,
    Field,
    Kind,
    Object,
    Problems,
    Reference,
    Snapshot,
    Write,
)
from .parts import NAME, USER, VHOST, as_set, path
from .routing import to_exchange
from .value_checks import hash_problem, password_problem, regex_problem, tags_problem


def as_permission(value: Any) -> Any:
    """To the broker an empty permission and ``^$`` are the same: nothing matches."""
    return value or "^$"


def as_queue_type(value: Any) -> Any:
    """A virtual host without a type of its own makes classic queues."""
    return value or "classic"


# --- virtual hosts ------------------------------------------------------------------------------------------


VHOST_DETAILS = "/api/vhosts?columns=name,description,tags,default_queue_type,protected_from_deletion,tracing"
BATCHED_VHOSTS = (3, 10)
# How the broker may name a queue type inside: by the module that implements it. "undefined" is what no type becomes.
QUEUE_TYPE_MODULES = {
    "undefined": None,
    "rabbit_classic_queue": "classic",
    "rabbit_quorum_queue": "quorum",
    "rabbit_stream_queue": "stream",
}
DELETION_PROTECTION = (4, 1)


def vhost_details(desired: Desired, snapshot: Snapshot) -> list[str]:
    """What is read beside the definitions: tracing always, and up to 3.10 every field but the name.

    A queue without a type needs its virtual host's, so it asks for them as well.
    """
    declared = {name for item in desired["vhosts"] for name in item.values} - {"name"}
    untyped = any("type" not in item.values for item in desired["queues"])
    in_definitions = all("metadata" in raw for raw in snapshot.section("vhosts"))
    removed = any(item.absent for item in desired["vhosts"])
    missing = "tracing" in declared if in_definitions else bool(declared) or untyped or removed
    return [VHOST_DETAILS] if missing else []


def read_vhosts(snapshot: Snapshot) -> list[Object]:
    raws = snapshot.extra.get(VHOST_DETAILS) or snapshot.section("vhosts")
    # Backups for 3.8 hold the tags twice: whole in the metadata, and as the one text that its import takes.
    return [{"name": raw["name"], **vhost_fields({**raw, **(raw.get("metadata") or {})})} for raw in raws]


def vhost_fields(raw: Object) -> Object:
    """The fields out of an entry of the definitions (they are its metadata) or of GET /api/vhosts."""
    queue_type = raw.get("default_queue_type")
    return {
        "description": raw.get("description") or "",
        "tags": sorted(as_set(raw.get("tags"))),
        "default_queue_type": QUEUE_TYPE_MODULES.get(str(queue_type), queue_type),
        "protected_from_deletion": raw.get("protected_from_deletion", False),
        **({"tracing": raw["tracing"]} if "tracing" in raw else {}),
    }


def write_vhost(action: Action, context: Context) -> list[Write]:
    """A virtual host for the definitions, whose ``metadata`` is the one form that 3.10 to 4.3 all read whole.

    Before 3.10 the definitions lose the description and run tags together, so it is a request of its own.
    Either way the broker gives the acting user all permissions there (tried: 3.8.9, 3.10.8, 4.0.5, 4.3.6).
    """
    target = action.after or {}
    known = {part.name: target[part.name] for part in action.kind.fields if target.get(part.name) is not None}
    if context.version >= BATCHED_VHOSTS:
        visible: Object = {key: known[key] for key in ("description", "tags", "tracing") if key in known}
        metadata = {name: value for name, value in known.items() if name != "tracing"}
        if context.version < DELETION_PROTECTION:
            metadata.pop("protected_from_deletion", None)
        return [Definition("vhosts", {"name": target["name"], **visible, "metadata": metadata})]
    known.pop("protected_from_deletion", None)
    return [
        Request("PUT", path("vhosts", target["name"]), {**known, "tags": ",".join(known.get("tags", []))})
    ]


def remove_vhost(target: Object) -> Request:
    return Request("DELETE", path("vhosts", target["name"]))


VHOSTS = Kind(
    name="vhosts",
    noun="virtual host",
    identity=(NAME,),
    fields=(
        Field("description", default="", updates_since=(3, 9)),
        Field(
            "tags",
            type="list",
            elements="str",
            default=[],
            canonical=as_set,
            check=tags_problem,
            updates_since=(3, 9),
        ),
        Field(
            "default_queue_type",
            choices=("classic", "quorum", "stream"),
            canonical=as_queue_type,
            since=(3, 10),
            updates_since=(3, 11),
        ),
        Field("protected_from_deletion", type="bool", canonical=bool, since=DELETION_PROTECTION),
        Field("tracing", type="bool", canonical=bool),
    ),
    read=read_vhosts,
    write=write_vhost,
    directives=(Field("force", type="bool"),),
    remove=remove_vhost,
    further_reads=vhost_details,
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
        }
        for raw in snapshot.section("users")
    ]


def complete_user(values: Object) -> Object:
    """A ready hash tells its algorithm by its length."""
    algorithm = passwords.algorithm_of(values["password_hash"]) if "password_hash" in values else None
    return {"hashing_algorithm": algorithm, **values} if algorithm else values


def check_user(values: Object) -> Problems:
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


def write_user(action: Action, context: Context) -> list[Write]:
    """A user for the definitions. The password leaves this process as a salted hash only."""
    target = action.after or {}
    stored, algorithm = target.get("password_hash") or "", target["hashing_algorithm"]
    if "password" in action.declared and (
        action.before is None or {"password", "hashing_algorithm"} & set(action.changed)
    ):
        stored = passwords.make_hash(action.declared["password"], algorithm)
    tags = list(target.get("tags") or [])
    body = {
        "name": target["name"],
        "password_hash": stored,
        "hashing_algorithm": passwords.broker_name(algorithm),
        "tags": ",".join(tags) if context.version < (3, 9) else tags,
    }
    return [Definition("users", body)]


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


def write_permission(action: Action, context: Context) -> list[Write]:
    return [Definition("permissions", dict(action.after or {}))]


def remove_permission(target: Object) -> Request:
    return Request("DELETE", path("permissions", target["vhost"], target["user"]))


def user_and_vhost(values: Object) -> list[Reference]:
    return [Reference("user", "users", (values["user"],)), Reference("vhost", "vhosts", (values["vhost"],))]


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
    references=user_and_vhost,
)

# --- topic permissions --------------------------------------------------------------------------------------


def read_topic_permissions(snapshot: Snapshot) -> list[Object]:
    return [dict(raw) for raw in snapshot.section("topic_permissions")]


def write_topic_permission(action: Action, context: Context) -> list[Write]:
    return [Definition("topic_permissions", dict(action.after or {}))]


def remove_topic_permission(target: Object) -> Request:
    place = path("topic-permissions", target["vhost"], target["user"], target["exchange"])
    return Request("DELETE", place)


TOPIC_PERMISSIONS = Kind(
    name="topic_permissions",
    noun="topic permission",
    identity=(USER, VHOST, Field("exchange", required=True, empty=True)),
    fields=(permission("write"), permission("read")),
    read=read_topic_permissions,
    write=write_topic_permission,
    remove=remove_topic_permission,
    references=lambda values: [*user_and_vhost(values), *to_exchange(values, values["exchange"], "exchange")],
)
