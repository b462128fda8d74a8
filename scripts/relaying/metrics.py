"""What the relay counts, in Prometheus' text format."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping

# Of request durations, in seconds.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
COUNTERS = {
    "consumed": "Messages taken from the queue.",
    "done": "Messages that the API has taken, acknowledged.",
    "dead_lettered": "Messages put into the dead-letter queue, by reason.",
    "retried": "Messages put into a queue of those that wait, by reason.",
    "returned": "Messages put back into the queue as they were.",
    "connections_lost": "Connections to the broker that ended unasked.",
}
GAUGES = {
    "in_hand": "Messages taken and not yet settled.",
    "connected": "Workers with a connection to the broker.",
    "paused": "1 while the API is away and messages are left in the queue.",
    "stopped": "1 once the API has refused the relay, until it is restarted.",
}


class Metrics:
    """Counters of one relay; workers share one."""

    def __init__(self, relay: str) -> None:
        self._relay = relay
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, str], int] = {(name, ""): 0 for name in COUNTERS}
        self._buckets = [0] * len(BUCKETS)
        self._requests, self._seconds = 0, 0.0
        self._in_hand = 0

    def count(self, name: str, reason: str = "") -> None:
        """Add one."""
        with self._lock:
            self._counts[name, reason] = self._counts.get((name, reason), 0) + 1

    def hold(self, change: int) -> None:
        """Note a message taken (1) or settled (-1)."""
        with self._lock:
            self._in_hand += change

    def request(self, seconds: float) -> None:
        """Note how long a request took."""
        with self._lock:
            self._requests += 1
            self._seconds += seconds
            for place, bound in enumerate(BUCKETS):
                self._buckets[place] += seconds <= bound

    def total(self, name: str) -> int:
        """Return a counter, of all reasons."""
        with self._lock:
            return sum(count for (one, _), count in self._counts.items() if one == name)

    def text(self, gauges: Mapping[str, int]) -> str:
        """Return everything; `gauges` are those that are not counted here."""
        with self._lock:
            return "".join(f"{line}\n" for line in self._lines({**gauges, "in_hand": self._in_hand}))

    def _lines(self, gauges: Mapping[str, int]) -> Iterator[str]:
        # A relay's name has no character that would have to be escaped, and reasons are words of ours.
        for name, about in COUNTERS.items():
            yield from self._head(f"{name}_total", about, "counter")
            reasons = {reason for one, reason in self._counts if one == name}
            for reason in sorted(reasons - {""} if len(reasons) > 1 else reasons):
                more = f',reason="{reason}"' if reason else ""
                yield f'brokerkit_relay_{name}_total{{relay="{self._relay}"{more}}} {self._counts[name, reason]}'
        for name, about in GAUGES.items():
            yield from self._head(name, about, "gauge")
            yield f'brokerkit_relay_{name}{{relay="{self._relay}"}} {gauges[name]}'
        yield from self._head("request_seconds", "How long requests took.", "histogram")
        for bound, count in (*zip(BUCKETS, self._buckets), ("+Inf", self._requests)):
            yield f'brokerkit_relay_request_seconds_bucket{{relay="{self._relay}",le="{bound}"}} {count}'
        yield f'brokerkit_relay_request_seconds_sum{{relay="{self._relay}"}} {self._seconds:.6f}'
        yield f'brokerkit_relay_request_seconds_count{{relay="{self._relay}"}} {self._requests}'

    @staticmethod
    def _head(name: str, about: str, kind: str) -> Iterator[str]:
        yield f"# HELP brokerkit_relay_{name} {about}"
        yield f"# TYPE brokerkit_relay_{name} {kind}"
