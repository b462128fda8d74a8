"""What the workers hand in at the end, and the sum of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from soaking.ledger import Counts, ranges
from soaking.service import Interval, common, length, union
from soaking.timeline import Timeline


@dataclass
class Client:
    """The publisher or the consumer of a worker."""

    longest: Interval
    gaps: list[Interval]
    lost: Counter[str]  # lost connections, by what was said


@dataclass
class Account:
    """What one worker hands in."""

    worker: int
    queue: str
    counts: Counts
    missing: list[int]  # the numbers of the lost ones
    publisher: Client
    consumer: Client


@dataclass
class Hand:
    """What one process hands in."""

    timeline: Timeline
    accounts: list[Account] = field(default_factory=list)
    stall: float = 0.0  # the longest time for which its own event loop did not get to run
    blocked: float = 0.0  # seconds for which the broker blocked a publisher (connection.blocked), the longest


@dataclass
class Sum:
    """The whole run."""

    timeline: Timeline
    accounts: list[Account]
    counts: Counts
    stall: float
    blocked: float

    @property
    def clients(self) -> list[Client]:
        """Every publisher and every consumer."""
        return [client for account in self.accounts for client in (account.publisher, account.consumer)]

    @property
    def longest(self) -> float:
        """The longest time for which a client was without service."""
        return max((length(client.longest) for client in self.clients), default=0.0)

    @property
    def longest_confirm(self) -> float:
        """The longest time for which a publisher that wanted one got no confirm."""
        return max((length(account.publisher.longest) for account in self.accounts), default=0.0)

    @property
    def longest_delivery(self) -> float:
        """The longest time for which a consumer with messages on their way got none."""
        return max((length(account.consumer.longest) for account in self.accounts), default=0.0)

    @property
    def outages(self) -> list[Interval]:
        """When at least one client was without service."""
        return union(gap for client in self.clients for gap in client.gaps)

    @property
    def total_outages(self) -> list[Interval]:
        """When no publisher at all was served."""
        return common([account.publisher.gaps for account in self.accounts])

    @property
    def reconnections(self) -> Counter[str]:
        """The connections that were lost, by what was said."""
        found: Counter[str] = Counter()
        for client in self.clients:
            found.update(client.lost)
        return found

    def missing(self) -> list[str]:
        """Return in words which messages of which queue were lost."""
        return [f"{account.queue}: {ranges(account.missing)}" for account in self.accounts if account.missing]


def summed(hands: Sequence[Hand], zero: float) -> Sum:
    """Return what all processes have handed in, with times in seconds from `zero`."""
    timeline, counts = Timeline(zero), Counts()
    accounts = sorted((one for hand in hands for one in hand.accounts), key=lambda one: one.worker)
    for hand in hands:
        timeline.merge(hand.timeline)
    for account in accounts:
        counts.add(account.counts)
        for client in (account.publisher, account.consumer):
            client.longest = (client.longest[0] - zero, client.longest[1] - zero)
            client.gaps = [(begin - zero, end - zero) for begin, end in client.gaps]
    return Sum(
        timeline,
        accounts,
        counts,
        max((hand.stall for hand in hands), default=0.0),
        max((hand.blocked for hand in hands), default=0.0),
    )
