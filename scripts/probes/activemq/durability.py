"""The probes before and after a restart of ActiveMQ: only persistent messages survive it."""

from __future__ import annotations

import secrets
import time

from probes.activemq.destinations import KINDS, MARKER
from probes.clients.stomp import session
from probes.model import Context, Failed, NotProven, Phase
from probes.registry import probe

_AGAIN = "plant again with --before-restart, restart the broker, and collect with --after-restart"


@probe(
    "activemq.durability.plant",
    needs=["stomp"],
    notes=["3.3", "1.1"],
    kinds=KINDS,
    phase=Phase.BEFORE_RESTART,
    proves="A persistent and a non-persistent message wait in a queue for the restart of the broker.",
)
def plant(context: Context) -> str:
    queue, token = context.name("q"), secrets.token_hex(8)
    with session(context) as sender:
        sender.send(f"/queue/{queue}", f"persistent {token}", {"persistent": "true"})
        sender.send(f"/queue/{queue}", f"transient {token}", {"persistent": "false"})
    context.settings.state[context.broker.name] = {
        "queue": queue,
        "token": token,
        "planted": str(int(time.time())),
    }
    return f"planted in {queue}"


@probe(
    "activemq.durability.collect",
    needs=["stomp"],
    notes=["3.3", "1.1"],
    kinds=KINDS,
    phase=Phase.AFTER_RESTART,
    proves="After a restart the persistent message is there, once, and the non-persistent one is not.",
)
def collect(context: Context) -> str:
    planted = context.settings.state.get(context.broker.name)
    if planted is None:
        raise NotProven(
            f"The state file names no queue for {context.broker.name}.",
            "Nothing was planted on this broker before the restart.",
            f"To prove durability, {_AGAIN}.",
        )
    destination, bodies = f"/queue/{planted['queue']}", []
    with session(context) as consumer:
        consumer.subscribe(destination, {})
        consumer.send(destination, MARKER, {})
        while (body := consumer.receive("the marker behind what was planted").body) != MARKER:
            bodies.append(body)
    if f"transient {planted['token']}" in bodies:
        raise NotProven(
            "The non-persistent message is still there.",
            "The broker was not restarted since --before-restart, so nothing was proven.",
            f"To prove durability, {_AGAIN}.",
        )
    if bodies != [f"persistent {planted['token']}"]:
        raise Failed(
            f"The queue {planted['queue']} held {bodies or 'nothing'}.",
            "A persistent message that the broker had confirmed did not survive the restart: it was lost.",
            "Check that activemq_persistent is true, and read the broker's log of its start for KahaDB's "
            "words.",
        )
    return "the persistent message came back, the non-persistent one did not"
