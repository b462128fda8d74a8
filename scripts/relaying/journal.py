"""What the relay says of itself: one JSON object in a line, for journald and whatever reads it.

Never a message's body, a header's value, a URL with fields filled in, or a secret.
"""

from __future__ import annotations

import json
import threading
from datetime import datetime, timezone
from typing import IO, Any

QUIET, USUAL, CHATTY = 0, 1, 2
# As sd-daemon(3) has it: journald takes a number in front of a line for its priority.
_PRIORITIES = {"error": "<3>", "warning": "<4>", "info": "<6>", "debug": "<7>"}


class Journal:
    """Writes lines; workers share one."""

    def __init__(self, stream: IO[str], relay: str, chatty: bool = False, priorities: bool = False) -> None:
        self._stream = stream
        self._relay = relay
        self._chatty = chatty
        self._priorities = priorities
        self._lock = threading.Lock()

    def say(self, level: str, event: str, sentence: str = "", **fields: Any) -> None:
        """Write a line: `event` is for programs, `sentence` for people."""
        if level == "debug" and not self._chatty:
            return
        now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        line = {"time": now, "level": level, "relay": self._relay, "event": event, **fields}
        if sentence:
            line["message"] = sentence
        text = json.dumps(line, default=str)
        with self._lock:
            self._stream.write(f"{_PRIORITIES[level] if self._priorities else ''}{text}\n")
            self._stream.flush()
