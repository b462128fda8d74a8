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
_NOT_FOUND = 404
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


def demand_one_cluster(members: Sequence[Broker], token: str, queue: str) -> None:
    """Look for a queue that was declared on one member on each that can be reached.

    Raises Refusal where one does not have it: it is a broker of its own, and a message that goes to one is not in the
    other. Names of clusters would not tell: one that nobody named is called by each member after itself.
    """
    strangers = []
    for member in members:
        with contextlib.suppress(ProbeStop, DeadlineExceeded), _session(member, token) as session:
            if not _has(session, queue):
                strangers.append(member.name)
    if strangers:
        raise Refusal(
            ExitCode.USAGE,
            f"{', '.join(one.name for one in members)} are not members of one cluster: a queue declared on one "
            f"of them is not on {', '.join(strangers)}. Name one of them, or the members of one cluster.",
        )


def _has(session: amqp.Session, queue: str) -> bool:
    import pika

    try:
        session.channel.queue_declare(queue, passive=True)
    except pika.exceptions.ChannelClosedByBroker as error:
        if error.reply_code == _NOT_FOUND:
            return False
        raise
    return True


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
