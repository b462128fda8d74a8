"""How long a client was without service: only while it wanted some."""

from __future__ import annotations

from soaking.service import Service, common, length, union


def test_a_client_that_wants_nothing_waits_for_nothing() -> None:
    service = Service()
    service.wants(1.0)
    service.served(1.1, more=False)
    assert service.waited(100.0) == 0
    service.wants(100.0)
    service.served(100.2, more=False)
    assert service.longest == (100.0, 100.2) and service.gaps == []


def test_the_wait_begins_with_the_first_wish_and_ends_with_the_first_answer() -> None:
    service = Service()
    service.wants(10.0)
    service.wants(14.0)
    assert service.waited(15.0) == 5.0
    service.served(16.0, more=True)
    service.served(16.25, more=False)
    assert service.gaps == [(10.0, 16.0), (16.0, 16.25)]
    assert service.longest == (10.0, 16.0)


def test_a_wait_without_an_end_counts_until_the_books_are_closed() -> None:
    service = Service()
    service.wants(1.0)
    service.close(4.0)
    service.close(9.0)
    assert service.gaps == [(1.0, 4.0)] and length(service.longest) == 3.0


def test_short_gaps_are_not_listed_and_count_for_the_longest() -> None:
    service = Service()
    service.wants(0.0)
    service.served(0.2, more=False)
    assert service.gaps == [] and service.longest == (0.0, 0.2)


def test_outages_of_several_clients() -> None:
    one, other = [(1.0, 3.0), (10.0, 12.0)], [(2.0, 4.0), (11.0, 11.5)]
    assert union([*one, *other]) == [(1.0, 4.0), (10.0, 12.0)]
    assert common([one, other]) == [(2.0, 3.0), (11.0, 11.5)]
    assert common([one, []]) == [] and common([]) == [] and common([one]) == one
    assert common([[(1.0, 2.0)], [(2.0, 3.0)]]) == []
