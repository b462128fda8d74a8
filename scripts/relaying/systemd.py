"""Words to systemd, as sd_notify(3) sends them; without systemd they go nowhere."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping


class Manager:
    """systemd, if it started this process with Type=notify."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        place = environment.get("NOTIFY_SOCKET", "")
        self._address = f"\0{place[1:]}" if place.startswith("@") else place
        asked = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self.watchdog_seconds = int(environment.get("WATCHDOG_USEC", "0")) / 1_000_000 if asked else 0.0
        self._said = ""

    def tell(self, word: str) -> None:
        """Send `READY=1`, `STOPPING=1` or `WATCHDOG=1`. A manager that does not listen is no reason to stop working."""
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
                line.connect(self._address)
                line.send(word.encode())
        except OSError:
            return

    def status(self, sentence: str) -> None:
        """Have `systemctl status` show a sentence, where it is a new one."""
        if sentence != self._said:
            self._said = sentence
            self.tell(f"STATUS={sentence}")
