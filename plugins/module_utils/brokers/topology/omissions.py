"""Finds what a document cannot declare of a live broker, leaves it out, and reports it.

A broker holds more than it would take from anybody today: names without a letter, a hash that no algorithm makes, a
policy that an upgrade brought along. What is left out stays on the broker as it is, because nothing that is not
declared is touched. So a document that was settled here is refused nowhere, and changes nothing where it came from.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..rabbitmq import passwords
from .document import expand, shape_refusals
from .kinds.registry import BY_NAME, KINDS
from .model import Identity, Kind, Object, Version, show_version
from .refusals import obsolete_keys as obsolete
from .refusals.cross_checks import USER_TAGS

Document = dict[str, list[Object]]
REFUSED = re.compile(r"(?P<kind>\w+)\[(?P<index>\d+)\](?:\.(?P<field>\w+))?[^:]*: (?P<why>.*)", re.DOTALL)
PASSWORD = ("password_hash", "hashing_algorithm")
# Fields that an object can do without, and those that have to go with them. Any other wrong field takes its object.
DISPENSABLE = {
    ("users", "password_hash"): PASSWORD,
    ("users", "hashing_algorithm"): PASSWORD,
    ("users", "tags"): ("tags",),
    ("vhosts", "tags"): ("tags",),
    ("vhosts", "default_queue_type"): ("default_queue_type",),
}
FIRST_VHOST, ITS_DESCRIPTION = "/", "Default virtual host"
GUEST = "guest"
LONGEST = 80  # of a name in a sentence
USERS = BY_NAME["users"]


@dataclass
class Settled:
    """A document that converges, what has to be allowed for it, and what it does not say."""

    document: Document
    extra_tags: list[str] = field(default_factory=list)
    extra_references: list[Object] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def settle(
    document: Mapping[str, list[Object]], version: Version, login: str = "", auto_delete: bool = True
) -> Settled:
    """A document of everything that a broker holds, without what cannot be declared.

    :param login: the user who logs in: it keeps the password it has, which the inventory says in another place.
    :param auto_delete: whether queues stay that go with their last consumer.
    """
    draft = _Draft({kind.name: [dict(item) for item in document.get(kind.name, [])] for kind in KINDS})
    _leave_the_logins_password(draft, login)
    _leave_useless_hashes(draft)
    if not auto_delete:
        _leave_auto_delete(draft)
    _leave_misshapen(draft)
    _leave_obsolete(draft, version)
    _leave_what_every_broker_has(draft, version)
    references = _resolve(draft)
    return Settled(draft.document, _extra_tags(draft.document), references, draft.left_out)


class _Draft:
    """A document in progress; everything left out is reported with its reason."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.left_out: list[str] = []
        self.gone: set[tuple[str, Identity]] = set()

    def remove(self, kind: Kind, reasons: Mapping[int, str]) -> None:
        """Leaves items out, by their index."""
        items = self.document[kind.name]
        for index, why in sorted(reasons.items()):
            self._say(kind, items[index], why)
            self.gone.add((kind.name, kind.identify(items[index])))
        self.document[kind.name] = [item for index, item in enumerate(items) if index not in reasons]

    def drop(self, kind: Kind, item: Object, fields: Iterable[str], why: str) -> None:
        """Leaves fields of an item out."""
        named = [name for name in fields if item.pop(name, None) is not None]
        if named:
            self._say(kind, item, f"without its {' and '.join(named)}: {why}")

    def _say(self, kind: Kind, item: Object, why: str) -> None:
        names = {part.name: "" for part in kind.identity if part.default is None}
        label = kind.label({**names, **item})
        label = json.dumps(label if len(label) <= LONGEST else label[:LONGEST] + "...", ensure_ascii=False)
        self.left_out.append(_one_line(f"{kind.noun} {label}: {why}"))


def _one_line(text: str) -> str:
    """Text for a comment, whatever is in the names."""
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)


def _leave_the_logins_password(draft: _Draft, login: str) -> None:
    for item in draft.document["users"]:
        if item["name"] == login:
            why = "this user's login reads and writes the broker, and the inventory has its password"
            draft.drop(USERS, item, PASSWORD, why)


def _leave_useless_hashes(draft: _Draft) -> None:
    """Hashes that match no password, and those of "guest", which would admit anybody to the next broker too."""
    for item in draft.document["users"]:
        stored = item.get("password_hash", "")
        algorithm = item.get("hashing_algorithm", passwords.DEFAULT_ALGORITHM)
        if passwords.algorithm_of(stored) not in (None, algorithm):
            draft.drop(
                USERS, item, PASSWORD, f"the stored hash is not one of {algorithm}, so no password matches"
            )
        elif passwords.matches(GUEST, stored, algorithm):
            draft.drop(USERS, item, PASSWORD, "it is a well-known password; give this user another one")


def _leave_auto_delete(draft: _Draft) -> None:
    why = "it is removed with its last consumer; the application that uses it declares it"
    queues = enumerate(draft.document["queues"])
    draft.remove(BY_NAME["queues"], {index: why for index, item in queues if item.get("auto_delete")})


def _leave_misshapen(draft: _Draft) -> None:
    """Asks the checks themselves, so that nothing they refuse is missed."""
    wrong: dict[str, dict[int, str]] = defaultdict(dict)
    for sentence in shape_refusals(draft.document):
        found = REFUSED.match(sentence)
        if found is None:
            continue
        kind, index, name = BY_NAME[found["kind"]], int(found["index"]), found["field"] or ""
        why = found["why"].split("; ")[0]  # the rest says what to do to somebody who wrote it
        if (kind.name, name) in DISPENSABLE:
            draft.drop(kind, draft.document[kind.name][index], DISPENSABLE[kind.name, name], why)
        else:
            wrong[kind.name][index] = f"its {name} {why}"
    for name, reasons in wrong.items():
        draft.remove(BY_NAME[name], reasons)


def _leave_obsolete(draft: _Draft, version: Version) -> None:
    """Leftovers of an upgrade that the broker would no longer accept."""
    reasons: dict[str, dict[int, str]] = defaultdict(dict)
    for path, rejected, text in obsolete.found(expand(draft.document), version):
        found = REFUSED.match(text)
        if rejected and found:
            reasons[found["kind"]][int(found["index"])] = text[len(path) + 1 :].rsplit("; ", 1)[0]
    for name, wrong in reasons.items():
        draft.remove(BY_NAME[name], wrong)


def _leave_what_every_broker_has(draft: _Draft, version: Version) -> None:
    """A new broker has its first virtual host already, and old versions change nothing of one that exists."""
    kind = BY_NAME["vhosts"]
    fixed = [part.name for part in kind.fields if version < part.updates_since]
    for item in draft.document["vhosts"]:
        if item["name"] == FIRST_VHOST and item.get("description") != ITS_DESCRIPTION:
            why = f"RabbitMQ {show_version(version)} cannot change them on another broker, which has this virtual host"
            draft.drop(kind, item, fixed, why)


def _resolve(draft: _Draft) -> list[Object]:
    """Items that need what was left out go as well; what others name in vain has to be allowed."""
    allowed: dict[tuple[str, Identity], Object] = {}
    declared: set[tuple[str, Identity]] = set()
    for kind in KINDS:
        declared |= {(kind.name, kind.identify(item)) for item in draft.document[kind.name]}
    for kind in KINDS:  # in the order of writing: what is needed stands before what needs it
        reasons = {}
        for index, item in enumerate(draft.document[kind.name]):
            missing = [
                (one, (one.kind, one.identity))
                for one in kind.references(item)
                if (one.kind, one.identity) not in declared
            ]
            # Topic permissions on an exchange that is gone are kept by old brokers and refused by new ones.
            needed = [
                one
                for one, target in missing
                if one.needed or (kind.name == "topic_permissions" and target in draft.gone)
            ]
            if needed:
                reasons[index] = (
                    f"its {needed[0].field} {json.dumps(needed[0].identity[-1])} is left out or gone"
                )
                declared.discard((kind.name, kind.identify(item)))
                continue
            for one, target in missing:
                names = dict(zip(BY_NAME[one.kind].key, one.identity))
                allowed[target] = {"kind": one.kind, **names}
        draft.remove(kind, reasons)
    return [allowed[target] for target in sorted(allowed)]


def _extra_tags(document: Document) -> list[str]:
    return sorted({tag for item in document["users"] for tag in item.get("tags", [])} - set(USER_TAGS))
