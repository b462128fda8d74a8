"""Where a client goes after a lost connection, and how soon."""

from __future__ import annotations

from soaking.reconnecting import Turns


def test_every_member_is_tried_at_once_and_then_with_longer_and_longer_pauses() -> None:
    turns = Turns(3, 4)
    assert [turns.member() for _ in range(5)] == [1, 2, 0, 1, 2]
    assert [turns.pause() for _ in range(9)] == [0.0] * 3 + [0.05] * 3 + [0.1] * 3
    assert [turns.pause() for _ in range(30)][-1] == 0.4


def test_after_a_good_connection_the_next_try_is_at_once() -> None:
    turns = Turns(1, 0)
    assert [turns.pause(), turns.pause()] == [0.0, 0.05]
    turns.served()
    assert turns.pause() == 0.0
