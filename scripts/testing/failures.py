"""Why a part failed, in a few lines of what it printed: whoever has only the end of a log has these."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

# So many lines of a part's output are kept to look in: the report of a test may hold a whole run of Ansible.
KEPT = 20_000
_MOST, _WIDEST = 25, 300
# Of one error no more: what a run of Ansible printed is part of the error of the test that made it.
_OF_ONE_ERROR = 6
_NAMED = re.compile(r"(?:FAILED|ERROR) (\S+::\S+)")
# pytest's errors, line after line; and what Ansible, molecule and scripts/check say, and go on about.
_OF_A_TEST = re.compile(r"E  ")
_OTHERWISE = re.compile(r"(?:E +)?(?:fatal: |\[?(?:ERROR|CRITICAL)\b|check: .*FAILED)")


def failed_tests(lines: Iterable[str]) -> list[str]:
    """Return the names of the tests that failed, as pytest lists them at its end."""
    found = (_NAMED.match(line) for line in lines)
    return list(dict.fromkeys(match[1] for match in found if match))


def enough(names: Sequence[str], most: int = 5) -> str:
    """Return the first names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def told(lines: Sequence[str], most: int = _MOST) -> list[str]:
    """Return what says why: each error's first lines, then the failed tests; or the last lines, where none does."""
    named = [line for line in lines if _NAMED.match(line)][-most:]
    errors = list(_errors([line for line in lines if not _NAMED.match(line)]))
    room = most - len(named)
    chosen = [*errors[len(errors) - room if len(errors) > room else 0 :], *named]
    return [line[:_WIDEST] for line in chosen or [line for line in lines if line.strip()][-most:]]


def _errors(lines: Sequence[str]) -> Iterator[str]:
    """Yield the first lines of each error."""
    left = 0
    for before, line in zip(["", *lines], lines, strict=False):
        if _OTHERWISE.match(line) or (_OF_A_TEST.match(line) and not _OF_A_TEST.match(before)):
            left = _OF_ONE_ERROR
        elif _OF_A_TEST.match(before) and not _OF_A_TEST.match(line):
            left = 0
        if left > 0 and line.strip():
            left -= 1
            yield line
