"""The ports examined in a run: each once, however many probes fail on it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future

from probes.wire.classify import Port, classify
from probes.wire.waiting import spawn

# The longest examination of a port: it connects slowly, and then says nothing.
DIAGNOSIS_SECONDS = 3.0
_CONNECT_SECONDS = 1.0

# Where brokers listen by default: RabbitMQ's networking guide, ActiveMQ's activemq.xml.
WELL_KNOWN_PORTS = (5672, 5671, 61613, 61614, 61612, 61616, 1883, 15672, 15671, 8080, 8161)


class PortBook:
    """The results for ports; several threads may ask for the same one at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: dict[tuple[str, object], Future[list[Port]]] = {}

    def look(self, host: str, port: int) -> None:
        """Begin to look at a port, and at the well-known ones of its host, without waiting for what is found."""
        self._port(host, port)
        self._survey(host)

    def port(self, host: str, port: int) -> Port:
        """Return what speaks on host:port."""
        return self._port(host, port).result()[0]

    def survey(self, host: str) -> list[Port]:
        """Return the well-known broker ports on which `host` listens, with what they speak."""
        return self._survey(host).result()

    def seen(self, host: str, port: int) -> Port | None:
        """Return an earlier result for host:port; None if it was not examined, or not to the end."""
        with self._lock:
            entry = self._entries.get((host, port))
        return entry.result()[0] if entry is not None and entry.done() else None

    def _port(self, host: str, port: int) -> Future[list[Port]]:
        return self._once(host, port, lambda: [classify(host, port, _CONNECT_SECONDS)])

    def _survey(self, host: str) -> Future[list[Port]]:
        return self._once(host, "survey", lambda: self._look_around(host))

    def _look_around(self, host: str) -> list[Port]:
        going = [self._port(host, number) for number in WELL_KNOWN_PORTS]
        found = [one.result()[0] for one in going]
        return [port for port in found if port.speaks.listens]

    def _once(self, host: str, what: object, look: Callable[[], list[Port]]) -> Future[list[Port]]:
        with self._lock:
            entry = self._entries.get((host, what))
            if entry is None:
                entry = self._entries[host, what] = spawn(look)
            return entry
