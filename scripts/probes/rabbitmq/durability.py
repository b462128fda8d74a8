"""The probes before and after a restart of the broker: plant before it, collect after it.

The proof needs three things: the persistent message is back, the broker confirmed it before, and the broker
really was restarted in between. For the last one the transient message planted beside it is the witness: no
restart keeps it in a classic queue. Where it is still there, the node's uptime decides.
"""

from __future__ import annotations

import json
import secrets
import shlex
import time
from collections.abc import Mapping
from pathlib import Path

from probes.clients.amqp import Session, session
from probes.files import read_secret, write
from probes.model import Context, ExitCode, Failed, NotProven, Phase, Refusal
from probes.registry import probe

SCHEMA = 1
# The planted queue outlives its connection, that is its purpose; after this long it removes itself, in
# milliseconds.
PLANT_EXPIRES_MS = 6 * 3600 * 1000

_AGAIN = "plant again with --before-restart, restart the broker, and collect with --after-restart"


@probe(
    "durability.plant",
    needs=["amqp"],
    notes=["3.3", "2.9"],
    phase=Phase.BEFORE_RESTART,
    proves="A persistent and a transient message wait in a durable queue for the restart of the broker.",
)
def plant(context: Context) -> str:
    token = secrets.token_hex(8)
    with session(context) as opened:
        queue = opened.lasting_queue("q", PLANT_EXPIRES_MS)
        opened.publish("", queue, f"persistent {token}", delivery_mode=2)
        opened.publish("", queue, f"transient {token}", delivery_mode=1)
    context.settings.state[context.broker.name] = {
        "queue": queue,
        "token": token,
        "planted": str(int(time.time())),
    }
    return f"planted in {queue}"


@probe(
    "durability.collect",
    needs=["amqp"],
    notes=["3.3", "2.9"],
    phase=Phase.AFTER_RESTART,
    proves="After a restart of the broker the durable queue is there with its persistent message.",
)
def collect(context: Context) -> str:
    planted = context.settings.state.get(context.broker.name)
    if planted is None:
        raise NotProven(
            f"The state file names no queue for {context.broker.name}.",
            "Nothing was planted on this broker before the restart.",
            f"To prove durability, {_AGAIN}.",
        )
    with session(context) as opened:
        bodies = _take_all(opened, planted["queue"], context)
    persistent, transient = f"persistent {planted['token']}", f"transient {planted['token']}"
    if persistent not in bodies:
        raise Failed(
            f"The queue {planted['queue']} holds {bodies or 'nothing'}.",
            "A persistent message that the broker had confirmed did not survive the restart: it was lost.",
            "Look for a policy with a message TTL on this vhost (`rabbitmqctl list_policies -p "
            f"{shlex.quote(context.broker.vhost)}`), and read the broker's log of its start.",
        )
    witness = _restarted(context, int(planted["planted"]), transient in bodies)
    return f"the persistent message came back after a restart ({witness})"


def _take_all(opened: Session, queue: str, context: Context) -> list[str]:
    import pika

    opened.adopt(queue)
    try:
        return opened.drain(queue)
    except pika.exceptions.ChannelClosedByBroker as error:
        if error.reply_code != 404:
            raise
        raise Failed(
            f"{context.broker.name} said: {error.reply_text}",
            "The durable queue did not survive, or it expired after six hours, or it was collected before.",
            f"Read the broker's log of its start for what happened to the vhost; to try again, {_AGAIN}.",
        ) from error


def _restarted(context: Context, planted: int, transient_is_there: bool) -> str:
    """Return what shows that the broker was restarted since `planted` (seconds since 1970).

    Raises NotProven when nothing does.
    """
    if not transient_is_there:
        return "the transient one did not"
    uptime = _uptime(context) if "management" in context.broker.endpoints else None
    if uptime is not None and uptime < time.time() - planted:
        return f"the node is up for {uptime:.0f} s"
    raise NotProven(
        "Both messages are there, the transient one too.",
        "The broker was not restarted since --before-restart, so nothing was proven.",
        f"To prove durability, {_AGAIN}.",
    )


def _uptime(context: Context) -> float | None:
    from probes.clients import management as api

    node = api.get(context, "/api/overview").get("node", "")
    uptime = api.get(context, f"/api/nodes/{api.segment(node)}").get("uptime")
    return uptime / 1000 if isinstance(uptime, int | float) else None


def write_state(path: Path, state: Mapping[str, Mapping[str, str]]) -> None:
    """Write what was planted, readable by its owner only. Raises Refusal when the file cannot be written."""
    write(path, json.dumps({"schema": SCHEMA, "planted": state}, indent=2) + "\n", "state file", 0o600)


def read_state(path: Path) -> dict[str, dict[str, str]]:
    """Return what --before-restart planted, by broker. Raises Refusal for a missing, open or malformed file."""
    text = read_secret(path, "state file", f"{_AGAIN}, with the same file")
    try:
        document = json.loads(text)
        planted = document["planted"]
        usable = document["schema"] == SCHEMA and all(
            isinstance(entry[key], str) and (key != "planted" or entry[key].isdigit())
            for entry in planted.values()
            for key in ("queue", "token", "planted")
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        usable = False
    if not usable:
        raise Refusal(ExitCode.DATA, f"The state file {path} is not what --before-restart writes: {_AGAIN}.")
    return dict(planted)
