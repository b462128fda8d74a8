"""How many messages are due at a rate."""

from __future__ import annotations

# What could not be sent is made up for as far as this goes back; a longer outage stays a hole in the throughput.
_MADE_UP_SECONDS = 0.1


class Pace:
    """The pace of one worker: `rate` messages a second, or as many as the window admits if that is None."""

    def __init__(self, rate: float | None) -> None:
        self._rate = rate
        self._at: float | None = None
        self._due = 0.0

    def due(self, now: float) -> int | None:
        """Return how many messages are due, None for any number."""
        if self._rate is None:
            return None
        if self._at is not None:
            at_most = max(1.0, self._rate * _MADE_UP_SECONDS)
            self._due = min(self._due + (now - self._at) * self._rate, at_most)
        self._at = now
        return int(self._due)

    def sent(self) -> None:
        """One of those that were due was sent."""
        if self._rate is not None:
            self._due -= 1
