"""The command of --during: run beside the load, its output kept and shown, ended when its time is over."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Sequence

from soaking.stages import AT_MOST, Stage, plain, stage

_KEPT_LINES = 2000  # the last ones
_LENIENCE_SECONDS = 30.0  # between asking it to end and ending it


class Operation:
    """A command; its process group is its own, so that Ctrl-C reaches it only through `end`."""

    def __init__(self, command: Sequence[str], zero: float) -> None:
        """Start it. Raises OSError where that is not possible."""
        self.command = command
        self.begin = time.monotonic() - zero
        self.finish: float | None = None
        self.cut_off = False
        self.stages = [Stage(self.begin, "begin", command[0])]
        self.output: deque[str] = deque(maxlen=_KEPT_LINES)
        self._zero = zero
        self._asked: float | None = None
        self._lines: queue.SimpleQueue[tuple[float, str]] = queue.SimpleQueue()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def code(self) -> int | None:
        """Its exit code, as shells have it; None while it runs."""
        code = self._process.poll()
        return 128 - code if code is not None and code < 0 else code

    def news(self) -> list[str]:
        """Return the lines that it has printed since the last time."""
        running = self.code is None
        if not running:
            self._reader.join(1.0)  # a child of it that goes on may hold its output open
        found = []
        while not self._lines.empty():
            at, line = self._lines.get()
            found.append(line)
            self.output.append(line)
            if (mark := stage(line, at - self._zero)) is not None and len(self.stages) < AT_MOST:
                self.stages.append(mark)
        if not running and self.finish is None:
            self.finish = time.monotonic() - self._zero
            self.stages.append(Stage(self.finish, "end", f"exit code {self.code}"))
        return found

    def end(self) -> None:
        """Ask it to end, as Ctrl-C would; end it when it has not done so in time. To be called until it is over."""
        if self.code is not None:
            return
        now = time.monotonic()
        if self._asked is None:
            self._asked, self.cut_off = now, True
            self._signal(signal.SIGINT)
        elif now - self._asked > _LENIENCE_SECONDS:
            self._signal(signal.SIGKILL)

    def kill(self) -> None:
        """End it at once."""
        if self.code is None:
            self._signal(signal.SIGKILL)
            self._process.wait()

    def _signal(self, number: int) -> None:
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            return  # it has ended meanwhile

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - it was started with a pipe
        with self._process.stdout as output:
            for line in output:
                self._lines.put((time.monotonic(), plain(line)))
