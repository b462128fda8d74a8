"""The connection to a real broker is cut at every write in turn; nothing is lost and the end state is the same.

Between the client and the broker stands a forwarder that can cut a request off before the broker gets it, or after
the broker has carried it out and before its answer arrives.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from brokers.rabbitmq import api
from brokers.topology import converge
from brokers_under_test import Broker

WRITES = (b"POST ", b"PUT ", b"DELETE ")
# Kinds that are written in the batch and kinds that are not, a replacement and a removal.
BEFORE: dict[str, Any] = {
    "vhosts": [{"name": "bk-f"}],
    "users": [{"name": "bk-gone"}, {"name": "bk-app", "password": "old"}],
    "permissions": [{"user": "admin", "vhost": "bk-f", "configure": ".*", "write": ".*", "read": ".*"}],
    "queues": [
        {
            "vhost": "bk-f",
            "name": "q",
            "type": "classic",
            "bindings": [{"source": "amq.topic", "routing_key": "kept"}],
        }
    ],
}
AFTER: dict[str, Any] = {
    "vhosts": [{"name": "bk-f", "limits": {"max-queues": 50}}, {"name": "bk-g", "tracing": True}],
    "users": [{"name": "bk-gone", "state": "absent"}, {"name": "bk-app", "password": "new"}],
    "policies": [{"vhost": "bk-f", "name": "p", "pattern": "^x", "definition": {"max-length": 5}}],
    "queues": [
        {
            "vhost": "bk-f",
            "name": "q",
            "type": "classic",
            "arguments": {"x-max-length": 7},
            "replace": "when_empty",
        }
    ],
    "exchanges": [{"vhost": "bk-f", "name": "e", "type": "fanout"}],
    "bindings": [{"vhost": "bk-f", "source": "e", "destination": "q"}],
}


class Forwarder:
    """Forwards to a broker and cuts the connection at write number ``cut``, once or at every one from there on."""

    def __init__(self, port: int, cut: int, carried_out: bool, for_ever: bool) -> None:
        self.target, self.cut, self.carried_out, self.for_ever = port, cut, carried_out, for_ever
        self.writes = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self.target)) as broker:
            threading.Thread(target=self._answers, args=(broker, client), daemon=True).start()
            while data := self._receive(client):
                if data.startswith(WRITES):
                    self.writes += 1
                    if self.writes == self.cut or (self.for_ever and self.writes > self.cut):
                        if self.carried_out:
                            self._carry_out(data, client)
                        client.shutdown(socket.SHUT_RDWR)
                        return
                broker.sendall(data)

    def _carry_out(self, data: bytes, client: socket.socket) -> None:
        """Has the broker perform the request on a connection of its own, so that the answer goes nowhere."""
        head, _, body = data.partition(b"\r\n\r\n")
        lengths = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        length = int(lengths[0].split(b":")[1]) if lengths else 0
        while len(body) < length:
            body += self._receive(client)
        with socket.create_connection(("127.0.0.1", self.target)) as broker:
            broker.sendall(head.replace(b"\r\n", b"\r\nConnection: close\r\n", 1) + b"\r\n\r\n" + body)
            while broker.recv(65536):
                pass

    @staticmethod
    def _receive(client: socket.socket) -> bytes:
        try:
            return client.recv(1 << 20)
        except OSError:
            return b""

    @staticmethod
    def _answers(broker: socket.socket, client: socket.socket) -> None:
        try:
            while data := broker.recv(65536):
                client.sendall(data)
        except OSError:
            return


@contextmanager
def forwarder(broker: Broker, cut: int, carried_out: bool, for_ever: bool = False) -> Iterator[Forwarder]:
    forwarder = Forwarder(broker.port, cut, carried_out, for_ever)
    yield forwarder
    forwarder.listener.close()


def state(broker: Broker) -> str:
    """The definitions, but for what differs between two runs with the same result: salts, order, and what expires."""
    held = broker.get("/api/definitions")
    for user in held["users"]:
        user.pop("password_hash")
    dying = {(queue["vhost"], queue["name"]) for queue in held["queues"] if "x-expires" in queue["arguments"]}
    held["queues"] = [queue for queue in held["queues"] if (queue["vhost"], queue["name"]) not in dying]
    held["bindings"] = [one for one in held["bindings"] if (one["vhost"], one["destination"]) not in dying]
    return json.dumps(
        {key: sorted(map(json.dumps, part)) for key, part in held.items() if isinstance(part, list)}, indent=1
    )


def prepare(broker: Broker) -> None:
    broker.clean()
    broker.converge(**{**BEFORE, "permissions": [{**BEFORE["permissions"][0], "user": broker.user}]})


def run_through(broker: Broker, port: int) -> None:
    with closing(broker.client(url=f"http://127.0.0.1:{port}")) as client:
        converge.converge(client, converge.Wanted(AFTER))


@pytest.fixture(scope="module")
def undisturbed(broker: Broker) -> Iterator[tuple[str, int]]:
    """The state after a run that nothing disturbs, and how many writes it takes."""
    prepare(broker)
    with forwarder(broker, 0, False) as through:
        run_through(broker, through.port)
    yield state(broker), through.writes
    broker.clean()


@pytest.mark.parametrize("carried_out", [False, True], ids=["lost", "carried out"])
def test_a_run_that_loses_a_connection_goes_on_by_itself(broker, undisturbed, carried_out):
    wanted, writes = undisturbed
    assert writes >= 4
    for cut in range(1, writes + 1):
        prepare(broker)
        with forwarder(broker, cut, carried_out) as through:
            run_through(broker, through.port)
        assert state(broker) == wanted, f"cut at write {cut}"
        assert broker.converge(**AFTER).plan == []


def test_a_run_that_dies_is_finished_by_the_next(broker, undisturbed):
    """Every write from one on is lost: the run ends with a sentence, and the next one ends in the same state."""
    wanted, writes = undisturbed
    for cut in range(1, writes + 1):
        prepare(broker)
        with (
            forwarder(broker, cut, False, for_ever=True) as through,
            pytest.raises(api.Interrupted, match="broke"),
        ):
            run_through(broker, through.port)
        broker.converge(**AFTER)
        assert state(broker) == wanted, f"dead from write {cut} on"


def test_two_operators_at_once_end_in_what_both_declared(broker):
    """Both replace the same queue among other things; neither fails, and the end is what both declared."""
    for _ in range(3):
        prepare(broker)
        failures: list[Exception] = []
        threads = [threading.Thread(target=operator, args=(broker, failures)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        assert failures == []
        assert broker.converge(**AFTER).plan == []
    broker.clean()


def operator(broker: Broker, failures: list[Exception], document: dict[str, Any] = AFTER) -> None:
    try:
        broker.converge(**document)
    except Exception as error:
        failures.append(error)


MINE: dict[str, Any] = {
    "users": [{"name": "bk-app", "password": "mine", "tags": ["monitoring"]}, {"name": "bk-mine"}],
    "policies": [{"vhost": "bk-f", "name": "p", "pattern": "^mine", "definition": {"max-length": 1}}],
    "queues": [
        {"vhost": "bk-f", "name": "of-mine", "type": "classic", "bindings": [{"source": "amq.fanout"}]}
    ],
}
YOURS: dict[str, Any] = {
    "users": [{"name": "bk-app", "password": "yours", "tags": ["management"]}, {"name": "bk-yours"}],
    "policies": [{"vhost": "bk-f", "name": "p", "pattern": "^yours", "definition": {"max-length": 2}}],
    "queues": [
        {"vhost": "bk-f", "name": "of-yours", "type": "classic", "bindings": [{"source": "amq.fanout"}]}
    ],
}


def test_two_operators_who_disagree_leave_whole_objects_of_one_or_the_other(broker):
    """What both declare is wholly as one of them wants it, and what one alone declares is there."""
    prepare(broker)
    failures: list[Exception] = []
    threads = [
        threading.Thread(target=operator, args=(broker, failures, document)) for document in (MINE, YOURS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert failures == []
    for kind in ("users", "policies"):
        left = [broker.converge(check=True, **{kind: document[kind]}).plan for document in (MINE, YOURS)]
        assert sorted(map(len, left)) == [0, 1], (kind, left)
    for document in (MINE, YOURS):
        assert broker.converge(check=True, queues=document["queues"]).plan == []
    broker.clean()
