"""Masks possible secrets in configuration files for a diff, line by line.

A setting whose name speaks of a secret, and what a URI holds of a login, is masked in both texts. The new text comes
from the role's variables, and the rest of it is shown. The old one may have been written by anybody: of it, free words
(comments, strings, texts) are shown only where the new one has them too. A text in which a value and its end cannot be
told for certain is not shown at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from xml.etree import ElementTree

from ..secret_words import is_secret_key
from .meaning import CONF_LINE, TERM_TOKEN, XML_UNSURE

MASK = "********"
HIDDEN_OLD = "(holds secrets: the old content is not shown)\n"
HIDDEN_NEW = "(holds secrets: the new content is not shown)\n"
NO_FILE = "(no file)\n"

# Beside the names of the schemas of the broker: those of libraries, and of pairs of a name and a password.
_MORE_NAMES = re.compile(
    r"pass(?!ive)|pwd|credential|private|signature|access_?key|signing|salt|bind\Z|\A(key|sig)\Z", re.I
)
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.S)
_LOGIN = re.compile(r"(?<=://)[^\s\"'<>]+(?=@)")  # a '/' of a password ought to be escaped, and may not be
_NAMED = re.compile(r"(?P<name>[\w.-]+)(?P<mark>\s*[=:]\s*)(?P<value>[^\s&;,\"'<>)\\]+)")
_COOKIE = re.compile(r"(?P<name>-setcookie)(?P<mark>\s+)(?P<value>[^\s\"']+)")
# Certainly no passwords: numbers, amounts, addresses, paths, the node's usual name.
_HARMLESS = re.compile(
    r"\d{1,5}(?:\.\d{1,5})?\s?(?:[kmgt]i?b?)?|\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?|::1?"
    r"|/(?:etc|var|usr|opt|srv|run|tmp)(?:/[\w.-]+)*|rabbit@[\w.-]+|true|false|",
    re.I,
)


def secret_name(name: str) -> bool:
    """Return whether a setting of that name counts as a secret."""
    return is_secret_key(name) or _MORE_NAMES.search(name.rpartition(".")[2]) is not None


@dataclass
class Veil:
    """What is masked in one text. `known`: the words that may be shown of it; None for the new text: all of them."""

    known: set[str] | None = None
    words: set[str] = field(default_factory=set)
    hidden: list[str] = field(default_factory=list)

    def hide(self, text: str) -> str:
        """Put a mark in the place of a secret; `lines` turns it into a mask."""
        self.hidden.append(text)
        return f"\ue000{len(self.hidden) - 1}\ue001"

    def open(self, text: str) -> str:
        """Return a text in which the logins of URIs, and what is named like a secret, are marked."""
        text = _PRIVATE_KEY.sub(lambda match: self.hide(match[0]), text)
        text = _LOGIN.sub(lambda match: self.hide(match[0]), text)
        text = _COOKIE.sub(lambda match: match["name"] + match["mark"] + self.hide(match["value"]), text)
        return _NAMED.sub(self._named, text)

    def _named(self, match: re.Match[str]) -> str:
        if not secret_name(match["name"]) or re.fullmatch("\ue000\\d+\ue001", match["value"]):
            return match[0]
        return match["name"] + match["mark"] + self.hide(match["value"])

    def free(self, text: str) -> str:
        """Return words whose meaning nobody knows: those of the new text, or that it has too, or that are harmless."""
        before = len(self.hidden)
        opened = self.open(text)
        if self.known is None:
            self.words.add(self._shape(opened))
        elif self._shape(opened) not in self.known and not _HARMLESS.fullmatch(text):
            del self.hidden[before:]
            return self.hide(text)
        return opened

    @staticmethod
    def _shape(marked: str) -> str:
        """A text's appearance, with its secrets left out."""
        return re.sub("\ue000\\d+\ue001", MASK, marked)

    def free_words(self, text: str) -> str:
        """Return a text, each of whose words has to be known."""
        return "".join(part if part.isspace() else self.free(part) for part in re.split(r"(\s+)", text))

    def value(self, name: str, text: str) -> str:
        """Return the value of a setting."""
        return self.hide(text) if secret_name(name) and text else self.open(text)


# --- one function for each format: the text with marks, or None where it cannot be masked for certain -------


def _conf(text: str, veil: Veil) -> str:
    found = []
    for line in text.split("\n"):
        match = CONF_LINE.match(line)
        if match is None:
            found.append(veil.hide(line))
        elif match["key"]:
            comment = line[match.end("value") :]
            shown = line[: match.start("value")] + veil.value(match["key"], match["value"])
            found.append(shown + (" # " + veil.hide(comment) if "#" in comment else comment))
        else:
            found.append(veil.free(line))
    return "\n".join(found)


def _assignments(text: str, veil: Veil) -> str:
    """Files of a shell or of systemd, and apt's."""
    found = []
    for line in text.split("\n"):
        match = re.match(r"(\s*(?:export\s+)?([\w-]+)\s*[=:]\s*)(.*)\Z", line)
        if re.match(r"\s*(\[\w+\]\s*)?\Z", line):
            found.append(line)
        elif match and secret_name(match[2]):
            found.append(match[1] + veil.value(match[2], match[3]))
        elif match and re.search(r"[\s=\\]", match[3]):
            whole = _COOKIE.sub(lambda at: at["name"] + at["mark"] + veil.hide(at["value"]), match[3])
            found.append(match[1] + veil.free_words(whole))
        elif match:
            found.append(veil.open(line))
        else:
            found.append(veil.free(line))
    return "\n".join(found)


def _properties(text: str, veil: Veil) -> str | None:
    found = []
    for line in text.split("\n"):
        match = re.match(r"(\s*((?:\\.|[^\\=:\s#!])(?:\\.|[^\\=:\s])*)\s*[=: \t]\s*)(.*)\Z", line)
        if (len(line) - len(line.rstrip("\\"))) % 2:
            return None  # the value goes on in the next line
        if match and not line.lstrip().startswith(("#", "!")):
            found.append(match[1] + veil.value(match[2], match[3]))
        else:
            found.append(veil.free(line))
    return "\n".join(found)


def _accounts(text: str, veil: Veil) -> str | None:
    """Properties whose keys are users: every value is a secret."""
    if re.search(r"\\\n", text):
        return None
    found = []
    for line in text.split("\n"):
        match = re.match(r"(\s*(?:\\.|[^\\=:\s#!])(?:\\.|[^\\=:\s])*\s*[=:]\s*)(.+)\Z", line)
        found.append(match[1] + veil.hide(match[2]) if match else veil.free(line))
    return "\n".join(found)


def _terms(text: str, veil: Veil) -> str | None:
    tokens = list(TERM_TOKEN.finditer(text))
    if '"""' in text or {'"', "'", "~"} & {token[0] for token in tokens}:
        return None
    meant = [number for number, token in enumerate(tokens) if token["blank"] is None]
    found, number = [], 0
    skip_to = _secret_values([tokens[index][0] for index in meant])
    place = {index: order for order, index in enumerate(meant)}
    while number < len(tokens):
        end = skip_to.get(place.get(number, -1))
        if end is not None:
            last = tokens[meant[end - 1]]
            found.append(veil.hide(text[tokens[number].start() : last.end()]))
            number = meant[end - 1] + 1
            continue
        token = tokens[number][0]
        comment = token.startswith("%")
        text_of_somebody = comment or token.startswith(('"', "'"))
        found.append(veil.free(token) if comment else _literal(token, veil) if text_of_somebody else token)
        number += 1
    return "".join(found)


def _literal(token: str, veil: Veil) -> str:
    return token[0] + veil.free(token[1:-1]) + token[-1]


_CLOSING = {"{": "}", "[": "]", "(": ")", "<<": ">>"}


def _secret_values(words: list[str]) -> dict[int, int]:
    """Return where values of settings with a secret's name begin and end, in the tokens of terms."""
    found = {}
    for number, word in enumerate(words):
        if not secret_name(word.strip("\"'")):
            continue
        binary = words[number - 1 : number] == ["<<"] and words[number + 1 : number + 2] == [">>"]
        before, after = (number - 2, number + 2) if binary else (number - 1, number + 1)
        mark = words[after] if after < len(words) else ""
        if mark == "=>" or (mark == "," and before >= 0 and words[before] == "{"):
            found[after + 1] = _end(words, after + 1, whole=mark == ",")
    return {start: end for start, end in found.items() if end > start}


def _end(words: list[str], start: int, whole: bool) -> int:
    """Return the end of a value: at its closing bracket; `whole`: the rest of a tuple."""
    depth = 0
    for number in range(start, len(words)):
        word = words[number]
        if depth == 0 and (word in _CLOSING.values() or (word == "," and not whole)):
            return number
        depth += (word in _CLOSING) - (word in _CLOSING.values())
    return len(words)


_XML_PART = re.compile(
    r"(?P<comment><!--.*?-->)|(?P<tag><(?:\"[^\"]*\"|'[^']*'|[^>\"'])*>)|(?P<text>[^<]+)", re.S
)
_XML_ATTRIBUTE = re.compile(
    r"(?P<head>(?P<name>[\w:.-]+)\s*=\s*)(?P<quote>[\"'])(?P<value>.*?)(?P=quote)", re.S
)
# Attributes that say what an element's value is, and those that hold it.
_XML_NAMES = ("name", "key", "id", "property")
_XML_VALUES = ("value", "ref", "values")


def _xml(text: str, veil: Veil) -> str | None:
    try:
        ElementTree.fromstring(text)  # noqa: S314 - root's own file, and no entities in it
    except (ElementTree.ParseError, ValueError):
        return None
    if XML_UNSURE.search(text) or "<![CDATA[" in text:
        return None
    found: list[str] = []
    secret: list[bool] = [False]  # for each open element
    for part in _XML_PART.finditer(text):
        if part["tag"] is None:
            words = part[0]
            hidden = secret[-1] and words.strip() and part["comment"] is None
            found.append(words if not words.strip() else veil.hide(words) if hidden else veil.free(words))
        elif part["tag"].startswith("</"):
            secret.pop()
            found.append(part["tag"])
        else:
            tag = part["tag"]
            named = secret[-1] or _names_a_secret(tag)
            found.append(_XML_ATTRIBUTE.sub(lambda match, named=named: _attribute(match, named, veil), tag))
            if not tag.endswith(("/>", "?>")):
                secret.append(named)
    return "".join(found)


def _names_a_secret(tag: str) -> bool:
    element = re.match(r"<([\w:.-]+)", tag)
    names = [match["value"] for match in _XML_ATTRIBUTE.finditer(tag) if match["name"] in _XML_NAMES]
    return any(secret_name(name) for name in [*names, element[1] if element else ""])


def _attribute(match: re.Match[str], named: bool, veil: Veil) -> str:
    name, value = match["name"].rpartition(":")[2], match["value"]
    free = veil.hide if named else veil.free
    shown = free(value) if name in _XML_VALUES else veil.value(name, value)
    return match["head"] + match["quote"] + shown + match["quote"]


def _other(text: str, veil: Veil) -> str:
    return veil.open(text)


Masker = Callable[[str, Veil], "str | None"]
# How a path ends, and what masks the file; the first that fits.
_MASKERS: list[tuple[re.Pattern[str], Masker]] = [
    (re.compile(r"/rabbitmq\.conf\Z"), _conf),
    (re.compile(r"/(rabbitmq\.config|advanced\.config)\Z"), _terms),
    (
        re.compile(r"/rabbitmq-env\.conf\Z|\.env\Z|\.(service|socket)(\.d/[^/]+\.conf)?\Z|\.sources\Z"),
        _assignments,
    ),
    (re.compile(r"\.xml\Z"), _xml),
    (re.compile(r"/(users|credentials|jetty-realm)\.properties\Z"), _accounts),
    (re.compile(r"\.properties\Z"), _properties),
]


def masked(path: str, before: str | None, after: str | None, secret: bool) -> tuple[str, str]:
    """Return both texts of a file for a diff; `secret`: it is known to hold some."""
    masker = next((one for pattern, one in _MASKERS if pattern.search(path)), None if secret else _other)
    new, old = Veil(), Veil()
    marked_new = masker(after, new) if masker and after is not None else None
    old.known = new.words
    marked_old = masker(before, old) if masker and before is not None else None
    secrets = sorted({text.strip("\"' ") for text in (*new.hidden, *old.hidden)}, key=len, reverse=True)
    shown_old = _lines(marked_old, old, secrets)
    shown_new = _lines(marked_new, new, secrets)
    return (
        (NO_FILE if secret else "") if before is None else _text(shown_old, None, HIDDEN_OLD),
        (NO_FILE if secret else "") if after is None else _text(shown_new, shown_old, HIDDEN_NEW),
    )


Line = tuple[str, tuple[str, ...]]  # as it is shown, and what is masked in it


def _lines(marked: str | None, veil: Veil, secrets: list[str]) -> list[Line] | None:
    if marked is None:
        return None
    found = []
    for line in marked.split("\n"):
        numbers = [int(number) for number in re.findall("\ue000(\\d+)\ue001", line)]
        parts = re.split("\ue000\\d+\ue001", line)
        for secret in secrets:  # wherever else it stands
            if len(secret) >= 4:
                parts = [part.replace(secret, MASK) for part in parts]
        found.append((MASK.join(parts), tuple(veil.hidden[number] for number in numbers)))
    return found


def _text(shown: list[Line] | None, beside: list[Line] | None, otherwise: str) -> str:
    """Return lines as one text; where only what is masked differs from `beside`, it says so."""
    if shown is None:
        return otherwise
    there = set(beside or [])
    alike = {line for line, _ in there}
    return "\n".join(
        line + ("  # changed" if hidden and line in alike and (line, hidden) not in there else "")
        for line, hidden in shown
    )
