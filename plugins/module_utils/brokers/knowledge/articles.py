"""What docs/troubleshooting.md has beside the table: articles about what clients, roles, playbooks and programs say.

They are the YAML files in page/, one for each section of the page. An entry has

    id        its anchor, unlike that of any row
    heading   the literal message, or what is seen
    says      parts of sentences of ours that it is about; refusals that hold one lead to it
    text      Markdown

The page is made of them and of the rows of the table, in the order of PAGE_ORDER.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from . import PAGE

FOLDER = Path(__file__).with_name("page")
# In the order of the page; the table stands where TABLE does.
TABLE = "*"
PAGE_ORDER = ("amqp", "stomp", "queues", "start", "refusals", "topology", "smoke", TABLE, "testbed")


@dataclass(frozen=True)
class Article:
    """An entry of the page."""

    id: str
    heading: str
    text: str
    says: tuple[str, ...] = ()


@dataclass(frozen=True)
class Section:
    """A file: its title, what stands above its entries, and those."""

    title: str
    intro: str
    entries: tuple[Article, ...]


@lru_cache(maxsize=len(PAGE_ORDER))
def section(name: str) -> Section:
    """Return a section by the name of its file."""
    import yaml

    document: dict[str, Any] = yaml.safe_load((FOLDER / f"{name}.yml").read_text(encoding="utf-8"))
    entries = (
        Article(one["id"], one["heading"], one["text"].strip("\n"), tuple(one.get("says", ())))
        for one in document["entries"]
    )
    return Section(document["section"], document.get("intro", "").strip("\n"), tuple(entries))


def every() -> Iterator[Article]:
    """Yield each article in the order of the page."""
    for name in PAGE_ORDER:
        if name != TABLE:
            yield from section(name).entries


def place(sentence: str) -> str:
    """Return where the page has more on a sentence of ours, '' where it has not."""
    words = " ".join(sentence.split())
    found = next((one for one in every() if any(part in words for part in one.says)), None)
    return f"{PAGE}#{found.id}" if found else ""
