"""Whether messages may be taken from the queue; all workers of a relay ask the same gate.

While the API is away no message is taken but one at a time, after growing waits, to see whether it is back. An API that
refuses the relay's login stops it until somebody has a look and restarts it.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

from brokers.relay import waits

# So many requests in a row that have to be repeated later mean that it is the API and not the message.
AWAY_AFTER = 3
# The longest wait between two tries: an API that is back is not left waiting for longer.
LONGEST_PAUSE = 4.0


class Gate:
    """Open, closed until a moment, or closed for good."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, chance: Callable[[], float] = random.random
    ) -> None:
        self._clock = clock
        self._chance = chance
        self._lock = threading.Lock()
        self._failures = 0
        self._until = 0.0
        self._trying = False
        self.why = ""
        self.stopped = ""

    @property
    def is_open(self) -> bool:
        """Whether messages are taken freely."""
        return not self.stopped and not self.why

    def may_try(self) -> bool:
        """Whether the caller is the one that takes a single message now, to see whether the API is back."""
        with self._lock:
            if self.stopped or not self.why or self._trying or self._clock() < self._until:
                return False
            self._trying = True
            return True

    def tried(self) -> None:
        """Give back what `may_try` gave, whatever came of it."""
        with self._lock:
            self._trying = False

    def answered(self) -> bool:
        """Note an answer that is no reason to wait; says whether the gate was closed."""
        with self._lock:
            was_closed = bool(self.why)
            # What the API asked for before it answered holds no longer.
            self._failures, self._until, self.why = 0, 0.0, ""
            return was_closed

    def failed(self, why: str, asked: float | None = None) -> bool:
        """Note a request that failed, and for how long the API asked to wait; says whether that closed the gate."""
        with self._lock:
            was_open = not self.why
            self._failures += 1
            if asked:
                self._close(why, asked)
            elif self._failures >= AWAY_AFTER or not was_open:
                self._close(why, waits.pause(self._failures - AWAY_AFTER + 1, LONGEST_PAUSE, self._chance))
            return was_open and bool(self.why)

    def stop(self, why: str) -> bool:
        """Close for good; says whether it was not yet."""
        with self._lock:
            was_stopped, self.stopped = self.stopped, self.stopped or why
            return not was_stopped

    def _close(self, why: str, seconds: float) -> None:
        self.why = why
        self._until = max(self._until, self._clock() + seconds)
