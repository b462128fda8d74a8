"""Cross-checks of the declared document: every refusal at once, each a sentence with its remedy. Pure
functions.

``refusals`` needs no broker and runs on the controller before any host changes; ``refusals_against`` adds
what only a broker's own objects and version can tell.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .. import document as documents
from ..kinds.registry import BY_NAME
from ..kinds.value_checks import regex_problem
from ..model import (
    Current,
    Desired,
    Field,
    Identity,
    Item,
    Object,
    Prune,
    Reference,
    Snapshot,
    Version,
    show_version,
)
from . import obsolete_keys as obsolete, rival_policies as shadows

# Tags that mean something to the broker: the management plugin's five. Source: RabbitMQ's guides "Management
# plugin" (access and permissions) and "Access control" (impersonator, for validated user-id).
USER_TAGS = ("administrator", "monitoring", "policymaker", "management", "impersonator")


def refusals(
    document: Mapping[str, Any],
    prefix: str = "",
    extra_tags: Sequence[str] = (),
    closed: bool = False,
    extra_references: Sequence[Any] = (),
) -> list[str]:
    """What is wrong with a declared document, as sentences.

    :param document: lists of items by kind, short forms allowed.
    :param prefix: what stands before the option's name where the operator wrote it.
    :param extra_tags: user tags that are right although RabbitMQ gives them no meaning of its own.
    :param closed: whether items may refer only to what the document itself declares.
    :param extra_references: objects that items may name wherever they are, by kind and name.
    """
    found = [
        *documents.shape_refusals(document, prefix),
        *_extra_reference_refusals(extra_references, prefix),
    ]
    if found:
        return found
    desired = documents.expand(document, prefix)
    found = [
        *_duplicates(desired),
        *_unknown_tags(desired, extra_tags, prefix),
        *_references_to_absent(desired),
    ]
    known = made_elsewhere(extra_references)
    return found + [text for _, text in _unknown_references(desired, {}, prefix, known) if closed]


def refusals_against(
    desired: Desired,
    current: Current,
    snapshot: Snapshot,
    prefix: str = "",
    extra_references: Sequence[Any] = (),
) -> dict[str, list[str]]:
    """What is wrong with an expanded document on this broker, by the path of the item.

    Names it does not have, things it does not know. What the broker holds already, however it came to be there, is
    not wrong: the caller refuses for items that would be written.
    """
    found: dict[str, list[str]] = defaultdict(list)
    for path, text in (
        *_unknown_references(desired, current, prefix, made_elsewhere(extra_references)),
        *_version_refusals(desired, current, snapshot.version),
        *_broker_refusals(desired, snapshot),
        *((path, text) for path, fatal, text in obsolete.found(desired, snapshot.version) if fatal),
    ):
        found[path].append(text)
    return found


def warnings(desired: Desired, current: Current, version: Version) -> list[str]:
    """What this broker takes and ignores, or takes and decides at random."""
    ignored = [text for _, fatal, text in obsolete.found(desired, version) if not fatal]
    return [*ignored, *shadows.found(desired, current)]


def prune_refusals(prune: Prune, prefix: str = "") -> list[str]:
    """What is wrong with the scopes of pruning."""
    found = []
    for name, scope in prune.scopes.items():
        kind = BY_NAME.get(name)
        if kind is None or kind.remove is None:
            known = ", ".join(kind.name for kind in BY_NAME.values() if kind.remove is not None)
            found.append(f"{prefix}prune.{name}: there is no such kind of object to prune; known are {known}")
            continue
        if not isinstance(scope, Mapping):
            found.append(
                f"{prefix}prune.{name}: is not a dictionary; write the scope, {{}} for all of the kind"
            )
            continue
        for key, pattern in scope.items():
            problem = (
                f"there is no such field in the name of a {kind.noun}; known are {', '.join(kind.key)}"
                if key not in kind.key
                else regex_problem(pattern)
                if isinstance(pattern, str)
                else "is not a text; write a regular expression in quotes"
            )
            if problem:
                found.append(f"{prefix}prune.{name}.{key}: {problem}")
    for index, pattern in enumerate(prune.protected):
        problem = regex_problem(pattern)
        if problem:
            found.append(f"{prefix}prune_protected[{index}]: {problem}")
    return found


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


def _references(desired: Desired) -> Iterator[tuple[Item, Reference]]:
    for item in _items(desired):
        if not item.absent:
            for reference in item.kind.references(item.values):
                yield item, reference


def _references_to_absent(desired: Desired) -> Iterator[str]:
    absent = {(item.kind.name, item.identity): item for item in _items(desired) if item.absent}
    for item, reference in _references(desired):
        other = absent.get((reference.kind, reference.identity))
        if other is not None:
            yield (
                f"{item.path}.{reference.field}: {reference.identity[-1]!r} is declared absent at "
                f"{other.path}; remove one of the two"
            )


Found = Iterator["tuple[str, str]"]  # the path of an item, and what is wrong with it


def made_elsewhere(extra_references: Sequence[Any]) -> set[tuple[str, Identity]]:
    """The objects that somebody else makes: their kind and identity."""
    return {(one["kind"], BY_NAME[one["kind"]].identify(one)) for one in extra_references}


def _extra_reference_refusals(extra_references: Sequence[Any], prefix: str) -> Iterator[str]:
    for index, one in enumerate(extra_references):
        path = f"{prefix}extra_references[{index}]"
        kind = BY_NAME.get(str(one.get("kind"))) if isinstance(one, Mapping) else None
        if kind is None:
            known = ", ".join(BY_NAME)
            yield f"{path}.kind: is missing or no kind of object; write one of {known}"
        elif {*one} != {"kind", *kind.key} or not all(isinstance(part, str) for part in one.values()):
            yield f"{path}: does not name one {kind.noun}; write kind, {', '.join(kind.key)}, each as a text"


def _unknown_references(
    desired: Desired, current: Current, prefix: str, elsewhere: set[tuple[str, Identity]]
) -> Found:
    declared = elsewhere | {(item.kind.name, item.identity) for item in _items(desired)}
    for item, reference in _references(desired):
        known = (reference.kind, reference.identity) in declared
        if known or reference.identity in current.get(reference.kind, {}):
            continue
        where = f"{prefix}{reference.kind}"
        place = f"neither declared in {where} nor on the broker" if current else f"not declared in {where}"
        yield (
            item.path,
            f"{item.path}.{reference.field}: {reference.identity[-1]!r} is {place}; "
            + (
                "add it there or correct the name"
                if reference.needed
                else "add it there, correct the name, or list it in "
                f"{prefix}extra_references if something else makes it"
            ),
        )


# Of queues; a broker that is older may ignore them, and a message be less safe than was declared.
_ARGUMENTS_SINCE: Mapping[str, Version] = {"x-dead-letter-strategy": (3, 10)}


def _version_refusals(desired: Desired, current: Current, version: Version) -> Found:
    for item in _items(desired):
        if item.absent or not version:
            continue
        if version < item.kind.since:
            yield item.path, _too_old(item.path, version, item.kind.since, "item")
            continue
        existing = current.get(item.kind.name, {}).get(item.identity)
        for part in item.kind.fields:
            if part.name in item.values:
                for text in _field_version_refusals(item, part, existing, version):
                    yield item.path, text
        for key in (item.values.get("arguments") or {}) if item.kind.name == "queues" else ():
            if version < (since := _ARGUMENTS_SINCE.get(key, ())):
                yield item.path, _too_old(f"{item.path}.arguments.{key}", version, since, "key")


def _field_version_refusals(
    item: Item, part: Field, existing: Object | None, version: Version
) -> Iterator[str]:
    value, path = item.values[part.name], f"{item.path}.{part.name}"
    if version < part.since:
        yield _too_old(path, version, part.since, "key")
    elif isinstance(value, str) and version < part.values_since.get(value, ()):
        yield _too_old(f"{path}: {value!r}", version, part.values_since[value], "value")
    elif existing is not None and version < part.updates_since and not part.same(value, existing):
        yield (
            f"{path}: RabbitMQ {show_version(version)} cannot change it on a {item.kind.noun} "
            f"that exists, {show_version(part.updates_since)} is the first that can; "
            "upgrade the broker, or remove the key to keep what the broker has"
        )


def _too_old(path: str, version: Version, since: Version, what: str) -> str:
    return (
        f"{path}: RabbitMQ {show_version(version)} does not know it, {show_version(since)} is the first that "
        f"does; upgrade the broker or remove the {what}"
    )


def _broker_refusals(desired: Desired, snapshot: Snapshot) -> Found:
    for item in _items(desired):
        if not item.absent:
            for name, problem in item.kind.check_on_broker(item.values, snapshot):
                yield item.path, f"{item.path}.{name}: {problem}"


def _label(item: Item) -> str:
    values: Object = item.values
    return item.kind.label(values)
