"""The queues of a run: declared before it, deleted after it, over AMQP as the probes' user."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from probes.clients import amqp
from probes.model import Broker, Context, Deadline, DeadlineExceeded, ExitCode, ProbeStop, Refusal, Settings

from soaking import job

PREFIX = "brokerkit.soak"
_SECONDS = 15.0
# A broker that an operation has just restarted takes connections again before long.
_PATIENCE_SECONDS = 30.0
_PAUSE_SECONDS = 1.0


def names(token: str, workers: int) -> tuple[tuple[int, str], ...]:
    """Return the number and the queue of each worker."""
    return tuple((number, f"{PREFIX}.{token}.{number}") for number in range(workers))


def declare(members: Sequence[Broker], token: str, queues: Sequence[str], queue_type: job.QueueType) -> None:
    """Declare the queues. Raises Refusal with the diagnosis where no member takes them."""

    def act(session: amqp.Session) -> None:
        for queue in queues:
            session.channel.queue_declare(queue, durable=True, arguments=job.arguments(queue_type))

    _on_some_member(members, token, act)


def delete(members: Sequence[Broker], token: str, queues: Sequence[str], patient: bool) -> str:
    """Delete the queues; return why that was not possible, empty if it was.

    If it is `patient`, a broker that takes no connections is tried for half a minute.
    """

    def act(session: amqp.Session) -> None:
        for queue in queues:
            session.channel.queue_delete(queue)

    ends = time.monotonic() + (_PATIENCE_SECONDS if patient else 0.0)
    while True:
        try:
            _on_some_member(members, token, act)
            return ""
        except Refusal as refusal:
            if time.monotonic() >= ends:
                return str(refusal)
        time.sleep(_PAUSE_SECONDS)


def clusters(members: Sequence[Broker], token: str) -> dict[str, str]:
    """Return what each member that can be reached calls its cluster.

    Raises Refusal where these are several: then they are several brokers, and a message that goes to one of them is not
    in the other.
    """
    found: dict[str, str] = {}
    for member in members:
        with contextlib.suppress(ProbeStop, DeadlineExceeded), _session(member, token) as session:
            found[member.name] = str(session.connection._impl.server_properties.get("cluster_name", ""))
    if len(set(found.values())) > 1:
        told = ", ".join(f"{name} of {cluster}" for name, cluster in found.items())
        raise Refusal(
            ExitCode.USAGE,
            f"The brokers are not members of one cluster ({told}): name one of them, or the members of one cluster.",
        )
    return found


def _on_some_member(members: Sequence[Broker], token: str, act: Callable[[amqp.Session], Any]) -> None:
    said = ""
    for member in members:
        try:
            with _session(member, token) as session:
                act(session)
                return
        except ProbeStop as stop:
            if not stop.unreachable:
                raise Refusal(ExitCode.FAILED, _sentence(stop)) from None
            said = said or _sentence(stop)
        except DeadlineExceeded as late:
            said = said or f"{member.name} did not answer within {_SECONDS:g} s ({late})."
    raise Refusal(ExitCode.UNAVAILABLE, said)


@contextlib.contextmanager
def _session(member: Broker, token: str) -> Iterator[amqp.Session]:
    context = Context(member, Deadline(_SECONDS), f"{PREFIX}.{token}", Settings(token, _SECONDS))
    with amqp.session(context) as session:
        yield session


def _sentence(stop: ProbeStop) -> str:
    return " ".join((stop.finding.came_back, stop.finding.meaning, stop.finding.remedy))
