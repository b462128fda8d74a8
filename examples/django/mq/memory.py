"""A stand-in for the broker inside the process, for a laptop and for tests: queues, topics, acknowledgements.

It has the methods of connection.Connection. Messages that were not acknowledged when a connection closes come again.
"""

from __future__ import annotations

import threading
import uuid
from collections import defaultdict, deque
from collections.abc import Mapping

from .config import Config
from .connection import Message, deadline

_changed = threading.Condition()
_queues: defaultdict[str, deque[Message]] = defaultdict(deque)
_connections: set[Connection] = set()


class Connection:
    """One connection to the stand-in."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._subscribed: list[str] = []
        self._of_topics: deque[Message] = deque()
        self._held: dict[str, Message] = {}
        _connections.add(self)

    def send(self, destination: str, body: str, headers: Mapping[str, str] | None = None) -> None:
        """Put a text into a queue, or give it to every subscriber of a topic."""
        with _changed:
            message = Message(destination, body, dict(headers or {}), ack=uuid.uuid4().hex)
            if destination.startswith("/topic/"):
                for other in _connections:
                    if destination in other._subscribed:
                        other._of_topics.append(message)
            else:
                _queues[destination].append(message)
            _changed.notify_all()

    def subscribe(self, destination: str, headers: Mapping[str, str] | None = None) -> None:
        """Have messages come."""
        with _changed:
            self._subscribed.append(destination)

    def receive(self, seconds: float) -> Message | None:
        """The next message; None if none has come in that time."""
        left = deadline(seconds)
        with _changed:
            while (found := self._next()) is None and left() > 0:
                _changed.wait(left())
        return found

    def _next(self) -> Message | None:
        if self._of_topics:
            return self._of_topics.popleft()
        for destination in self._subscribed:
            if _queues[destination]:
                found = _queues[destination].popleft()
                self._held[found.ack] = found
                return found
        return None

    def ack(self, message: Message) -> None:
        """Say that a message is done."""
        self._held.pop(message.ack, None)

    def close(self) -> None:
        """End the connection."""
        with _changed:
            _connections.discard(self)
            for message in reversed(self._held.values()):
                _queues[message.destination].appendleft(message)
            self._held.clear()
            _changed.notify_all()
