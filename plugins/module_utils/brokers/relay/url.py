"""A URL with fields of a message in its path and its query.

What comes from a message is percent-encoded, so it stays inside the part in which it stands. Encoding has no answer to
`..`: it has nothing that would be encoded, and a proxy between here and the API may walk up the path. So it is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from .message import UNFIT, Unfit

# Longer request lines are refused by common servers anyway (8190 bytes in Apache, 8 KiB in nginx).
LONGEST = 8000
_FIELD = re.compile(r"\{([^{}]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z_][A-Za-z0-9_-]*)*\Z")
_HOST = re.compile(r"[A-Za-z0-9._-]+\Z|\[[0-9A-Fa-f:.]+\]\Z")
_PLAIN = re.compile(r"[A-Za-z0-9._~:/?\[\]@!$&'()*+,;=%-]*\Z")
_BROKEN_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_BETWEEN = re.compile(r"[/\\]")


@dataclass(frozen=True)
class Url:
    """A URL that was found to be right. `target` is its path and query, with fields as `{name}`."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """Host and port as the header Host has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = {"http": 80, "https": 443}[self.scheme]
        return host if self.port == usual else f"{host}:{self.port}"

    @property
    def fields(self) -> list[str]:
        """The names of the fields, in their order."""
        return _FIELD.findall(self.target)

    def filled(self, value: Callable[[str], str]) -> str:
        """Return the request's target with `value(name)` for each field. Raises Unfit."""

        def encoded(match: re.Match[str]) -> str:
            text = value(match[1])
            if any(part in (".", "..") for part in _BETWEEN.split(text)):
                raise Unfit(
                    UNFIT,
                    f"the field {match[1]} has '.' or '..' for a step, which would leave its place in the path",
                )
            return quote(text, safe="")

        target = _FIELD.sub(encoded, self.target)
        if len(target) > LONGEST:
            raise Unfit(
                UNFIT, f"its fields make a URL of {len(target)} characters, and {LONGEST} is the most"
            )
        return target


def parsed(text: str) -> Url:
    """Return the URL of a declaration. Raises ValueError with what is wrong, and what would be right."""
    scheme, _, rest = text.partition("://")
    if scheme not in ("http", "https") or not rest:
        raise ValueError(
            "does not begin with http:// or https://; write the whole address, such as http://app:8000/orders/{id}"
        )
    if any(character.isspace() or not character.isprintable() for character in text):
        raise ValueError("has a blank or a control character; write it percent-encoded, a blank as %20")
    _check_fields(rest)
    if "#" in rest:
        raise ValueError("has a fragment (#), which no client sends; leave it out, or write %23")
    place = re.split(r"[/?]", rest, maxsplit=1)[0]
    if "@" in place:
        raise ValueError(
            "has a login in it, which would be in every log; give user and password on their own"
        )
    if "{" in place:
        raise ValueError(
            "takes the host or the port from the message, so its sender chooses who gets the request; write them out"
        )
    return _split(text, rest[len(place) :])


def _check_fields(rest: str) -> None:
    for name in _FIELD.findall(rest):
        if not _NAME.match(name):
            raise ValueError(
                f"has the field '{{{name}}}', which is no name; write {{applyId}}, or "
                "{customer.id} for a field inside another"
            )
    if re.search(r"[{}]", _FIELD.sub("", rest)):
        raise ValueError(
            "has a brace that belongs to no field; write a field as {applyId}, and a brace itself as %7B or %7D"
        )


def _split(text: str, target: str) -> Url:
    parts = urlsplit(_FIELD.sub("x", text))
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or not _HOST.match(parts.netloc.rpartition(":")[0] if port is not None else parts.netloc):
        raise ValueError("has no host, or a port that is none; write http://HOST:PORT/PATH")
    if port == 0:
        raise ValueError("has the port 0; write the one on which the API listens")
    outside = _FIELD.sub("", target)
    if not _PLAIN.match(outside) or _BROKEN_PERCENT.search(outside):
        raise ValueError(
            "has a character that has to be percent-encoded, such as %C3%A4 for an umlaut and %25 for a percent sign"
        )
    target = target if target.startswith("/") else f"/{target}"
    if any(step in (".", "..") for step in target.partition("?")[0].split("/")):
        raise ValueError("has '.' or '..' for a step of its path; write the path that is meant")
    return Url(parts.scheme, host, port or {"http": 80, "https": 443}[parts.scheme], target)
