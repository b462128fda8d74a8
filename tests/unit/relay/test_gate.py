"""When messages are taken, and when not."""

from __future__ import annotations

from relaying.gate import Gate


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def gate() -> tuple[Gate, Clock]:
    clock = Clock()
    return Gate(clock, lambda: 1.0), clock


def test_it_is_open_until_three_requests_in_a_row_have_failed() -> None:
    found, _ = gate()
    assert [found.failed("refused") for _ in range(2)] == [False, False]
    assert found.is_open
    assert found.failed("refused")
    assert not found.is_open
    assert found.why == "refused"
    assert not found.may_try()


def test_an_answer_in_between_begins_the_count_anew() -> None:
    found, _ = gate()
    found.failed("x")
    found.failed("x")
    assert not found.answered()
    found.failed("x")
    found.failed("x")
    assert found.is_open


def test_while_closed_one_worker_at_a_time_tries_after_growing_waits() -> None:
    found, clock = gate()
    waited = []
    for _ in range(3):
        found.failed("x")
    for _ in range(6):
        began = clock.now
        while not found.may_try():
            clock.now += 0.25
        waited.append(clock.now - began)
        assert not found.may_try(), "a second worker"
        assert not found.failed("x"), "it was closed before"
        found.tried()
    assert waited == [0.5, 1, 2, 4, 4, 4]


def test_a_wait_that_was_asked_for_ends_with_an_answer() -> None:
    found, clock = gate()
    found.failed("429", 600)
    assert found.answered()  # a request of another worker, which was on its way
    for _ in range(3):
        found.failed("x")
    clock.now += 1
    assert found.may_try()


def test_an_answer_opens_it() -> None:
    found, clock = gate()
    for _ in range(3):
        found.failed("x")
    clock.now += 1
    assert found.may_try()
    assert found.answered()
    found.tried()
    assert found.is_open
    assert not found.may_try(), "nobody has to try while it is open"


def test_a_wait_that_the_api_asks_for_closes_it_at_once_and_for_as_long() -> None:
    found, clock = gate()
    assert found.failed("429", 30)
    assert not found.is_open
    clock.now += 29
    found.failed("x")  # another worker's request, which was under way
    assert not found.may_try()
    clock.now += 1
    assert found.may_try()


def test_a_trial_that_came_to_nothing_can_be_repeated() -> None:
    found, clock = gate()
    for _ in range(3):
        found.failed("x")
    clock.now += 1
    assert found.may_try()
    found.tried()
    assert found.may_try()


def test_once_stopped_it_stays_so() -> None:
    found, clock = gate()
    assert found.stop("401")
    assert not found.stop("403")
    assert found.stopped == "401"
    found.answered()
    clock.now += 1000
    assert not found.is_open
    assert not found.may_try()
