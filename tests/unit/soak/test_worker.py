"""What a worker sends next, and what it makes of what comes back."""

from __future__ import annotations

import soaking.worker
from soaking.ledger import Counts
from soaking.worker import Book


def book(window: int = 3, rate: float | None = None, size: int = 64) -> Book:
    made = Book(7, "brokerkit.soak.t.7", "t", size, window, rate)
    made.going = True
    return made


def all_due(one: Book, now: float) -> list[int]:
    found = []
    while (number := one.next_number(now)) is not None:
        found.append(number)
    return found


def test_the_window_bounds_what_waits_for_a_confirm() -> None:
    one = book(window=3)
    assert all_due(one, 1.0) == [1, 2, 3]
    one.confirmed(2, 1.5)
    assert all_due(one, 2.0) == [4]


def test_a_message_says_whose_it_is_and_has_the_size_that_was_asked_for() -> None:
    one = book(size=100)
    all_due(one, 1.0)
    body = one.body(3)
    assert len(body) == 100 and body.startswith(b"t 7 3 .")
    one.delivered(body, 2.0)
    for other in (b"", b"t 8 3 ", b"u 7 3 ", b"t 7 x ", b"t 7 99 ", "t 7 ³ ".encode(), b"\xff" * 200):
        one.delivered(other, 2.0)
    assert one.ledger.counts == Counts(published=3, delivered=1, foreign=7, out_of_order=0)


def test_after_a_lost_connection_what_has_no_confirm_is_sent_again_in_order_and_first() -> None:
    one = book(window=4)
    all_due(one, 1.0)
    one.confirmed(2, 1.5)
    one.publisher_lost("reset")
    one.confirmed(4, 1.6)
    assert all_due(one, 2.0) == [1, 3, 5, 6]
    assert one.ledger.counts.republished == 2 and one.lost_publisher == {"reset": 1}


def test_what_the_broker_refuses_is_sent_again_after_a_pause() -> None:
    one = book(window=2)
    all_due(one, 1.0)
    one.refused(1, 1.5)
    assert all_due(one, 1.7) == []
    assert all_due(one, 1.75) == [1]
    one.refused(1, 2.0)
    one.publisher_lost("reset")
    assert all_due(one, 2.1) == [1, 2] and all_due(one, 9.0) == []
    assert one.ledger.counts.refused == 2


def test_nothing_new_is_sent_before_the_start_and_after_the_end() -> None:
    one = book()
    one.going = False
    assert one.next_number(1.0) is None
    one.going = True
    all_due(one, 1.0)
    one.stopping = True
    one.publisher_lost("reset")
    assert all_due(one, 2.0) == [1, 2, 3]


def test_a_publisher_waits_for_a_consumer_that_is_far_behind(monkeypatch) -> None:
    monkeypatch.setattr(soaking.worker, "BEHIND", 2)
    one = book(window=100)
    assert all_due(one, 1.0) == [1, 2]
    one.delivered(one.body(2), 1.5)
    assert all_due(one, 2.0) == [3, 4]


def test_without_a_connection_a_publisher_waits_once_it_has_something_to_send() -> None:
    slow = book(rate=1.0)
    slow.cannot_send(10.0)
    assert slow.publisher.waited(10.5) == 0
    slow.cannot_send(11.0)
    assert slow.publisher.waited(11.5) == 0.5


def test_an_outage_is_counted_for_the_publisher_and_the_consumer() -> None:
    one = book(window=1)
    all_due(one, 10.0)
    one.publisher_lost("reset")
    all_due(one, 14.0)
    one.confirmed(1, 15.0)
    one.delivered(one.body(1), 16.0)
    account = one.account(20.0, consumer_is_there=True)
    assert account.publisher.gaps == [(10.0, 15.0)] and account.consumer.gaps == [(10.0, 16.0)]
    assert account.missing == []


def test_a_lost_message_is_no_outage_of_a_consumer_that_is_connected() -> None:
    one = book(window=1)
    all_due(one, 10.0)
    one.confirmed(1, 10.1)
    assert one.account(40.0, consumer_is_there=True).consumer.gaps == []
    other = book(window=1)
    all_due(other, 10.0)
    other.confirmed(1, 10.1)
    account = other.account(40.0, consumer_is_there=False)
    assert account.consumer.gaps == [(10.0, 40.0)] and account.missing == [1] and account.counts.lost == 1
