"""What queues hold, as far as the management API can tell."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence

from ..rabbitmq.api import Client
from .kinds.parts import path
from .model import Current, Identity, Object, QueueState

# Classic queues are counted at once, quorum queues, streams and consumers only every 5 s: a message published or a
# consumer started a moment ago is not seen before (tried on 3.8.9, 3.10.8, 4.0.5 and 4.3.6).
REFRESH_SECONDS = 6.0
REFRESHES = 3
TOTALS = "?disable_stats=true&enable_queue_totals=true"


def queue_states(client: Client, queues: Sequence[Identity], current: Current) -> dict[Identity, QueueState]:
    """The messages and consumers of queues. One that the broker does not count is left out: it counts as busy.

    Classic queues are asked once, because the broker itself tests them again when they are removed. The others have
    no such test: those that look empty, or are not counted yet, are asked again after the broker has counted anew.

    :raises ApiError: when the broker cannot be reached or refuses.
    """
    states = _states(client, queues)
    for _ in range(REFRESHES):
        idle = {identity for identity in queues if identity not in states or not states[identity].busy}
        uncertain = sorted(identity for identity in idle if current["queues"][identity]["type"] != "classic")
        unknown = any(identity not in states for identity in uncertain)
        if not uncertain:
            break
        time.sleep(REFRESH_SECONDS)
        states.update(_states(client, uncertain))
        if not unknown:
            break
    return states


def _states(client: Client, queues: Iterable[Identity]) -> dict[Identity, QueueState]:
    wanted = set(queues)
    found: dict[Identity, QueueState] = {}
    for vhost in sorted({identity[0] for identity in wanted}):
        consumers = Counter(row["queue"]["name"] for row in client.get(path("consumers", vhost)))
        for row in client.get(path("queues", vhost) + TOTALS):
            identity = (vhost, row["name"])
            if identity in wanted:
                messages = _messages(client, row, identity)
                if messages is not None:
                    found[identity] = QueueState(messages, consumers[row["name"]])
    return found


def _messages(client: Client, row: Object, identity: Identity) -> int | None:
    """The totals leave streams out; those are in the statistics of each, some seconds after it was made."""
    messages: int | None = row.get("messages")
    if messages is None:
        messages = client.get(path("queues", *identity)).get("messages")
    return messages
