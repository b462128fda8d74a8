"""What a worker needs of a broker, whichever it is: see amqp.py and activemq.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

# Headers that the relay gives a message which it does not acknowledge as done.
ATTEMPTS, REASON, CODE = "x-relay-attempts", "x-relay-reason", "x-relay-code"
# How often a dead letter was brought back.
REPLAYED = "x-relay-replayed"
# The reason of a dead letter that has none, as nobody says how it came there.
UNKNOWN = "unknown"
CONNECT_SECONDS = 5
# A broker whose disk or memory is full accepts nothing for as long; that is no reason to hang.
BLOCKED_SECONDS = 30


class NotPutAway(Exception):
    """A message that the broker did not take: a sentence. The message stays where it was."""


class UnfitBroker(Exception):
    """A broker from which no relay may take: a sentence."""


@dataclass(frozen=True)
class Taken:
    """A message in hand: what a broker calls it (`tag`), what its sender said of it, and its body."""

    tag: Any
    redelivered: bool
    headers: Mapping[str, Any]
    id: str | None
    body: bytes
    own: Any = None  # properties that only its own protocol knows


class Link(Protocol):
    """The connections of one worker, until one of them breaks."""

    def messages(self, idle_seconds: float) -> Iterator[Taken | None]:
        """Yield messages as they come, and None after a while without."""

    def leave(self) -> int:
        """Stop taking messages; those that were not begun go back. Returns how many, if the broker tells."""

    def one(self) -> Taken | None:
        """Return a single message, if there is any."""

    def acknowledge(self, message: Taken) -> None:
        """Have the broker forget a message."""

    def give_back(self, message: Taken) -> None:
        """Put a message back into its queue as it was, at the latest when the relay leaves the queue."""

    def wait(self, seconds: float) -> None:
        """Let time pass, with the heartbeats that it takes."""

    def keep(self) -> None:
        """Answer the heartbeats of the connection that puts messages away."""

    def put_into_wait(self, wait: int, milliseconds: int, message: Taken, headers: Mapping[str, Any]) -> None:
        """Have a message wait in the broker, from where it comes back into its queue. Raises NotPutAway."""

    def put_among_dead(self, message: Taken, headers: Mapping[str, Any]) -> None:
        """Make a message a dead letter. Raises NotPutAway."""

    def close(self) -> None:
        """End the connections; what was not acknowledged goes back."""


class Letters(Protocol):
    """A look through the dead letters, each once, the oldest first; what was not put back stays where it was."""

    def next(self) -> Taken | None:
        """Return the next dead letter, None after the last."""

    def code_of(self, letter: Taken) -> str:
        """Return why it is a dead letter."""

    def put_back(self, letter: Taken, headers: Mapping[str, Any]) -> None:
        """Put a dead letter into the source with these headers, and only then forget it. Raises NotPutAway."""

    def close(self) -> None:
        """End the connection."""
