"""Turns a live broker, or a file of its definitions, into a declared document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..rabbitmq.api import Client
from .kinds.access import VHOST_DETAILS
from .kinds.parts import as_set
from .kinds.registry import KINDS, read_current
from .kinds.routing import EXCHANGE_DETAILS
from .model import Field, Kind, Object, Snapshot, parse_version


def whole_definitions(client: Client) -> dict[str, Any]:
    """The definitions, with what some versions leave out of them: a file that is enough to restore from.

    Up to 3.10 that is all of a virtual host but its name, from 4.1 on internal exchanges, and everywhere tracing.

    :raises ApiError: when the broker cannot be reached or refuses.
    """
    definitions: dict[str, Any] = dict(client.get("/api/definitions"))
    version = parse_version(str(definitions.get("rabbitmq_version", "")))
    listed = client.get(VHOST_DETAILS)
    definitions["vhosts"] = [
        {**held, **_details(held["name"], listed, version)} for held in definitions["vhosts"]
    ]
    known = {(raw["vhost"], raw["name"]) for raw in definitions["exchanges"]}
    for raw in client.get(EXCHANGE_DETAILS):
        if (
            raw["internal"]
            and not raw["name"].startswith("amq.")
            and (raw["vhost"], raw["name"]) not in known
        ):
            definitions["exchanges"].append(raw)
    return definitions


def _details(name: str, listed: list[Object], version: tuple[int, ...]) -> Object:
    """A virtual host's fields, as the broker's own import takes them."""
    for raw in listed:
        if raw["name"] == name:
            tags = sorted(as_set(raw.get("tags")))
            found: Object = {key: raw[key] for key in ("description", "tracing") if key in raw}
            queue_type = raw.get("default_queue_type")
            kind = {} if queue_type in (None, "undefined") else {"default_queue_type": queue_type}
            protected = {key: True for key in ("protected_from_deletion",) if raw.get(key)}
            metadata = {"description": raw.get("description", ""), "tags": tags, **kind, **protected}
            return {**found, "tags": ",".join(tags) if version < (3, 9) else tags, "metadata": metadata}
    return {}


def document_of(definitions: Mapping[str, Any]) -> dict[str, list[Object]]:
    """Everything that definitions hold, as a document: fields that are what a new object gets are left out."""
    version = parse_version(
        str(definitions.get("rabbitmq_version") or definitions.get("rabbit_version") or "")
    )
    current = read_current(Snapshot(definitions, version))
    document = {
        kind.name: [_item(kind, held) for _, held in sorted(current[kind.name].items())] for kind in KINDS
    }
    return {name: items for name, items in document.items() if items}


def _item(kind: Kind, held: Object) -> Object:
    item = {part.name: held[part.name] for part in kind.identity if held.get(part.name) != part.default}
    item.update({part.name: held[part.name] for part in kind.fields if _says_something(part, held)})
    return item


def _says_something(part: Field, held: Object) -> bool:
    value = held.get(part.name)
    if value is None or (part.secret and not value):
        return False
    if (
        part.name == "type"
    ):  # of a queue or an exchange: what a new one gets may be another on the next broker
        return True
    return part.required or bool(part.canonical(value) != part.canonical(part.default))
