"""Ports that were looked at in a run: each once, however many probes fail on it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from probes.classify import Port, classify, connects

# Looking at a port again may take this long in the worst case (a silent listener, and a survey of the host).
DIAGNOSIS_SECONDS = 9.0
_CONNECT_SECONDS = 2.0
_SURVEY_CONNECT_SECONDS = 1.0

# Where brokers listen by default: RabbitMQ's networking guide, ActiveMQ's activemq.xml.
WELL_KNOWN_PORTS = (5672, 5671, 61613, 61614, 61616, 1883, 15672, 8080, 8161)


class PortBook:
    """What was found on ports; many threads may ask for one at the same time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: dict[tuple[str, object], _Once] = {}

    def port(self, host: str, port: int) -> Port:
        """Return what speaks on host:port."""
        found = self._once(host, port, lambda: [classify(host, port, _CONNECT_SECONDS)])
        return found[0]

    def survey(self, host: str) -> list[Port]:
        """Return the well-known broker ports on which `host` listens, with what they speak."""
        return self._once(host, "survey", lambda: _survey(host))

    def _once(self, host: str, what: object, look: Callable[[], list[Port]]) -> list[Port]:
        with self._lock:
            entry = self._entries.setdefault((host, what), _Once())
        with entry.lock:
            if entry.found is None:
                entry.found = look()
            return entry.found


class _Once:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.found: list[Port] | None = None


def _survey(host: str) -> list[Port]:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(len(WELL_KNOWN_PORTS)) as pool:
        reached = pool.map(lambda number: connects(host, number, _SURVEY_CONNECT_SECONDS), WELL_KNOWN_PORTS)
        open_ports = [port.number for port in reached if port.speaks.listens]
        return list(pool.map(lambda number: classify(host, number, _SURVEY_CONNECT_SECONDS), open_ports))
