"""What queues hold: whom the broker has not counted yet is asked again, and whom it never counts is left out."""

from __future__ import annotations

from typing import Any

import pytest
from brokers.topology import queue_states
from brokers.topology.model import QueueState

CLASSIC, QUORUM, STREAM = ("v", "classic"), ("v", "quorum"), ("v", "stream")
CURRENT = {"queues": {identity: {"type": identity[1]} for identity in (CLASSIC, QUORUM, STREAM)}}
TOTALS = "?disable_stats=true&enable_queue_totals=true"


class Broker:
    """Answers as the management API does; each list of messages is what it has counted the next time it is asked."""

    def __init__(self, consumers: dict[str, list[str]] | None = None, **messages: list[int | None]) -> None:
        self.messages, self.consumers = messages, consumers or {}
        self.asked: list[str] = []
        self.waited = 0.0

    def get(self, path: str) -> Any:
        self.asked.append(path)
        if path.startswith("/api/consumers/"):
            return [{"queue": {"name": name}} for name in self.consumers.get(path.rpartition("/")[2], [])]
        if path.endswith(TOTALS):
            return [{"name": name, **self._count(name)} for name in self.messages if name != "stream"] + [
                {"name": name} for name in self.messages if name == "stream"
            ]
        return self._count(path.rpartition("/")[2])

    def _count(self, name: str) -> dict[str, int]:
        counts = self.messages[name]
        count = counts.pop(0) if len(counts) > 1 else counts[0]
        return {} if count is None else {"messages": count}

    def lists_read(self) -> int:
        return sum(path.endswith(TOTALS) for path in self.asked)

    def states(self, *queues: tuple[str, str]) -> dict[tuple[str, str], QueueState]:
        return queue_states.queue_states(self, queues, CURRENT)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def waits(monkeypatch):
    """The seconds that were waited, of which none go by."""
    found: list[float] = []
    monkeypatch.setattr(queue_states.time, "sleep", found.append)
    return found


def test_a_classic_queue_is_asked_once(waits):
    broker = Broker(classic=[0])
    assert broker.states(CLASSIC) == {CLASSIC: QueueState(0, 0)}
    assert broker.lists_read() == 1 and waits == []


def test_a_quorum_queue_that_looks_empty_is_asked_again_after_the_broker_has_counted(waits):
    broker = Broker(quorum=[0, 5])
    assert broker.states(QUORUM) == {QUORUM: QueueState(5, 0)}
    assert waits == [queue_states.REFRESH_SECONDS] and queue_states.REFRESH_SECONDS > 5


def test_one_that_is_empty_twice_is_empty(waits):
    broker = Broker(quorum=[0])
    assert broker.states(QUORUM) == {QUORUM: QueueState(0, 0)}
    assert len(waits) == 1 and broker.lists_read() == 2


def test_one_that_is_busy_is_believed_at_once(waits):
    assert Broker(quorum=[7]).states(QUORUM) == {QUORUM: QueueState(7, 0)}
    assert waits == []


def test_consumers_count_and_those_of_another_virtual_host_do_not(waits):
    broker = Broker(quorum=[0], consumers={"v": ["quorum", "quorum"], "w": ["quorum"]})
    assert broker.states(QUORUM) == {QUORUM: QueueState(0, 2)}
    assert not [path for path in broker.asked if "/w" in path] and waits == []


def test_a_stream_is_asked_for_itself_until_it_is_counted(waits):
    broker = Broker(stream=[None, None, 3])
    assert broker.states(STREAM) == {STREAM: QueueState(3, 0)}
    assert broker.asked.count("/api/queues/v/stream") == 3 and len(waits) == 2


def test_a_stream_that_is_never_counted_is_left_out(waits):
    assert Broker(stream=[None]).states(STREAM) == {}
    assert len(waits) == queue_states.REFRESHES


def test_only_the_uncertain_are_asked_again_and_the_others_keep_what_was_seen(waits):
    broker = Broker(classic=[4, 0], quorum=[0, 1])
    assert broker.states(CLASSIC, QUORUM) == {CLASSIC: QueueState(4, 0), QUORUM: QueueState(1, 0)}


def test_queues_that_nobody_asks_for_are_not_in_the_answer():
    assert Broker(classic=[0], quorum=[0]).states(CLASSIC) == {CLASSIC: QueueState(0, 0)}
