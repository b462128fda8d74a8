"""manage.py mq: handles messages until it is told to stop. As a service: see shop-mq.service."""

from __future__ import annotations

import os
import signal
import socket
import threading
from typing import Any

from django.core.management.base import BaseCommand

from mq import listener


def notify(text: str) -> None:
    """Tell systemd, if it has started this process."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.sendto(text.encode(), address.replace("@", "\0", 1))


class Command(BaseCommand):
    """Ready when it consumes. SIGTERM and SIGINT end it after the message in hand."""

    help = "Handle messages of the broker until SIGTERM or SIGINT."

    def handle(self, *args: Any, **options: Any) -> None:
        """Consume."""
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())

        def state(text: str) -> None:
            ready = "READY=1\n" if text.startswith("consuming") else ""
            notify(f"{ready}STATUS={text}")

        listener.run(stop, state)
        notify("STOPPING=1")
