"""What a picture shows, before anything has a place on it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

Key = tuple[str, str]  # EXCHANGE or QUEUE, and the name

EXCHANGE, QUEUE = "exchange", "queue"


class Link(StrEnum):
    """Why a message takes a way."""

    BINDING = "binding"
    DEAD_LETTER = "dead letters"
    ALTERNATE = "if unrouted"


class Status(StrEnum):
    """On which of two sides a thing is; the value says it in words."""

    SAME = "on both sides"
    DECLARED = "only declared"
    BROKER = "only on the broker"
    DIFFERS = "differs"


# A sign beside each colour: nobody has to tell the colours apart.
SIGNS = {Status.SAME: "", Status.DECLARED: "+", Status.BROKER: "\N{MINUS SIGN}", Status.DIFFERS: "≠"}


@dataclass(frozen=True)
class Node:
    """An exchange or a queue. ``about`` says what it is like, ``missing`` that others name it and it is nowhere."""

    key: Key
    about: tuple[str, ...]
    status: Status = Status.SAME
    missing: bool = False

    @property
    def title(self) -> str:
        """The name for people; one exchange has none."""
        return visible(self.key[1]) or "(default exchange)"


@dataclass(frozen=True)
class Edge:
    """A way of messages from one node to another: bindings of one kind share it, ``labels`` tells them apart."""

    source: Key
    target: Key
    link: Link
    labels: tuple[str, ...]
    status: Status = Status.SAME


@dataclass(frozen=True)
class Picture:
    """What is drawn: of one side, or the difference of two; ``origins`` says where it comes from."""

    title: str
    origins: tuple[str, ...]
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    compared: bool = False

    def sentences(self) -> list[str]:
        """The picture in words, for those who do not see it."""
        names = {node.key: f"{node.key[0]} {node.title}" for node in self.nodes}
        lines = [
            f"{names[node.key]}: {', '.join((*node.about, *_said(node.status)))}." for node in self.nodes
        ]
        for edge in self.edges:
            labels = f" ({', '.join(edge.labels)})" if edge.labels else ""
            said = "".join(f", {text}" for text in _said(edge.status))
            lines.append(f"{edge.link} from {names[edge.source]} to {names[edge.target]}{labels}{said}.")
        return lines


def _said(status: Status) -> tuple[str, ...]:
    return () if status is Status.SAME else (str(status),)


def visible(text: str) -> str:
    """A name as it can stand in a picture: what has no glyph, and what XML may not hold, is written as an escape."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )
