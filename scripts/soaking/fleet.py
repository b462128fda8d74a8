"""All processes of a run."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from typing import Any

from soaking.account import Hand
from soaking.job import Job, Progress
from soaking.process import start

_LONGER_SECONDS = 15.0  # after the drain a process has this long to hand in its books


class Broken(Exception):
    """A process of workers has ended without its books: a defect, or somebody killed it."""


class Fleet:
    """Starts the processes, tells them what to do, and collects their books."""

    def __init__(self, job: Job) -> None:
        self._hands: dict[Connection, Hand] = {}
        self._progress: dict[Connection, Progress] = {}
        self._processes: dict[Connection, Any] = {}
        for share in shares(job.workers, os.cpu_count() or 1):
            process, pipe = start(replace(job, workers=share))
            self._processes[pipe] = process

    def progress(self, seconds: float) -> Progress:
        """Read what the processes say for so long; return the sum of the last of each. Raises Broken."""
        ends = time.monotonic() + seconds
        while True:
            left = ends - time.monotonic()
            for pipe in wait([pipe for pipe in self._processes if pipe not in self._hands], max(0.0, left)):
                self._read(pipe)  # type: ignore[arg-type]
            if left <= 0 or self.done:
                break
        total = Progress()
        for one in self._progress.values():
            total.add(one)
        return total

    @property
    def done(self) -> bool:
        """Whether every process has handed in its books."""
        return len(self._hands) == len(self._processes)

    def go(self) -> float:
        """Have the workers publish; return the time at which the run begins."""
        now = time.monotonic()
        self._tell("go", now)
        return now

    def stop(self, drain: float) -> None:
        """Have the workers publish nothing new, and close their books once all is delivered or `drain` is over."""
        self._tell("stop", time.monotonic() + drain)

    def collect(self, drain: float, tell: Callable[[Progress], None]) -> list[Hand]:
        """Wait for the books after `stop`. Raises Broken."""
        ends = time.monotonic() + drain + _LONGER_SECONDS
        while not self.done:
            tell(self.progress(0.25))
            if time.monotonic() > ends:
                raise Broken("a process did not hand in its books in time")
        return list(self._hands.values())

    def end(self) -> None:
        """End the processes, those too that are in the middle of something."""
        for process in self._processes.values():
            process.join(2.0 if self.done else 0.0)
            if process.is_alive():
                process.kill()
                process.join()

    def _tell(self, what: str, when: float) -> None:
        for pipe in self._processes:
            pipe.send((what, when))

    def _read(self, pipe: Connection) -> None:
        try:
            what, told = pipe.recv()
        except (EOFError, OSError):
            raise Broken("a process of workers ended in the middle of the run") from None
        if what == "failed":
            raise Broken(told)
        if what == "done":
            self._hands[pipe] = told
        else:
            self._progress[pipe] = told


def shares(workers: tuple[tuple[int, str], ...], processes: int) -> list[tuple[tuple[int, str], ...]]:
    """Return which workers each process gets: no process without one."""
    count = max(1, min(processes, len(workers)))
    return [workers[number::count] for number in range(count)]
