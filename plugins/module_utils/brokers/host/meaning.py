"""Whether two versions of a configuration file mean the same to the broker.

A comment that somebody added by hand is put back, and no restart is owed for it. Only what is sure counts: a text that
is not understood here, such as one with a line that the broker's parser would refuse, means something else.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

# --- rabbitmq.conf ------------------------------------------------------------------------------------------

# As cuttlefish 2.4 to 3.9 read it: a comment begins at a '#' wherever that stands, and of a key that stands twice the
# last value counts. Quoted values, where later versions keep a '#', are not told apart here.
CONF_LINE = re.compile(
    r"[ \t]*(?:(?P<key>(?:[\w$-]|\\.)+(?:\.(?:[\w$-]|\\.)+)*)"
    r"[ \t]*=[ \t]*(?P<value>[^#\s][^#\r]*?)[ \t]*)?(?:#[^\r]*)?\r?\Z",
    re.ASCII,
)
_INCLUDE = re.compile(r"\s*include\b")


def conf(text: str) -> dict[str, str] | None:
    """Return the keys and values of a rabbitmq.conf, or None where they are not certain."""
    found: dict[str, str] = {}
    for line in text.split("\n"):
        match = CONF_LINE.match(line)
        if (
            match is None
            or _INCLUDE.match(line)
            or ("#" in line and re.search(r"['\"]", line.partition("#")[0]))
        ):
            return None
        if match["key"]:
            found.pop(match["key"], None)
            found[match["key"]] = match["value"]
    return found


def _conf(text: str) -> Any:
    """What a rabbitmq.conf says. Keys with one beginning may make a list, whose order is kept."""
    found = conf(text)
    if found is None:
        return None
    groups: dict[str, list[tuple[str, str]]] = {}
    for key, value in found.items():
        groups.setdefault(key.partition(".")[0], []).append((key, value))
    return groups


# --- Erlang terms -------------------------------------------------------------------------------------------

TERM_TOKEN = re.compile(
    r"""(?P<blank>\s+|%[^\n]*)
    |"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'    # strings and quoted atoms hold blanks and '%' of their own
    |\$(?:\\.|[^\\])                        # a character
    |\w+(?:[.\#@]\w+)*
    |<<|>>|=>|:=|::|\|\||.""",
    re.VERBOSE | re.DOTALL,
)


def _terms(text: str) -> list[str] | None:
    """Return the tokens of a file of Erlang terms."""
    # A comment can name the file's encoding; strings of three quotes, and sigils, are of OTP 27 and read otherwise.
    if '"""' in text or re.search(r"%.*coding", text):
        return None
    found = [match[0] for match in TERM_TOKEN.finditer(text) if match["blank"] is None]
    return None if {'"', "'", "~", "$"} & set(found) else found


# --- files of lines -----------------------------------------------------------------------------------------


def _shell(text: str) -> list[str] | None:
    """Return the lines of a shell's file of assignments without comments and blanks."""
    found = []
    for line in text.split("\n"):
        stripped = line.strip()
        if stripped.startswith("#") or not stripped:
            continue
        if line.endswith("\\") or "<<" in line or line.count("'") % 2 or line.count('"') % 2:
            return None  # goes on in the next line, where '#' may be no comment
        found.append(stripped if re.search(r"['\"\\$`]", stripped) else re.split(r"\s+#", stripped)[0])
    return found


def _unit(text: str) -> list[str] | None:
    """Return the lines of a unit's file, or of a drop-in, without comments and blanks: systemd.syntax(7)."""
    found: list[str] = []
    for line in text.split("\n"):
        passed_over = not line.strip() or line.lstrip().startswith(("#", ";"))
        if passed_over and found and found[-1].endswith("\\"):
            return None
        if not passed_over:
            found.append(line.strip())
    return found or None  # a unit's file that is empty masks the unit, and one of comments does not


def _properties(text: str) -> dict[str, str] | None:
    """Return the keys and values of a Java properties file, as they are escaped."""
    found: dict[str, str] = {}
    for line in text.replace("\r\n", "\n").split("\n"):
        stripped = line.lstrip(" \t\f")
        if not stripped or stripped.startswith(("#", "!")):
            continue
        match = re.match(r"((?:\\.|[^\\=:\s])+)[ \t\f]*[=: \t\f]?[ \t\f]*(.*)\Z", stripped)
        if match is None or len(stripped) - len(stripped.rstrip("\\")) & 1 or "\r" in stripped:
            return None
        found[match[1]] = match[2]
    return found


# --- XML ----------------------------------------------------------------------------------------------------

XML_UNSURE = re.compile(r"<!DOCTYPE|<!ENTITY|<\?(?!xml\s)|xml:space", re.IGNORECASE)
_XML_ENCODING = re.compile(r"<\?xml[^>]*encoding=[\"'](?!utf-8[\"'])", re.IGNORECASE)


def _xml(text: str) -> Any:
    """Return the elements of a document, without comments and without the blanks between elements."""
    if XML_UNSURE.search(text) or _XML_ENCODING.search(text):
        return None
    try:
        return _element(ElementTree.fromstring(text))  # noqa: S314 - root's own file, and no entities in it
    except (ElementTree.ParseError, ValueError):
        return None


def _element(element: ElementTree.Element) -> Any:
    children = list(element)

    def words(text: str | None) -> str:
        return "" if children and not (text or "").strip() else text or ""

    inside = [(_element(child), words(child.tail)) for child in children]
    return element.tag, sorted(element.attrib.items()), words(element.text), inside


# --- all of them --------------------------------------------------------------------------------------------


def _cookie(text: str) -> str:
    """Return what Erlang takes of a cookie's file: line ends after it do not count (auth.erl)."""
    return text.rstrip("\r\n")


# How a path ends, and what reads the file; the first that fits.
_READERS: list[tuple[re.Pattern[str], Callable[[str], Any]]] = [
    (re.compile(r"/rabbitmq\.conf\Z"), _conf),
    (re.compile(r"/(rabbitmq\.config|advanced\.config|enabled_plugins)\Z"), _terms),
    (re.compile(r"/rabbitmq-env\.conf\Z"), _shell),
    (re.compile(r"/systemd/system/[^/]+\.(service|socket)(\.d/[^/]+\.conf)?\Z"), _unit),
    (re.compile(r"\.xml\Z"), _xml),
    (re.compile(r"\.properties\Z"), _properties),
    (re.compile(r"/\.erlang\.cookie\Z"), _cookie),
]


def same(path: str, before: str | None, after: str | None) -> bool:
    """Return whether a file certainly means the same before and after."""
    if before is None or after is None:
        return before is after
    reader = next((read for pattern, read in _READERS if pattern.search(path)), None)
    if reader is None:
        return before == after
    meaning = reader(before)
    return meaning is not None and bool(meaning == reader(after))


def changed_keys(path: str, before: str | None, after: str | None) -> list[str]:
    """Return the keys of a file of keys and values that were added, removed or given another value.

    Of a rabbitmq.conf with a line that is not understood there are none: what a node has read of it is not known.
    """
    read = conf if path.endswith("/rabbitmq.conf") else settings
    old, new = read(before or ""), read(after or "")
    if old is None or new is None:
        return []
    return sorted(key for key in {*old, *new} if old.get(key) != new.get(key))


def settings(text: str) -> dict[str, str]:
    """Return the keys and values of a `key = value` file; comments and blank lines are passed over."""
    pairs = (line.partition("=") for line in text.splitlines() if not line.lstrip().startswith("#"))
    return {key.strip(): value.strip() for key, mark, value in pairs if mark}
