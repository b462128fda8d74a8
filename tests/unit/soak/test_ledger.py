"""Every message of a worker is accounted for: confirmed, delivered, again, out of order, lost."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st
from soaking.ledger import Arrival, Counts, Ledger, Tags, ranges


def published(count: int) -> Ledger:
    ledger = Ledger()
    for number in range(1, count + 1):
        assert ledger.publish(float(number)) == number
    return ledger


def test_a_message_that_is_confirmed_and_delivered_is_settled_in_either_order() -> None:
    ledger = published(2)
    assert ledger.confirm(1, 1.5) == 0.5
    assert ledger.deliver(1, 1.75) == (Arrival.FIRST, 0.75)
    assert ledger.deliver(2, 2.25) == (Arrival.FIRST, 0.25)
    assert not ledger.settled
    assert ledger.confirm(2, 2.5) == 0.5
    assert ledger.settled and ledger.unconfirmed == 0 and ledger.undelivered == 0
    assert ledger.final() == Counts(published=2, confirmed=2, delivered=2)


def test_confirmed_and_not_delivered_is_lost_and_delivered_alone_is_not() -> None:
    ledger = published(4)
    for number in (1, 2, 3):
        ledger.confirm(number, 5)
    ledger.deliver(1, 6)
    ledger.deliver(4, 6)
    assert ledger.lost() == [2, 3]
    counts = ledger.final()
    assert (counts.lost, counts.unconfirmed, counts.confirmed, counts.delivered) == (2, 0, 3, 2)


def test_what_was_neither_confirmed_nor_delivered_was_never_promised() -> None:
    ledger = published(2)
    ledger.confirm(1, 2)
    ledger.deliver(1, 2)
    assert ledger.final() == Counts(published=2, confirmed=1, delivered=1, unconfirmed=1)


def test_a_second_delivery_is_a_duplicate_before_and_after_the_message_is_settled() -> None:
    ledger = published(1)
    ledger.deliver(1, 2)
    assert ledger.deliver(1, 3)[0] is Arrival.DUPLICATE
    ledger.confirm(1, 3)
    assert ledger.deliver(1, 4)[0] is Arrival.DUPLICATE
    assert ledger.final() == Counts(published=1, confirmed=1, delivered=1, duplicated=2)


@pytest.mark.parametrize("number", [0, -1, 3, 10**9])
def test_a_number_that_was_never_published_is_of_somebody_else(number: int) -> None:
    ledger = published(2)
    assert ledger.deliver(number, 3)[0] is Arrival.FOREIGN
    assert ledger.counts.foreign == 1 and ledger.counts.delivered == 0


def test_an_older_message_after_a_newer_one_is_out_of_order() -> None:
    ledger = published(3)
    for number in (1, 3, 2):
        ledger.deliver(number, 4)
    assert ledger.counts.out_of_order == 1


def test_a_message_that_was_sent_again_may_come_after_newer_ones() -> None:
    ledger = published(3)
    ledger.confirm(1, 3)
    assert ledger.waiting() == [2, 3]
    assert ledger.republish(2) and not ledger.republish(1)
    for number in (1, 3, 2):
        ledger.deliver(number, 4)
    assert ledger.counts.out_of_order == 0 and ledger.counts.republished == 1


def test_the_time_of_a_message_that_was_sent_again_counts_from_the_first_time() -> None:
    ledger = published(1)
    ledger.republish(1)
    assert ledger.confirm(1, 9.0) == 8.0
    assert ledger.confirm(1, 10.0) is None and ledger.counts.confirmed == 1
    assert not ledger.republish(1)


def test_a_lost_message_does_not_make_the_consumer_late() -> None:
    ledger = published(10)
    for number in (1, 9, 10):
        ledger.deliver(number, 11)
    assert ledger.behind == 0 and ledger.undelivered == 7
    ledger.publish(12)
    assert ledger.behind == 1


def test_a_refusal_is_counted_and_the_message_stays_open() -> None:
    ledger = published(1)
    ledger.refuse(1)
    assert ledger.counts.refused == 1 and ledger.waiting() == [1] and ledger.unconfirmed == 1


def test_counts_add_up() -> None:
    total = Counts(published=1, lost=2)
    total.add(Counts(published=3, lost=4, foreign=5))
    assert total == Counts(published=4, lost=6, foreign=5)


@given(
    st.lists(st.tuples(st.sampled_from(["publish", "confirm", "deliver"]), st.integers(1, 12)), max_size=80)
)
def test_no_message_is_counted_twice_or_forgotten(steps: list[tuple[str, int]]) -> None:
    ledger, last, confirmed, delivered = Ledger(), 0, set(), set()
    for what, number in steps:
        if what == "publish":
            last = ledger.publish(0.0)
        elif number <= last:
            (confirmed if what == "confirm" else delivered).add(number)
            ledger.confirm(number, 1.0) if what == "confirm" else ledger.deliver(number, 1.0)
    counts = ledger.final()
    assert (counts.published, counts.confirmed, counts.delivered) == (last, len(confirmed), len(delivered))
    assert ledger.lost() == sorted(confirmed - delivered) and counts.lost == len(confirmed - delivered)
    assert counts.unconfirmed == last - len(confirmed | delivered)
    assert ledger.unconfirmed == last - len(confirmed) and ledger.undelivered == last - len(delivered)
    assert ledger.settled == (counts.lost == 0 and ledger.unconfirmed == 0)


def test_a_confirm_of_several_answers_all_that_were_sent_before() -> None:
    tags = Tags()
    for number in (7, 8, 9, 10):
        tags.sent(number)
    assert tags.answered(2, multiple=False) == [8]
    assert tags.answered(3, multiple=True) == [7, 9]
    assert len(tags) == 1
    assert tags.answered(3, multiple=True) == [] and tags.answered(3, multiple=False) == []
    assert tags.answered(4, multiple=False) == [10]


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ([], ""),
        ([4], "4"),
        ([1, 2, 3, 9], "1 to 3, 9"),
        ([1, 3, 5, 7, 9, 11, 12, 20], "1, 3, 5, 7, 9 and 3 more"),
    ],
)
def test_numbers_in_words(numbers: list[int], words: str) -> None:
    assert ranges(numbers) == words
