"""The order of a run: queues, connections, load and operation, drain, books; the queues go whatever happens."""

from __future__ import annotations

import argparse
import secrets
import signal
import time
from collections.abc import Callable, Sequence
from types import FrameType, TracebackType

from probes.model import Broker, ExitCode, Refusal

from soaking import account, queues, targets
from soaking.fleet import Broken, Fleet
from soaking.job import Job, Progress, QueueType
from soaking.operation import Operation
from soaking.result import Did, Result
from soaking.screen import Screen

_CONNECT_SECONDS = 30.0
_LOOK_SECONDS = 0.2


class Interrupts:
    """Notes Ctrl-C and SIGTERM during a with block: the first asks for the end, the second is KeyboardInterrupt."""

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[int, Callable[[int, FrameType | None], object] | int | None] = {}

    def __enter__(self) -> Interrupts:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


def soak(options: argparse.Namespace, members: Sequence[Broker], screen: Screen) -> Result:
    """Run what the options ask for. Raises Refusal, and Broken for a defect."""
    token = secrets.token_hex(4)
    kind = QueueType(options.queue_type)
    numbered = queues.names(token, options.workers)
    every = [queue for _, queue in numbered]
    where = targets.endpoints(members, options.protocol)
    with Interrupts() as interrupts:
        declared = False
        try:
            queues.declare(members, token, every, kind)
            declared = True
            if len(members) > 1:
                queues.demand_one_cluster(members, token, every[0])
            rate = None if options.rate is None else options.rate / options.workers
            first = members[0]
            job = Job(
                token,
                options.protocol,
                where,
                first.user,
                first.password,
                first.vhost,
                kind,
                rate,
                options.size,
                options.window,
                options.patience,
                numbered,
            )
            result = _Run(options, members, screen, interrupts).go(job)
        finally:
            # What could not be declared is not there, or goes with the rest where the broker lets it.
            left = queues.delete(members, token, every, patient=declared)
            if left and declared:
                screen.say(f"The queues {queues.PREFIX}.{token}.* could not be deleted: {left}")
    return result if not left else _with_leftovers(result, every, left)


def _with_leftovers(result: Result, every: Sequence[str], why: str) -> Result:
    from dataclasses import replace

    return replace(result, leftovers=every, not_deleted=why)


class _Run:
    """One run, from the first connection to the books."""

    def __init__(
        self,
        options: argparse.Namespace,
        members: Sequence[Broker],
        screen: Screen,
        interrupts: Interrupts,
    ) -> None:
        self._options = options
        self._members = members
        self._screen = screen
        self._interrupts = interrupts
        self._operation: Operation | None = None
        self._zero = 0.0

    def go(self, job: Job) -> Result:
        """Connect, load, drain and close the books."""
        fleet = Fleet(job)
        try:
            with self._screen:
                self._connect(fleet)
                started = time.time()
                self._zero = fleet.go()
                self._load(fleet)
                seconds = time.monotonic() - self._zero
                fleet.stop(self._options.drain)
                hands = fleet.collect(self._options.drain, lambda one: self._show("draining", one))
        finally:
            if self._operation is not None:
                self._operation.kill()
            fleet.end()
        return Result(
            [one.name for one in self._members],
            job.protocol,
            str(job.queue_type),
            self._options.workers,
            self._options.rate,
            job.size,
            self._options.max_outage,
            started,
            seconds,
            account.summed(hands, self._zero),
            self._did(),
            self._interrupts.asked,
        )

    def _connect(self, fleet: Fleet) -> None:
        ends = time.monotonic() + _CONNECT_SECONDS
        while True:
            progress = fleet.progress(_LOOK_SECONDS)
            if progress.connected == 2 * self._options.workers:
                return
            if self._interrupts.asked:
                raise KeyboardInterrupt
            if time.monotonic() > ends:
                raise Refusal(
                    ExitCode.UNAVAILABLE,
                    f"Only {progress.connected} of {2 * self._options.workers} clients are connected after "
                    f"{_CONNECT_SECONDS:g} s ({progress.trouble or 'the others wait for an answer'}): run smoke.py "
                    "for a diagnosis, or take fewer --workers.",
                )

    def _load(self, fleet: Fleet) -> None:
        """Keep the load up until its time is over; the operation ends before it does."""
        ends = self._options.seconds
        while True:
            progress = fleet.progress(_LOOK_SECONDS)
            at = time.monotonic() - self._zero
            if self._options.during and self._operation is None and at >= self._options.warm_up:
                self._start()
            operation = self._operation
            if operation is not None:
                for line in operation.news():
                    self._screen.output(line)
                if operation.finish is not None:
                    ends = min(ends, operation.finish + self._options.cool_down)
            self._show(self._phase(operation), progress)
            if at < ends and not self._interrupts.asked:
                continue
            if operation is None or operation.finish is not None:
                return
            operation.end()

    def _start(self) -> None:
        try:
            self._operation = Operation(self._options.during, self._zero)
        except OSError as error:
            raise Refusal(
                ExitCode.USAGE,
                f"--during: {self._options.during[0]} cannot be run ({error.strerror}): name a program, or "
                "`sh -c '…'` for a shell's text.",
            ) from None

    def _phase(self, operation: Operation | None) -> str:
        if self._options.during is None:
            return "load"
        if operation is None:
            return "before"
        return "during" if operation.finish is None else "after"

    def _show(self, phase: str, progress: Progress) -> None:
        self._screen.progress(phase, time.monotonic() - self._zero, progress)

    def _did(self) -> Did | None:
        operation = self._operation
        if operation is None:
            return None
        import shlex

        return Did(
            shlex.join(operation.command),
            operation.code,
            operation.begin,
            operation.finish,
            operation.cut_off,
            tuple(operation.stages),
            tuple(operation.output),
        )


__all__ = ["Broken", "soak"]
