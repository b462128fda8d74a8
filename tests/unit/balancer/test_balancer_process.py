"""A reload is done when another process than before serves, whatever systemd says of it."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from brokers.balancer import process

LOG = """[NOTICE]   (312) : Reloading HAProxy
[ALERT]    (312) : [/usr/sbin/haproxy.main()] Cannot raise FD limit to 20066, limit is 20000.
[WARNING]  (312) : Loading failure!
[ALERT]    (312) : Fatal errors found in configuration.
"""


class Balancer:
    """Answers `show info` as HAProxy does, under a process number that a reload may change."""

    def __init__(self, path: Path, changes: bool) -> None:
        self.number, self.path, self.changes, self.commands = 100, str(path), changes, []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        while True:
            try:
                line, _ = self.listener.accept()
            except OSError:
                return
            with line:
                line.recv(100)
                line.sendall(f"Name: HAProxy\nPid: {self.number}\nUptime: 0d\n\n".encode())

    def run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        self.commands.append(command[:2])
        if command[1] == "reload" and self.changes:
            self.number += 1
        said = "active\n" if command[1] == "is-active" else LOG if command[0] == "journalctl" else ""
        return subprocess.CompletedProcess(command, 0, said, "")


@pytest.fixture
def balancer(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Balancer]:
    found = Balancer(tmp_path / "socket", request.param)
    yield found
    found.listener.close()


@pytest.mark.parametrize("balancer", [True], indirect=True)
def test_a_new_process_is_what_is_waited_for(balancer: Balancer, tmp_path: Path) -> None:
    sockets = [balancer.path, str(tmp_path / "none")]
    assert process.reload("haproxy.service", sockets, 20, balancer.run).serves
    assert ["systemctl", "reload"] in balancer.commands


@pytest.mark.parametrize("balancer", [False], indirect=True)
def test_a_reload_that_systemd_calls_done_has_failed_where_the_old_process_goes_on(
    balancer: Balancer,
) -> None:
    found = process.reload("haproxy.service", [balancer.path], 0.05, balancer.run)
    assert not found.serves
    assert process.words(found.log) == [
        "[/usr/sbin/haproxy.main()] Cannot raise FD limit to 20066, limit is 20000."
    ]


def test_nobody_answers_where_there_is_no_socket(tmp_path: Path) -> None:
    assert process.pid(process.ask(str(tmp_path / "none"))) == 0
