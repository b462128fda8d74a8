"""What a run has found, and what it amounts to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from probes.model import ExitCode

from soaking.account import Sum
from soaking.stages import Stage

INTERRUPTED = 130  # 128 and the number of SIGINT, as shells have it


@dataclass(frozen=True)
class Did:
    """The operation of --during. Times are in seconds since the load began."""

    command: str
    code: int | None
    begin: float
    end: float | None
    cut_off: bool
    stages: Sequence[Stage]
    output: Sequence[str]


@dataclass(frozen=True)
class Result:
    """A whole run."""

    brokers: Sequence[str]
    protocol: str
    queue_type: str
    workers: int
    rate: float | None  # all workers together; None is as fast as it goes
    size: int
    max_outage: float | None
    started: float  # seconds of the Unix epoch
    seconds: float  # for which the load lasted
    sum: Sum
    did: Did | None = None
    interrupted: bool = False
    leftovers: Sequence[str] = field(default_factory=list)  # queues that could not be deleted
    not_deleted: str = ""  # why

    @property
    def per_second(self) -> float:
        """Confirmed messages a second, over the whole load."""
        return self.sum.counts.confirmed / self.seconds if self.seconds > 0 else 0.0


def problems(result: Result) -> list[str]:
    """Return what makes a run a failure, in sentences; empty for one that proved what it should."""
    counts, found = result.sum.counts, []
    if not counts.confirmed:
        found.append("Nothing was confirmed, so nothing is proven.")
    if counts.lost:
        found.append(
            f"{counts.lost:,} of {counts.confirmed:,} confirmed messages were lost "
            f"({'; '.join(result.sum.missing()[:3])})."
        )
    if result.max_outage is not None and result.sum.longest > result.max_outage:
        found.append(
            f"A client was without service for {seconds(result.sum.longest)}, longer than the "
            f"{result.max_outage:g} s of --max-outage."
        )
    did = result.did
    if did is not None and did.cut_off:
        found.append("The operation was ended before its end: it may be half done.")
    elif did is not None and did.code != 0:
        found.append(f"The operation failed with exit code {did.code}.")
    return found


def verdict(result: Result) -> str:
    """Return the run in a sentence, or in one for each problem."""
    counts = result.sum.counts
    if found := problems(result):
        if counts.confirmed and not counts.lost:
            found.append(f"0 of {counts.confirmed:,} confirmed messages were lost.")
        return " ".join(found)
    begun = " during the operation" if result.did is not None else ""
    return (
        f"0 of {counts.confirmed:,} confirmed messages were lost{begun}; "
        f"no client was without service for longer than {seconds(result.sum.longest)}."
    )


def exit_code(result: Result) -> int:
    """Return what soak.py ends with."""
    if problems(result):
        return ExitCode.FAILED
    return INTERRUPTED if result.interrupted else ExitCode.OK


def seconds(value: float) -> str:
    """Return a duration in words: milliseconds below one second."""
    return f"{value * 1000:.0f} ms" if value < 0.9995 else f"{value:.1f} s"


def figures(result: Result) -> list[tuple[str, str, str]]:
    """Return the table of a run: what, how many, and a remark."""
    counts, total = result.sum.counts, result.sum.timeline.total()
    rows = [
        (
            "published",
            f"{counts.published:,}",
            f"and {counts.republished:,} again, without an answer or after a no",
        ),
        ("confirmed", f"{counts.confirmed:,}", f"{result.per_second:,.0f} a second"),
        ("delivered", f"{counts.delivered:,}", ""),
        ("lost", f"{counts.lost:,}", "confirmed, and never delivered"),
        ("duplicated", f"{counts.duplicated:,}", "delivered again; expected where a connection was lost"),
        ("out of order", f"{counts.out_of_order:,}", ""),
        ("not confirmed", f"{counts.unconfirmed:,}", "never promised, never delivered"),
    ]
    if not counts.republished:
        rows[0] = (*rows[0][:2], "")
    if counts.foreign:
        rows.append(
            ("of others", f"{counts.foreign:,}", "messages in the queues that the soak has not published")
        )
    if counts.refused:
        rows.append(("refused", f"{counts.refused:,}", "negative confirms and returned messages, sent again"))
    for name, latencies in (("time to confirm", total.confirm), ("time to delivery", total.delivery)):
        half, most = latencies.percentile(0.5), latencies.percentile(0.99)
        if half is not None and most is not None:
            rows.append((name, seconds(half), f"p99 {seconds(most)}, longest {seconds(latencies.longest)}"))
    rows.append(("without service", seconds(result.sum.longest), _service(result)))
    lost = result.sum.reconnections
    rows.append(
        ("lost connections", f"{lost.total():,}", "; ".join(f"{n} x {why}" for why, n in lost.most_common(3)))
    )
    if result.sum.blocked:
        rows.append(
            ("blocked", seconds(result.sum.blocked), "the broker stopped publishers: a memory or disk alarm")
        )
    rows.append(
        ("own pauses", seconds(result.sum.stall), "the longest for which soak.py itself did not get to run")
    )
    return rows


def _service(result: Result) -> str:
    told = (
        f"the longest for a client: {seconds(result.sum.longest_confirm)} without a confirm, "
        f"{seconds(result.sum.longest_delivery)} without a message"
    )
    all_of_them = max((end - begin for begin, end in result.sum.total_outages), default=0.0)
    return told + (f"; all publishers at once for {seconds(all_of_them)}" if all_of_them else "")
