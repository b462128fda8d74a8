"""examples/django on both brokers: its own tests, its consumer as a process and as a unit, its health check."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from client_hosts import Site, environment
from hosts import ROOT, wait_for

EXAMPLE = ROOT / "examples/django"


class Shop:
    """A copy of the example with an environment of its own, and the processes that it runs."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        shutil.copytree(
            EXAMPLE, directory, ignore=shutil.ignore_patterns(".venv", "db.sqlite3", "__pycache__", ".env")
        )
        self.python = environment(directory / ".venv", EXAMPLE / "requirements.txt")
        self.notified = str(directory / "notify")

    def variables(self, settings: Path | None) -> dict[str, str]:
        """What its processes get: the settings of an application, or none."""
        found = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "MQ_RETRY_WAITS": "0.1"}
        found |= {
            "DJANGO_DATABASE": str(self.directory / f"{settings.name if settings else 'memory'}.sqlite3")
        }
        return {**found, "MQ_ENV_FILE": str(settings / ".env")} if settings else found

    def manage(self, settings: Path | None, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command of Django to its end."""
        return subprocess.run(
            [str(self.python), "manage.py", *words],
            cwd=self.directory,
            env=self.variables(settings),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def start(self, settings: Path, *words: str, **more: str) -> subprocess.Popen[bytes]:
        """Start one that stays."""
        with (self.directory / f"{words[0]}.log").open("wb") as log:
            return subprocess.Popen(
                [str(self.python), "-u", "manage.py", *words],
                cwd=self.directory,
                env={**self.variables(settings), **more},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def said(self, command: str) -> str:
        """What such a process has printed."""
        return (self.directory / f"{command}.log").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The example, ready to run."""
    return Shop(tmp_path_factory.mktemp("django") / "shop")


@pytest.mark.parametrize(
    "application",
    [
        "memory",
        pytest.param("rabbit-plain", marks=pytest.mark.drill),
        "rabbit-cert",
        "active-plain",
        pytest.param("active-cert", marks=pytest.mark.drill),
    ],
)
def test_its_own_tests_pass(site: Site, shop: Shop, application: str) -> None:
    settings = None if application == "memory" else site.directory / application
    done = shop.manage(settings, "test")
    assert done.returncode == 0, done.stderr
    assert ("skipped" in done.stderr) is (application == "memory"), done.stderr


class Running:
    """The web process and the consumer, with the settings of an application."""

    def __init__(self, shop: Shop, settings: Path) -> None:
        self.shop, self.settings = shop, settings
        assert shop.manage(settings, "migrate").returncode == 0
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.systemd.bind(shop.notified)
        self.systemd.settimeout(60)
        self.consumer = shop.start(settings, "mq", NOTIFY_SOCKET=shop.notified)
        self.web = shop.start(settings, "runserver", "--noreload", f"127.0.0.1:{self.port}")
        wait_for("the web process", lambda: self.asked("chk/mq")[0], 60)

    def close(self) -> None:
        """End both."""
        for process in (self.consumer, self.web):
            process.kill()
            process.wait()
        self.systemd.close()
        os.unlink(self.shop.notified)

    def asked(self, path: str, data: object = None) -> tuple[int, dict]:
        """Status and JSON of an answer; 0 where nobody answers."""
        body = json.dumps(data).encode() if data is not None else None
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{path}", body, timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error) if error.code == 503 else {}
        except OSError:
            return 0, {}

    def confirmed(self, number: int) -> bool:
        """Whether the consumer has handled an order's message."""
        return bool(self.asked(f"orders/{number}")[1]["confirmed"])

    def ready(self) -> str:
        """What systemd is told next, from READY on."""
        while not (text := self.systemd.recv(4096).decode()).startswith("READY=1"):
            pass
        return text


@pytest.fixture(scope="module", params=["rabbit-tls", "active-tls"])
def running(request: pytest.FixtureRequest, site: Site, shop: Shop) -> Iterator[Running]:
    """Both processes, on each broker."""
    found = Running(shop, site.directory / request.param)
    yield found
    found.close()


def test_an_order_is_confirmed_by_the_consumer(running: Running) -> None:
    assert "STATUS=consuming /queue/" in running.ready()
    code, order = running.asked("orders", {"article": "Äpfel"})
    assert code == 201
    wait_for("the confirmation", lambda: running.confirmed(order["id"]), 30)
    code, found = running.asked("chk/mq")
    assert code == 200 and found["queue_ms"] > 0 and found["topic_ms"] > 0


def test_the_consumer_comes_back_after_its_broker(running: Running, site: Site) -> None:
    """And the check says meanwhile what is wrong, and `send` uses a connection that was lost again."""
    kind = running.settings.name.partition("-")[0]
    host, unit = {
        "rabbit": (site.rabbit, "rabbitmq-server"),
        "active": (site.active, "activemq-main"),
    }[kind]
    host.run(f"systemctl stop {unit}")
    code, found = running.asked("chk/mq")
    assert code == 503 and "nothing listens on port" in found["why"] and host.address in found["why"], found
    host.run(f"systemctl start {unit}")
    wait_for("the broker", lambda: running.asked("chk/mq")[0] == 200, 120)
    assert "STATUS=consuming" in running.ready()
    code, order = running.asked("orders", {"article": "pear"})
    assert code == 201
    wait_for("the confirmation", lambda: running.confirmed(order["id"]), 60)


def test_sigterm_ends_the_consumer_and_keeps_what_comes_then(running: Running) -> None:
    running.consumer.send_signal(signal.SIGTERM)
    assert running.consumer.wait(30) == 0, running.shop.said("mq")
    _, order = running.asked("orders", {"article": "late"})
    time.sleep(0.5)
    assert not running.confirmed(order["id"])
    running.consumer = running.shop.start(running.settings, "mq", NOTIFY_SOCKET=running.shop.notified)
    assert running.ready()
    wait_for("the confirmation", lambda: running.confirmed(order["id"]), 30)


DROP_IN = """[Service]
Environment=PYTHONPATH=/srv/shop/libraries
ExecStart=
ExecStart=/usr/bin/python3 manage.py mq
"""


def packed(host_command: list[str], folder: Path) -> None:
    """Unpack a folder's files at the other end of a command."""
    tar = subprocess.run(
        [
            "tar",
            "c",
            "--exclude=.venv",
            "--exclude=*.sqlite3",
            "--exclude=__pycache__",
            "-C",
            str(folder),
            ".",
        ],
        check=True,
        capture_output=True,
    )
    subprocess.run(host_command, input=tar.stdout, check=True, capture_output=True, timeout=120)


def test_the_unit_is_ready_when_it_consumes(site: Site, shop: Shop) -> None:
    """On the broker's host, with that host's Python, and the settings copied to where `installed_at` says."""
    host = site.rabbit
    libraries = next((shop.directory / ".venv" / "lib").glob("python*/site-packages"))
    for folder, where in ((shop.directory, "/srv/shop"), (libraries, "/srv/shop/libraries")):
        packed(host.command(f"mkdir -p {where} && tar x --no-same-owner -C {where}"), folder)
    packed(
        host.command("install -d -m 0700 /etc/shop/mq && tar x --no-same-owner -C /etc/shop/mq"),
        site.directory / "rabbit-unit",
    )
    host.run("useradd --system shop && chown -R shop: /srv/shop /etc/shop")
    host.write(
        "/etc/systemd/system/shop-mq.service", (EXAMPLE / "shop-mq.service").read_text(encoding="utf-8")
    )
    host.run("mkdir /etc/systemd/system/shop-mq.service.d")
    host.write("/etc/systemd/system/shop-mq.service.d/test.conf", DROP_IN)
    migrate = (
        "setpriv --reuid=shop --regid=shop --clear-groups env PYTHONPATH=libraries python3 manage.py migrate"
    )
    host.run(f"cd /srv/shop && {migrate}")
    host.run("systemctl daemon-reload && systemctl start --no-block shop-mq")
    status = "systemctl show --property=ActiveState --value shop-mq"
    journal = "journalctl --unit=shop-mq --no-pager"
    try:
        wait_for("the unit", lambda: host.run(status).strip() == "active", 60)
    except AssertionError as error:
        raise AssertionError(host.run(journal)) from error
    shown = host.run("systemctl show --property=ActiveState,StatusText shop-mq")
    assert "ActiveState=active" in shown and "StatusText=consuming /queue/shop.orders" in shown
    host.run("systemctl stop shop-mq")
    assert "Result=success" in host.run("systemctl show --property=Result shop-mq")
