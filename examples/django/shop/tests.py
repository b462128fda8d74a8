"""Tests of the example: `manage.py test`, against the broker of .env, or the stand-in without one."""

from __future__ import annotations

import dataclasses
import json
import logging
import socket
import threading
import unittest
from unittest import mock

from django.conf import settings
from django.db import transaction
from django.test import TransactionTestCase, override_settings
from mq import listener, service

from .models import Order

NAMES = ("orders", "prices", "check")
PLACES = {name: f"/{'topic' if name == 'prices' else 'queue'}/shop.test.{name}" for name in NAMES}
CONFIG = dataclasses.replace(settings.MQ, destinations=PLACES, retry_waits=(0, 0))
DEAD = listener.dead_letters(PLACES["orders"])
IN_MEMORY = CONFIG.kind == "memory"


def setUpModule() -> None:
    """Failures that are meant are not logged."""
    logging.disable(logging.CRITICAL)


def tearDownModule() -> None:
    """Log again."""
    logging.disable(logging.NOTSET)


def taken(destination: str, most: int = 100, seconds: float = 1) -> list:
    """Up to that many messages of a queue, acknowledged."""
    opened, found = service.connect(), []
    opened.subscribe(destination)
    while len(found) < most and (message := opened.receive(seconds)):
        found.append(message)
        opened.ack(message)
    opened.close()
    return found


@override_settings(MQ=CONFIG)
class Messages(TransactionTestCase):
    """What applications rely on, with either broker and with the stand-in."""

    def setUp(self) -> None:
        """Begin with empty queues."""
        for destination in (PLACES["orders"], DEAD):
            taken(destination, seconds=0.3)
        self.addCleanup(service.close)

    def handle(self, count: int = 1) -> None:
        """Handle as many messages as are expected; in memory that has happened already."""
        if IN_MEMORY:
            return
        opened = service.connect()
        handlers = listener.subscribe(opened)
        for _ in range(count):
            message = opened.receive(10)
            self.assertIsNotNone(message)
            listener.handle(opened, handlers[message.destination], message, threading.Event())
        opened.close()

    def place(self, article: str) -> int:
        """Place an order by a request."""
        answer = self.client.post(
            "/orders", json.dumps({"article": article}), content_type="application/json"
        )
        self.assertEqual(answer.status_code, 201)
        return answer.json()["id"]

    def test_an_order_is_confirmed_by_its_message(self) -> None:
        number = self.place("Äpfel & 'Birnen' € 😀")
        self.handle()
        self.assertEqual(
            self.client.get(f"/orders/{number}").json(),
            {"id": number, "article": "Äpfel & 'Birnen' € 😀", "confirmed": True},
        )

    def test_a_message_goes_out_after_the_commit(self) -> None:
        with mock.patch("mq.service._send") as sent:
            with transaction.atomic():
                service.send("orders", {"id": 1})
                sent.assert_not_called()
            sent.assert_called_once()

    def test_a_rollback_takes_the_message_along(self) -> None:
        with self.assertRaises(ZeroDivisionError), transaction.atomic():
            service.send("orders", {"id": 1})
            raise ZeroDivisionError
        self.assertEqual(taken(PLACES["orders"]), [])

    def test_what_cannot_be_json_or_has_no_destination_is_the_senders_error(self) -> None:
        with self.assertRaises(TypeError):
            service.send("orders", {"id": object()})
        with self.assertRaisesMessage(LookupError, "MQ_DESTINATION_NOWHERE is not set"):
            service.send("nowhere", {})

    def failing(self, times: int) -> mock.Mock:
        """Replace the handler by one that writes and then fails so many times."""
        handler = mock.Mock(side_effect=[Broken("no paper")] * times + [None])

        def writes_and_fails(payload: dict) -> None:
            Order.objects.create(article="by the handler")
            handler(payload)

        patched = mock.patch.dict(listener._handlers, {"orders": writes_and_fails})
        patched.start()
        self.addCleanup(patched.stop)
        return handler

    def test_a_handler_that_fails_is_tried_again_and_leaves_nothing_behind(self) -> None:
        handler = self.failing(2)
        service.send("orders", {"id": 7})
        self.handle()
        self.assertEqual(handler.call_count, 3)
        self.assertEqual(Order.objects.count(), 1, "what a failed attempt wrote was rolled back")
        self.assertEqual(taken(DEAD, seconds=0.5), [])

    def test_a_message_that_always_fails_becomes_a_dead_letter_with_its_reason(self) -> None:
        self.failing(3)
        service.send("orders", {"id": 7})
        self.handle()
        (dead,) = taken(DEAD, 1, 10)
        self.assertEqual(json.loads(dead.body), {"id": 7})
        self.assertEqual(
            (dead.headers["dead-reason"], dead.headers["dead-attempts"]), ("Broken: no paper", "3")
        )
        self.assertEqual(Order.objects.count(), 0)
        self.assertEqual(taken(PLACES["orders"], seconds=0.5), [], "it was acknowledged")

    def test_a_message_that_is_no_json_is_a_dead_letter_at_once(self) -> None:
        opened = service.connect()
        opened.send(PLACES["orders"], "{'id': 7}")
        opened.close()
        if IN_MEMORY:
            listener.handle_waiting()
        self.handle()
        (dead,) = taken(DEAD, 1, 10)
        self.assertTrue(dead.headers["dead-reason"].startswith("not JSON: "))

    def test_what_is_not_acknowledged_comes_again(self) -> None:
        opened = service.connect()
        opened.send(PLACES["orders"], '{"id": 1}')
        opened.subscribe(PLACES["orders"])
        self.assertIsNotNone(opened.receive(10))
        opened.close()
        self.assertEqual([message.body for message in taken(PLACES["orders"], 1, 10)], ['{"id": 1}'])

    def test_a_topic_reaches_every_subscriber_and_keeps_nothing(self) -> None:
        service.publish("prices", {"missed": True})
        first, second = service.connect(), service.connect()
        for opened in (first, second):
            opened.subscribe(PLACES["prices"])
        service.publish("prices", {"article": "pear"})
        for opened in (first, second):
            self.assertEqual(json.loads(opened.receive(10).body), {"article": "pear"})
            opened.close()

    def test_the_check_says_how_long_it_took(self) -> None:
        answer = self.client.get("/chk/mq")
        self.assertEqual(answer.status_code, 200, answer.content)
        self.assertEqual(set(answer.json()), {"ok", "connect_ms", "queue_ms", "topic_ms"})


class Broken(Exception):
    """What a handler may raise."""


@override_settings(MQ=CONFIG)
@unittest.skipIf(IN_MEMORY, "needs a broker: .env, or its variables")
class Broker(TransactionTestCase):
    """What only a broker can show."""

    def setUp(self) -> None:
        """Leave no connection to the next test."""
        self.addCleanup(service.close)

    def test_a_connection_is_kept_and_opened_again_when_it_is_lost(self) -> None:
        service.publish("prices", {})
        kept = service._connection()
        service.publish("prices", {})
        self.assertIs(service._connection(), kept)
        socket.socket.shutdown(kept._stomp.transport.socket, socket.SHUT_RDWR)
        service.publish("prices", {})
        self.assertIsNot(service._connection(), kept)

    def test_each_thread_has_a_connection_of_its_own(self) -> None:
        found = []

        def look() -> None:
            found.append(service._connection())
            service.close()

        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
        self.assertIsNot(found[0], service._connection())

    def check_with(self, **changes: object) -> str:
        """What the check says of a broker that it cannot use."""
        with override_settings(MQ=dataclasses.replace(CONFIG, **changes)):
            answer = self.client.get("/chk/mq")
        self.assertEqual(answer.status_code, 503)
        return answer.json()["why"]

    def test_the_check_says_what_is_wrong(self) -> None:
        host = CONFIG.places[0][0]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.assertIn(f"nothing listens on port {port}", self.check_with(places=(("127.0.0.1", port),)))
        self.assertIn("is not known here", self.check_with(places=(("no-such-host.invalid", 61613),)))
        said = self.check_with(password="wrong")
        self.assertIn(f"{host}:{CONFIG.places[0][1]}: the broker said: ", said)

    def test_a_second_place_is_used_where_the_first_does_not_answer(self) -> None:
        with override_settings(MQ=dataclasses.replace(CONFIG, places=(("127.0.0.1", 1), *CONFIG.places))):
            self.assertEqual(self.client.get("/chk/mq").status_code, 200)
