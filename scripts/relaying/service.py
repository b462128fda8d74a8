"""A relay as a process: its workers, what it says to systemd, and the page for whoever watches it."""

from __future__ import annotations

import io
import json
import signal
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from brokers.relay.settings import Settings

from relaying import links
from relaying.call import Call
from relaying.files import OK, UNAVAILABLE, Refused, Secrets
from relaying.gate import Gate
from relaying.journal import Journal
from relaying.metrics import Metrics
from relaying.systemd import Manager
from relaying.worker import Shared, Worker

_TICK_SECONDS = 0.25
# What a worker may spend in one turn without its request: connections to each host of the broker, and a blocked one.
_TURN_SECONDS = 120


def workers_of(settings: Settings, secrets: Secrets, shared: Shared) -> list[Worker]:
    """Return the workers of a relay. Raises Refused for a secret or certificate that is not as it has to be."""
    source, request = settings.source, settings.request
    connect = links.opener(settings, secrets)
    to_api = secrets.context("request", request) if settings.url.scheme == "https" else None
    headers = {**request["headers"], **secrets.authorization(request)}
    return [
        Worker(
            number,
            shared,
            connect,
            Call(settings.url, headers, request["timeout"], to_api),
        )
        for number in range(1, source["workers"] + 1)
    ]


class Relay:
    """What runs until a signal ends it."""

    def __init__(self, shared: Shared, workers: Sequence[Worker], manager: Manager) -> None:
        self._shared = shared
        self._workers = workers
        self._manager = manager
        self._ready = False
        self._patience = 2 * shared.settings.request["timeout"] + _TURN_SECONDS

    def run(self) -> int:
        """Work until the relay is asked to stop, finish what is in hand, and return the exit code."""
        try:
            server = _server(self)
        except OSError as error:
            settings = self._shared.settings
            raise Refused(
                UNAVAILABLE,
                f"metrics_port: {settings.metrics_port} on {settings.metrics_address} cannot be had: {error.strerror}; "
                "choose a free port, and an address of this host",
            ) from None
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for worker in self._workers:
            worker.start()
        watched = 0.0
        while not self._shared.stopping.wait(_TICK_SECONDS) or any(one.is_alive() for one in self._workers):
            now = time.monotonic()
            for worker in self._workers:
                worker.call.interrupt_if_overdue(now)
            self._tell()
            if now - watched > self._manager.watchdog_seconds / 3 and self._all_turn(now):
                watched = now
                self._manager.tell("WATCHDOG=1")
            if self._shared.stopping.is_set():
                time.sleep(_TICK_SECONDS / 5)
            elif not all(one.is_alive() for one in self._workers):
                raise RuntimeError("a worker has ended, which none does by itself")  # systemd begins anew
        server.shutdown()
        self._shared.journal.say("info", "ended", "everything in hand was finished; nothing else was taken")
        return OK

    def stop(self) -> None:
        """Take no more messages."""
        self._shared.journal.say("info", "stopping", "takes no more messages")
        self._manager.tell("STOPPING=1")
        self._shared.stopping.set()

    def state(self) -> dict[str, Any]:
        """Return what the page /health says."""
        gate, metrics = self._shared.gate, self._shared.metrics
        connected = sum(one.connected for one in self._workers)
        state = "working"
        for is_so, word in (
            (connected < len(self._workers), "no-broker"),
            (gate.why, "api-away"),
            (gate.stopped, "stopped"),
        ):
            state = word if is_so else state
        counts = {name: metrics.total(name) for name in ("consumed", "done", "dead_lettered", "retried")}
        return {
            "relay": self._shared.settings.name,
            "state": state,
            "why": gate.stopped
            or gate.why
            or next((one.trouble for one in self._workers if not one.connected), ""),
            "connected": connected,
            "workers": len(self._workers),
            **counts,
        }

    def metrics(self) -> str:
        """Return what the page /metrics says."""
        gate = self._shared.gate
        connected = sum(one.connected for one in self._workers)
        return self._shared.metrics.text(
            {"connected": connected, "paused": int(bool(gate.why)), "stopped": int(bool(gate.stopped))}
        )

    def _tell(self) -> None:
        state = self.state()
        if not self._ready and state["connected"]:
            self._ready = True
            self._manager.tell("READY=1")
        why = f": {state['why']}" if state["why"] else ""
        self._manager.status(
            f"{state['state']}, {state['connected']} of {state['workers']} workers connected{why}"
        )

    def _all_turn(self, now: float) -> bool:
        return all(now - one.turned < self._patience for one in self._workers)


def _server(relay: Relay) -> ThreadingHTTPServer:
    """Return the server of /metrics and /health: on loopback, unless the operator opens it to others."""

    class Page(BaseHTTPRequestHandler):
        timeout = 5

        def do_GET(self) -> None:
            state = relay.state()
            pages: Mapping[str, tuple[int, str, str]] = {
                "/health": (
                    200 if state["state"] == "working" else 503,
                    "application/json",
                    json.dumps(state) + "\n",
                ),
                "/metrics": (200, "text/plain; version=0.0.4", relay.metrics()),
            }
            code, kind, text = pages.get(self.path, (404, "text/plain", "there are /health and /metrics\n"))
            body = text.encode()
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: Any) -> None:
            """Say nothing."""

    settings = relay._shared.settings

    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in settings.metrics_address else socket.AF_INET

    return Server((settings.metrics_address, settings.metrics_port), Page)


def check(settings: Settings, path: Path, environment: Mapping[str, str]) -> None:
    """Read everything that a run would read. Raises Refused."""
    workers_of(settings, Secrets(path, environment), _shared(settings, Journal(io.StringIO(), settings.name)))


def run(settings: Settings, path: Path, environment: Mapping[str, str], journal: Journal) -> int:
    """Run a relay until SIGTERM or SIGINT; returns the exit code. Raises Refused."""
    shared = _shared(settings, journal)
    relay = Relay(shared, workers_of(settings, Secrets(path, environment), shared), Manager(environment))
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, lambda *_: relay.stop())
    return relay.run()


def _shared(settings: Settings, journal: Journal) -> Shared:
    return Shared(settings, Gate(), journal, Metrics(settings.name), threading.Event())
