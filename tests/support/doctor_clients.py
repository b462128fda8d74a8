"""Clients that do what clients should not, so that a broker's log says so."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from typing import Any

import pika
import stomp
from doctor_cases import script
from pika.adapters.utils.connection_workflow import AMQPConnectorException

USER = "shop"


def _connect(site: Any, user: str = USER, password: str = "", vhost: str = USER, **more: Any) -> Any:
    login = pika.PlainCredentials(user, password or site.password)
    return pika.BlockingConnection(
        pika.ConnectionParameters(site.host.address, 5672, vhost, login, connection_attempts=1, **more)
    )


def _refused() -> contextlib.AbstractContextManager[None]:
    """Whatever the broker answers is what is wanted."""
    return contextlib.suppress(pika.exceptions.AMQPError, AMQPConnectorException, OSError, ssl.SSLError)


def piles_up(site: Any) -> None:
    with _connect(site) as connection:
        channel = connection.channel()
        channel.queue_declare("doctor-piled", durable=True)
        for _ in range(10_500):
            channel.basic_publish("", "doctor-piled", b"x")
        channel.queue_declare("doctor-piled", passive=True)
    time.sleep(6)  # the broker counts every five seconds


def keeps_unacknowledged(site: Any) -> Any:
    connection = _connect(site)
    channel = connection.channel()
    channel.queue_declare("doctor-kept", exclusive=True)
    for _ in range(1500):
        channel.basic_publish("", "doctor-kept", b"x")
    channel.basic_consume("doctor-kept", lambda *_: None)
    connection.process_data_events(6)
    return connection.close


def declares_transient(site: Any) -> None:
    """Taken by versions to which it is deprecated, and refused by those that deny it."""
    with _refused(), _connect(site) as connection:
        connection.channel().queue_declare("doctor-transient")


def connects_twice(site: Any) -> Any:
    two = [_connect(site), _connect(site)]
    return lambda: [one.close() for one in two]


def connects_four_times(site: Any) -> Any:
    found = []
    with _refused():
        for _ in range(4):  # the last ones are not accepted any more
            found.append(_connect(site, blocked_connection_timeout=5))
    return lambda: [one.close() for one in found]


def never_acknowledges(site: Any) -> None:
    with _refused(), _connect(site) as connection:
        channel = connection.channel()
        channel.queue_declare("doctor-slow", exclusive=True)
        channel.basic_publish("", "doctor-slow", b"x")
        channel.basic_consume("doctor-slow", lambda *_: None)
        connection.sleep(6)


def logs_in_as_guest(site: Any) -> None:
    with _refused():
        _connect(site, "guest", "guest", "/")


def has_a_wrong_password(site: Any) -> None:
    with _refused():
        _connect(site, password="not-this-one")


def wants_a_vhost_that_is_not_there(site: Any) -> None:
    with _refused():
        _connect(site, vhost="nowhere")


def wants_a_vhost_that_is_not_its_own(site: Any) -> None:
    with _refused():
        _connect(site, vhost="/")


def may_not_declare(site: Any) -> None:
    with _refused(), _connect(site, "few", "few-x9") as connection:
        connection.channel().queue_declare("forbidden", durable=True)


def is_one_too_many(site: Any) -> None:
    with _refused():
        _connect(site)


def speaks_tls(site: Any) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with _refused(), socket.create_connection((site.host.address, 5672), 5) as line:
        context.wrap_socket(line)


def speaks_http(site: Any) -> None:
    _says(site, 5672, b"GET / HTTP/1.1\r\n\r\n")


def speaks_http_to_openwire(site: Any) -> None:
    _says(site, 61616, b"GET / HTTP/1.1\r\n\r\n")


def _says(site: Any, port: int, words: bytes) -> None:
    with _refused(), socket.create_connection((site.host.address, port), 5) as line:
        line.sendall(words)
        line.settimeout(5)
        line.recv(100)
        line.recv(100)


def says_nothing(site: Any) -> None:
    with _refused(), socket.create_connection((site.host.address, 5672), 5) as line:
        line.settimeout(20)
        line.recv(1)


def misses_heartbeats(site: Any) -> None:
    with _refused():
        connection = _connect(site, heartbeat=1)
        time.sleep(5)
        connection.process_data_events(1)


def redeclares(site: Any) -> None:
    with _refused(), _connect(site) as connection:
        connection.channel().queue_declare("doctor-redeclared", durable=True)
        connection.channel().queue_declare("doctor-redeclared", durable=True, arguments={"x-max-length": 5})


def acknowledges_twice(site: Any) -> None:
    with _refused(), _connect(site) as connection:
        channel = connection.channel()
        channel.basic_ack(17)
        connection.process_data_events(1)


def publishes_to_nowhere(site: Any) -> None:
    with _refused(), _connect(site) as connection:
        channel = connection.channel()
        channel.basic_publish("no-such-exchange", "x", b"x")
        connection.process_data_events(1)


def wants_an_exclusive_queue(site: Any) -> None:
    with _refused(), _connect(site) as one, _connect(site) as two:
        one.channel().queue_declare("doctor-exclusive", exclusive=True)
        two.channel().queue_declare("doctor-exclusive", passive=True)


def sends_too_much(site: Any) -> None:
    with _refused(), _connect(site) as connection:
        channel = connection.channel()
        channel.basic_publish("", "x", b"x" * 5000)
        connection.process_data_events(1)


def _stomp(site: Any, password: str = "", headers: dict[str, str] | None = None, **more: Any) -> Any:
    connection = stomp.Connection12([(site.host.address, 61613)], reconnect_attempts_max=1, **more)
    with contextlib.suppress(stomp.exception.ConnectFailedException):
        connection.connect(USER, password or site.password, wait=True, headers=headers or {})
    return connection


def stomp_with_a_wrong_password(site: Any) -> None:
    _stomp(site, password="not-this-one")


def stomp_may_not_write(site: Any) -> None:
    connection = _stomp(site)
    connection.send("/queue/forbidden", "x", headers={"receipt": "1"})
    time.sleep(2)
    with contextlib.suppress(Exception):
        connection.disconnect()


def stomp_with_an_id_twice(site: Any) -> None:
    first = _stomp(site, headers={"client-id": "same"})
    _stomp(site, headers={"client-id": "same"})
    first.disconnect()


def stomp_without_heartbeats(site: Any) -> None:
    """It promises one each second, and sends none."""
    with _refused(), socket.create_connection((site.host.address, 61613), 5) as line:
        frame = f"CONNECT\naccept-version:1.2\nhost:x\nheart-beat:1000,0\nlogin:{USER}\npasscode:{site.password}\n\n\0"
        line.sendall(frame.encode())
        line.settimeout(15)
        while line.recv(1000):
            pass


def stomp_sends_more_than_the_store_takes(site: Any) -> Any:
    """Three megabytes. The broker reads on only when it has room, so that the client would wait for ever."""
    connection = _stomp(site)

    def send() -> None:
        with contextlib.suppress(Exception):
            for _ in range(30):
                connection.send("/queue/shop.doctor-full", "x" * 100_000, headers={"persistent": "true"})

    threading.Thread(target=send, daemon=True).start()
    time.sleep(6)
    return lambda: connection.transport.disconnect_socket()


def stomp_sends_almost_what_the_store_takes(site: Any) -> None:
    """Nine tenths of two megabytes."""
    connection = _stomp(site)
    for _ in range(18):
        connection.send("/queue/shop.doctor-near", "x" * 100_000, headers={"persistent": "true"})
    time.sleep(3)
    connection.disconnect()


class _Rejecting(stomp.ConnectionListener):  # type: ignore[misc]
    """Rejects each message, which is then a dead letter, or takes it."""

    def __init__(self, connection: Any, verdict: str) -> None:
        self.connection, self.verdict, self.seen = connection, verdict, 0

    def on_message(self, frame: Any) -> None:
        getattr(self.connection, self.verdict)(frame.headers["ack"])
        self.seen += 1


def _consume(connection: Any, queue: str, verdict: str, count: int) -> None:
    listener = _Rejecting(connection, verdict)
    connection.set_listener(verdict, listener)
    connection.subscribe(queue, verdict, ack="client-individual")
    ends = time.monotonic() + 60
    while listener.seen < count and time.monotonic() < ends:
        time.sleep(0.1)
    time.sleep(1)
    connection.disconnect()


def stomp_rejects_more_than_a_thousand(site: Any) -> Any:
    """What a client rejects over STOMP is a dead letter at once; the administrator takes them away."""
    connection, count = _stomp(site), 1050
    for _ in range(count):
        connection.send("/queue/shop.doctor-dead", "x", headers={"persistent": "true"})
    _consume(connection, "/queue/shop.doctor-dead", "nack", count)

    def take() -> None:
        admin = stomp.Connection12([(site.host.address, 61613)])
        admin.connect("admin", site.values["activemq_admin_password"], wait=True)
        _consume(admin, "/queue/ActiveMQ.DLQ", "ack", count)

    return take


def stomp_sends_what_the_heap_does_not_hold(site: Any) -> None:
    """Ten messages of nine megabytes at once, none of which ends: each is less than the broker takes."""
    login = f"CONNECT\naccept-version:1.2\nhost:x\nlogin:{USER}\npasscode:{site.password}\n\n\0"
    head = "SEND\ndestination:/queue/shop.doctor-large\ncontent-length:9000000\n\n"
    with contextlib.ExitStack() as lines:
        for _ in range(10):
            line = lines.enter_context(socket.create_connection((site.host.address, 61613), 5))
            line.settimeout(5)
            with _refused():
                line.sendall((login + head).encode() + b"x" * 8_900_000)
        time.sleep(2)


def _kept_messages(site: Any, damage: str) -> None:
    """Keep messages, stop the broker, damage its store, and have it start."""
    connection = _stomp(site)
    for number in range(20):
        connection.send(
            "/queue/shop.doctor-kept", "x", headers={"persistent": "true", "receipt": str(number)}
        )
    time.sleep(2)
    connection.disconnect()
    site.host.run(script("activemq", f"systemctl stop $unit; {damage}; fails"), timeout=180)


def stomp_kept_messages_of_a_journal_that_is_deleted(site: Any) -> None:
    _kept_messages(site, "keep $store/db-1.log; rm $store/db-1.log")


def stomp_kept_messages_of_a_journal_that_is_overwritten(site: Any) -> None:
    _kept_messages(
        site,
        "keep $store/db-1.log; rm $store/db.data; "
        "dd if=/dev/urandom of=$store/db-1.log bs=1 seek=700 count=2000 conv=notrunc 2>/dev/null",
    )


def stomp_kept_messages_of_an_index_that_is_overwritten(site: Any) -> None:
    _kept_messages(site, "dd if=/dev/urandom of=$store/db.data bs=4096 count=40 conv=notrunc 2>/dev/null")


def stomp_says_what_is_no_command(site: Any) -> None:
    with _refused(), socket.create_connection((site.host.address, 61613), 5) as line:
        login = f"CONNECT\naccept-version:1.2\nhost:x\nlogin:{USER}\npasscode:{site.password}\n\n\0"
        line.sendall(login.encode() + b"NONSENSE\n\n\0")
        line.settimeout(5)
        while line.recv(1000):
            pass
