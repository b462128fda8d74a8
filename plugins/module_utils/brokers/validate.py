"""Cross-checks of the declared document: every refusal at once, each a sentence with its remedy. Pure
functions.

``refusals`` needs no broker and runs on the controller before any host changes; ``refusals_against`` adds
what only a broker's own objects and version can tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from . import document as documents
from .model import Current, Desired, Identity, Item, Object, Version, show_version

# Tags that mean something to the broker: the management plugin's five. Source: RabbitMQ's guides "Management
# plugin" (access and permissions) and "Access control" (impersonator, for validated user-id).
USER_TAGS = ("administrator", "monitoring", "policymaker", "management", "impersonator")


def refusals(
    document: Mapping[str, Any], prefix: str = "", extra_tags: Sequence[str] = (), closed: bool = False
) -> list[str]:
    """What is wrong with a declared document, as sentences.

    :param document: lists of items by kind, short forms allowed.
    :param prefix: what stands before the option's name where the operator wrote it.
    :param extra_tags: user tags that are right although RabbitMQ gives them no meaning of its own.
    :param closed: whether items may refer only to what the document itself declares.
    """
    found = documents.shape_refusals(document, prefix)
    if found:
        return found
    desired = documents.expand(document, prefix)
    found = [
        *_duplicates(desired),
        *_unknown_tags(desired, extra_tags, prefix),
        *_references_to_absent(desired),
    ]
    return found + (list(_unknown_references(desired, {}, prefix)) if closed else [])


def refusals_against(desired: Desired, current: Current, version: Version, prefix: str = "") -> list[str]:
    """What is wrong with an expanded document on this broker: names it does not have, fields it does not
    know.
    """
    return [*_unknown_references(desired, current, prefix), *_version_refusals(desired, current, version)]


def _items(desired: Desired) -> Iterator[Item]:
    for items in desired.values():
        yield from items


def _duplicates(desired: Desired) -> Iterator[str]:
    seen: dict[tuple[str, Identity], Item] = {}
    for item in _items(desired):
        first = seen.setdefault((item.kind.name, item.identity), item)
        if first is not item:
            yield (
                f"{item.path}: {item.kind.noun} {_label(item)!r} is already declared at {first.path}; "
                "keep one of the two"
            )


def _unknown_tags(desired: Desired, extra_tags: Sequence[str], prefix: str) -> Iterator[str]:
    known = (*USER_TAGS, *extra_tags)
    for item in desired["users"]:
        for tag in item.values.get("tags", []):
            if tag not in known:
                yield (
                    f"{item.path}.tags: {tag!r} is not a tag RabbitMQ knows ({', '.join(USER_TAGS)}); "
                    "correct it, "
                    f"or list it in {prefix}extra_tags if something else reads it"
                )


def _references(desired: Desired) -> Iterator[tuple[Item, str, Identity, str]]:
    for item in _items(desired):
        if item.absent:
            continue
        for reference in item.kind.references:
            named = tuple(item.values.get(name) for name in reference.fields)
            yield item, reference.kind, named, reference.fields[-1]


def _references_to_absent(desired: Desired) -> Iterator[str]:
    absent = {(item.kind.name, item.identity): item for item in _items(desired) if item.absent}
    for item, kind, named, field in _references(desired):
        other = absent.get((kind, named))
        if other is not None:
            yield (
                f"{item.path}.{field}: {named[-1]!r} shall be absent according to {other.path}; "
                "remove one of the two"
            )


def _unknown_references(desired: Desired, current: Current, prefix: str) -> Iterator[str]:
    declared = {(item.kind.name, item.identity) for item in _items(desired)}
    for item, kind, named, field in _references(desired):
        if (kind, named) not in declared and named not in current.get(kind, {}):
            on_broker = " nor on the broker" if current else ""
            yield (
                f"{item.path}.{field}: {named[-1]!r} is {'neither' if current else 'not'} declared in "
                f"{prefix}{kind}{on_broker}; add it there or correct the name"
            )


def _version_refusals(desired: Desired, current: Current, version: Version) -> Iterator[str]:
    for item in _items(desired):
        if item.absent:
            continue
        existing = current.get(item.kind.name, {}).get(item.identity)
        for part in item.kind.fields:
            if part.name not in item.values or not version:
                continue
            if version < part.since:
                yield (
                    f"{item.path}.{part.name}: RabbitMQ {show_version(version)} does not know it, "
                    f"{show_version(part.since)} is the first that does; upgrade the broker or remove the key"
                )
            elif (
                existing is not None
                and version < part.updates_since
                and not part.same(item.values[part.name], existing)
            ):
                yield (
                    f"{item.path}.{part.name}: RabbitMQ {show_version(version)} cannot change it on a "
                    f"{item.kind.noun} "
                    f"that exists, {show_version(part.updates_since)} is the first that can; "
                    "upgrade the broker, or remove the key to keep what the broker has"
                )


def _label(item: Item) -> str:
    values: Object = item.values
    return item.kind.label(values)
