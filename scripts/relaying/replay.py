"""Brings dead letters back into the source: first a count by reason, then those that were chosen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any

from relaying.files import DATA, OK, UNAVAILABLE, Refused
from relaying.link import ATTEMPTS, CODE, REASON, REPLAYED, Letters, NotPutAway, Taken

EVERY = "all"
# What relay and broker say of a dead letter. It goes back without: its attempts begin anew, and so do its reasons.
_OF_ITS_DEATH = {ATTEMPTS, REASON, CODE, "x-death", "x-delivery-count", "x-acquired-count"} | {
    f"x-{when}-death-{what}" for when in ("first", "last") for what in ("reason", "queue", "exchange")
}
Open = Callable[[], Letters]


def run(
    open_letters: Open, source: str, codes: Sequence[str], most: int, is_meant: bool, stdout: IO[str]
) -> int:
    """Count, and bring back those of `codes` if that `is_meant`; returns the exit code. Raises Refused."""
    found = _with(open_letters, lambda letters: count(letters, most))
    stdout.write(_table(found, most))
    if not codes:
        return OK
    chosen = _chosen(codes, found)
    number = sum(found[code] for code in chosen)
    if not is_meant:
        stdout.write(f"{number} of them would go back into {source}; with --yes they do\n")
        return OK
    done = [0]
    try:
        _with(open_letters, lambda letters: bring_back(letters, chosen, number, most, done))
    finally:
        stdout.write(f"{done[0]} of {number} are back in {source}\n")
    return OK


def count(letters: Letters, most: int) -> Counter[str]:
    """Return how many of the first dead letters there are for each reason."""
    found: Counter[str] = Counter()
    for _ in range(most):
        letter = letters.next()
        if letter is None:
            break
        found[letters.code_of(letter)] += 1
    return found


def bring_back(letters: Letters, codes: Sequence[str], number: int, most: int, done: list[int]) -> None:
    """Put so many dead letters of these reasons back, of the first `most`; counts them in `done`. Raises NotPutAway."""
    for _ in range(most):
        letter = letters.next() if done[0] < number else None
        if letter is None:
            return
        if letters.code_of(letter) in codes:
            letters.put_back(letter, revived(letter))
            done[0] += 1


def revived(letter: Taken) -> dict[str, Any]:
    """Return the headers with which a dead letter goes back: those of its sender, and how often it went."""
    own = {name: value for name, value in letter.headers.items() if name not in _OF_ITS_DEATH}
    times = letter.headers.get(REPLAYED, 0)
    return {**own, REPLAYED: times + 1 if isinstance(times, int) and 0 <= times < 1_000_000 else 1}


def _chosen(codes: Sequence[str], found: Mapping[str, int]) -> list[str]:
    if EVERY in codes:
        return list(found)
    unknown = [code for code in codes if code not in found]
    if unknown:
        there = f"there are {', '.join(sorted(found))}" if found else "there is none at all"
        raise Refused(
            DATA,
            f"--replay: no dead letter has the reason {', '.join(unknown)}; {there}. Nothing was brought back",
        )
    return list(codes)


def _table(found: Mapping[str, int], most: int) -> str:
    total = sum(found.values())
    if not total:
        return "no dead letters\n"
    lines = [
        f"{number:>8}  {code}\n" for code, number in sorted(found.items(), key=lambda one: (-one[1], one[0]))
    ]
    more = f"; only so many were looked at, --limit {10 * most} looks further" if total == most else ""
    return "".join([f"{total} dead letter{'s' * (total > 1)}{more}\n", *lines])


def _with(open_letters: Open, work: Callable[[Letters], Any]) -> Any:
    """Work on the dead letters over a connection of its own. Raises Refused for a broker that does not play along."""
    try:
        letters = open_letters()
        try:
            return work(letters)
        finally:
            letters.close()
    except NotPutAway as error:
        raise Refused(UNAVAILABLE, f"{error}. What was not brought back is still a dead letter") from error
