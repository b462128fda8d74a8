"""Why a part failed, in a few lines of what it printed: whoever has only the end of a log has these."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import groupby

# So many lines of a part's output are kept to look in: the report of a test may hold a whole run of Ansible.
KEPT = 20_000
_MOST, _WIDEST = 25, 300
# Of one error no more: what a run of Ansible printed is part of the error of the test that made it.
_OF_ONE_ERROR = 6
_NAMED = re.compile(r"(?:FAILED|ERROR) (\S+::\S+)")
# pytest's errors; Ansible's, in a scenario; what scripts/check and molecule say.
_ERROR = re.compile(r"E  |fatal: |\[?(?:ERROR|CRITICAL)\b|check: .*FAILED")


def failed_tests(lines: Iterable[str]) -> list[str]:
    """Return the names of the tests that failed, as pytest lists them at its end."""
    found = (_NAMED.match(line) for line in lines)
    return list(dict.fromkeys(match[1] for match in found if match))


def told(lines: Sequence[str], most: int = _MOST) -> list[str]:
    """Return what says why: each error's first lines, then the failed tests; or the last lines, where none does."""
    named = [line for line in lines if _NAMED.match(line)][-most:]
    errors: list[str] = []
    for is_error, together in groupby(
        lines, lambda line: bool(_ERROR.match(line)) and not _NAMED.match(line)
    ):
        if is_error:
            errors += list(together)[:_OF_ONE_ERROR]
    room = most - len(named)
    chosen = [*errors[len(errors) - room if len(errors) > room else 0 :], *named]
    return [line[:_WIDEST] for line in chosen or [line for line in lines if line.strip()][-most:]]
