"""Progress lines with the seconds since the start, so a long step is seen to be alive."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

HEARTBEAT_SECONDS = 10.0


class Progress:
    """Prints ``12 s  text`` on standard error; safe to use from several threads."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._lock = threading.Lock()

    def elapsed(self) -> float:
        """Seconds since the command started."""
        return time.monotonic() - self._start

    def say(self, text: str) -> None:
        """Print one line."""
        with self._lock:
            print(f"{self.elapsed():4.0f} s  {text}", file=sys.stderr, flush=True)

    @contextmanager
    def heartbeat(self, text: Callable[[], str]) -> Iterator[None]:
        """Print ``text()`` every ten seconds for as long as the block runs."""
        done = threading.Event()

        def beat() -> None:
            while not done.wait(HEARTBEAT_SECONDS):
                self.say(text())

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
