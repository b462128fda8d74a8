"""A worker's connections to ActiveMQ over STOMP: one takes messages, the other puts those away that are not done.

They are two because a broker whose store or memory is full stops reading from a connection that has sent: the
acknowledgements of what is done would wait there too.
"""

from __future__ import annotations

import random
import ssl
import time
from collections.abc import Iterator, Mapping
from typing import Any

from brokers.relay.settings import Settings, objects_of

from relaying import stomp
from relaying.link import (
    ATTEMPTS,
    CODE,
    CONNECT_SECONDS,
    REPLAYED,
    UNKNOWN,
    NotPutAway,
    Taken,
)

# To ActiveMQ, a message that comes back from its wait is another one: the key of the first is in this header, and when
# it was to come back in the other, in milliseconds of the epoch.
KEY, DUE = "x-relay-key", "x-relay-due"
_DELAY = "AMQ_SCHEDULED_DELAY"
# What the protocol or the broker says of a message, and says anew of the one that is sent on.
_NOT_CARRIED = frozenset(
    (
        *(
            "ack",
            "content-length",
            "destination",
            "expires",
            "message-id",
            "persistent",
            "receipt",
            "redelivered",
        ),
        *("subscription", "timestamp", "transaction", "scheduledJobId", DUE, _DELAY),
        *("AMQ_SCHEDULED_PERIOD", "AMQ_SCHEDULED_REPEAT", "AMQ_SCHEDULED_CRON"),
    )
)
# A queue that has not sent the next dead letter by then has none.
_LETTER_SECONDS = 2.0


class ActivemqLink:
    """The connections of one worker, until one of them breaks."""

    def __init__(self, settings: Settings, password: str, context: ssl.SSLContext | None) -> None:
        self._settings = settings
        self._way = (password, context)
        self._queue, self._dead = settings.source["queue"], objects_of(settings.name)["dead"]
        self._out: stomp.Connection | None = None
        self._subscriptions, self._ahead = 0, 0
        self._is_undelayed = False
        self._in = connected(settings, *self._way)
        try:
            self._subscribe(settings.source["prefetch"])
        except BaseException:
            self._in.close()
            raise

    def messages(self, idle_seconds: float) -> Iterator[Taken | None]:
        """Yield messages as they come, and None after a while without."""
        self._subscribe(self._settings.source["prefetch"])
        while True:
            yield self._next(idle_seconds)

    def leave(self) -> int:
        """Stop taking messages; the broker has back what was not acknowledged. Returns how many were not begun."""
        if not self._ahead:
            return 0
        self._ahead = 0
        self._in.confirmed("UNSUBSCRIBE", {"id": str(self._subscriptions)})
        return self._in.forget()

    def one(self) -> Taken | None:
        """Return a single message, if there is any."""
        self._subscribe(1)
        return self._next(_LETTER_SECONDS / 4)

    def acknowledge(self, message: Taken) -> None:
        """Have the broker forget a message."""
        self._in.send("ACK", {"id": message.tag})

    def give_back(self, message: Taken) -> None:
        """Put a message back into its queue, with all that was sent ahead: ActiveMQ makes a dead letter of a NACK."""
        self.leave()

    def wait(self, seconds: float) -> None:
        """Let time pass, without a message that another worker could take meanwhile."""
        self.leave()
        self._in.idle(seconds)

    def keep(self) -> None:
        """Do nothing: the connection that puts messages away promised no heartbeats."""

    def put_into_wait(self, wait: int, milliseconds: int, message: Taken, headers: Mapping[str, Any]) -> None:
        """Have the broker's scheduler put a message into its queue again later. Raises NotPutAway."""
        if self._is_undelayed:
            raise NotPutAway(
                "the broker puts messages that are to wait back at once: set activemq_scheduler to true "
                "(schedulerSupport of its activemq.xml)"
            )
        due = str(int(time.time() * 1000) + milliseconds)
        self._put(self._queue, message, headers, {DUE: due, _DELAY: str(milliseconds)})

    def put_among_dead(self, message: Taken, headers: Mapping[str, Any]) -> None:
        """Make a message a dead letter. Raises NotPutAway."""
        self._put(self._dead, message, headers)

    def close(self) -> None:
        """End the connections; what was not acknowledged goes back."""
        for connection in (self._out, self._in):
            if connection is not None:
                connection.close()

    def _subscribe(self, ahead: int) -> None:
        if self._ahead == ahead:
            return
        self.leave()
        self._subscriptions += 1
        subscribe(self._in, str(self._subscriptions), self._queue, ahead)
        self._ahead = ahead

    def _next(self, seconds: float) -> Taken | None:
        frame = self._in.message(seconds)
        # One that was on its way when a subscription ended comes after the receipt, and is somebody else's by now.
        if frame is None or frame.headers.get("subscription") != str(self._subscriptions):
            return None
        # The scheduler takes this header away. Messages of a time without it may be there when there is one again.
        due = frame.headers.get(DUE, "")
        if _DELAY in frame.headers and due.isdecimal() and time.time() * 1000 < int(due):
            self._is_undelayed = True
        return taken(frame)

    def _put(
        self, queue: str, message: Taken, headers: Mapping[str, Any], when: Mapping[str, str] | None = None
    ) -> None:
        sent, body = sent_on(message, queue, {**message.headers, **headers})
        fresh = self._out is None
        try:
            if self._out is None:
                self._out = connected(self._settings, *self._way)
            self._out.confirmed("SEND", {**sent, **(when or {})}, body)
        except (stomp.Broken, OSError) as error:
            if self._out is not None:
                self._out.close()
                self._out = None
            if fresh:
                raise NotPutAway(f"a message could not be put into {queue}: {error}") from error
            self._put(queue, message, headers, when)  # a connection that was idle for long: a new one


class ActivemqLetters:
    """The dead letters that a queue holds at present, and the way back into the source, in one transaction for each."""

    def __init__(self, settings: Settings, password: str, context: ssl.SSLContext | None, most: int) -> None:
        self._source = settings.source["queue"]
        self._connection = connected(settings, password, context)
        self._transactions = 0
        # Those that stay are held until the end, so all of them are sent ahead.
        subscribe(self._connection, "1", objects_of(settings.name)["dead"], most)

    def next(self) -> Taken | None:
        """Return the next dead letter, None after the last."""
        frame = self._connection.message(_LETTER_SECONDS)
        return None if frame is None else taken(frame)

    def code_of(self, letter: Taken) -> str:
        """Return why it is a dead letter."""
        return str(letter.headers.get(CODE, UNKNOWN))

    def put_back(self, letter: Taken, headers: Mapping[str, Any]) -> None:
        """Have a dead letter in the source and no more among the dead, both at once. Raises NotPutAway."""
        self._transactions += 1
        transaction = {"transaction": str(self._transactions)}
        send, body = sent_on(letter, self._source, headers)
        try:
            self._connection.send("BEGIN", transaction)
            self._connection.send("SEND", {**send, **transaction}, body)
            self._connection.send("ACK", {"id": letter.tag, **transaction})
            self._connection.confirmed("COMMIT", transaction)
        except stomp.Broken as error:
            raise NotPutAway(f"a dead letter could not be put into {self._source}: {error}") from error

    def close(self) -> None:
        """End the connection; letters that were not put back are in their places again."""
        self._connection.close()


def connected(settings: Settings, password: str, context: ssl.SSLContext | None) -> stomp.Connection:
    """Return a connection to one of the broker's hosts: of a pair, only one listens."""
    source = settings.source
    hosts = list(source["hosts"])
    random.shuffle(hosts)
    for host in hosts:
        try:
            return stomp.Connection(
                (host, source["port"]), (source["user"], password), context, CONNECT_SECONDS
            )
        except (stomp.Broken, OSError):
            if host == hosts[-1]:
                raise
    raise AssertionError("a declaration has hosts")


def subscribe(connection: stomp.Connection, name: str, queue: str, ahead: int) -> None:
    """Have the broker send the messages of a queue, so many ahead of their acknowledgement. Raises Broken."""
    wanted = {"id": name, "destination": f"/queue/{queue}", "ack": "client-individual"}
    connection.confirmed("SUBSCRIBE", {**wanted, "activemq.prefetchSize": str(ahead)})


def taken(frame: stomp.Frame) -> Taken:
    """Return a message. Its id is the broker's, which is the same at each delivery."""
    headers: dict[str, Any] = dict(frame.headers)
    for name in (ATTEMPTS, REPLAYED):
        if str(headers.get(name, "")).isdecimal():
            headers[name] = int(headers[name])
    again = frame.headers.get("redelivered") == "true"
    known = frame.headers.get(KEY) or frame.headers.get("message-id")
    return Taken(frame.headers.get("ack", ""), again, headers, known, frame.body)


def sent_on(message: Taken, queue: str, headers: Mapping[str, Any]) -> tuple[dict[str, str], bytes]:
    """Return the headers and the body of a message that is put elsewhere; a TextMessage stays one, as does its key."""
    sent = {name: str(value) for name, value in headers.items() if name not in _NOT_CARRIED}
    sent |= {"destination": f"/queue/{queue}", "persistent": "true"}
    if message.id:
        sent[KEY] = message.id
    if "content-length" in message.headers:
        sent["content-length"] = str(len(message.body))
    return sent, message.body
