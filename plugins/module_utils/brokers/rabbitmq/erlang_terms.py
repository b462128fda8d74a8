"""Writes plain data as Erlang terms, as `file:consult/1` reads them.

YAML has no atoms, binaries or tuples. A mapping with one key that starts with an underscore names them:

    {_atom: pause_minority}        pause_minority
    {_binary: "a b"}               <<"a b"/utf8>>
    {_tuple: [1, two]}             {1, "two"}

Everything else is what an operator would expect: a string is an Erlang string, true and false are atoms,
numbers are numbers, a list is a list, and a mapping is a list of {Key, Value} pairs with atoms as keys.

Source of the escapes: the Erlang reference manual, "Data Types", escape sequences.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

_PLAIN_ATOM = re.compile(r"[a-z][a-zA-Z0-9_@]*\Z")
_RESERVED = re.compile(
    "(after|and|andalso|band|begin|bnot|bor|bsl|bsr|bxor|case|catch|cond|div|else|end|fun|if|let|maybe|not|of|or"
    r"|orelse|receive|rem|try|when|xor)\Z"
)
_MAX_ATOM = 255  # characters; the runtime refuses longer ones


class TermError(ValueError):
    """A value that cannot be written in Erlang; the message says where it is."""


def _unreadable(char: str) -> bool:
    """Return whether erl_scan refuses the character even as an escape (seen with OTP 25)."""
    return "\ud800" <= char <= "\udfff" or char in "\ufffe\uffff"


def _escape(text: str, quote: str) -> str:
    out = []
    for char in text:
        if char in (quote, "\\"):
            out.append("\\" + char)
        elif " " <= char <= "~":
            out.append(char)
        elif _unreadable(char):
            raise TermError(f"Erlang does not read the character U+{ord(char):04X}; take it out")
        else:
            # Pure ASCII output reads the same whatever encoding the broker's Erlang assumes for the file.
            out.append(f"\\x{{{ord(char):x}}}")
    return "".join(out)


def atom(text: str) -> str:
    """Return `text` as an Erlang atom, quoted where it has to be. Raises TermError over 255 characters."""
    if len(text) > _MAX_ATOM:
        raise TermError(f"an atom holds at most {_MAX_ATOM} characters, '{text[:20]}...' has {len(text)}")
    if _PLAIN_ATOM.match(text) and not _RESERVED.match(text):
        return text
    return "'" + _escape(text, "'") + "'"


def string(text: str) -> str:
    """Return `text` as an Erlang string (a list of code points)."""
    return '"' + _escape(text, '"') + '"'


def _placed(form: Callable[[str], str], text: str, where: str) -> str:
    """Return `form` of `text`; a refusal gets the place in front."""
    try:
        return form(text)
    except TermError as error:
        raise TermError(f"{where or 'value'}: {error}") from None


def _tagged(tag: str, value: Any, where: str) -> str:
    if tag == "_atom" and isinstance(value, str):
        return _placed(atom, value, where)
    if tag == "_binary" and isinstance(value, str):
        return f"<<{_placed(string, value, where)}/utf8>>"
    if tag == "_tuple" and isinstance(value, (list, tuple)):
        return "{" + ", ".join(term(item, f"{where}._tuple[{i}]") for i, item in enumerate(value)) + "}"
    raise TermError(
        f"{where or 'value'}: '{tag}' is not one of _atom (a string), _binary (a string), _tuple (a list)"
    )


def term(value: Any, where: str = "") -> str:
    """Return `value` as one Erlang term.

    `where` is the path of the value, for the message of a TermError (null, or a tag that does not exist).
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return _float(value, where)
    if isinstance(value, str):
        return _placed(string, value, where)
    if isinstance(value, dict):
        keys = [str(key) for key in value]
        if len(keys) == 1 and keys[0].startswith("_"):
            return _tagged(keys[0], next(iter(value.values())), where)
        return "[" + ", ".join(_pair(key, item, where) for key, item in value.items()) + "]"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(term(item, f"{where}[{i}]") for i, item in enumerate(value)) + "]"
    raise TermError(f"{where or 'value'}: {value!r} has no Erlang form; drop the key or give it a value")


def _pair(key: Any, value: Any, where: str) -> str:
    place = f"{where}.{key}" if where else str(key)
    return f"{{{_placed(atom, str(key), place)}, {term(value, place)}}}"


def _float(value: float, where: str) -> str:
    text = repr(float(value))
    if text in ("inf", "-inf", "nan"):
        raise TermError(f"{where or 'value'}: {text} is not a number Erlang knows")
    mantissa, exponent, power = text.partition("e")
    # Erlang wants digits on both sides of the point: 1e-07 is a syntax error, 1.0e-07 is not.
    return (mantissa if "." in mantissa else mantissa + ".0") + exponent + power


def config_file(applications: dict[str, Any]) -> str:
    """Return the text of a rabbitmq.config or advanced.config: a list of {Application, Settings}, a dot."""
    blocks = []
    for app, settings in applications.items():
        if not isinstance(settings, dict):
            raise TermError(f"{app}: an application's settings are a mapping, not {type(settings).__name__}")
        lines = ["    " + _pair(key, value, app) for key, value in settings.items()]
        body = "\n" + ",\n".join(lines) + "\n  " if lines else ""
        blocks.append(f"  {{{_placed(atom, str(app), app)}, [{body}]}}")
    return "[\n" + ",\n".join(blocks) + "\n].\n"
