"""A worker and its connection: when it counts as one that takes messages."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from brokers.relay import settings as declared
from relay_sample import RIGHT
from relaying.gate import Gate
from relaying.journal import Journal
from relaying.metrics import Metrics
from relaying.stomp import Broken
from relaying.worker import Shared, Worker


class Link:
    """A connection to a broker; `consume` is what happens when messages are asked for."""

    def __init__(self, consume: Callable[[], None]) -> None:
        self._consume = consume
        self.closed = False

    def messages(self, idle_seconds: float) -> Iterator[None]:
        self._consume()
        yield None

    def one(self) -> None:
        self._consume()

    def wait(self, seconds: float) -> None:
        self._consume()

    def leave(self) -> int:
        return 0

    def close(self) -> None:
        self.closed = True


class Bench:
    """A worker whose broker does `consume`, and then no more is asked of it."""

    def __init__(self, consume: Callable[[Bench], None]) -> None:
        self.journal = io.StringIO()
        self.shared = Shared(
            declared.settings(RIGHT), Gate(), Journal(self.journal, "r"), Metrics("r"), threading.Event()
        )
        self.seen: list[bool] = []
        call: Any = type("Call", (), {"close": lambda self: None})()
        self.link: Any = Link(self._look)
        self.worker = Worker(1, self.shared, lambda: self.link, call)
        self._consume = consume

    def _look(self) -> None:
        self.seen.append(self.worker.connected)
        self._consume(self)

    def run(self) -> None:
        self.worker._run()


def refuse(bench: Bench) -> None:
    if len(bench.seen) == 2:
        bench.shared.stopping.set()
    raise Broken("403 ACCESS_REFUSED")


def allow(bench: Bench) -> None:
    if len(bench.seen) == 2:
        bench.shared.stopping.set()


def test_one_that_may_log_in_and_not_take_messages_never_counts_as_connected() -> None:
    bench = Bench(refuse)
    bench.run()
    assert bench.seen == [False, False]
    assert bench.worker.trouble == "403 ACCESS_REFUSED"
    assert bench.link.closed
    assert '"cannot take from the broker: 403 ACCESS_REFUSED; trying again"' in bench.journal.getvalue()
    assert '"connected"' not in bench.journal.getvalue()
    assert bench.shared.metrics.total("connections_lost") == 0


@pytest.mark.parametrize("is_away", [False, True])
def test_one_that_is_given_messages_or_may_wait_counts_from_then_on(is_away: bool) -> None:
    bench = Bench(allow)
    if is_away:
        bench.shared.gate.failed("503", 60)
    bench.run()
    assert bench.seen == [False, True]
    assert bench.journal.getvalue().count('"event": "connected"') == 1
    assert not bench.worker.connected
