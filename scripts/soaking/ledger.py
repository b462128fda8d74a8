"""The ledger of one worker: what it published, message by message, and what became of each.

Messages are numbered from 1. One that is both confirmed and delivered is closed and forgotten: a number below the next
one that is not open was delivered before, so memory grows with what is under way and not with the run. Times are
seconds of one clock, given by the caller.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class Arrival(Enum):
    """What a delivered message turned out to be."""

    FIRST = "first"
    DUPLICATE = "duplicate"
    FOREIGN = "foreign"  # its number was never published


@dataclass
class Counts:
    """What a ledger has counted."""

    published: int = 0
    confirmed: int = 0
    delivered: int = 0
    duplicated: int = 0
    out_of_order: int = 0
    republished: int = 0  # sent again, under the same number
    refused: int = 0  # negative confirms and returned messages, each sent again
    foreign: int = 0
    lost: int = 0  # confirmed, and not delivered at the end
    unconfirmed: int = 0  # neither confirmed nor delivered at the end: the broker never promised them

    def add(self, other: Counts) -> None:
        """Add what another ledger has counted."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)


@dataclass(slots=True)
class _Open:
    """A message that is not closed yet."""

    published: float
    confirmed: bool = False
    delivered: bool = False
    once: bool = True  # sent once only: its order is the broker's doing


@dataclass
class Ledger:
    """The messages of one publisher and its one queue."""

    counts: Counts = field(default_factory=Counts)
    _next: int = 1
    _open: dict[int, _Open] = field(default_factory=dict)
    _highest: int = 0  # of the numbers that were delivered
    _on_the_way: int = 0  # published, not confirmed
    _to_come: int = 0  # published, not delivered

    @property
    def unconfirmed(self) -> int:
        """How many messages wait for their confirm."""
        return self._on_the_way

    @property
    def undelivered(self) -> int:
        """How many messages were published and not delivered; lost ones are among them."""
        return self._to_come

    @property
    def behind(self) -> int:
        """How far the consumer is behind the publisher; a lost message does not hold it back."""
        return self._next - 1 - self._highest

    @property
    def settled(self) -> bool:
        """Whether every message is confirmed and delivered."""
        return not self._open

    def publish(self, now: float) -> int:
        """Note a new message; return its number."""
        number = self._next
        self._next += 1
        self._open[number] = _Open(now)
        self.counts.published += 1
        self._on_the_way += 1
        self._to_come += 1
        return number

    def waiting(self) -> list[int]:
        """Return the numbers without a confirm, in order: what is sent again after a lost connection."""
        return sorted(number for number, message in self._open.items() if not message.confirmed)

    def republish(self, number: int) -> bool:
        """Note that a message is sent again; False if it was confirmed meanwhile and must not be."""
        message = self._open.get(number)
        if message is None or message.confirmed:
            return False
        message.once = False
        self.counts.republished += 1
        return True

    def confirm(self, number: int, now: float) -> float | None:
        """Note a confirm; return the seconds since the first publish, None if it was confirmed before."""
        message = self._open.get(number)
        if message is None or message.confirmed:
            return None
        message.confirmed = True
        self.counts.confirmed += 1
        self._on_the_way -= 1
        self._close(number, message)
        return now - message.published

    def refuse(self, number: int) -> None:
        """Note a negative confirm, or a message that the broker returned."""
        self.counts.refused += 1

    def deliver(self, number: int, now: float) -> tuple[Arrival, float]:
        """Note a delivery; return what it is, and for a first one the seconds since the first publish."""
        if not 0 < number < self._next:
            self.counts.foreign += 1
            return Arrival.FOREIGN, 0.0
        message = self._open.get(number)
        if message is None or message.delivered:
            self.counts.duplicated += 1
            return Arrival.DUPLICATE, 0.0
        message.delivered = True
        self.counts.delivered += 1
        self._to_come -= 1
        if number > self._highest:
            self._highest = number
        elif message.once:
            self.counts.out_of_order += 1
        self._close(number, message)
        return Arrival.FIRST, now - message.published

    def lost(self) -> list[int]:
        """Return the numbers that are confirmed and not delivered."""
        return sorted(n for n, message in self._open.items() if message.confirmed and not message.delivered)

    def final(self) -> Counts:
        """Return the counts when nothing will come any more."""
        self.counts.lost = len(self.lost())
        self.counts.unconfirmed = sum(
            not message.confirmed and not message.delivered for message in self._open.values()
        )
        return self.counts

    def _close(self, number: int, message: _Open) -> None:
        if message.confirmed and message.delivered:
            del self._open[number]


class Tags:
    """The broker's own numbers of messages on one channel, which its confirms name."""

    def __init__(self) -> None:
        self._last = 0
        self._numbers: dict[int, int] = {}  # in the order of the tags

    def __len__(self) -> int:
        return len(self._numbers)

    def sent(self, number: int) -> None:
        """The message of that number was sent as the next one."""
        self._last += 1
        self._numbers[self._last] = number

    def answered(self, tag: int, multiple: bool) -> list[int]:
        """Return the numbers that an answer for `tag` is about: with `multiple` all that were sent before, too."""
        if not multiple:
            number = self._numbers.pop(tag, None)
            return [] if number is None else [number]
        return [self._numbers.pop(sent) for sent in self._up_to(tag)]

    def _up_to(self, tag: int) -> list[int]:
        found = []
        for sent in self._numbers:
            if sent > tag:
                break
            found.append(sent)
        return found


def ranges(numbers: list[int], at_most: int = 5) -> str:
    """Return numbers in words: "7, 9 to 40 and 12 more"."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    words = [str(first) if first == last else f"{first} to {last}" for first, last in runs[:at_most]]
    left = sum(last - first + 1 for first, last in runs[at_most:])
    return ", ".join(words) + (f" and {left} more" if left else "")
