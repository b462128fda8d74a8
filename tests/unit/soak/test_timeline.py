"""Figures per second, and latencies that can be added up."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st
from soaking.pace import Pace
from soaking.timeline import Latencies, Timeline


@given(st.lists(st.floats(1e-4, 100), min_size=1, max_size=200), st.sampled_from([0.01, 0.5, 0.9, 0.99, 1.0]))
def test_a_percentile_is_right_within_five_percent(values: list[float], share: float) -> None:
    latencies = Latencies()
    for value in values:
        latencies.add(value)
    rank = max(1, -(-share * len(values) // 1))
    right = sorted(values)[int(rank) - 1]
    found = latencies.percentile(share)
    assert found is not None and right * 0.999 <= found <= right * 1.051


def test_without_an_answer_there_is_no_percentile() -> None:
    assert Latencies().percentile(0.5) is None


def test_latencies_add_up() -> None:
    one, other = Latencies(), Latencies()
    one.add(0.001)
    other.add(2.0)
    one.merge(other)
    assert one.longest == 2.0 and one.percentile(1.0) == 2.0
    assert one.percentile(0.5) == pytest.approx(0.001, rel=0.05)


def test_a_second_holds_what_happened_in_it_and_empty_ones_are_there_too() -> None:
    timeline, other = Timeline(100.0), Timeline(100.0)
    timeline.at(100.9).confirmed += 1
    other.at(103.0).confirmed += 2
    other.at(100.0).confirmed += 3
    timeline.merge(other)
    assert [second.confirmed for second in timeline.whole()] == [4, 0, 0, 2]
    assert timeline.total().confirmed == 6
    assert Timeline(0.0).whole() == []
    assert timeline.at(99.0) is timeline.at(100.0)


def sent(pace: Pace, now: float) -> int:
    count = pace.due(now)
    assert count is not None
    for _ in range(count):
        pace.sent()
    return count


def test_a_rate_is_kept() -> None:
    pace = Pace(50.0)
    assert sum(sent(pace, tick * 0.005) for tick in range(2001)) == pytest.approx(500, abs=1)


def test_a_slow_rate_sends_a_message_when_it_is_due() -> None:
    pace = Pace(0.5)
    assert [sent(pace, float(now)) for now in range(7)] == [0, 0, 1, 0, 1, 0, 1]


def test_an_outage_is_not_made_up_for() -> None:
    pace = Pace(100.0)
    sent(pace, 0.0)
    assert sent(pace, 60.0) == 10


def test_without_a_rate_any_number_is_due() -> None:
    pace = Pace(None)
    assert pace.due(1.0) is None
    pace.sent()
    assert pace.due(2.0) is None
