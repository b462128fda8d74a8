"""The soak against a real broker: what is lost, doubled or out is found and named, exactly, and nothing else is."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import hosts
import pika
import pytest
from hosts import PLAYBOOK, ROOT, Controller, Host
from probes import endpoints
from probes.model import ExitCode, Refusal
from soaking import queues
from soaking.job import QueueType

INVENTORY = "tests/hosts/rabbitmq/soak/inventory"
HOST = "so-trixie"
CALM = ("--rate", "100", "--workers", "2", "--drain", "20")


@dataclass
class Broker:
    """A broker, and the endpoints file that names it."""

    host: Host
    endpoints: Path
    password: str
    directory: Path
    soaks: list[Soak] = field(default_factory=list)

    def soak(self, *words: str) -> Soak:
        """Start a soak."""
        one = Soak(self, words, self.directory / f"{len(self.soaks)}.json")
        self.soaks.append(one)
        return one

    def queues(self) -> list[str]:
        """The queues of soaks that there are."""
        listed = self.host.run("rabbitmqctl -q list_queues -p brokerkit-smoke --no-table-headers name")
        return sorted(name for name in listed.split() if name.startswith("brokerkit.soak."))

    def connect(self) -> pika.BlockingConnection:
        """A client of the same user, beside the soak."""
        login = pika.PlainCredentials("smoke", self.password)
        where = pika.ConnectionParameters(self.host.address, 5672, "brokerkit-smoke", login)
        return pika.BlockingConnection(where)


class Soak:
    """A run of soak.py; its lines on standard error are read as they come."""

    def __init__(self, broker: Broker, words: tuple[str, ...], document: Path) -> None:
        command = [sys.executable, str(ROOT / "scripts/soak.py"), "--endpoints", str(broker.endpoints)]
        self._document = document
        self.process = subprocess.Popen(
            [*command, "--json", str(document), *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def interrupt(self) -> None:
        """Press Ctrl-C in its terminal: every process of the group gets it."""
        os.killpg(self.process.pid, signal.SIGINT)

    def end(self) -> tuple[int, dict[str, Any], str]:
        """Wait for it; return its exit code, its report as JSON and as text."""
        assert self.process.stdout is not None
        text = self.process.stdout.read()
        code = self.process.wait(timeout=120)
        self._reader.join(5)
        assert self._document.exists(), f"code {code}: {text} {self.lines}"
        assert self._document.stat().st_mode & 0o077 == 0
        return code, json.loads(self._document.read_text(encoding="utf-8")), text

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line.rstrip())


@pytest.fixture(scope="module")
def broker(controller: Controller, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker of Debian 13."""
    values = hosts.settings(HOST)
    path = controller.inventory({"rabbitmq": {"hosts": {HOST: values}}})
    file = path.parent / "endpoints.json"
    command = [PLAYBOOK, "-i", INVENTORY, "-i", str(path), "-e", f"endpoints_file={file}", "site.yml"]

    def make() -> None:
        controller.run(command, path.parent).succeeded()

    if hosts.thawed_or(make, path, HOST, INVENTORY):
        controller.run([*command, "--tags", "endpoints"], path.parent).succeeded()
    host = hosts.host(HOST, INVENTORY)
    hosts.wait_for("AMQP", lambda: hosts.listens(host.address, 5672), seconds=60)
    found = Broker(host, file, values["endpoint_password"], tmp_path_factory.mktemp("soak"))
    yield found
    for one in found.soaks:
        if one.process.poll() is None:
            os.killpg(one.process.pid, signal.SIGKILL)
    hosts.take_down(HOST, inventory=INVENTORY)


def under_way(broker: Broker, count: int = 2) -> list[str]:
    """The queues of a soak, once messages go through all of them."""

    def look() -> list[str]:
        listed = broker.host.run(
            "rabbitmqctl -q list_queues -p brokerkit-smoke --no-table-headers name consumers"
        )
        rows = [line.split() for line in listed.splitlines()]
        found = sorted(row[0] for row in rows if row[0].startswith("brokerkit.soak.") and row[1] == "1")
        return found if len(found) == count else []

    return hosts.wait_for("the soak's consumers", look, seconds=60)


def test_a_restart_is_an_outage_in_which_nothing_is_lost(broker: Broker) -> None:
    """Three soaks at once: quorum queues over AMQP, which runs it, a stream, and classic queues over STOMP."""
    restart = shlex.join(broker.host.command("echo 'TASK [Restart] ***'; systemctl restart rabbitmq-server"))
    beside = [
        broker.soak(*CALM, "--seconds", "300", "--queue-type", "stream"),
        broker.soak(*CALM, "--seconds", "300", "--queue-type", "classic", "--protocol", "stomp"),
    ]
    under_way(broker, 4)
    page = broker.directory / "page.html"
    main = broker.soak(
        *CALM, "--during", restart, "--cool-down", "5", "--max-outage", "0.3", "--html", str(page)
    )
    code, found, text = main.end()
    # The broker was away for seconds, and that is the only thing that was wrong.
    assert code == 1 and "longer than the 0.3 s of --max-outage" in found["verdict"], text
    assert found["verdict"].endswith(
        f" 0 of {found['messages']['confirmed']:,} confirmed messages were lost."
    )
    assert found["operation"]["exit_code"] == 0
    assert [one["kind"] for one in found["operation"]["stages"]] == ["begin", "task", "end"]
    begin, end = found["operation"]["begin"], found["operation"]["end"]
    longest = max(found["outages"], key=lambda one: one[1] - one[0])
    assert begin < longest[0] < end, "the outage is within the operation"
    assert "  | TASK [Restart] ***" in main.lines
    assert "<title>Soak: A client was without service" in page.read_text(encoding="utf-8")
    for one in beside:
        one.interrupt()
    for each in (found, *(one.end()[1] for one in beside)):
        counts = each["messages"]
        assert counts["lost"] == counts["out_of_order"] == counts["unconfirmed"] == 0, each["lost"]
        assert counts["confirmed"] == counts["delivered"] == counts["published"] > 500
        assert each["seconds_without_service"]["longest"] > 0.3
        assert sum(each["lost_connections"].values()) >= 4
        assert each["outages_of_all_publishers"]
    assert [one.process.returncode for one in beside] == [130, 130]
    assert broker.queues() == []


def test_what_is_taken_doubled_or_slipped_in_is_counted_exactly(broker: Broker) -> None:
    """Somebody takes five messages of a queue, gives one of them back twice, and sends one of their own."""
    soak = broker.soak(*CALM, "--seconds", "300", "--drain", "3")
    queue = under_way(broker)[0]
    taken: list[bytes] = []
    with broker.connect() as connection:
        channel = connection.channel()
        # Beside the soak's own consumer, it gets every other message.
        for method, _, body in channel.consume(queue, inactivity_timeout=10):
            taken.append(body)
            channel.basic_ack(method.delivery_tag)
            if len(taken) == 5:
                break
        channel.cancel()
        for body in (taken[2], taken[2], b"of somebody else"):
            channel.basic_publish("", queue, body)
    soak.interrupt()
    code, found, text = soak.end()
    counts = found["messages"]
    assert code == found["exit_code"] == 1, text
    assert (counts["lost"], counts["duplicated"], counts["foreign"]) == (4, 1, 1)
    assert counts["out_of_order"] >= 1  # the one that was given back came late
    numbers = {int(body.split()[2]) for body in taken if body != taken[2]}
    assert found["verdict"].startswith(
        f"4 of {counts['confirmed']:,} confirmed messages were lost ({queue}: "
    )
    assert numbers <= set(
        map(int, found["verdict"].split(": ")[1].split(")")[0].replace(" to ", ", ").split(", "))
    )
    assert broker.queues() == []


def test_the_password_is_in_no_process_and_a_soak_that_was_killed_leaves_queues_that_go(
    broker: Broker,
) -> None:
    soak = broker.soak(*CALM, "--seconds", "300")
    left = under_way(broker)
    seen = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert "soak.py" in seen and broker.password not in seen
    os.killpg(soak.process.pid, signal.SIGKILL)
    assert broker.queues() == left
    told = broker.host.run("rabbitmqctl -q list_queues -p brokerkit-smoke name arguments")
    assert told.count("x-expires") == 2
    for queue in left:
        broker.host.run(f"rabbitmqctl -q delete_queue -p brokerkit-smoke {queue}")


def test_an_operation_that_fails_or_does_not_end_is_a_failure(broker: Broker) -> None:
    failing = broker.soak(*CALM, "--during", "sh -c 'echo no; exit 3'", "--warm-up", "1", "--cool-down", "1")
    code, found, _ = failing.end()
    assert code == 1 and found["verdict"].startswith("The operation failed with exit code 3. 0 of ")
    assert found["operation"]["output"] == ["no"]
    endless = broker.soak(*CALM, "--during", "sleep 1000", "--warm-up", "1", "--seconds", "3")
    code, found, _ = endless.end()
    assert code == 1 and found["operation"]["cut_off"] and "may be half done" in found["verdict"]
    assert found["messages"]["lost"] == 0 < found["messages"]["confirmed"]


def test_several_members_are_one_target(broker: Broker, tmp_path: Path) -> None:
    """The same broker under a second name stands for a second member."""
    document = json.loads(broker.endpoints.read_text(encoding="utf-8"))
    document["brokers"].append({**document["brokers"][0], "name": "again"})
    path = tmp_path / "endpoints.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps(document), encoding="utf-8")
    both = Broker(broker.host, path, broker.password, tmp_path, broker.soaks)
    code, found, text = both.soak(*CALM, "--seconds", "2", "--broker", f"{HOST},again").end()
    assert code == 0 and found["target"]["brokers"] == [HOST, "again"], text


def test_a_member_that_does_not_have_the_queue_is_a_broker_of_its_own(broker: Broker) -> None:
    """A second vhost stands for a second broker."""
    broker.host.run(
        "rabbitmqctl -q add_vhost stranger && rabbitmqctl -q set_permissions -p stranger smoke '.*' '.*' '.*'"
    )
    one = endpoints.load(broker.endpoints)[0]
    other = replace(one, name="stranger", vhost="stranger")
    queue = f"{queues.PREFIX}.t.0"
    queues.declare([one], "t", [queue], QueueType.CLASSIC)
    try:
        queues.demand_one_cluster([one, one], "t", queue)
        with pytest.raises(Refusal, match="is not on stranger") as caught:
            queues.demand_one_cluster([one, other], "t", queue)
        assert caught.value.code == ExitCode.USAGE
    finally:
        assert queues.delete([one], "t", [queue], patient=False) == ""
    assert broker.queues() == []
