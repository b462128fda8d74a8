"""Brokers that share a store: one serves, and the others listen on nothing until it is gone.

Which one serves is seen from outside, before the probes run: a closed port is healthy of a broker whose partner serves.
"""

from __future__ import annotations

from collections.abc import Sequence

from probes.model import CONNECT_SECONDS, Broker, Context, Failed, NotApplicable, Pair, Settings
from probes.registry import probe
from probes.wire.waiting import dial


def look(brokers: Sequence[Broker], settings: Settings) -> None:
    """Record in `settings` which broker of each pair serves."""
    for broker in brokers:
        if broker.pair is not None:
            pair = settings.pairs.setdefault(broker.pair, Pair())
            (pair.serving if _listens(broker) else pair.waiting).append(broker.name)


def stands_by(broker: Broker, settings: Settings) -> str:
    """Return why this broker cannot be tested now: its partner serves. Empty if it serves itself."""
    pair = settings.pairs.get(broker.pair or "")
    if pair is None or broker.name not in pair.waiting or not pair.serving:
        return ""
    return f"It is the slave of {' and '.join(pair.serving)}: it listens on nothing while that one serves."


class NobodyServes(Failed):
    """No broker of a pair listens: none of them could be reached."""

    unreachable = True


def _listens(broker: Broker) -> bool:
    for endpoint in broker.endpoints.values():
        try:
            dial(endpoint.host, endpoint.port, CONNECT_SECONDS).close()
        except (OSError, UnicodeError):  # the latter of what can be no name
            continue
        return True
    return False


@probe(
    "activemq.pair",
    needs=["stomp"],
    notes=["1.4"],
    kinds=["activemq"],
    of_slaves=True,
    proves="Of the brokers that share a store exactly one serves, and the other listens on nothing.",
)
def pair(context: Context) -> str:
    found = context.settings.pairs.get(context.broker.pair or "")
    if found is None:
        raise NotApplicable("It shares its store with no other broker.")
    if len(found.serving) > 1:
        raise Failed(
            f"{' and '.join(found.serving)} all listen.",
            "Brokers that shall share a store (activemq_store_directory) serve at the same time: each has a store of "
            "its own, or the file system gives its lock to several.",
            "Stop one of them, and put the store on a file system with locks that hold between hosts, such as NFS 4.",
        )
    if not found.serving:
        raise NobodyServes(
            f"None of {', '.join(found.waiting)} listens.",
            "Nobody serves: the lock of the store is held by something else, or no broker runs.",
            "Read the log of both (`journalctl -u 'activemq-*'`); it says who holds the lock.",
        )
    others = " and ".join(found.waiting)
    return f"{found.serving[0]} serves" + (f", {others} stands by and listens on nothing" if others else "")
