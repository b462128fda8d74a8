"""A live broker, or a file of its definitions, as a declared document: the way back from objects to YAML."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from .api import Client
from .diff import scalar
from .kind_parts import as_set
from .kinds import KINDS, read_current
from .kinds_access import VHOST_DETAILS
from .kinds_routing import EXCHANGE_DETAILS
from .kinds_rules import PASSWORD_IN_URI
from .model import Field, Kind, Object, Snapshot, parse_version

VAULT = "vault_rabbitmq_topology"
TEMPLATE = re.compile(r"\{[{%#]")


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


def without_secrets(document: Mapping[str, list[Object]]) -> tuple[dict[str, list[Object]], dict[str, Any]]:
    """The document with references in place of its secrets, and the secrets by their names."""
    open_part = {name: [dict(item) for item in items] for name, items in document.items()}
    vault: dict[str, Any] = {}
    for item in open_part.get("users", []):
        if "password_hash" in item:
            vault.setdefault("password_hashes", {})[item["name"]] = item["password_hash"]
            item["password_hash"] = Reference("password_hashes", item["name"])
    for kind in ("parameters", "global_parameters"):
        for item in open_part.get(kind, []):
            if PASSWORD_IN_URI.search(json.dumps(item.get("value"))):
                name = " ".join(str(item[key]) for key in ("component", "vhost", "name") if key in item)
                vault.setdefault(kind, {})[name] = item["value"]
                item["value"] = Reference(kind, name)
    return open_part, vault


class Reference:
    """A place in the vault, written as the template that reads it."""

    def __init__(self, section: str, name: str) -> None:
        self.section, self.name = section, name

    def __str__(self) -> str:
        return "{{ " + f"{VAULT}.{self.section}[{json.dumps(self.name)}]" + " }}"


def render(document: Mapping[str, list[Object]], prefix: str) -> str:
    """A document as YAML text for a variables file: one variable per kind."""
    lines = ["---"]
    for kind in KINDS:
        if not document.get(kind.name):
            continue
        lines += ["", f"{prefix}{kind.name}:"]
        for item in document[kind.name]:
            entries = [f"{key}: {_yaml(value)}" for key, value in item.items()]
            lines += [f"  - {entries[0]}", *(f"    {entry}" for entry in entries[1:])]
    return "\n".join(lines) + "\n"


def render_vault(vault: Mapping[str, Any]) -> str:
    """The secrets as YAML text for a file to encrypt."""
    return f"---\n{VAULT}: {_yaml(vault)}\n"


def _yaml(value: Any) -> str:
    """A value on one line; a text that looks like a template is marked, so that Ansible leaves it as it is."""
    if isinstance(value, Reference):
        return "'" + str(value).replace("'", "''") + "'"
    if isinstance(value, str):
        return ("!unsafe " if TEMPLATE.search(value) else "") + scalar(value)
    if isinstance(value, Mapping):
        return (
            "{"
            + ", ".join(
                f"{json.dumps(str(key), ensure_ascii=False)}: {_flow(part)}" for key, part in value.items()
            )
            + "}"
        )
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_flow(part) for part in value) + "]"
    return scalar(value)


def _flow(value: Any) -> str:
    """A value inside brackets, where a plain text could end early: texts are quoted."""
    if isinstance(value, str):
        return ("!unsafe " if TEMPLATE.search(value) else "") + json.dumps(value, ensure_ascii=False)
    return _yaml(value)
