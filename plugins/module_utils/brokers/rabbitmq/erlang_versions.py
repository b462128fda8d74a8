"""Which Erlang/OTP a version of RabbitMQ runs on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..versions import at_least, number


def erlang_verdict(table: Sequence[Mapping[str, Any]], broker: str, erlang: str) -> str:
    """Return why RabbitMQ `broker` is not supported on Erlang/OTP `erlang`, or an empty string when it is.

    `table` has rows of from (first RabbitMQ version), min and max (Erlang/OTP versions; max is a major version),
    sorted by `from`; the last row whose `from` is not newer than the broker counts.
    """
    rows = [row for row in table if at_least(broker, str(row["from"]))]
    if not rows:
        return (
            f"RabbitMQ {broker} is older than the table of Erlang versions goes; take "
            f"{table[0]['from']} or newer"
        )
    row = rows[-1]
    low, high = str(row["min"]), str(row["max"])
    if at_least(erlang, low) and number(erlang)[0] <= number(high)[0]:
        return ""
    return f"RabbitMQ {broker} runs on Erlang/OTP {low} to {high}.x and would get {erlang}"
