"""What a worker does whatever it speaks: it decides what is sent next, and keeps its ledger."""

from __future__ import annotations

from collections import Counter, deque

from soaking.account import Account, Client
from soaking.ledger import Arrival, Ledger
from soaking.pace import Pace
from soaking.service import Service
from soaking.timeline import Timeline

# A publisher waits for a consumer that is so many messages behind, so that a run fills no broker.
BEHIND = 20_000
# A broker that has refused a message would refuse it again at once, as long as its queue has no leader or is full.
REFUSED_SECONDS = 0.25


class Book:
    """The books of one worker; its clients report here what they sent, and what came back."""

    def __init__(
        self, number: int, queue: str, token: str, size: int, window: int, rate: float | None
    ) -> None:
        self.number = number
        self.queue = queue
        self.ledger = Ledger()
        self.timeline = Timeline(0.0)
        self.publisher = Service()
        self.consumer = Service()
        self.lost_publisher: Counter[str] = Counter()
        self.lost_consumer: Counter[str] = Counter()
        self.stopping = False
        self.going = False
        self._pace = Pace(rate)
        self._window = window
        self._again: deque[int] = deque()
        self._later: deque[tuple[float, int]] = deque()  # refused: when to send them again
        self._stamp = f"{token} {number} "
        self._size = size

    def next_number(self, now: float) -> int | None:
        """Return the number of the message to send now, None if there is none."""
        while self._later and self._later[0][0] <= now:
            self._again.append(self._later.popleft()[1])
        while self._again:
            number = self._again.popleft()
            if self.ledger.republish(number):
                return number
        if not self._may_publish() or not self._is_due(now):
            return None
        self._pace.sent()
        self.timeline.at(now).published += 1
        self.publisher.wants(now)
        self.consumer.wants(now)
        return self.ledger.publish(now)

    def cannot_send(self, now: float) -> None:
        """Note that the publisher is not connected: it waits if it has, or had something to send."""
        if self.ledger.unconfirmed or (self.going and not self.stopping and self._is_due(now)):
            self.publisher.wants(now)

    def body(self, number: int) -> bytes:
        """Return the body of a message, of the size that was asked for."""
        return f"{self._stamp}{number} ".encode().ljust(self._size, b".")

    def confirmed(self, number: int, now: float) -> None:
        """Note the broker's confirm of a message."""
        seconds = self.ledger.confirm(number, now)
        if seconds is not None:
            second = self.timeline.at(now)
            second.confirmed += 1
            second.confirm.add(seconds)
        self.publisher.served(now, more=self.ledger.unconfirmed > 0)

    def refused(self, number: int, now: float) -> None:
        """Note that the broker did not take a message: it is sent again before long."""
        self.ledger.refuse(number)
        self._later.append((now + REFUSED_SECONDS, number))

    def delivered(self, body: bytes, now: float) -> None:
        """Note a message that the consumer got."""
        arrival, seconds = self.ledger.deliver(self.number_in(body), now)
        if arrival is Arrival.FIRST:
            second = self.timeline.at(now)
            second.delivered += 1
            second.delivery.add(seconds)
            self.consumer.served(now, more=self.ledger.undelivered > 0)

    def publisher_lost(self, why: str) -> None:
        """Note a lost connection: what has no confirm is sent again on the next one."""
        self.lost_publisher[why] += 1
        self._again = deque(self.ledger.waiting())
        self._later.clear()

    def account(self, now: float, consumer_is_there: bool) -> Account:
        """Close the books."""
        self.publisher.close(now)
        # A consumer that is connected waits for nothing but lost messages: those are counted, and no outage.
        if not consumer_is_there:
            self.consumer.close(now)
        counts = self.ledger.final()
        return Account(
            self.number,
            self.queue,
            counts,
            self.ledger.lost(),
            Client(self.publisher.longest, self.publisher.gaps, self.lost_publisher),
            Client(self.consumer.longest, self.consumer.gaps, self.lost_consumer),
        )

    def _may_publish(self) -> bool:
        if not self.going or self.stopping:
            return False
        return self.ledger.unconfirmed < self._window and self.ledger.behind < BEHIND

    def _is_due(self, now: float) -> bool:
        due = self._pace.due(now)
        return due is None or due >= 1

    def number_in(self, body: bytes) -> int:
        """Return the number of a message of this worker; 0 for anything else."""
        text = body[: len(self._stamp) + 20].decode("ascii", "replace")
        word = text.removeprefix(self._stamp).partition(" ")[0] if text.startswith(self._stamp) else ""
        return int(word) if word.isdecimal() and word.isascii() else 0
