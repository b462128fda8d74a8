"""The workers of one process, on one event loop; the parent and the process talk over a pipe."""

from __future__ import annotations

import signal
import sys
import time
import traceback
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any, Protocol

from soaking.account import Account, Hand
from soaking.job import Job, Progress
from soaking.timeline import Timeline
from soaking.worker import Book

TICK_SECONDS = 0.005
_PROGRESS_SECONDS = 0.2
_GRACE_SECONDS = 0.3  # a second copy of a message comes soon after the first, or not at all
_GOODBYE_SECONDS = 1.0


class Worker(Protocol):
    """What speaks a protocol for one book."""

    book: Book

    @property
    def trouble(self) -> str:
        """What the last connection that failed said."""

    @property
    def connected(self) -> int:
        """How many of its two clients are being served."""

    @property
    def consuming(self) -> bool:
        """Whether its consumer is connected."""

    @property
    def blocked(self) -> float:
        """The longest time for which the broker blocked its publisher."""

    def start(self) -> None:
        """Connect."""

    def tick(self, now: float) -> None:
        """Do what is due."""

    def close(self) -> None:
        """Disconnect for good."""


def serve(pipe: Connection, job: Job) -> None:
    """Run the workers of a job until the parent has their accounts; the target of a process."""
    # Ctrl-C in a terminal reaches every process of the group: here the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        _Process(pipe, job).run()
    except (EOFError, BrokenPipeError):
        sys.exit(1)  # the parent is gone
    except Exception:
        pipe.send(("failed", traceback.format_exc()))
        sys.exit(1)


class _Process:
    """The event loop, and what it does at every tick."""

    def __init__(self, pipe: Connection, job: Job) -> None:
        import logging

        from pika.adapters.select_connection import IOLoop

        for name in ("pika", "stomp.py"):  # they log every lost connection; the ledger counts them
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        self._pipe = pipe
        self._loop = IOLoop()
        self._workers: Sequence[Worker] = [self._worker(job, number, queue) for number, queue in job.workers]
        self._timeline = Timeline(0.0)
        self._told = 0.0
        self._last: float | None = None
        self._stall = 0.0
        self._until: float | None = None  # the end of the drain
        self._settled: float | None = None  # since when everything is confirmed and delivered

    def _worker(self, job: Job, number: int, queue: str) -> Worker:
        book = Book(number, queue, job.token, job.size, job.window, job.rate)
        if job.protocol == "stomp":
            from soaking import stomp

            return stomp.Worker(job, book)
        from soaking import amqp

        return amqp.Worker(self._loop, job, book)

    def run(self) -> None:
        """Work until the books are closed."""
        for worker in self._workers:
            worker.start()
        self._loop.call_later(0, self._tick)
        self._loop.start()

    def _tick(self) -> None:
        now = time.monotonic()
        if self._last is not None and self._until is None:
            self._stall = max(self._stall, now - self._last - TICK_SECONDS)
        while self._pipe.poll():
            self._told_to(*self._pipe.recv())
        for worker in self._workers:
            worker.tick(now)
        if now - self._told >= _PROGRESS_SECONDS:
            self._told = now
            self._pipe.send(("progress", self._progress(now)))
        if self._until is not None and self._is_over(now, self._until):
            self._finish(now)
            return
        self._last = now
        self._loop.call_later(TICK_SECONDS, self._tick)

    def _told_to(self, what: str, when: float) -> None:
        if what == "go":
            self._timeline.zero = when
            for worker in self._workers:
                worker.book.timeline = self._timeline
                worker.book.going = True
        elif what == "stop":
            self._until = when
            for worker in self._workers:
                worker.book.stopping = True

    def _is_over(self, now: float, until: float) -> bool:
        if not all(worker.book.ledger.settled for worker in self._workers):
            self._settled = None
        elif self._settled is None:
            self._settled = now
        return now >= until or (self._settled is not None and now - self._settled >= _GRACE_SECONDS)

    def _finish(self, now: float) -> None:
        hand = Hand(self._timeline, [self._account(worker, now) for worker in self._workers])
        hand.stall = self._stall
        hand.blocked = max((worker.blocked for worker in self._workers), default=0.0)
        self._pipe.send(("done", hand))
        for worker in self._workers:
            worker.close()
        self._loop.call_later(_GOODBYE_SECONDS, self._loop.stop)

    def _account(self, worker: Worker, now: float) -> Account:
        return worker.book.account(now, worker.consuming)

    def _progress(self, now: float) -> Progress:
        found = Progress()
        for worker in self._workers:
            book, counts = worker.book, worker.book.ledger.counts
            waited = max(book.publisher.waited(now), book.consumer.waited(now))
            found.add(
                Progress(
                    counts.published,
                    counts.confirmed,
                    counts.delivered,
                    2,
                    worker.connected,
                    waited,
                    worker.trouble,
                )
            )
        return found


def start(job: Job) -> tuple[Any, Connection]:
    """Start a process for a job; return it and the parent's end of its pipe."""
    import multiprocessing

    # A new interpreter: what the parent has open is none of its business, and the password goes through a pipe.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, job), daemon=True)
    process.start()
    theirs.close()
    return process, ours
