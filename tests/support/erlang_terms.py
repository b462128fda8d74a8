"""A reader of Erlang terms, written from the reference manual and not from the renderer that it checks.

It knows what `file:consult/1` reads of a configuration: atoms, integers, floats, strings, binaries, tuples,
lists, comments and the full stop.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

_TOKEN = re.compile(
    r"""\s+ | %[^\n]*
      | (?P<float>-?\d+\.\d+(?:[eE][+-]?\d+)?)
      | (?P<integer>-?\d+)
      | (?P<atom>[a-z][A-Za-z0-9_@]*)
      | (?P<quoted>'(?:[^'\\]|\\x\{[0-9a-fA-F]+\}|\\.)*')
      | (?P<string>"(?:[^"\\]|\\x\{[0-9a-fA-F]+\}|\\.)*")
      | (?P<mark><<|>>|/utf8|[\[\]{},.])""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:x\{([0-9a-fA-F]+)\}|(.))", re.DOTALL)
_RESERVED = re.compile(
    "(after|and|andalso|band|begin|bnot|bor|bsl|bsr|bxor|case|catch|cond|div|else|end|fun|if|let|maybe|not|of|or"
    "|orelse|receive|rem|try|when|xor)"
)


@dataclass(frozen=True)
class Atom:
    """An atom by its characters."""

    text: str


def consult(text: str) -> list[Any]:
    """Return the terms of a file: Atom, int, float, str, bytes, tuple, list. Raises ValueError."""
    tokens = _Tokens(text)
    terms = []
    while not tokens.at_end():
        terms.append(_term(tokens))
        tokens.expect(".")
    return terms


def parse(text: str) -> Any:
    """Return the one term of `text`."""
    (term,) = consult(text + " .")
    return term


class _Tokens:
    def __init__(self, text: str) -> None:
        self._found: list[tuple[str, str]] = []
        at = 0
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                raise ValueError(f"illegal character at {text[at : at + 20]!r}")
            if match.lastgroup is not None:
                self._found.append((match.lastgroup, match.group(match.lastgroup)))
            at = match.end()

    def at_end(self) -> bool:
        return not self._found

    def next(self) -> tuple[str, str]:
        if not self._found:
            raise ValueError("the term ends too early")
        return self._found.pop(0)

    def peek(self) -> str:
        return self._found[0][1] if self._found else ""

    def expect(self, mark: str) -> None:
        kind, text = self.next()
        if kind != "mark" or text != mark:
            raise ValueError(f"{mark!r} is wanted and {text!r} stands there")


def _term(tokens: _Tokens) -> Any:
    kind, text = tokens.next()
    if kind == "mark":
        if text == "<<":
            return _binary(tokens)
        if text == "[":
            return _items(tokens, "]")
        if text == "{":
            return tuple(_items(tokens, "}"))
        raise ValueError(f"{text!r} does not begin a term")
    if kind == "atom" and _RESERVED.fullmatch(text):
        raise ValueError(f"{text!r} is a reserved word")
    readers = {"integer": int, "float": float, "atom": Atom, "string": _unquote}
    return Atom(_unquote(text)) if kind == "quoted" else readers[kind](text)


def _binary(tokens: _Tokens) -> bytes:
    kind, text = tokens.next()
    if kind != "string":
        raise ValueError(f"a binary of {text!r}")
    characters = _unquote(text)
    # Without the type each character is one byte, and those beyond it are cut off.
    encoding = "latin-1"
    if tokens.peek() == "/utf8":
        tokens.next()
        encoding = "utf-8"
    tokens.expect(">>")
    return characters.encode(encoding)


def _items(tokens: _Tokens, end: str) -> list[Any]:
    items: list[Any] = []
    while tokens.peek() != end:
        if items:
            tokens.expect(",")
        items.append(_term(tokens))
    tokens.expect(end)
    return items


def _unquote(text: str) -> str:
    named = dict(zip("ntrbfvesd", "\n\t\r\b\f\v\x1b \x7f", strict=True))

    def plain(match: re.Match[str]) -> str:
        code, letter = match.groups()
        return chr(int(code, 16)) if code else named.get(letter, letter)

    return _ESCAPE.sub(plain, text[1:-1])
