"""Where a client goes after a lost connection, and how soon."""

from __future__ import annotations

import pytest
from pika.adapters.utils.connection_workflow import AMQPConnectorSocketConnectError
from pika.exceptions import (
    AMQPConnectionError,
    ChannelClosedByBroker,
    ConnectionClosedByBroker,
    StreamLostError,
)
from soaking.amqp import words
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


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConnectionClosedByBroker(320, "CONNECTION_FORCED - shutdown"), "320 CONNECTION_FORCED - shutdown"),
        (ChannelClosedByBroker(404, "NOT_FOUND - no queue"), "404 NOT_FOUND - no queue"),
        (AMQPConnectionError(ConnectionRefusedError(111, "Connection refused")), "Connection refused"),
        (AMQPConnectionError(AMQPConnectorSocketConnectError(TimeoutError("timed out"))), "timed out"),
        (
            StreamLostError("Stream connection lost: ConnectionResetError(104, 'Connection reset by peer')"),
            "Connection reset by peer",
        ),
        (StreamLostError("Transport indicated EOF"), "Transport indicated EOF"),
        (ValueError(), "ValueError"),
    ],
)
def test_a_lost_connection_is_told_in_the_words_of_the_broker_or_the_system(
    error: Exception, said: str
) -> None:
    assert words(error) == said
