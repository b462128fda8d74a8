"""How long a message waits before it is tried again, and how long the relay waits for a broker or an API.

A message waits in the broker, in one of a few queues whose messages all stay equally long: with a queue for every wait,
and with messages of different waits in one queue, those behind a long one would wait for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

# Each queue's wait is so many times that of the one before: few queues, and patience that grows quickly.
GROWTH = 4
# A message waits between this share of its queue's time and all of it, so that those that failed together come apart.
_LEAST = 0.75


def steps(first: int, largest: int) -> list[int]:
    """Return the waits of a relay in seconds, ascending: one queue each."""
    found = [first]
    while found[-1] * GROWTH < largest:
        found.append(found[-1] * GROWTH)
    if found[-1] < largest:
        found.append(largest)
    return found


def step(waits: Sequence[int], attempts: int, asked: float | None = None) -> int:
    """Return which of the waits comes after so many attempts (1 for the first), or is as long as the API asked for.

    An API that asks for more than the longest is asked again after the longest.
    """
    grown = waits[min(max(attempts, 1), len(waits)) - 1]
    if asked is None:
        return grown
    return next((one for one in waits if one * _LEAST >= asked), waits[-1])


def milliseconds(wait: int, random: Callable[[], float]) -> int:
    """Return how long a message of this wait stays; `random` gives a number from 0 to 1."""
    return round(wait * 1000 * (_LEAST + (1 - _LEAST) * random()))


def pause(failures: int, largest: float, random: Callable[[], float]) -> float:
    """Return the seconds before the next try after so many failures in a row: 0.5, 1, 2, ..., with jitter."""
    grown = min(largest, 0.5 * 2.0 ** min(max(failures, 1) - 1, 30))
    return float(grown * (_LEAST + (1 - _LEAST) * random()))
