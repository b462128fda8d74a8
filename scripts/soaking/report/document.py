"""The report for machines."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from soaking.result import Result, exit_code, verdict
from soaking.service import Interval
from soaking.timeline import Latencies

SCHEMA = 1


def document(result: Result) -> dict[str, Any]:
    """Return the report as JSON has it; times are in seconds since the load began."""
    total = result.sum.timeline.total()
    return {
        "schema": SCHEMA,
        "verdict": verdict(result),
        "exit_code": int(exit_code(result)),
        "started": datetime.fromtimestamp(result.started, UTC).isoformat(timespec="seconds"),
        "seconds": round(result.seconds, 3),
        "interrupted": result.interrupted,
        "target": {
            "brokers": list(result.brokers),
            "protocol": result.protocol,
            "queue_type": result.queue_type,
        },
        "load": {
            "workers": result.workers,
            "rate": "max" if result.rate is None else result.rate,
            "size": result.size,
        },
        "messages": asdict(result.sum.counts),
        "lost": result.sum.missing(),
        "confirmed_per_second": round(result.per_second, 1),
        "seconds_to_confirm": _latencies(total.confirm),
        "seconds_to_delivery": _latencies(total.delivery),
        "seconds_without_service": {
            "longest": round(result.sum.longest, 3),
            "longest_without_confirm": round(result.sum.longest_confirm, 3),
            "longest_without_message": round(result.sum.longest_delivery, 3),
            "at_most": result.max_outage,
        },
        "outages": _intervals(result.sum.outages),
        "outages_of_all_publishers": _intervals(result.sum.total_outages),
        "lost_connections": dict(result.sum.reconnections.most_common()),
        "seconds_blocked": round(result.sum.blocked, 3),
        "seconds_of_own_pauses": round(result.sum.stall, 3),
        "timeline": [
            {
                "second": number,
                "published": second.published,
                "confirmed": second.confirmed,
                "delivered": second.delivered,
                "seconds_to_confirm": _latencies(second.confirm),
                "seconds_to_delivery": _latencies(second.delivery),
            }
            for number, second in enumerate(result.sum.timeline.whole())
        ],
        "operation": _operation(result),
        "not_deleted": list(result.leftovers),
    }


def render(result: Result) -> str:
    """Return the report as text."""
    return json.dumps(document(result), indent=1) + "\n"


def _operation(result: Result) -> dict[str, Any] | None:
    did = result.did
    if did is None:
        return None
    return {
        "command": did.command,
        "exit_code": did.code,
        "cut_off": did.cut_off,
        "begin": round(did.begin, 3),
        "end": None if did.end is None else round(did.end, 3),
        "stages": [{"at": round(one.at, 3), "kind": one.kind, "name": one.name} for one in did.stages],
        "output": list(did.output),
    }


def _latencies(latencies: Latencies) -> dict[str, float | None]:
    found = {f"p{100 * share:g}": latencies.percentile(share) for share in (0.5, 0.9, 0.99, 0.999)}
    longest = latencies.longest if found["p50"] is not None else None
    return {
        name: None if value is None else round(value, 6)
        for name, value in {**found, "longest": longest}.items()
    }


def _intervals(intervals: list[Interval]) -> list[list[float]]:
    return [[round(begin, 3), round(end, 3)] for begin, end in intervals]
