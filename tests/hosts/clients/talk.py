"""A message through the broker with each client, by nothing but the settings in a directory: talk.py CLIENT DIRECTORY.

Runs in an environment of its own, whose libraries are locked in libraries.txt. Prints what came back.
"""

from __future__ import annotations

import asyncio
import json
import os
import runpy
import ssl
import sys
import threading
import uuid
from pathlib import Path
from urllib.parse import unquote, urlsplit

from dotenv import dotenv_values

SECONDS = 30


def with_pika(settings: dict[str, str], body: str) -> str:
    import pika

    connection = pika.BlockingConnection(
        [pika.URLParameters(url) for url in settings["AMQP_URLS"].split(",")]
    )
    channel = connection.channel()
    queue = channel.queue_declare("", exclusive=True).method.queue
    channel.confirm_delivery()
    channel.basic_publish("", queue, body.encode())
    _, _, found = next(channel.consume(queue, auto_ack=True, inactivity_timeout=SECONDS))
    connection.close()
    return found.decode()


def with_aio_pika(settings: dict[str, str], body: str) -> str:
    import aio_pika

    async def talk() -> str:
        connection = await aio_pika.connect_robust(settings["AIO_PIKA_URL"], timeout=SECONDS)
        async with connection:
            channel = await connection.channel()
            queue = await channel.declare_queue(exclusive=True)
            await channel.default_exchange.publish(aio_pika.Message(body.encode()), routing_key=queue.name)
            message = await queue.get(timeout=SECONDS, no_ack=True)
            return message.body.decode()

    return asyncio.run(talk())


def _with_kombu(url: str, tls: dict[str, object] | None, body: str) -> str:
    import kombu

    with kombu.Connection(url, ssl=tls or False) as connection:
        name = f"clients-{uuid.uuid4()}"  # to which the default exchange routes
        queue = connection.SimpleQueue(
            kombu.Queue(name, routing_key=name, exclusive=True, durable=False, auto_delete=True)
        )
        queue.put(body)
        message = queue.get(timeout=SECONDS)
        message.ack()
        found = message.payload
        queue.close()
    return str(found)


def with_kombu(settings: dict[str, str], body: str) -> str:
    """By the environment, as kombu's and Celery's own documentation has them."""
    files = {"ca_certs": "MQ_CA_FILE", "certfile": "MQ_CERT_FILE", "keyfile": "MQ_KEY_FILE"}
    tls = {key: settings[name] for key, name in files.items() if name in settings}
    return _with_kombu(
        settings["CELERY_BROKER_URL"], {**tls, "cert_reqs": ssl.CERT_REQUIRED} if tls else None, body
    )


def with_django_settings(directory: Path, body: str) -> str:
    """By what Celery takes from a Django project's settings."""
    settings = runpy.run_path(str(directory / "django_settings.py"))
    return _with_kombu(settings["CELERY_BROKER_URL"], settings.get("CELERY_BROKER_USE_SSL"), body)


def _with_stomp(
    places: list[tuple[str, int]],
    login: tuple[str, str],
    vhost: str | None,
    tls: dict[str, str | None] | None,
    where: str,
    body: str,
) -> str:
    import stomp

    class Inbox(stomp.ConnectionListener):
        def __init__(self) -> None:
            self.found, self.arrived = "", threading.Event()

        def on_message(self, frame: object) -> None:
            self.found = frame.body
            self.arrived.set()

        def on_error(self, frame: object) -> None:
            self.found = f"ERROR {frame.headers.get('message')} {frame.body}"
            self.arrived.set()

    connection = stomp.Connection12(places, vhost=vhost, timeout=SECONDS, try_loopback_connect=False)
    if tls is not None:
        connection.set_ssl(for_hosts=places, **tls)
    inbox = Inbox()
    connection.set_listener("", inbox)
    try:  # both brokers read escapes in a login, and stomp.py writes none
        connection.connect(*(part.replace("\\", "\\\\") for part in login), wait=True)
    except stomp.exception.ConnectFailedException:
        return inbox.found
    connection.subscribe(where, id="1", ack="auto")
    connection.send(where, body)
    assert inbox.arrived.wait(SECONDS), "nothing came back"
    connection.disconnect()
    return inbox.found


def with_stomp(settings: dict[str, str], body: str) -> str:
    urls = [urlsplit(url) for url in settings["STOMP_URLS"].split(",")]
    first = urls[0]
    tls = None
    if first.scheme == "stomp+ssl":
        files = {"ca_certs": "MQ_CA_FILE", "cert_file": "MQ_CERT_FILE", "key_file": "MQ_KEY_FILE"}
        tls = {key: settings.get(name) for key, name in files.items()}
    return _with_stomp(
        [(url.hostname, url.port) for url in urls],
        (unquote(first.username), unquote(first.password)),
        unquote(first.path[1:]) or None,
        tls,
        settings["MQ_DESTINATION_TALK"],
        body,
    )


def with_json(directory: Path, body: str) -> str:
    """stomp.py by settings.json."""
    settings = json.loads((directory / "settings.json").read_text(encoding="utf-8"))
    tls = {
        "ca_certs": settings["ca_file"],
        "cert_file": settings["cert_file"],
        "key_file": settings["key_file"],
    }
    return _with_stomp(
        [(place["host"], place["port"]) for place in settings["stomp"]],
        (settings["user"], settings["password"]),
        settings["vhost"],
        tls if settings["tls"] else None,
        settings["destinations"]["talk"],
        body,
    )


def main(client: str, directory: Path, body: str) -> str:
    if client in ("django_settings", "json"):
        return {"django_settings": with_django_settings, "json": with_json}[client](directory, body)
    settings = {key: value or "" for key, value in dotenv_values(directory / ".env").items()}
    by_name = {"pika": with_pika, "aio_pika": with_aio_pika, "kombu": with_kombu, "stomp": with_stomp}
    return by_name[client](settings, body)


if __name__ == "__main__":
    os.environ.clear()  # what an application's own environment has must not help
    print(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))
