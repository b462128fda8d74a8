"""A document as the two files that an operator keeps: variables for everybody to read, and the secrets apart."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from .diff import scalar
from .kinds.registry import KINDS
from .kinds.rules import PASSWORD_IN_URI
from .model import Object
from .omissions import Settled

VAULT = "vault_rabbitmq_topology"
MARK = "Written by playbooks/topology_adopt.yml"
# What Ansible takes for a template: a text that holds a bracket of Jinja's, or begins with its override.
TEMPLATE = re.compile(r"\{[{%#]|\A#jinja2:")
# What YAML does not take as it is, or takes for the end of a line: JSON leaves these characters alone.
NOT_IN_YAML = re.compile("[\x7f-\xa0\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
EXPONENT = re.compile(r"\A-?\d+(?=e)")
LONGEST_KEY = 120  # of a YAML mapping, with its escapes, where no question mark announces it: 1024 characters
SAFE_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")


class Reference:
    """A place in the vault, written as the template that reads it."""

    def __init__(self, section: str, key: str) -> None:
        self.section, self.key = section, key

    def __str__(self) -> str:
        return "{{ " + f'{VAULT}.{self.section}["{self.key}"]' + " }}"


class Vault:
    """The secrets, by section and by a key that is safe inside a template, with the name that each belongs to."""

    def __init__(self) -> None:
        self.sections: dict[str, dict[str, tuple[str, Any]]] = {}

    def keep(self, section: str, name: str, secret: Any) -> Reference:
        """Takes a secret in and returns the place that it has."""
        key = _key(name)
        self.sections.setdefault(section, {})[key] = (name, secret)
        return Reference(section, key)

    def text(self) -> str:
        """The file to encrypt."""
        lines = [
            "---",
            f"# {MARK}: the secrets of topology.yml. Encrypt this file: ansible-vault encrypt vault.yml",
        ]
        if not self.sections:
            return "\n".join([*lines, f"{VAULT}: {{}}"]) + "\n"
        lines.append(f"{VAULT}:")
        for section, secrets in self.sections.items():
            lines.append(f"  {section}:")
            for key, (name, secret) in secrets.items():
                if key != name:
                    lines.append(f"    # {_quoted(name)}")
                lines.append(f"    {_quoted(key)}: {_flow(secret)}")
        return "\n".join(lines) + "\n"


def _key(name: str) -> str:
    """The name itself where a template can hold it; else what is left of it, and a mark of its own."""
    if SAFE_KEY.match(name) and len(name) <= LONGEST_KEY:
        return name
    left = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-")[:40]
    return "-".join(
        filter(None, [left, hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:12]])
    )


def files(settled: Settled, prefix: str, version: str) -> tuple[str, str]:
    """The text of topology.yml, one variable for each kind, and that of vault.yml."""
    document, vault = _without_secrets(settled.document)
    lines = ["---", f"# {MARK} of RabbitMQ {version}. Converging it changes nothing."]
    if settled.left_out:
        lines.append("# Left out, and so left on the broker as it is:")
        lines += [f"#   {sentence}" for sentence in settled.left_out]
    if settled.extra_tags:
        lines += ["", "# Tags that mean something to somebody else than RabbitMQ."]
        lines.append(f"{prefix}extra_tags: {_yaml(settled.extra_tags)}")
    if settled.extra_references:
        lines += [
            "",
            "# What items name although it is not there: their messages or settings lead nowhere until it is.",
        ]
        lines += [f"{prefix}extra_references:", *_items(settled.extra_references)]
    for kind in KINDS:
        items = document.get(kind.name, [])
        if kind.name == "feature_flags":
            continue  # a broker of another version has others
        # An empty list too: a group's variable of this name would be declared otherwise.
        lines += ["", f"{prefix}{kind.name}:", *_items(items)] if items else ["", f"{prefix}{kind.name}: []"]
    return "\n".join(lines) + "\n", vault.text()


def _without_secrets(document: Mapping[str, list[Object]]) -> tuple[dict[str, list[Object]], Vault]:
    open_part = {name: [dict(item) for item in items] for name, items in document.items()}
    vault = Vault()
    for item in open_part.get("users", []):
        if "password_hash" in item:
            item["password_hash"] = vault.keep("password_hashes", item["name"], item["password_hash"])
    for kind in ("parameters", "global_parameters"):
        for item in open_part.get(kind, []):
            if PASSWORD_IN_URI.search(json.dumps(item.get("value"))):
                name = " ".join(str(item[key]) for key in ("component", "vhost", "name") if key in item)
                item["value"] = vault.keep(kind, name, item["value"])
    return open_part, vault


def _items(items: list[Object]) -> list[str]:
    lines = []
    for item in items:
        entries = [f"{key}: {_yaml(value)}" for key, value in item.items()]
        lines += [f"  - {entries[0]}", *(f"    {entry}" for entry in entries[1:])]
    return lines


def _yaml(value: Any) -> str:
    """A value on one line; a text that looks like a template is marked, so that Ansible leaves it as it is."""
    if isinstance(value, Reference):
        return f"'{value}'"
    if isinstance(value, str) and scalar(value) == value:
        return value
    return _flow(value)


def _flow(value: Any) -> str:
    """A value that may stand inside brackets, where a plain text could end early: texts are quoted."""
    if isinstance(value, str):
        return ("!unsafe " if TEMPLATE.search(value) else "") + _quoted(value)
    if isinstance(value, Mapping):
        return (
            "{" + ", ".join(f"{_mapping_key(str(key))}: {_flow(part)}" for key, part in value.items()) + "}"
        )
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_flow(part) for part in value) + "]"
    # JSON's 1e+16 is a text to YAML, which wants a point
    return EXPONENT.sub(lambda found: found.group() + ".0", json.dumps(value))


def _mapping_key(key: str) -> str:
    text = _quoted(key)
    return text if len(text) <= LONGEST_KEY else f"? {text} "


def _quoted(text: str) -> str:
    return NOT_IN_YAML.sub(lambda found: f"\\u{ord(found.group()):04x}", json.dumps(text, ensure_ascii=False))
