"""Where a picture comes from: variables files, a file of definitions, or a live broker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from brokers.rabbitmq import api
from brokers.topology import adopt, backup, document
from brokers.topology.kinds.registry import BY_NAME, KINDS, read_current
from brokers.topology.model import Current, Desired, Item, Snapshot, parse_version
from probes.model import ExitCode, Refusal

PREFIX = "rabbitmq_topology_"
ENCRYPTED = "$ANSIBLE_VAULT"
SHOWN_REFUSALS = 5


@dataclass(frozen=True)
class Held:
    """What a broker has, or had when its definitions were exported."""

    origin: str
    current: Current

    def as_desired(self) -> Desired:
        """The same as a declaration of every field, to compare another broker with."""
        return {
            kind.name: [
                Item(kind, {key: value for key, value in held.items() if value is not None}, self.origin)
                for held in self.current.get(kind.name, {}).values()
            ]
            for kind in KINDS
        }


@dataclass(frozen=True)
class Declared:
    """What is declared."""

    origin: str
    desired: Desired


def declared(paths: Iterable[Path]) -> Declared:
    """The document in variables files; a variable of a later file takes the place of one before, as Ansible has it.

    :raises Refusal: when a file cannot be read, or holds no document.
    """
    paths = list(paths)
    found: dict[str, Any] = {}
    for path in paths:
        found.update(_document(path))
    wrong = document.shape_refusals(found, PREFIX)
    if wrong:
        more = f" (and {len(wrong) - SHOWN_REFUSALS} more)" if len(wrong) > SHOWN_REFUSALS else ""
        raise Refusal(ExitCode.DATA, "--declared: " + "; ".join(wrong[:SHOWN_REFUSALS]) + more + ".")
    return Declared("declared in " + ", ".join(map(str, paths)), document.expand(found, PREFIX))


def _document(path: Path) -> dict[str, Any]:
    """The lists of objects in one file: the role's variables, or a document without the prefix."""
    variables = _yaml(path)
    prefixed = {name: variables.get(PREFIX + name) for name in BY_NAME if PREFIX + name in variables}
    plain = {name: variables[name] for name in BY_NAME if name in variables}
    if not prefixed and not plain:
        raise Refusal(
            ExitCode.DATA,
            f"--declared: {path} declares nothing; name the file that has {PREFIX}queues, {PREFIX}exchanges and "
            "so on.",
        )
    return prefixed or plain


class _Loader(yaml.SafeLoader):
    """Reads variables files: what Ansible alone understands (!vault, !unsafe) is a text here."""


_Loader.add_multi_constructor("!", lambda loader, suffix, node: loader.construct_scalar(node))


def _yaml(path: Path) -> Mapping[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise Refusal(
            ExitCode.NO_INPUT, f"--declared: {path} cannot be read ({reason}); name a variables file."
        ) from None
    if text.startswith(ENCRYPTED):
        raise Refusal(
            ExitCode.DATA,
            f"--declared: {path} is encrypted; leave it out, a picture needs no password.",
        )
    try:
        variables = yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, ValueError, TypeError) as error:
        where = " ".join(str(error).split())
        raise Refusal(ExitCode.DATA, f"--declared: {path} is not YAML ({where}); correct it.") from None
    if not isinstance(variables, dict):
        raise Refusal(ExitCode.DATA, f"--declared: {path} holds no variables; name a variables file.")
    return variables


def definitions(path: Path) -> Held:
    """What a file of definitions holds: an export of the broker, or a backup of this project.

    :raises Refusal: when it is not that.
    """
    try:
        return _held(backup.load(str(path)), f"definitions in {path}")
    except backup.BackupFailed as error:
        raise Refusal(ExitCode.DATA, f"--definitions: {error}.") from None
    except (KeyError, TypeError, AttributeError):
        raise Refusal(
            ExitCode.DATA,
            f"--definitions: {path} is not a complete export; name one of `rabbitmqctl export_definitions` or "
            "GET /api/definitions.",
        ) from None


def live(access: api.Access) -> Held:
    """What a broker has.

    :raises Refusal: when it cannot be reached or refuses.
    """
    try:
        with closing(api.Client(access)) as client:
            return _held(adopt.whole_definitions(client), f"on {access.url}")
    except api.Unreachable as error:
        raise Refusal(ExitCode.UNAVAILABLE, f"--management: {error}.") from None
    except api.ApiError as error:
        raise Refusal(ExitCode.FAILED, f"--management: {error}.") from None


def _held(raw: Mapping[str, Any], origin: str) -> Held:
    version = str(raw.get("rabbitmq_version") or raw.get("rabbit_version") or "")
    current = read_current(Snapshot(raw, parse_version(version)))
    return Held(f"{origin}, RabbitMQ {version}" if version else origin, current)
