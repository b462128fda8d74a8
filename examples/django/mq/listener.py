"""Handle messages: functions registered by destination, each in a transaction, acknowledged after it.

    @listener.handles("orders")
    def order_placed(payload): ...

A handler that raises is tried again after the waits of MQ_RETRY_WAITS, while its message is unacknowledged. After the
last attempt the message goes to the dead letters of its queue, with the reason, and is acknowledged then. A message
can come twice, as when the process dies between commit and acknowledgement: handlers have to bear that.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import close_old_connections, transaction

from . import connection, memory, service
from .connection import Message, MqError

log = logging.getLogger("mq")

Handler = Callable[[Any], None]
Opened = connection.Connection | memory.Connection
_handlers: dict[str, Handler] = {}
LONGEST_WAIT = 30.0  # seconds between two attempts to connect


def handles(name: str) -> Callable[[Handler], Handler]:
    """Register a function for the messages of a destination; it gets what the JSON held."""

    def register(handler: Handler) -> Handler:
        _handlers[name] = handler
        return handler

    return register


def subscribe(opened: Opened) -> dict[str, Handler]:
    """Subscribe to everything that has a handler; returns the handlers by destination."""
    by_destination = {settings.MQ.destination(name): handler for name, handler in _handlers.items()}
    for destination in by_destination:
        opened.subscribe(destination)
    return by_destination


def run(stop: threading.Event, state: Callable[[str], None] = lambda text: None) -> None:
    """Consume until `stop` is set, connecting again whenever the connection is lost. `state` is told what it does."""
    wait = 1.0
    while not stop.is_set():
        try:
            opened = service.connect()
            try:
                handlers = subscribe(opened)
                log.info("consuming %s", ", ".join(handlers))
                state(f"consuming {', '.join(handlers)}")
                wait = 1.0
                while not stop.is_set():
                    if message := opened.receive(0.5):
                        handle(opened, handlers[message.destination], message, stop)
            finally:
                opened.close()
        except MqError as error:
            log.warning("not connected, next attempt in %g s: %s", wait, error)
            state(f"waiting for the broker: {error}")
            stop.wait(wait)
            wait = min(2 * wait, LONGEST_WAIT)


def handle_waiting() -> None:
    """Handle what waits in the stand-in."""
    opened = service.connect()
    try:
        handlers = subscribe(opened)
        while message := opened.receive(0):
            handle(opened, handlers[message.destination], message, threading.Event())
    finally:
        opened.close()


def handle(opened: Opened, handler: Handler, message: Message, stop: threading.Event) -> None:
    """Run the handler and acknowledge; without an acknowledgement if `stop` is set between two attempts."""
    try:
        payload = json.loads(message.body)
    except ValueError as error:
        return _bury(opened, message, f"not JSON: {error}", 0)
    for attempt, wait in enumerate([*settings.MQ.retry_waits, None], 1):
        try:
            close_old_connections()
            with transaction.atomic():
                handler(payload)
            break
        except Exception as error:  # whatever a handler raises, its message is not lost
            log.exception("attempt %d of %s failed", attempt, message.destination)
            if wait is None:
                return _bury(opened, message, f"{type(error).__name__}: {error}", attempt)
            if stop.wait(wait):
                return None
    opened.ack(message)
    return None


def _bury(opened: Opened, message: Message, reason: str, attempts: int) -> None:
    """Put a message among the dead letters, and acknowledge it when it is there. A topic's is only logged."""
    log.error("gave up a message of %s: %s", message.destination, reason)
    if message.destination.startswith("/queue/"):
        headers = {"dead-reason": reason.splitlines()[0][:500], "dead-attempts": str(attempts)}
        kept = {name: message.headers[name] for name in ("message-key",) if name in message.headers}
        opened.send(dead_letters(message.destination), message.body, {**kept, **headers})
    opened.ack(message)


def dead_letters(destination: str) -> str:
    """The queue of a queue's dead letters."""
    return destination.replace("/queue/", "/queue/dead.", 1)
