"""The report for people, on a terminal."""

from __future__ import annotations

from soaking.result import Result, figures, verdict


def title(result: Result) -> str:
    """Return what was done, in a line."""
    rate = "as fast as it goes" if result.rate is None else f"{result.rate:g} messages a second"
    workers = f"{result.workers} worker{'' if result.workers == 1 else 's'}"
    return (
        f"{', '.join(result.brokers)}: {result.seconds:.0f} s of {rate} of {result.size:,} bytes over "
        f"{result.protocol.upper()}, {result.queue_type} queues, {workers}"
    )


def render(result: Result) -> str:
    """Return the report."""
    lines = [title(result), ""]
    lines += [f"  {what:<16} {value:>12}  {remark}".rstrip() for what, value, remark in figures(result)]
    if result.did is not None:
        ended = "was ended" if result.did.cut_off else f"exit code {result.did.code}"
        span = (result.did.end or result.seconds) - result.did.begin
        lines += ["", f"  during: {result.did.command}", f"  {span:.1f} s, {ended}"]
    if result.not_deleted:
        lines += ["", f"  left behind: {', '.join(result.leftovers)} ({result.not_deleted})"]
    return "\n".join([*lines, "", verdict(result)]) + "\n"
