"""A client for MQTT 3.1.1, as small as a test of a broker's connector can have it.

Source: "MQTT Version 3.1.1", OASIS; the sections are named beside the packets. Quality of service 0 alone, and packets
below 128 bytes.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

CONNACK, PUBLISH, SUBACK = 0x20, 0x30, 0x90


def text(value: str | bytes) -> bytes:
    """Bytes with their length before them (1.5.3)."""
    raw = value.encode() if isinstance(value, str) else value
    return len(raw).to_bytes(2, "big") + raw


class MqttClient:
    """One connection."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection

    def send(self, head: int, body: bytes) -> None:
        """Send a packet (2.2)."""
        assert len(body) < 128
        self._socket.sendall(bytes([head, len(body)]) + body)

    def receive(self) -> tuple[int, bytes]:
        """The next packet: its kind, and what is after its length."""
        head, length = self._exactly(2)
        return head & 0xF0, self._exactly(length)

    def _exactly(self, count: int) -> bytes:
        found = b""
        while len(found) < count:
            more = self._socket.recv(count - len(found))
            if not more:
                raise ConnectionResetError("the broker hung up")
            found += more
        return found

    def connect(self, user: str, password: str) -> None:
        """Log in (3.1): a clean session, a name, a password."""
        name = f"brokerkit-{os.urandom(4).hex()}"
        self.send(0x10, text("MQTT") + b"\x04\xc2\x00\x3c" + text(name) + text(user) + text(password))
        kind, body = self.receive()
        assert kind == CONNACK, kind
        if body[1]:
            raise ConnectionRefusedError(f"code {body[1]}")

    def subscribe(self, topic: str) -> None:
        """Subscribe (3.8) and wait for the broker's consent."""
        self.send(0x82, b"\x00\x01" + text(topic) + b"\x00")
        assert self.receive() == (SUBACK, b"\x00\x01\x00")

    def publish(self, topic: str, body: bytes) -> None:
        """Publish (3.3) and hang up as one does (3.14), so that the message is not lost with the connection."""
        self.send(PUBLISH, text(topic) + body)
        self.send(0xE0, b"")

    def message(self) -> tuple[str, bytes]:
        """The next message: its topic, and its body."""
        kind, packet = self.receive()
        assert kind == PUBLISH, kind
        length = int.from_bytes(packet[:2], "big")
        return packet[2 : 2 + length].decode(), packet[2 + length :]


@contextmanager
def mqtt_client(address: str, password: str, user: str = "smoke", port: int = 1883) -> Iterator[MqttClient]:
    """A connection that is logged in."""
    with socket.create_connection((address, port), timeout=15) as connection:
        client = MqttClient(connection)
        client.connect(user, password)
        yield client
