"""Send messages: `send` to one consumer of a queue, `publish` to every subscriber of a topic.

    from mq import service

    service.send("orders", {"id": order.pk})

Inside a transaction a message goes out after the commit, and not at all after a rollback. Each thread of each process
keeps a connection of its own, which is opened again when it is lost: stomp.py's connections are not to be shared.
"""

from __future__ import annotations

import json
import os
import threading
import time
import uuid
from typing import Any

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction

from . import connection, memory
from .config import Config
from .connection import MqError, deadline

_kept = threading.local()


def connect(config: Config | None = None) -> connection.Connection | memory.Connection:
    """A new connection to the broker, or to the stand-in where the settings name none."""
    config = config or settings.MQ
    return memory.Connection(config) if config.kind == "memory" else connection.Connection(config)


def send(name: str, payload: Any, using: str | None = None) -> None:
    """Send to a queue, after the commit of the transaction that is open on the database `using`."""
    _after_commit(name, payload, using)


def publish(name: str, payload: Any, using: str | None = None) -> None:
    """Send to a topic, in the same way; whoever does not subscribe at that moment misses it."""
    _after_commit(name, payload, using)


def _after_commit(name: str, payload: Any, using: str | None) -> None:
    """Make the text now: what cannot become JSON, or has no destination, is an error of whoever sends it."""
    destination = settings.MQ.destination(name)
    body = json.dumps(payload, cls=DjangoJSONEncoder, ensure_ascii=False)
    # The same for both attempts: consumers can tell a message that came twice.
    headers = {"message-key": uuid.uuid4().hex}
    transaction.on_commit(lambda: _send(destination, body, headers), using=using)


def _send(destination: str, body: str, headers: dict[str, str]) -> None:
    try:
        _connection().send(destination, body, headers)
    except MqError:
        close()  # it was lost while nobody used it: once more with a new one
        _connection().send(destination, body, headers)
    if settings.MQ.kind == "memory":
        from .listener import handle_waiting

        handle_waiting()  # nobody else could: there is no other process


def _connection() -> connection.Connection | memory.Connection:
    # After a fork the parent's connection is the parent's.
    if getattr(_kept, "owner", None) != (os.getpid(), settings.MQ):
        _kept.connection, _kept.owner = connect(), (os.getpid(), settings.MQ)
    return _kept.connection


def close() -> None:
    """Close this thread's connection, if it has one."""
    if getattr(_kept, "owner", None) is not None:
        _kept.owner = None
        _kept.connection.close()


def check(seconds: float = 5) -> dict[str, float]:
    """Send a message to a queue and to a topic and wait for both; returns milliseconds by step. Raises MqError."""
    started, config, key = time.monotonic(), settings.MQ, uuid.uuid4().hex
    took: dict[str, float] = {}

    def done(step: str) -> None:
        nonlocal started
        took[step], started = round((time.monotonic() - started) * 1000, 1), time.monotonic()

    opened = connect(config)
    try:
        done("connect_ms")
        base = config.destination("check")
        for step, destination, headers in (
            ("queue_ms", *_own_queue(base, key, config.kind)),
            ("topic_ms", base.replace("/queue/", "/topic/", 1), {}),
        ):
            opened.subscribe(destination, headers)
            opened.send(destination, json.dumps({"check": key}), {**headers, "check_key": key})
            left = deadline(seconds)
            while (found := opened.receive(max(left(), 0))) and key not in found.body:
                pass  # another check's, on the topic
            if not found:
                raise MqError(
                    f"a message to {destination} was sent and did not come back within {seconds:g} s"
                )
            opened.ack(found)
            done(step)
    finally:
        opened.close()
    return took


def _own_queue(base: str, key: str, kind: str) -> tuple[str, dict[str, str]]:
    """A queue in which nobody else takes this message, and which does not stay behind."""
    if kind == "activemq":
        return base, {"selector": f"check_key = '{key}'"}
    return f"{base}.{key}", {"durable": "true", "auto-delete": "true"}
