"""What is seen while a soak runs: a line that changes in a terminal, now and then one elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import IO

from soaking.job import Progress

_RATE_SECONDS = 1.0
_EVERY_SECONDS = 10.0  # where lines cannot be overwritten, as in a log


class Screen:
    """Writes to standard error; with a block around the time in which there is progress."""

    def __init__(self, stream: IO[str], env: Mapping[str, str], quiet: bool) -> None:
        from rich.console import Console

        self._console = Console(
            file=stream, highlight=False, markup=False, emoji=False, soft_wrap=True, _environ=dict(env)
        )
        self._quiet = quiet
        self._live = None if quiet or not stream.isatty() else self._console.status("connecting")
        self._told = time.monotonic()
        self._last: tuple[float, int] | None = None
        self._shown = 0.0

    def __enter__(self) -> Screen:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def say(self, text: str) -> None:
        """Write a line."""
        if not self._quiet:
            self._console.print(text)

    def output(self, line: str) -> None:
        """Write a line of the operation."""
        if not self._quiet:
            self._console.print(f"  | {line}", style="dim")

    def progress(self, phase: str, at: float, progress: Progress) -> None:
        """Show how far the run is, `at` seconds after the load began."""
        now = time.monotonic()
        rate = self._rate(now, progress)
        if self._live is not None:
            self._live.update(line(phase, at, progress, rate))
        elif now - self._told >= _EVERY_SECONDS:
            self._told = now
            self.say(line(phase, at, progress, rate))

    def _rate(self, now: float, progress: Progress) -> float:
        last = self._last
        if last is None or now - last[0] >= _RATE_SECONDS:
            self._last = (now, progress.confirmed)
            self._shown = 0.0 if last is None else (progress.confirmed - last[1]) / (now - last[0])
        return self._shown


def line(phase: str, at: float, progress: Progress, rate: float) -> str:
    """Return the progress in a line."""
    told = (
        f"{phase} {at:.0f} s: {rate:,.0f}/s, {progress.confirmed:,} confirmed, "
        f"{progress.published - progress.delivered:,} to come, {progress.connected} of {progress.clients} connected"
    )
    if progress.waiting >= 0.5:
        told += f", without service for {progress.waiting:.1f} s"
    return told
