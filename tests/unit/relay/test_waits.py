"""Waits grow, are jittered, and have an end."""

from __future__ import annotations

import pytest
from brokers.relay import waits


@pytest.mark.parametrize(
    ("first", "largest", "found"),
    [
        (5, 600, [5, 20, 80, 320, 600]),
        (1, 4, [1, 4]),
        (1, 5, [1, 4, 5]),
        (5, 5, [5]),
        (1, 1, [1]),
        (10, 40, [10, 40]),
        (1, 86400, [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 86400]),
    ],
)
def test_there_is_a_queue_for_each_of_a_few_waits(first: int, largest: int, found: list[int]) -> None:
    assert waits.steps(first, largest) == found


@pytest.mark.parametrize(
    ("attempts", "wait"), [(0, 5), (1, 5), (2, 20), (3, 80), (4, 320), (5, 600), (6, 600), (1000, 600)]
)
def test_each_attempt_waits_longer_up_to_the_largest(attempts: int, wait: int) -> None:
    assert waits.step([5, 20, 80, 320, 600], attempts) == wait


@pytest.mark.parametrize(
    ("asked", "wait"),
    [(0, 5), (3, 5), (3.75, 5), (4, 20), (15, 20), (16, 80), (450, 600), (451, 600), (99999, 600)],
)
def test_an_api_that_asks_for_a_wait_gets_at_least_that_if_there_is_one(asked: float, wait: int) -> None:
    assert waits.step([5, 20, 80, 320, 600], 1, asked) == wait


def test_a_wait_that_is_asked_for_is_waited_whatever_the_chance() -> None:
    wait = waits.step([5, 20, 80], 1, 15)
    assert waits.milliseconds(wait, lambda: 0.0) >= 15_000


def test_messages_that_failed_together_come_apart_and_none_stays_beyond_its_queue() -> None:
    assert waits.milliseconds(20, lambda: 0.0) == 15_000
    assert waits.milliseconds(20, lambda: 0.5) == 17_500
    assert waits.milliseconds(20, lambda: 1.0) == 20_000


@pytest.mark.parametrize(
    ("failures", "seconds"), [(0, 0.5), (1, 0.5), (2, 1), (3, 2), (4, 4), (5, 8), (6, 10), (1_000_000, 10)]
)
def test_pauses_double_up_to_the_longest(failures: int, seconds: float) -> None:
    assert waits.pause(failures, 10, lambda: 1.0) == seconds
    assert waits.pause(failures, 10, lambda: 0.0) == seconds * 0.75
