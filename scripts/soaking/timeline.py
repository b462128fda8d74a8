"""Figures per second of a run, and latencies in buckets that can be added up."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

# Each bucket ends 5 % above the one before: finer than one run is like the next.
_STEP = math.log(1.05)
_SMALLEST = 1e-5


class Latencies:
    """How many answers took how long."""

    def __init__(self) -> None:
        self._buckets: Counter[int] = Counter()
        self.longest = 0.0

    def add(self, seconds: float) -> None:
        """Note one."""
        self._buckets[int(math.log(max(seconds, _SMALLEST) / _SMALLEST) / _STEP)] += 1
        self.longest = max(self.longest, seconds)

    def merge(self, other: Latencies) -> None:
        """Add all of another."""
        self._buckets.update(other._buckets)
        self.longest = max(self.longest, other.longest)

    def percentile(self, share: float) -> float | None:
        """Return the seconds within which that share of the answers came, within 5 %; None if there were none."""
        left = math.ceil(share * self._buckets.total())
        for bucket in sorted(self._buckets):
            left -= self._buckets[bucket]
            if left <= 0:
                return min(_SMALLEST * math.exp((bucket + 1) * _STEP), self.longest)
        return None


@dataclass
class Second:
    """What happened in one second."""

    published: int = 0
    confirmed: int = 0
    delivered: int = 0
    confirm: Latencies = field(default_factory=Latencies)
    delivery: Latencies = field(default_factory=Latencies)

    def merge(self, other: Second) -> None:
        """Add what another worker did in the same second."""
        self.published += other.published
        self.confirmed += other.confirmed
        self.delivered += other.delivered
        self.confirm.merge(other.confirm)
        self.delivery.merge(other.delivery)


@dataclass
class Timeline:
    """The seconds of a run by their number; `zero` is the time at which it began."""

    zero: float
    seconds: dict[int, Second] = field(default_factory=dict)

    def at(self, now: float) -> Second:
        """Return the second that a time is in."""
        number = max(0, int(now - self.zero))
        if number not in self.seconds:
            self.seconds[number] = Second()
        return self.seconds[number]

    def merge(self, other: Timeline) -> None:
        """Add the same seconds of another process."""
        for number, second in other.seconds.items():
            self.seconds.setdefault(number, Second()).merge(second)

    def whole(self) -> list[Second]:
        """Return every second from the first to the last, those without any message too."""
        return [self.seconds.get(number, Second()) for number in range(max(self.seconds, default=-1) + 1)]

    def total(self) -> Second:
        """Return all seconds as one."""
        return summed(self.seconds.values())


def summed(seconds: Iterable[Second]) -> Second:
    """Return several seconds as one."""
    found = Second()
    for second in seconds:
        found.merge(second)
    return found
