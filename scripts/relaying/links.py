"""The way to the broker that a declaration names."""

from __future__ import annotations

import ssl
from collections.abc import Callable

from brokers.relay.settings import ACTIVEMQ, Settings

from relaying import activemq, amqp, stomp
from relaying.files import Secrets
from relaying.link import Letters, Link, UnfitBroker

# What ends a connection, for whatever reason: the next one is another attempt.
BROKEN = (*amqp.BROKEN, stomp.Broken, UnfitBroker)


def opener(settings: Settings, secrets: Secrets) -> Callable[[], Link]:
    """Return what connects a worker. Raises Refused for a secret or certificate that is not as it has to be."""
    password, context = _login(settings, secrets)
    if settings.source["broker"] == ACTIVEMQ:
        return lambda: activemq.ActivemqLink(settings, password, context)
    return lambda: amqp.AmqpLink(settings, password, context)


def letters(settings: Settings, secrets: Secrets, most: int) -> Callable[[], Letters]:
    """Return what opens the dead letters, of which no more than `most` are looked at. Raises Refused."""
    password, context = _login(settings, secrets)
    if settings.source["broker"] == ACTIVEMQ:
        return lambda: activemq.ActivemqLetters(settings, password, context, most)
    return lambda: amqp.AmqpLetters(settings, password, context)


def reason(error: BaseException) -> str:
    """Return what the broker or the network said, in a line."""
    return str(error) if isinstance(error, (stomp.Broken, UnfitBroker)) else amqp.reason(error)


def _login(settings: Settings, secrets: Secrets) -> tuple[str, ssl.SSLContext | None]:
    source = settings.source
    password = secrets.text("source.password_file", source["password_file"])
    return password, secrets.context("source", source) if source["tls"] else None
