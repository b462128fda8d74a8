"""A host with a broker, a relay and an API, and what goes through them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from typing import Any, NamedTuple

import hosts
import pika

INVENTORY = "tests/hosts/relay/inventory"
QUEUE, DEAD = "credit.delete", "relay.credit-delete.dead"
UNIT = "brokerkit-relay-credit-delete"
ARCHIVE = hosts.ROOT / "roles/message_relay/files/brokerkit-relay.pyz"
API_PORT, METRICS_PORT = 8000, 9470
LOG = "/var/tmp/api.log"
PROGRAM, DECLARATION = "/usr/local/lib/brokerkit-relay-*.pyz", "/etc/brokerkit/relay/credit-delete/relay.json"
WORKERS, PREFETCH = 2, 10
# Bodies of which never becomes anything, and the reason that their dead letters have.
BAD = {
    b"no JSON": "not-json",
    b"\xff\xfe": "not-utf8",
    b"[]": "missing-field",
    b'{"other": 1}': "missing-field",
    b'{"applyId": "../admin"}': "unfit-field",
    b'{"applyId": null}': "unfit-field",
    b'{"applyId": "' + b"x" * 2_000_000 + b'"}': "too-large",
    b'{"applyId": "404-1"}': "status-404",
    b'{"applyId": "500-1"}': "attempts",
}


_HEALTH = """\
import http.client, sys
line = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=2)
try:
    line.request("GET", "/health")
    print(line.getresponse().read().decode())
except OSError:
    pass
"""


class Request(NamedTuple):
    """A request that the API got."""

    method: str
    path: str
    key: str
    again: bool
    status: int
    at: float


def relay(**changes: Any) -> dict[str, Any]:
    """A relay that is right; `changes` are laid over it."""
    return {
        "name": "credit-delete",
        "source": {
            "hosts": ["127.0.0.1"],
            "vhost": "shop",
            "queue": QUEUE,
            "password": "test-host-only-relay",
            "workers": WORKERS,
            "prefetch": PREFETCH,
        },
        "request": {
            "method": "DELETE",
            "url": f"http://127.0.0.1:{API_PORT}/credit/apply-del/{{applyId}}",
            "timeout": 10,
        },
        "retry": {"first_wait": 1, "largest_wait": 4, "attempts": 4},
        "metrics_port": METRICS_PORT,
        # On a private bridge, for the smoke report.
        "metrics_address": "0.0.0.0",  # noqa: S104
        **changes,
    }


def build() -> None:
    """Build the relay's archive, as `make relay` does."""
    subprocess.run(
        [sys.executable, str(hosts.ROOT / "scripts/relay_archive.py")], check=True, capture_output=True
    )


@dataclass
class Site:
    """A test host that is a broker and runs a relay."""

    host: hosts.Host
    controller: hosts.Controller
    values: hosts.Settings

    def run(
        self, playbook: str, *flags: str, relays: list[dict[str, Any]] | None = None, **more: Any
    ) -> hosts.Run:
        """Run a playbook with these relays."""
        values = {**self.values, "own_users": self.values["rabbitmq_topology_users"]}
        values["rabbitmq_topology_users"] = (
            "{{ own_users + (message_relay_relays | brokerkit.brokers.relay_users) }}"
        )
        for kind in ("exchanges", "queues"):
            values[f"rabbitmq_topology_{kind}"] = (
                f"{{{{ message_relay_relays | brokerkit.brokers.relay_{kind} }}}}"
            )
        values["message_relay_relays"] = [relay()] if relays is None else relays
        values["endpoints_file"] = str(self.controller.directory / "endpoints.json")
        one = {"hosts": {self.host.name: {}}}
        path = self.controller.inventory({"rabbitmq": {**one, "vars": {**values, **more}}, "relays": one})
        command = [hosts.PLAYBOOK, "-i", INVENTORY, "-i", str(path), playbook, *flags]
        return self.controller.run(command, path.parent)

    def channel(self) -> Any:
        """A channel for an application, which confirms what it is given."""
        password = next(
            one["password"] for one in self.values["rabbitmq_topology_users"] if one["name"] == "shop"
        )
        connection = pika.BlockingConnection(
            pika.ConnectionParameters(
                self.host.address, 5672, "shop", pika.PlainCredentials("shop", password), heartbeat=0
            )
        )
        channel = connection.channel()
        channel.confirm_delivery()
        return channel

    def send(self, *bodies: bytes | str, ids: bool = True) -> None:
        """Send messages that survive a restart; a text becomes the field applyId of one, and its id."""
        channel = self.channel()
        for body in bodies:
            text = json.dumps({"applyId": body}).encode() if isinstance(body, str) else body
            known = {"message_id": body} if isinstance(body, str) and ids else {}
            channel.basic_publish(
                "", QUEUE, text, pika.BasicProperties(delivery_mode=2, **known), mandatory=True
            )
        channel.connection.close()

    def depth(self, queue: str) -> int:
        """How many messages a queue holds, those in hand not among them."""
        channel = self.channel()
        found: int = channel.queue_declare(queue, passive=True).method.message_count
        channel.connection.close()
        return found

    def dead(self) -> list[tuple[bytes, dict[str, Any]]]:
        """Take every dead letter: its body and headers."""
        channel = self.channel()
        found = []
        while (one := channel.basic_get(DEAD, auto_ack=True))[0] is not None:
            found.append((one[2], one[1].headers))
        channel.connection.close()
        return found

    def relay(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the installed program on the declaration, as an operator on the host does."""
        return self.host.attempt(f"python3 {PROGRAM} {' '.join(words)} {DECLARATION}")

    def prepare(self) -> None:
        """Make a bare host one on which the relay's unit can run, with the API."""
        # As on a machine. In a container a unit would not see the credentials that systemd mounts for it.
        self.host.run("mount --make-rshared /")
        self.start_api()

    def kill_broker(self) -> None:
        """Kill the broker, and start it again."""
        self.host.run(
            "systemctl kill --signal=KILL rabbitmq-server; sleep 1; systemctl start rabbitmq-server",
            timeout=180,
        )

    def once_done(self, prefix: str, number: int, command: str) -> None:
        """Run a command on the host as soon as the API has done so many: over SSH, on a busy machine, all could be."""
        enough = f'until [ "$(grep -c "/{prefix}.* 204 " {LOG})" -ge {number} ]; do sleep 0.02; done'
        self.host.run(f"timeout 90 sh -c '{enough}' && {command}")

    def cpu_seconds(self) -> float:
        """What the relay has used of a core since it began."""
        return int(self.host.run(f"systemctl show --property=CPUUsageNSec --value {UNIT}")) / 1e9

    def count(self) -> int:
        """How many requests the API has got."""
        return int(self.host.run(f"cat {LOG} 2>/dev/null | wc -l"))

    def start_api(self, *words: str, dies_after: int = 0) -> None:
        """Start the API, where it does not run; `words` are its certificate and key."""
        source = (hosts.ROOT / "tests/hosts/relay/api.py").read_text(encoding="utf-8")
        self.host.write("/var/tmp/api.py", source)
        self.host.run(
            "systemctl reset-failed test-api 2>/dev/null; "
            f"systemd-run --quiet --unit=test-api --setenv=DIES_AFTER={dies_after} "
            f"python3 /var/tmp/api.py {API_PORT} {LOG} {' '.join(words)}"
        )
        hosts.wait_for(
            "the API",
            lambda: (
                self.host.attempt(
                    f"python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", {API_PORT}))'"
                ).returncode
                == 0
            ),
        )

    def first_after_api(self) -> float:
        """How many seconds after the API began to listen it got its first request; 0 while it has none."""
        since = float(self.host.run(f"cat {LOG}.listens"))
        return next((one.at - since for one in self.requests() if one.at > since), 0.0)

    def stop_api(self) -> None:
        """Kill the API: no connection to it is closed in order, and the next is refused."""
        self.host.run(
            "systemctl kill --signal=KILL test-api; while systemctl --quiet is-active test-api; do sleep 0.05; done; "
            "systemctl reset-failed test-api; true"
        )

    def requests(self) -> list[Request]:
        """What the API has got."""
        lines = self.host.run(f"cat {LOG} 2>/dev/null || true").splitlines()
        words = [line.split(" ") for line in lines]
        # The last line may be half there.
        return [
            Request(one[0], one[1], one[2], one[3] == "true", int(one[4]), float(one[5]))
            for one in words
            if len(one) == 6
        ]

    def done(self, prefix: str) -> Counter[str]:
        """How often the API has done what a message asked for, by the message's word."""
        found = [one.path.rpartition("/")[2] for one in self.requests() if one.status == 204]
        return Counter(word for word in found if word.startswith(prefix))

    def health(self) -> dict[str, Any]:
        """What the relay says of itself; an empty dictionary where nobody answers."""
        said = self.host.python(_HEALTH, str(METRICS_PORT))
        found: dict[str, Any] = json.loads(said) if said else {}
        return found

    def probes(self) -> dict[str, tuple[str, str]]:
        """What the smoke report has of relays: status and sentence of each probe."""
        endpoints = str(self.controller.directory / "endpoints.json")
        words = ["--endpoints", endpoints, "--only", "relay", "--timeout", "40", "--format", "json"]
        command = [sys.executable, str(hosts.ROOT / "scripts/smoke.py"), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        results = json.loads(done.stdout)["results"]
        return {one["probe"]: (one["status"], one["detail"]) for one in results}

    def said(self) -> str:
        """What the relay has said since the host was made."""
        return self.host.run(f"journalctl --unit={UNIT} --output=cat --no-pager")

    def pid(self) -> int:
        """Process id of the relay; 0 where it does not run."""
        return int(self.host.run(f"systemctl show --property=MainPID --value {UNIT}"))
