"""What a process of workers is told to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from probes.model import Endpoint

# Of a client: TCP, all of a handshake, and the messages that a consumer may have in hand.
CONNECT_SECONDS = 2.0
HANDSHAKE_SECONDS = 5.0
PREFETCH = 500
# A queue that an interrupted soak left behind deletes itself after this long without a consumer, in milliseconds.
LEFTOVER_EXPIRES_MS = 1_800_000
# A stream keeps what was read: its oldest part goes when it is larger than this.
STREAM_BYTES = 1_000_000_000
STREAM_SEGMENT_BYTES = 50_000_000


class QueueType(StrEnum):
    """What the messages go through."""

    QUORUM = "quorum"
    CLASSIC = "classic"
    STREAM = "stream"


@dataclass(frozen=True)
class Job:
    """The same for every process, but for the workers."""

    token: str  # of this run, in every message and name
    protocol: str  # "amqp" or "stomp"
    members: tuple[Endpoint, ...]
    user: str
    password: str = field(repr=False)
    vhost: str
    queue_type: QueueType
    rate: float | None  # messages a second of one worker
    size: int
    window: int  # messages of one worker without a confirm
    patience: float  # seconds without an answer after which a client tries the next member
    workers: tuple[tuple[int, str], ...] = ()  # number and queue


@dataclass
class Progress:
    """How a process is getting on."""

    published: int = 0
    confirmed: int = 0
    delivered: int = 0
    clients: int = 0
    connected: int = 0
    waiting: float = 0.0  # seconds for which a client has been without service
    trouble: str = ""  # what the last connection that failed said

    def add(self, other: Progress) -> None:
        """Add another process."""
        self.published += other.published
        self.confirmed += other.confirmed
        self.delivered += other.delivered
        self.clients += other.clients
        self.connected += other.connected
        self.waiting = max(self.waiting, other.waiting)
        self.trouble = self.trouble or other.trouble


def arguments(queue_type: QueueType) -> dict[str, object]:
    """Return the arguments that a queue of a soak is declared with."""
    if queue_type is QueueType.STREAM:  # streams know no x-expires
        kept: dict[str, object] = {
            "x-max-length-bytes": STREAM_BYTES,
            "x-stream-max-segment-size-bytes": STREAM_SEGMENT_BYTES,
        }
    else:
        kept = {"x-expires": LEFTOVER_EXPIRES_MS}
    return {"x-queue-type": str(queue_type), **kept}
