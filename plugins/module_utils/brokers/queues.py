"""What queues hold, as far as the management API can tell."""

from __future__ import annotations

import time
from collections.abc import Sequence

from .api import Client
from .kind_parts import path
from .model import Current, Identity, QueueState

# A broker refreshes its statistics every 5 s; quorum queues and streams count messages only then (a message
# that was published a moment ago was not counted before, tried on 3.8.9, 3.10.8, 4.0.5 and 4.3.6).
REFRESH_SECONDS = 6.0
ATTEMPTS = 4


def queue_states(client: Client, queues: Sequence[Identity], current: Current) -> dict[Identity, QueueState]:
    """The messages and consumers of queues. One whose statistics do not come is left out: it counts as busy.

    Classic queues are asked once, because the broker itself tests them when they are removed; the others are
    asked again after a refresh of the statistics.

    :raises ApiError: when the broker cannot be reached or refuses.
    """
    states: dict[Identity, QueueState] = {}
    waiting = list(queues)
    for attempt in range(ATTEMPTS):
        answers = {identity: _state(client, identity) for identity in waiting}
        states.update({identity: state for identity, state in answers.items() if state is not None})
        delayed = [identity for identity in waiting if current["queues"][identity]["type"] != "classic"]
        waiting = [
            identity
            for identity in waiting
            if answers[identity] is None
            or (attempt == 0 and identity in delayed and not states[identity].busy)
        ]
        if not waiting or attempt == ATTEMPTS - 1:
            break
        time.sleep(REFRESH_SECONDS)
    return states


def _state(client: Client, identity: Identity) -> QueueState | None:
    answer = client.get(path("queues", *identity))
    if answer.get("messages") is None or answer.get("consumers") is None:
        return None
    return QueueState(answer["messages"], answer["consumers"])
