"""How long a client was without service.

A client waits from the moment it wants something until it is served: a gap between two confirms counts only while a
message is on its way, so a slow rate is no outage. Times are seconds of one clock, given by the caller.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

# Shorter gaps are the ordinary work of a broker; they count for the longest, and are not listed.
NOTICED_SECONDS = 0.25

Interval = tuple[float, float]


class Service:
    """The gaps in one client's service."""

    def __init__(self) -> None:
        self.since: float | None = None  # it has been waiting since then
        self.longest: Interval = (0.0, 0.0)
        self.gaps: list[Interval] = []

    def wants(self, now: float) -> None:
        """Something is wanted from now on, if nothing was wanted before."""
        if self.since is None:
            self.since = now

    def served(self, now: float, more: bool) -> None:
        """Something was served; `more` says whether something else is wanted still."""
        self._end(now)
        self.since = now if more else None

    def close(self, now: float) -> None:
        """Nothing will be served any more: a wait that goes on counts up to now."""
        self._end(now)
        self.since = None

    def waited(self, now: float) -> float:
        """Return the seconds of the wait that goes on."""
        return 0.0 if self.since is None else now - self.since

    def _end(self, now: float) -> None:
        if self.since is None:
            return
        if now - self.since > length(self.longest):
            self.longest = (self.since, now)
        if now - self.since >= NOTICED_SECONDS:
            self.gaps.append((self.since, now))


def length(interval: Interval) -> float:
    """Return the seconds of an interval."""
    return interval[1] - interval[0]


def union(gaps: Iterable[Interval]) -> list[Interval]:
    """Return when at least one of the clients was without service."""
    found: list[Interval] = []
    for begin, end in sorted(gaps):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return found


def common(clients: Sequence[Sequence[Interval]]) -> list[Interval]:
    """Return when every client was without service at once."""
    if not clients:
        return []
    found = union(clients[0])
    for gaps in clients[1:]:
        found = [(max(a, c), min(b, d)) for a, b in found for c, d in union(gaps) if max(a, c) < min(b, d)]
    return found
