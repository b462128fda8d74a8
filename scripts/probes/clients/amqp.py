"""AMQP 0-9-1 sessions for probes: pika, bounded by the probe's deadline, with failures explained.

pika's blocking calls have no timeout of their own. Every session therefore sets a timer in the connection's
event loop that raises when the probe's time is over, and closing has a timer of its own.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from types import TracebackType
from typing import Any

from probes import diagnosis, refusals
from probes.clients.policies import blamed
from probes.model import (
    ARRIVAL_SECONDS,
    CONNECT_SECONDS,
    GOODBYE_SECONDS,
    LEFTOVER_EXPIRES_MS,
    Astray,
    Broker,
    Context,
    Deadline,
    DeadlineExceeded,
    Endpoint,
    Failed,
    NotProven,
    ProbeStop,
)
from probes.wire.attempts import attempt

# A broker under a resource alarm tells its publishers that they are blocked; waiting longer does not help.
BLOCKED_SECONDS = 2.0

# pika says so without a word of the broker, which has named the mechanisms that it takes.
_NOT_OFFERED = re.compile(r"AuthenticationError: Server and client could not negotiate use of the (\w+) auth")

# pika puts the broker's words into its own guess: "ConnectionClosedByBroker: (403) 'ACCESS_REFUSED - …'".
_BROKER_WORDS = re.compile(r"ConnectionClosedByBroker: \((\d+)\) ['\"](.*)['\"]$")


class LoginRefused(Exception):
    """The broker refused user and password, in its own words (not: the connection broke)."""


class VhostRefused(Exception):
    """The broker took user and password and refused to open the vhost, in its own words."""


class Session:
    """One connection with one channel, for one thread; closing it removes what would outlive it."""

    def __init__(self, context: Context, connection: Any) -> None:
        self.context = context
        self.connection = connection
        self.channel: Any = connection.channel()
        self.channel.confirm_delivery()
        self._queues: list[str] = []
        self._exchanges: list[str] = []

    def private_queue(self, suffix: str) -> str:
        """Declare a queue that goes away with this connection, and return its name."""
        name = self.context.name(suffix)
        # Without the type, a vhost whose default type is quorum would refuse an exclusive queue.
        self.channel.queue_declare(name, exclusive=True, arguments={"x-queue-type": "classic"})
        return name

    def shared_queue(self, suffix: str) -> str:
        """Declare a durable queue that other connections can use, and return its name.

        It is deleted at the end of the session, and by the broker if that did not happen.
        """
        self.adopt(self.context.name(suffix))
        return self.lasting_queue(suffix, LEFTOVER_EXPIRES_MS)

    def lasting_queue(self, suffix: str, expires_ms: int) -> str:
        """Declare a durable queue that stays when the session ends, and return its name."""
        name = self.context.name(suffix)
        self.channel.queue_declare(name, durable=True, arguments=shared_arguments(expires_ms))
        return name

    def adopt(self, queue: str) -> None:
        """Delete `queue`, which another session declared, at the end of this one."""
        self._queues.append(queue)

    def exchange(self, suffix: str, kind: str) -> str:
        """Declare an exchange that goes away with its last binding, and return its name."""
        name = self.context.name(suffix)
        self._exchanges.append(name)
        self.channel.exchange_declare(name, kind, auto_delete=True)
        return name

    def publish(self, exchange: str, key: str, body: str, **properties: Any) -> None:
        """Publish and wait for the confirm. Raises pika's UnroutableError when no queue gets the message."""
        import pika

        self.channel.basic_publish(
            exchange, key, body.encode(), pika.BasicProperties(**properties), mandatory=True
        )

    def get(self, queue: str) -> tuple[Any, Any, str] | None:
        """Take a message, not acknowledged: (method, properties, body), or None from an empty queue."""
        method, properties, body = self.channel.basic_get(queue)
        return None if method is None else (method, properties, body.decode())

    def consume(self, queue: str) -> tuple[Any, Any, str]:
        """Subscribe to `queue` and return the first message that is delivered.

        Raises Failed when none comes, see take().
        """
        self.context.deadline.step = f"waiting for a message of {queue}"
        wait = self.context.deadline.left(ARRIVAL_SECONDS)
        return self._must_be(queue, next(self.channel.consume(queue, inactivity_timeout=wait)))

    def take(self, queue: str) -> tuple[Any, Any, str]:
        """Take the message that has to be in `queue`.

        Raises Failed when the queue is empty: a confirmed message is in its queue, so it was lost.
        """
        return self._must_be(queue, self.channel.basic_get(queue))

    def _must_be(self, queue: str, message: tuple[Any, Any, bytes | None]) -> tuple[Any, Any, str]:
        method, properties, body = message
        if method is None or body is None:
            raise Astray(
                f"The queue {queue} is empty.",
                "The broker confirmed a message and does not hand it out: it was lost.",
                "Read the broker's log for this moment, and look for plugins that take messages.",
            )
        return method, properties, body.decode()

    def drain(self, queue: str) -> list[str]:
        """Take and acknowledge everything in `queue`; return the bodies."""
        bodies = []
        while (message := self.get(queue)) is not None:
            self.channel.basic_ack(message[0].delivery_tag)
            bodies.append(message[2])
        return bodies

    def die(self) -> None:
        """Drop the connection as a crashed consumer does: the socket just closes."""
        self.connection._impl._transport.abort()

    def clean_up(self) -> None:
        """Delete what outlives the connection, on a new channel: an error may have closed the first one."""
        if not (self._queues or self._exchanges) or not self.connection.is_open:
            return
        _alarm(self.connection, self.context.deadline.goodbye(), self.context.deadline)
        channel = self.connection.channel()
        for queue in self._queues:
            channel.queue_delete(queue)
        for exchange in self._exchanges:
            channel.exchange_delete(exchange)


def shared_arguments(expires_ms: int = LEFTOVER_EXPIRES_MS) -> dict[str, Any]:
    """Return the arguments of a queue that deletes itself after `expires_ms` without use."""
    return {"x-queue-type": "classic", "x-expires": expires_ms}


@contextlib.contextmanager
def session(context: Context) -> Iterator[Session]:
    """Open a session as the broker's probe user on its vhost, and always end it.

    Raises ProbeStop with the diagnosis when the connection fails, and for what the broker
    answers to the body's calls, if the body does not catch it.
    """
    broker = context.broker
    try:
        connection = connect(context, *context.login("amqp"), broker.vhost)
    except LoginRefused as error:
        if context.endpoint("amqp").by_certificate:
            raise refusals.certificate_refused(broker, str(error)) from error
        raise refusals.login_refused(broker, str(error), _only_local(context)) from error
    except VhostRefused as error:
        raise refusals.vhost_refused(broker, broker.vhost, f"{broker.name} said {error}") from error
    with _Closing(context, connection):
        with _words(context):
            opened = Session(context, connection)
        try:
            with blamed(context), _words(context):
                yield opened
        finally:
            _quietly(opened.clean_up)


def connect(context: Context, user: str | None, password: str | None, vhost: str) -> Any:
    """Return a pika BlockingConnection that the context's deadline bounds.

    Without a user the client's certificate is the login (mechanism EXTERNAL).
    Raises LoginRefused and VhostRefused for the broker's refusals, and Unreachable with a diagnosis for
    everything that is not the broker's word.
    """
    import pika
    from pika.adapters.utils.connection_workflow import AMQPConnectorException

    endpoint = context.endpoint("amqp")
    context.deadline.step = f"connecting to {endpoint}"
    left = context.deadline.left(CONNECT_SECONDS)
    parameters = pika.ConnectionParameters(
        endpoint.host,
        endpoint.port,
        vhost,
        pika.credentials.ExternalCredentials() if user is None else pika.PlainCredentials(user, password),
        heartbeat=0,
        connection_attempts=1,
        retry_delay=0,
        socket_timeout=left,
        stack_timeout=context.deadline.handshake(),
        blocked_connection_timeout=BLOCKED_SECONDS,
        client_properties={"connection_name": context.prefix, "product": "Brokerkit smoke.py"},
    )
    try:
        parameters.ssl_options = _tls(endpoint)
        connection = attempt(context, "amqp", lambda: pika.BlockingConnection(parameters), close)
    except pika.exceptions.AMQPError as error:
        raise _refusal(context, error) from error
    except OSError as error:
        raise diagnosis.no_connection(context, "amqp", str(error)) from error
    except AMQPConnectorException as error:
        words = f"{diagnosis.NO_ANSWER} {context.deadline.elapsed():.1f} s"
        raise diagnosis.no_connection(context, "amqp", words) from error
    context.deadline.step = f"waiting for an answer of {endpoint}"
    try:
        _alarm(connection, context.deadline.left(), context.deadline)
    except DeadlineExceeded:
        close(connection)
        raise
    return connection


def _tls(endpoint: Endpoint) -> Any:
    """Return pika's options for TLS, None for a connection without."""
    if endpoint.tls is None:
        return None
    import pika

    from probes.tls import transport  # loading it would slow down --list

    return pika.SSLOptions(transport.client(endpoint.tls), server_hostname=endpoint.host)


def _refusal(context: Context, error: Exception) -> Exception:
    """Distinguish a refusal by the broker from a broken connection; pika's class names only guess."""
    import pika

    if (offered := _NOT_OFFERED.search(repr(error))) is not None:
        return LoginRefused(f"the broker offers no login by {offered[1]}")
    said = _BROKER_WORDS.search(str(error))
    limited = said is not None and refusals.limit(context.broker, context.broker.vhost, said[2]) is not None
    if said is not None and isinstance(error, pika.exceptions.ProbableAuthenticationError) and not limited:
        return LoginRefused(f"{said[1]} {said[2]}")
    if said is not None:
        return VhostRefused(f"{said[1]} {said[2]}")
    return diagnosis.no_connection(context, "amqp", str(error) or repr(error))


def _only_local(context: Context) -> bool | None:
    """Ask over another protocol whether the user is refused because it is not on the broker's host."""
    if "management" not in context.broker.endpoints:
        return None
    from probes.clients.management import login_reason

    return login_reason(context)


def close(connection: Any, seconds: float = GOODBYE_SECONDS) -> None:
    """Close `connection` within `seconds`, whatever state it is in."""
    if connection.is_open:
        _alarm(connection, seconds, Deadline(seconds, "closing"))
        _quietly(connection.close)
        if not connection.is_closed:
            _quietly(lambda: connection._impl._transport.abort())  # None for a broken connection


def _alarm(connection: Any, seconds: float, deadline: Deadline) -> None:
    def ring() -> None:
        raise DeadlineExceeded(deadline.step)

    # The blocking connection's own call_later rings only in process_data_events; the event loop's rings
    # inside every blocking call.
    connection._impl.ioloop.call_later(seconds, ring)


class _Closing:
    """Closes a connection at the end of a with block."""

    def __init__(self, context: Context, connection: Any) -> None:
        self._connection = connection
        self._deadline = context.deadline

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        close(self._connection, self._deadline.goodbye())


def _quietly(action: Any) -> None:
    """Run a clean-up; a failure of it must not hide the probe's own (the broker removes leftovers itself)."""
    with contextlib.suppress(Exception):
        action()


@contextlib.contextmanager
def _words(context: Context) -> Iterator[None]:
    """Turn pika's exceptions inside a session into sentences."""
    import pika

    try:
        yield
    except ProbeStop:
        raise
    except pika.exceptions.ConnectionBlockedTimeout as error:
        raise Failed(
            f"{context.broker.name} blocked this publisher for {BLOCKED_SECONDS:g} s (connection.blocked).",
            "A memory or disk alarm is set: the broker takes no messages from anybody.",
            "Free disk space, let consumers catch up, or raise the threshold; management.alarms "
            "names the alarm.",
        ) from error
    except pika.exceptions.UnroutableError as error:
        raise Astray(
            "The broker returned a message as unroutable.",
            "A binding that the broker had accepted does not route.",
            "Read the broker's log; a full or restarting node shows there.",
        ) from error
    except pika.exceptions.NackError as error:
        raise Astray(
            "The broker answered a publish with a negative confirm.",
            "The queue did not take the message; a length limit that rejects (overflow) does that.",
            "Read the broker's log for this moment; a queue that lost its process shows there.",
        ) from error
    except pika.exceptions.ChannelClosedByBroker as error:
        raise channel_closed(context.broker, error.reply_code, error.reply_text) from error
    except pika.exceptions.ConnectionClosedByBroker as error:
        raise refusals.connection_closed(context.broker, f"{error.reply_code} {error.reply_text}") from error
    except pika.exceptions.AMQPError as error:
        raise NotProven(
            f"The connection to {context.endpoint('amqp')} was lost: {str(error) or repr(error)}",
            "The broker or something on the way ended the connection in the middle of the probe.",
            "Read the broker's log for this moment; a restart or a crash shows there.",
        ) from error


def channel_closed(broker: Broker, code: int, words: str) -> Failed:
    """Explain a channel that the broker closed."""
    said = f"{broker.name} closed the channel with {code}: {words}"
    if (reached := refusals.limit(broker, broker.vhost, said)) is not None:
        return reached
    if code == 404:
        return Astray(
            said,
            "A queue or an exchange that the probe had declared is gone.",
            "Read the broker's log for this moment, and look for a program that deletes queues.",
        )
    if code == 403:
        return refusals.lacks_permission(broker, said)
    return Failed(
        said,
        "The broker refused a call that has to work.",
        "Read the broker's log for this moment.",
    )
