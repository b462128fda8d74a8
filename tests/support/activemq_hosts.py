"""ActiveMQ brokers on test hosts: their settings, converges of them, and a small STOMP client.

Hosts, converges and what can be said of them come from hosts.py beside this file.
"""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hosts
import stomp
from hosts import PLAYBOOK, ROOT, Controller, Host, Run

INVENTORY = "tests/hosts/activemq/inventory"
PASSWORDS = {
    "admin": "test-host-only-Rz81kq",
    "smoke": "test-host-only-Ux73mw",
    "bridge": "test-host-only-Lw55nd",
}
# Characters that XML, properties files, units or shells take for something else.
ODD_USER, ODD_PASSWORD = "o'dd & <user>", """#test-host-only-<a>s&s"w'o=d!%$ {x} ü€"""
DEAD = '<deadLetterStrategy><individualDeadLetterStrategy queuePrefix="dead."/></deadLetterStrategy>'
# The plugin refuses delays of a second and less.
REDELIVERY = """
<redeliveryPlugin fallbackToDeadLetter="true" sendToDlqIfMaxRetriesExceeded="true">
  <redeliveryPolicyMap><redeliveryPolicyMap><defaultEntry>
    <redeliveryPolicy maximumRedeliveries="1" initialRedeliveryDelay="1001" redeliveryDelay="1001"/>
  </defaultEntry></redeliveryPolicyMap></redeliveryPolicyMap>
</redeliveryPlugin>
"""
ALL = {"read": ["smoke"], "write": ["smoke"], "admin": ["smoke"]}

Settings = dict[str, Any]


def host(name: str) -> Host:
    """The host of that name of the ActiveMQ brokers' inventory."""
    return hosts.host(name, INVENTORY)


def settings(**changes: Any) -> Settings:
    """What a broker needs to be right and provable; `changes` are laid over it."""
    return {
        "activemq_admin_password": PASSWORDS["admin"],
        "activemq_heap": "256m",
        "activemq_users": [
            {"name": "smoke", "password": PASSWORDS["smoke"], "groups": ["smoke"]},
            {"name": "bridge", "password": PASSWORDS["bridge"], "groups": ["admins"]},
            {"name": ODD_USER, "password": ODD_PASSWORD, "groups": ["smoke"]},
        ],
        "activemq_authorization": [
            {"queue": "brokerkit.smoke.>", **ALL},
            {"queue": "dead.brokerkit.smoke.>", **ALL},
            {"topic": "brokerkit.smoke.>", **ALL},
        ],
        "activemq_destination_policies": [{"queue": ">", "xml": DEAD}],
        "activemq_connectors": [{"protocol": "stomp"}, {"protocol": "openwire"}],
        "endpoint_user": "smoke",
        "endpoint_password": PASSWORDS["smoke"],
        "endpoint_denied_destination": "somebody.elses",
        "endpoint_dead_letter_prefix": "dead.",
        **changes,
    }


@dataclass
class Brokers:
    """Some brokers, by the name that the inventory gives each, and the runs of playbooks on them."""

    controller: Controller
    members: Mapping[str, Settings]
    hosts: Mapping[str, Host]
    inventory: str = INVENTORY

    def play(self, playbook: str, *flags: str, limit: str = "", **changes: Any) -> Run:
        """Run a playbook on all of them, or on `limit` alone, with `changes` laid over their settings."""
        path = self._inventory(changes, limit)
        endpoints = ["-e", f"endpoints_file={path.parent / 'endpoints.json'}"]
        command = [PLAYBOOK, "-i", self.inventory, "-i", str(path), *endpoints, playbook, *flags]
        return self.controller.run(
            command + (["--limit", f"{limit},localhost"] if limit else []), path.parent
        )

    def thawed_or(self, make: Callable[[], object]) -> None:
        """Give the host of all of them the disk that `make` has left it with: see hosts.thawed_or."""
        (machine,) = set(self.hosts.values())
        hosts.thawed_or(make, self._inventory({}, ""), machine.name, self.inventory)

    def _inventory(self, changes: Mapping[str, Any], limit: str) -> Path:
        members = {
            name: {
                "ansible_host": self.hosts[name].address,
                **values,
                **(changes if not limit or name == limit else {}),
            }
            for name, values in self.members.items()
        }
        return self.controller.inventory({"activemq": {"hosts": members}})


def smoke(endpoints: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the prober on an endpoints file, with time for a machine that is busy with other tests."""
    command = [
        sys.executable,
        str(ROOT / "scripts" / "smoke.py"),
        "--endpoints",
        str(endpoints),
        "--timeout",
        "40",
    ]
    command += arguments
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def failures(report: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """The probes of a JSON report that did not pass and were not skipped: broker and name -> what came of them."""
    found = {}
    for result in json.loads(report.stdout)["results"]:
        if result["status"] not in ("pass", "skip"):
            found[f"{result['broker']} {result['probe']}"] = f"{result['status']}: {result['detail']}"
    return found


def unit(where: Host, wanted: str, name: str = "main") -> str:
    """A property of an instance's unit, as systemd has it."""
    return where.run(f"systemctl show --property={wanted} --value activemq-{name}.service").strip()


@dataclass
class Inbox(stomp.ConnectionListener):
    """What a client has received."""

    bodies: list[str] = field(default_factory=list)
    frames: list[Any] = field(default_factory=list)
    receipts: set[str] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)
    gone: threading.Event = field(default_factory=threading.Event)

    def on_message(self, frame: Any) -> None:
        self.bodies.append(frame.body)
        self.frames.append(frame)

    def on_receipt(self, frame: Any) -> None:
        self.receipts.add(frame.headers["receipt-id"])

    def on_error(self, frame: Any) -> None:
        self.errors.append(frame.headers.get("message", ""))

    def on_disconnected(self) -> None:
        self.gone.set()


@contextmanager
def client(
    address: str,
    user: str = "smoke",
    password: str = PASSWORDS["smoke"],
    port: int = 61613,
    as_text: bool = False,
    decodes: bool = True,
) -> Iterator[tuple[Any, Inbox]]:
    """A STOMP 1.2 connection that is logged in, and its inbox; what it sends is BytesMessages, or `as_text`."""
    inbox = Inbox()
    connection = stomp.Connection12(
        [(address, port)],
        reconnect_attempts_max=1,
        heartbeats=(0, 0),
        timeout=5,
        auto_content_length=not as_text,
        auto_decode=decodes,
    )
    connection.set_listener("", inbox)
    connection.connect(user, password, wait=False)
    hosts.wait_for(f"the login of {user}", lambda: connection.is_connected() or inbox.errors, 15)
    try:
        yield connection, inbox
    finally:
        connection.transport.disconnect_socket()


def send(connection: Any, inbox: Inbox, queue: str, body: str, **headers: str) -> None:
    """Send a persistent message and wait for its receipt."""
    connection.send(f"/queue/{queue}", body, headers={"persistent": "true", **headers}, receipt=f"r-{body}")
    hosts.wait_for(f"the receipt of {body}", lambda: f"r-{body}" in inbox.receipts or inbox.errors, 15)
    assert not inbox.errors, inbox.errors


def drain(address: str, queue: str, quiet: float = 2.0, port: int = 61613) -> list[str]:
    """Everything that is in a queue: consumed until nothing has come for `quiet` seconds."""
    with client(address, port=port) as (connection, inbox):
        connection.subscribe(f"/queue/{queue}", id="1", ack="auto")
        seen, since = 0, time.monotonic()
        while time.monotonic() - since < quiet:
            if len(inbox.bodies) != seen:
                seen, since = len(inbox.bodies), time.monotonic()
            time.sleep(0.05)
        return inbox.bodies


@dataclass(frozen=True)
class Certificates:
    """A certificate authority of the test and what it has issued, as PEM texts; `directory` has the files."""

    directory: Path
    authority: str
    certificate: str
    key: str

    def client(self, address: str, port: int, certificate: bool = True) -> ssl.SSLSocket:
        """A TLS connection that trusts the authority alone, and shows a certificate of it."""
        trusting = ssl.create_default_context(cafile=self.directory / "ca.pem")
        trusting.check_hostname = False  # the tests' hosts have addresses, and no names
        if certificate:
            trusting.load_cert_chain(self.directory / "mq.pem", self.directory / "mq.key")
        return trusting.wrap_socket(socket.create_connection((address, port), 10))


def certificates(directory: Path, *addresses: str) -> Certificates:
    """A new authority and a certificate for brokers, those of these addresses, and for clients alike."""
    new = ["openssl", "req", "-newkey", "rsa:2048", "-nodes", "-batch"]
    authority_files = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"]
    names = ",".join(["DNS:test-broker", *(f"IP:{address}" for address in addresses)])
    (directory / "names").write_text(f"subjectAltName={names}\n", encoding="ascii")
    signing = ["openssl", "x509", "-req", "-days", "90", "-in", "mq.csr", "-extfile", "names"]
    commands = [
        [*new, "-x509", "-days", "90", "-subj", "/CN=test authority", "-keyout", "ca.key", "-out", "ca.pem"],
        [*new, "-subj", "/CN=test broker", "-keyout", "mq.key", "-out", "mq.csr"],
        [*signing, *authority_files, "-out", "mq.pem"],
    ]
    for command in commands:
        subprocess.run(command, cwd=directory, check=True, capture_output=True, timeout=60)
    authority, certificate, key = (
        (directory / name).read_text(encoding="ascii") for name in ("ca.pem", "mq.pem", "mq.key")
    )
    return Certificates(directory, authority, certificate, key)


def stomp_answer(peer: socket.socket, user: str = "smoke", password: str = PASSWORDS["smoke"]) -> str:
    """What a broker answers to a CONNECT frame on a socket."""
    peer.settimeout(15)
    peer.sendall(f"CONNECT\naccept-version:1.2\nhost:/\nlogin:{user}\npasscode:{password}\n\n\0".encode())
    return peer.recv(4096).decode(errors="replace")


# The console for nobody, with the shipped password and twice for the administrator; then Jolokia reading and running.
_CONSOLE = """
import base64, json, urllib.error, urllib.request

def ask(path, word=None):
    request = urllib.request.Request("http://127.0.0.1:8161/" + path, headers={"Origin": "http://127.0.0.1"})
    if word:
        request.add_header("Authorization", "Basic " + base64.b64encode(b"admin:" + word.encode()).decode())
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["status"] if "jolokia" in path else answer.status
    except urllib.error.HTTPError as error:
        return error.code

word = open("/root/word").read()
print(json.dumps([ask("admin/"), ask("admin/", "admin"), ask("admin/", word), ask("admin/queues.jsp", word),
                  ask("api/jolokia/read/java.lang:type=Memory/HeapMemoryUsage", word),
                  ask("api/jolokia/exec/java.lang:type=Memory/gc", word)]))
"""


def console_answers(where: Host) -> list[int]:
    """What the web console and Jolokia of a host answer: see above."""
    where.write("/root/word", PASSWORDS["admin"], "0600")
    answers: list[int] = json.loads(where.python(_CONSOLE))
    return answers
