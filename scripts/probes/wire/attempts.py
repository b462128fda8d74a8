"""A client's attempt to connect, and an examination of the port if the peer stays silent.

Client libraries wait for their time-out where something else listens, say STOMP or nothing. A look at the port tells
within two seconds. It begins only once a client has waited for longer than a broker that is well takes, so a broker
that answers sees none of it; and a broker that is merely slow keeps the time that it is given.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any, TypeVar

from probes import diagnosis
from probes.model import Context
from probes.wire.classify import Port, Speaks
from probes.wire.waiting import ended, spawn

T = TypeVar("T")

# A client waits this long before the port is examined, and no longer if it was found dead before.
PATIENCE_SECONDS = 1.0


def attempt(context: Context, protocol: str, call: Callable[[], T], undo: Callable[[T], None]) -> T:
    """Return what `call` returns, which connects to the broker's `protocol`, or raise what it raises.

    Raises Unreachable with a diagnosis when that takes too long, or cannot come to anything. `undo` is for the result
    of a call that ends only afterwards.
    """
    ports, endpoint = context.settings.ports, context.endpoint(protocol)
    limit = context.deadline.handshake()
    patience = min(PATIENCE_SECONDS, 0.4 * limit)
    seen = ports.seen(endpoint.host, endpoint.port)
    if seen is not None and not _may_be(_wanted(context, protocol), seen):
        limit = min(limit, PATIENCE_SECONDS)
    ends = time.monotonic() + limit
    going = spawn(call)
    if not ended(going, min(patience, limit)):
        ports.look(endpoint.host, endpoint.port)
        beside = spawn(lambda: _in_vain(context, protocol))
        both: list[Future[Any]] = [going, beside]
        wait(both, max(0.0, ends - time.monotonic()), FIRST_COMPLETED)
        if not (beside.done() and beside.result()):
            ended(going, ends - time.monotonic())
    if going.done():
        return going.result()
    going.add_done_callback(lambda late: _take_back(late, undo))
    words = f"{diagnosis.NO_ANSWER} {context.deadline.elapsed():.1f} s"
    raise diagnosis.no_connection(context, protocol, words)


def _take_back(late: Future[T], undo: Callable[[T], None]) -> None:
    with contextlib.suppress(Exception):
        undo(late.result())


def _in_vain(context: Context, protocol: str) -> bool:
    endpoint, ports = context.endpoint(protocol), context.settings.ports
    found = ports.port(endpoint.host, endpoint.port)
    others = ports.survey(endpoint.host) if found.speaks is Speaks.SILENT else []
    return in_vain(_wanted(context, protocol), found, others)


def _may_be(wanted: Speaks, seen: Port) -> bool:
    """Whether `wanted` may be on a port; a listener with TLS may close the connection of a client in the clear."""
    return seen.speaks is wanted or (wanted is Speaks.TLS and seen.speaks is Speaks.CLOSES)


def _wanted(context: Context, protocol: str) -> Speaks:
    return diagnosis.WANTED[protocol].speaks if context.endpoint(protocol).tls is None else Speaks.TLS


def in_vain(wanted: Speaks, found: Port, others: Iterable[Port]) -> bool:
    """Whether waiting for `wanted` on the port `found` is pointless, seeing the `others` of its host. Pure.

    A port that keeps silent may be a broker's that is slow; where another one speaks what is wanted, it is not.
    """
    if found.drips:
        return True
    if found.speaks is Speaks.SILENT:
        return any(port.speaks is wanted and port.number != found.number for port in others)
    # A client notices by itself that its connection is refused or dropped.
    return found.speaks.listens and found.speaks not in (wanted, Speaks.CLOSES)
