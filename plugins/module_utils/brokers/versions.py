"""Versions as the distribution writes them and as upstream means them."""

from __future__ import annotations

import re


def upstream(version: str) -> str:
    """Return upstream's version of a Debian package version: `1:25.2.3+dfsg-1+deb12u1` is `25.2.3`."""
    without_epoch = version.split(":", 1)[-1]
    match = re.match(r"\d+(?:\.\d+)*", without_epoch)
    return match.group() if match else without_epoch


def number(version: str) -> tuple[int, ...]:
    """Return a version as a tuple that compares: (3, 10, 8)."""
    return tuple(int(part) for part in re.findall(r"\d+", version))


def starts_with(version: str, prefix: str) -> bool:
    """Return whether `version` is `prefix` or continues it: 3.10.8 starts with 3.10, and not with 3.1."""
    wanted = number(prefix)
    return number(version)[: len(wanted)] == wanted


def at_least(version: str, floor: str) -> bool:
    """Return whether `version` is `floor` or newer."""
    return number(version) >= number(floor)
