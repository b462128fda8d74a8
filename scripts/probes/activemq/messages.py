"""Probes of message headers and size in ActiveMQ: type, selectors, expiry, dead letters and limits."""

from __future__ import annotations

import contextlib
import socket
import time

from probes import diagnosis
from probes.activemq.destinations import KINDS, only_marker
from probes.clients import stomp as stomp_client, stomp_errors
from probes.clients.stomp import session
from probes.model import Context, Failed, NotApplicable
from probes.registry import probe

# Room for the headers of a frame.
_HEADERS_BYTES = 4096
# 5.16 to 5.18 drop a client after three times the interval that it promised.
_PROMISED_MS = 300
_PATIENCE_SECONDS = 5.0


@probe(
    "activemq.message.type",
    needs=["stomp"],
    notes=["1.6", "1.5"],
    kinds=KINDS,
    proves="A message with content-length is a BytesMessage to a Java consumer, one without it a "
    "TextMessage.",
)
def message_type(context: Context) -> str:
    destination = f"/queue/{context.name('q')}"
    with session(context) as consumer:
        consumer.subscribe(destination, {})
        for content_length, kind in ((True, "BytesMessage"), (False, "TextMessage")):
            with session(context, content_length=content_length) as sender:
                sender.send(destination, '{"a": 1}', {})
            message = consumer.receive(f"the {kind}")
            # The broker names the length of a BytesMessage and of no other. Source: FrameTranslator.Helper and
            # LegacyFrameTranslator of activemq-stomp.
            if ("content-length" in message.headers) is not content_length or message.body != '{"a": 1}':
                raise Failed(
                    f"Sent {'with' if content_length else 'without'} content-length, it came back as "
                    f"{dict(message.headers)}.",
                    f"A Java consumer does not get this message as a {kind}.",
                    "Let the sender decide by the header: stomp.py's auto_content_length=False makes it "
                    "text.",
                )
    return "content-length decides: with it bytes, without it (auto_content_length=False) text"


@probe(
    "activemq.selector",
    needs=["stomp"],
    notes=["1.1"],
    kinds=KINDS,
    proves="A consumer with a selector gets the messages whose headers match it, and the others wait.",
)
def selector(context: Context) -> str:
    destination = f"/queue/{context.name('q')}"
    with session(context) as sender, session(context) as picky:
        picky.subscribe(destination, {"selector": "colour = 'red'"})
        for colour in ("blue", "red"):
            sender.send(destination, f'"{colour}"', {"colour": colour})
        message = picky.receive("the red message")
        if message.body != '"red"':
            raise _not(message.body, "red", "The broker ignores selectors.")
        sender.subscribe(destination, {})
        message = sender.receive("the blue message, without a selector")
        if message.body != '"blue"':
            raise _not(message.body, "blue", "The broker lost a message that no selector matched.")
    return "the red one came, the blue one waited"


@probe(
    "activemq.expiry",
    needs=["stomp"],
    notes=["1.1"],
    kinds=KINDS,
    proves="A message whose time is over is not delivered.",
)
def expiry(context: Context) -> str:
    destination = f"/queue/{context.name('q')}"
    with session(context) as sender, session(context) as consumer:
        watch = consumer.subscribe(destination, {})
        sender.send(destination, '"what time is it"', {})
        # By the broker's clock, which is not this machine's.
        now = int(consumer.receive("a message with the broker's time").headers["timestamp"])
        consumer.unsubscribe(watch)
        sender.send(destination, '"stale"', {"expires": str(now + 200)})
        context.deadline.step = "letting a message expire"
        time.sleep(context.deadline.left(0.4))
        consumer.subscribe(destination, {})
        only_marker(sender, consumer, destination, "A message was delivered after its time was over.")
    return "gone after 0.2 s"


@probe(
    "activemq.deadletter",
    needs=["stomp"],
    notes=["0.3"],
    kinds=KINDS,
    proves="A message that is rejected with NACK ends in the dead-letter queue, after the redeliveries "
    "that are set.",
)
def dead_letter(context: Context) -> str:
    prefix = context.broker.dead_letter_prefix
    if prefix is None:
        raise NotApplicable("No dead-letter queue is named that this user may read (dead_letter_prefix).")
    name = context.name("q")
    deliveries = 0
    with session(context) as consumer, session(context) as mourner:
        mourner.subscribe(f"/queue/{prefix}{name}", {})
        consumer.subscribe(f"/queue/{name}", {}, "client-individual")
        consumer.send(f"/queue/{name}", '"poison"', {"persistent": "true"})
        context.deadline.step = f"rejecting a message until it is in {prefix}{name}"
        while True:
            for message in consumer.received():
                deliveries += 1
                consumer.nack(message)
            dead = mourner.received()
            if dead:
                break
            time.sleep(min(0.01, context.deadline.left()))
    if dead[0].body != '"poison"':
        raise _not(dead[0].body, "poison", "The broker put another message into the dead-letter queue.")
    return f"in the dead-letter queue after {deliveries} deliver{'y' if deliveries == 1 else 'ies'}"


@probe(
    "activemq.heartbeat",
    needs=["stomp"],
    notes=["0.3"],
    kinds=KINDS,
    proves="Heart-beats are agreed on, and the broker sends its own while nothing else is said.",
)
def heartbeat(context: Context) -> str:
    with session(context, heartbeats=(500, 500)) as idle:
        agreed = idle.connected.headers.get("heart-beat", "0,0")
        if "0" in agreed.split(","):
            raise Failed(
                f"The CONNECTED frame says heart-beat:{agreed}.",
                "The broker does not do heart-beats: a client does not notice a broker that has gone.",
                "Look for transport options of the connector that switch them off.",
            )
        idle.heartbeat()
        idle.disconnect()
    return f"heart-beat:{agreed}, and one came"


@probe(
    "activemq.heartbeat.silent",
    needs=["stomp"],
    notes=["0.3"],
    kinds=KINDS,
    proves="A client that promised heart-beats and falls silent is dropped, so that its messages go to others.",
)
def silent_client(context: Context) -> str:
    endpoint, broker = context.endpoint("stomp"), context.broker
    # On a plain socket, since stomp.py keeps the promise. STOMP 1.2: nothing is escaped in a CONNECT frame.
    login = f"login:{broker.user}\npasscode:{broker.password}"
    frame = f"CONNECT\naccept-version:1.2\nhost:/\n{login}\nheart-beat:{_PROMISED_MS},0\n\n\0"
    context.deadline.step = f"waiting for the CONNECTED frame of {endpoint}"
    try:
        with stomp_client.wire(context) as peer:
            peer.settimeout(context.deadline.handshake())
            peer.sendall(frame.encode())
            said = peer.recv(4096)
            connected = time.monotonic()
            if said.startswith(b"CONNECTED"):
                context.deadline.step = "waiting for the broker to drop a client that is silent"
                _until_dropped(context, peer)
    except (
        OSError
    ) as error:  # nobody listens, or who listens says nothing: there was no silence to drop a client for
        raise diagnosis.no_connection(context, "stomp", error.strerror or str(error)) from error
    if not said.startswith((b"CONNECTED", b"ERROR")):
        raise diagnosis.no_connection(context, "stomp", "the connection was closed instead of an answer")
    if said.startswith(b"ERROR"):
        raise stomp_errors.explain(broker, stomp_client.error_words(said))
    return f"dropped after {time.monotonic() - connected:.1f} s of silence, {_PROMISED_MS} ms were promised"


def _until_dropped(context: Context, peer: socket.socket) -> None:
    with contextlib.suppress(ConnectionError):  # a drop may be a reset
        while _more(context, peer):
            pass


def _more(context: Context, peer: socket.socket) -> bytes:
    """Return what the broker sends next; empty if it has closed the connection."""
    try:
        peer.settimeout(min(context.deadline.left(), _PATIENCE_SECONDS))
        return peer.recv(4096)
    except TimeoutError:
        raise Failed(
            f"A client that promised a heart-beat every {_PROMISED_MS} ms was silent for {_PATIENCE_SECONDS:g} s and "
            "is still connected.",
            "The messages in the hands of a consumer that has gone without a word stay there for ever.",
            "Look at the connector's options: transport.hbGracePeriodMultiplier may be too large, or heart-beats off.",
        ) from None


@probe(
    "activemq.frame.limit",
    needs=["stomp"],
    notes=["1.5"],
    kinds=KINDS,
    proves="A message of the frame limit passes, a larger one is refused, and other connections do not "
    "notice.",
)
def frame_limit(context: Context) -> str:
    limit = context.broker.frame_limit
    if limit is None:
        raise NotApplicable("No frame limit is given for this broker (frame_limit).")
    destination = f"/queue/{context.name('q')}"
    with session(context) as bystander:
        bystander.subscribe(destination, {})
        with session(context) as sender:
            sender.send(destination, "x" * (limit - _HEADERS_BYTES), {})
        if len(bystander.receive("the message of the frame limit").body) != limit - _HEADERS_BYTES:
            raise _not("another one", "the message of the frame limit", "The broker cut a message.")
        words = _refused(context, destination, "x" * (limit + 1))
        if words is None:
            raise Failed(
                f"A frame of more than {limit} bytes was accepted.",
                "The limit is not in force: one client can fill the broker's memory.",
                "Look at the connector's options; without the prefix wireFormat. the broker ignores them.",
            )
        only_marker(bystander, bystander, destination, "A message above the limit was delivered.")
    return f"{limit} bytes: one below passed, one above was refused ({words[:60]})"


def _refused(context: Context, destination: str, body: str) -> str | None:
    """Return the broker's refusal of a message, None if it accepts it."""
    broker = context.broker
    try:
        with stomp_client.connect(context, "1.2", broker.user, broker.password, broker.vhost) as sender:
            sender.send(destination, body, {})
    except stomp_client.ErrorFrame as error:
        return error.frame.words
    except stomp_client.ConnectionLost:
        return "the connection was closed"
    return None


def _not(came: str, wanted: str, meaning: str) -> Failed:
    return Failed(f"{came[:60]} came instead of {wanted}.", meaning, "Read the broker's log for this moment.")
