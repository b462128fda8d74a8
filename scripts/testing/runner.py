"""Runs parts side by side, each line of their output with the part's name before it."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

from testing.failures import KEPT, enough, failed_tests, told
from testing.parts import PLACES, Command, Part, startable, steps_after, steps_before, table

# Seconds after which a run says what is still running: pytest prints one line for dozens of tests.
HEARTBEAT = 60
PROJECT = Path(__file__).resolve().parents[2]


class Runner:
    """One run of parts; what it prints goes to standard output."""

    def __init__(self, parts: Sequence[Part], places: int = PLACES) -> None:
        self._places = places
        self._parts = list(parts)
        self._started = time.monotonic()
        self._taken: dict[str, int] = {}
        self._failed: list[str] = []
        self._printed: dict[str, deque[str]] = defaultdict(lambda: deque(maxlen=KEPT))
        self._lock = threading.Lock()
        self._processes: set[subprocess.Popen[str]] = set()
        self._stopped = False

    def run(self) -> bool:
        """Run the parts; after one that fails no other begins, and its hosts stay up to look at."""
        try:
            with ThreadPoolExecutor(self._places) as pool:
                try:
                    self._run_in(pool)
                finally:
                    # Also where somebody has interrupted the run: nothing goes on behind its back.
                    self._stop()
        finally:
            self._say("seconds of each part, against its budget")
            print("\n".join(table(self._parts, self._taken, self._failed, self._seconds(self._started))))
            print("\n".join(self._reasons()))
        self._say(self._verdict())
        return not self._failed

    def _reasons(self) -> Iterator[str]:
        """Why parts failed: of a long log often only the end is kept."""
        for name in self._failed:
            yield f"\n{name} FAILED:"
            yield from (f"{name} | {line}" for line in told(self._printed[name]))

    def _verdict(self) -> str:
        """The last line, which names what failed."""
        failed = [
            f"{name} ({enough(failed_tests(self._printed[name])) or 'see above'})" for name in self._failed
        ]
        return f"FAILED: {', '.join(failed)}" if failed else "all passed"

    def _run_in(self, pool: ThreadPoolExecutor) -> None:
        """Start parts as places become free, until all have ended or one has failed and the others ended."""
        waiting = list(self._parts)
        running: dict[Future[bool], Part] = {}
        while running or (waiting and not self._failed):
            for part in [] if self._failed else startable(waiting, running.values(), self._places):
                waiting.remove(part)
                running[pool.submit(self._part, part, [*waiting, *running.values()])] = part
            ended = wait(running, timeout=HEARTBEAT, return_when=FIRST_COMPLETED).done
            if not ended:
                self._say(f"{', '.join(part.name for part in running.values())}: still running")
            for done in ended:
                part = running.pop(done)
                if not done.result():
                    self._failed.append(part.name)

    def _part(self, part: Part, others: Sequence[Part]) -> bool:
        """Run one part to its end."""
        started = time.monotonic()
        self._say(f"{part.name}: {part.about}")
        commands = [*steps_before(part, self._parts), *part.commands]
        passed = all(self._command(part, command) for command in commands)
        if passed:
            left = [one for one in others if one.name not in self._taken]
            passed = all(self._command(part, command) for command in steps_after(part, left))
        self._taken[part.name] = self._seconds(started)
        self._say(f"{part.name} {'passed' if passed else 'FAILED'}, {self._taken[part.name]} s")
        return passed

    def _command(self, part: Part, command: Command) -> bool:
        """Run one command of a part."""
        try:
            process = self._start(part, command)
        except OSError as error:
            self._print_of(part, f"{command[0]}: {error.strerror}")
            return False
        for line in process.stdout or ():
            self._print_of(part, line.rstrip())
        self._processes.discard(process)
        return process.wait() == 0

    def _start(self, part: Part, command: Command) -> subprocess.Popen[str]:
        with self._lock:
            if self._stopped:
                raise OSError(errno.ECANCELED, "not begun, the run was stopped")
            process = subprocess.Popen(
                command,
                cwd=PROJECT,
                env={**os.environ, "NO_COLOR": "1", **part.environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )
            self._processes.add(process)
            return process

    def _stop(self) -> None:
        """End what still runs; each command leads a process group of its own."""
        with self._lock:
            self._stopped = True
            for process in list(self._processes):
                os.killpg(process.pid, signal.SIGTERM)

    def _say(self, text: str) -> None:
        self._print(f"\n== test: {text} ({self._seconds(self._started)} s so far)")

    def _print_of(self, part: Part, line: str) -> None:
        self._printed[part.name].append(line)
        self._print(f"{part.name} | {line}")

    def _print(self, line: str) -> None:
        with self._lock:
            print(line, flush=True)

    @staticmethod
    def _seconds(since: float) -> int:
        return round(time.monotonic() - since)
