"""Exchanges, queues and bindings, as declarations. Nothing of them can be changed in
place.
"""

from __future__ import annotations

from ...rabbitmq.request import Find, Request
from ..model import (
    Action,
    Context,
    Definition,
    Desired,
    Field,
    Kind,
    Lookup,
    Object,
    Problems,
    Reference,
    Snapshot,
    Write,
)
from .parts import NAME, VHOST, as_json, name_in_vhost, path
from .value_checks import arguments_problem

QUEUE_TYPE = "x-queue-type"
EXCHANGE_DETAILS = "/api/exchanges?columns=vhost,name,type,durable,auto_delete,internal,arguments"
ARGUMENTS = Field(
    "arguments", type="dict", default={}, canonical=as_json, check=arguments_problem, immutable=True
)


def in_vhost(values: Object) -> list[Reference]:
    return [Reference("vhost", "vhosts", (values["vhost"],))]


def to_exchange(values: Object, name: str, field: str) -> list[Reference]:
    """A reference to an exchange, unless it is one that every virtual host has."""
    builtin = name == "" or name.startswith("amq.")
    return [] if builtin else [Reference(field, "exchanges", (values["vhost"], name))]


def to_argument(values: Object, key: str) -> list[Reference]:
    name = (values.get("arguments") or {}).get(key)
    return to_exchange(values, name, f"arguments.{key}") if isinstance(name, str) else []


# --- exchanges ----------------------------------------------------------------------------------------------


def exchange_details(desired: Desired, snapshot: Snapshot) -> list[str]:
    """From 4.1 the definitions leave internal exchanges out: they are read where one is declared or referred
    to.
    """
    listed = snapshot.section("exchanges")
    if snapshot.version < (4, 1) or any("internal" in raw for raw in listed):
        return []
    known = {(raw["vhost"], raw["name"]) for raw in listed}
    named = [item.identity for item in desired["exchanges"]]
    for items in desired.values():
        for item in items:
            named += [ref.identity for ref in item.kind.references(item.values) if ref.kind == "exchanges"]
    return [EXCHANGE_DETAILS] if any(identity not in known for identity in named) else []


def read_exchanges(snapshot: Snapshot) -> list[Object]:
    raws = snapshot.extra.get(EXCHANGE_DETAILS) or snapshot.section("exchanges")
    return [
        {
            "vhost": raw["vhost"],
            "name": raw["name"],
            "type": raw["type"],
            "durable": raw["durable"],
            "auto_delete": raw["auto_delete"],
            "internal": raw.get("internal", False),
            "arguments": raw.get("arguments") or {},
        }
        for raw in raws
        if raw["name"] and not raw["name"].startswith("amq.")
    ]


def write_exchange(action: Action, context: Context) -> list[Write]:
    return [Definition("exchanges", dict(action.after or {}))]


def remove_exchange(target: Object) -> Request:
    return Request("DELETE", path("exchanges", target["vhost"], target["name"]))


def exchange_references(values: Object) -> list[Reference]:
    return [*in_vhost(values), *to_argument(values, "alternate-exchange")]


def check_exchange(values: Object) -> Problems:
    if values.get("name", "").startswith("amq."):
        yield "name", "starts with amq., which the broker keeps for its own exchanges; choose another name"


EXCHANGES = Kind(
    name="exchanges",
    noun="exchange",
    identity=(VHOST, NAME),
    fields=(
        Field("type", default="direct", immutable=True),
        Field("durable", type="bool", default=True, immutable=True),
        Field("auto_delete", type="bool", default=False, immutable=True),
        Field("internal", type="bool", default=False, immutable=True),
        ARGUMENTS,
    ),
    read=read_exchanges,
    write=write_exchange,
    remove=remove_exchange,
    references=exchange_references,
    further_reads=exchange_details,
    check=check_exchange,
    label_of=name_in_vhost,
)

# --- queues -------------------------------------------------------------------------------------------------


def read_queues(snapshot: Snapshot) -> list[Object]:
    return [read_queue(raw) for raw in snapshot.section("queues") if not raw["name"].startswith("amq.")]


def read_queue(raw: Object) -> Object:
    """A queue with its type as a field: versions keep it as an argument, some in both places."""
    arguments = dict(raw.get("arguments") or {})
    kind = arguments.pop(QUEUE_TYPE, None) or raw.get("type") or "classic"
    return {
        "vhost": raw["vhost"],
        "name": raw["name"],
        "type": kind,
        "durable": raw["durable"],
        "auto_delete": raw["auto_delete"],
        "arguments": arguments,
    }


def complete_queue(values: Object) -> Object:
    """The argument x-queue-type is another way to write the type."""
    arguments = values.get("arguments")
    if not arguments or QUEUE_TYPE not in arguments:
        return values
    others = {key: value for key, value in arguments.items() if key != QUEUE_TYPE}
    return {"type": arguments[QUEUE_TYPE], **values, "arguments": others}


def check_queue(values: Object) -> Problems:
    if values.get("name", "").startswith("amq."):
        yield (
            "name",
            "starts with amq., which the broker keeps for queues it names itself; choose another name",
        )
    argument = (values.get("arguments") or {}).get(QUEUE_TYPE)
    named = values.get("type")
    if argument and named and argument != named:
        yield "type", f"is {named!r}, but the argument {QUEUE_TYPE} says {argument!r}; keep one of the two"
    if (argument or named) in ("quorum", "stream") and values.get("durable") is False:
        yield "durable", f"is false, but a {argument or named} queue is always durable; remove the key"


def derive_queue(values: Object, lookup: Lookup) -> Object:
    """A new queue without a type gets its virtual host's: the definitions of 3.10 would make it a classic
    one.
    """
    home = lookup("vhosts", (values["vhost"],)) or {}
    return {"type": home["default_queue_type"], **values} if home.get("default_queue_type") else values


def write_queue(action: Action, context: Context) -> list[Write]:
    target = dict(action.after or {})
    kind = target.pop("type", None)
    if kind:
        target["arguments"] = {**target["arguments"], QUEUE_TYPE: kind}
    return [Definition("queues", target)]


def remove_queue(target: Object) -> Request:
    """Classic queues are removed only while empty and unused, by the broker's own test; others know no such
    test.
    """
    guard = "?if-empty=true&if-unused=true" if target["type"] == "classic" and not target.get("force") else ""
    return Request("DELETE", path("queues", target["vhost"], target["name"]) + guard)


def queue_references(values: Object) -> list[Reference]:
    return [*in_vhost(values), *to_argument(values, "x-dead-letter-exchange")]


QUEUES = Kind(
    name="queues",
    noun="queue",
    identity=(VHOST, NAME),
    fields=(
        Field("type", immutable=True, values_since={"stream": (3, 9)}),
        Field("durable", type="bool", default=True, immutable=True),
        Field("auto_delete", type="bool", default=False, immutable=True),
        ARGUMENTS,
    ),
    directives=(
        Field("replace", choices=("never", "when_empty")),
        Field("force", type="bool"),
    ),
    read=read_queues,
    write=write_queue,
    remove=remove_queue,
    references=queue_references,
    complete=complete_queue,
    derive=derive_queue,
    check=check_queue,
    label_of=name_in_vhost,
)

# --- bindings -----------------------------------------------------------------------------------------------


def read_bindings(snapshot: Snapshot) -> list[Object]:
    """Bindings, but for those of queues that are not declared objects: exclusive ones and those the broker names."""
    queues = {(raw["vhost"], raw["name"]) for raw in snapshot.section("queues")}
    return [
        dict(raw)
        for raw in snapshot.section("bindings")
        if raw["source"]
        and (
            raw["destination_type"] != "queue"
            or ((raw["vhost"], raw["destination"]) in queues and not raw["destination"].startswith("amq."))
        )
    ]


def write_binding(action: Action, context: Context) -> list[Write]:
    return [Definition("bindings", dict(action.after or {}))]


def remove_binding(target: Object) -> Request:
    """The broker names a binding by its routing key and a hash of its arguments; it is asked for that name."""
    letter = {"queue": "q", "exchange": "e"}[target["destination_type"]]
    place = path("bindings", target["vhost"], "e", target["source"], letter, target["destination"])
    wanted = BINDINGS.identify(target)
    return Request(
        "DELETE", place, find=Find(place, "properties_key", lambda raw: BINDINGS.identify(raw) == wanted)
    )


def binding_references(values: Object) -> list[Reference]:
    found = [*in_vhost(values), *to_exchange(values, values["source"], "source")]
    if values.get("destination_type", "queue") == "exchange":
        return [*found, *to_exchange(values, values["destination"], "destination")]
    return [*found, Reference("destination", "queues", (values["vhost"], values["destination"]))]


def check_binding(values: Object) -> Problems:
    if values.get("source") == "":
        yield (
            "source",
            "is the default exchange, which routes to every queue by its name already; remove the binding",
        )


def binding_label(values: Object) -> str:
    key = f" ({values['routing_key']})" if values.get("routing_key") else ""
    return f"{values['source']} to {values['destination']}{key} on {values['vhost']}"


BINDINGS = Kind(
    name="bindings",
    noun="binding",
    identity=(
        VHOST,
        Field("source", required=True, empty=True),
        Field("destination_type", choices=("queue", "exchange"), default="queue"),
        Field("destination", required=True),
        Field("routing_key", default="", empty=True),
        Field("arguments", type="dict", default={}, canonical=as_json, check=arguments_problem),
    ),
    fields=(),
    read=read_bindings,
    write=write_binding,
    remove=remove_binding,
    references=binding_references,
    check=check_binding,
    label_of=binding_label,
)
