"""Clients that do what clients should not, so that a broker's log says so."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from typing import Any

import pika
import stomp

USER = "shop"


def _connect(site: Any, user: str = USER, password: str = "", vhost: str = USER, **more: Any) -> Any:
    login = pika.PlainCredentials(user, password or site.password)
    return pika.BlockingConnection(
        pika.ConnectionParameters(site.host.address, 5672, vhost, login, connection_attempts=1, **more)
    )


def _refused() -> contextlib.AbstractContextManager[None]:
    """Whatever the broker answers is what is wanted."""
    return contextlib.suppress(pika.exceptions.AMQPError, OSError, ssl.SSLError)


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
    with _connect(site) as connection:
        connection.channel().queue_declare("doctor-transient")


def connects_twice(site: Any) -> Any:
    two = [_connect(site), _connect(site)]
    return lambda: [one.close() for one in two]


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
