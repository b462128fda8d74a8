"""RabbitMQ on a test host with TLS listeners, whose certificates a test swaps while the broker runs."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hosts
import smoke
from certificates import Authority, Pair
from hosts import PLAYBOOK, Controller, Host, Settings

INVENTORY = "tests/hosts/tls/inventory"
DIRECTORY = "/etc/brokerkit-test-tls"  # where the listeners read their files
PORTS = {"amqp": 5671, "stomp": 61614, "management": 15671}
PLAIN = {"amqp": 5672, "stomp": 61613, "management": 8080}
CLEAR = "rabbitmqctl -q eval 'ssl:clear_pem_cache().'"
_FILES = {"cacertfile": "ca.pem", "certfile": "mq.pem", "keyfile": "mq.key"}

Results = dict[str, dict[str, Any]]


def settings(owner: str) -> Settings:
    """What a converge needs for a broker with plain and TLS listeners; see `hosts.settings`.

    AMQP and STOMP demand a client's certificate, whose common name can be the login; management looks at one.
    """
    config: dict[str, Any] = {"listeners.ssl.default": PORTS["amqp"]}
    config |= {"stomp.listeners.ssl.default": PORTS["stomp"], "management.ssl.port": PORTS["management"]}
    for prefix in ("ssl_options", "management.ssl"):
        config |= {f"{prefix}.{key}": f"{DIRECTORY}/{name}" for key, name in _FILES.items()}
        config |= {f"{prefix}.versions.{n}": one for n, one in enumerate(("tlsv1.3", "tlsv1.2"), 1)}
        config |= {f"{prefix}.verify": "verify_peer", f"{prefix}.depth": 3}
        config |= {f"{prefix}.fail_if_no_peer_cert": str(prefix == "ssl_options").lower()}
    config |= {"auth_mechanisms.1": "PLAIN", "auth_mechanisms.2": "EXTERNAL"}
    config |= {"ssl_cert_login_from": "common_name", "stomp.ssl_cert_login": "true"}
    plugins = ["rabbitmq_management", "rabbitmq_stomp", "rabbitmq_auth_mechanism_ssl"]
    return hosts.settings(owner, rabbitmq_config=config, rabbitmq_plugins=plugins)


@dataclass
class TlsNode:
    """A broker with TLS listeners, the authority that has issued what it presents, and a client's files."""

    host: Host
    values: Settings
    directory: Path
    authority: Authority = field(default_factory=Authority.new)

    presented: Pair | None = None

    def __post_init__(self) -> None:
        """Issue a right certificate for the broker, and write the files of a client that it trusts."""
        self.ca_file = self.authority.write(self.directory)
        self.files = self.client_files("smoke", self.authority.issue(common_name="smoke"))
        self.right_one = self.right()

    def client_files(self, name: str, pair: Pair) -> dict[str, str]:
        """Write a client's certificate and key; return the keys of the endpoints file that name them."""
        certificate, key = pair.write(self.directory, name)
        return {"ca_file": self.ca_file, "cert_file": certificate, "key_file": key}

    def present(self, pair: Pair) -> None:
        """Have the listeners present `pair`."""
        self.put(pair, CLEAR)

    def put(self, pair: Pair, then: str = "true") -> None:
        """Write the files that the listeners present, and run a command there."""
        files = {"ca.pem": self.authority.certificate, "mq.pem": pair.certificate, "mq.key": pair.key}
        writing = "".join(f"cat > {DIRECTORY}/{name} <<'END'\n{text}END\n" for name, text in files.items())
        self.host.run(f"mkdir -p {DIRECTORY} && sh -e && {then}", stdin=writing)
        self.presented = pair

    def spoil(self, command: str) -> None:
        """Run a command beside the files that the listeners read, and have the node read them."""
        self.host.run(f"cd {DIRECTORY} && {command} && {CLEAR}")
        self.presented = None

    def right(self, **changes: Any) -> Pair:
        """A certificate for the broker's address; see `Authority.issue` for `changes`."""
        return self.authority.issue(self.host.address, **changes)

    def entry(self, **changes: Any) -> dict[str, Any]:
        """The entry of the endpoints file; a protocol's `changes` are laid over what it has, others over the entry."""
        entry: dict[str, Any] = {"name": self.host.name, "kind": "rabbitmq", "host": self.host.address}
        entry |= {"user": "smoke", "password": self.values["endpoint_password"]}
        entry |= {"vhost": self.values["endpoint_vhost"], "denied_vhost": "shop"}
        demanded = {"amqp": "required", "stomp": "required", "management": "offered"}
        for protocol, port in PORTS.items():
            given = {"port": port, "tls": True, **self.files, "client_certificate": demanded[protocol]}
            entry[protocol] = given | changes.pop(protocol, {})
        return entry | changes

    def smoke(self, *argv: str, **changes: Any) -> tuple[int, Results]:
        """Run smoke.py on this broker inside TLS; return its exit code and the results by probe."""
        code, text = self.report("--format", "json", *argv, **changes)
        return code, {entry["probe"]: entry for entry in json.loads(text)["results"]}

    def report(self, *argv: str, **changes: Any) -> tuple[int, str]:
        """The same; return what it printed."""
        path = self.directory / "endpoints.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps({"schema": 1, "brokers": [self.entry(**changes)]}), encoding="utf-8")
        stdout, stderr = io.StringIO(), io.StringIO()
        code = smoke.main(["--endpoints", str(path), "--timeout", "40", *argv], {}, stdout, stderr)
        assert stdout.getvalue(), stderr.getvalue()
        return code, stdout.getvalue()


def converged(controller: Controller, name: str, directory: Path) -> TlsNode:
    """A host with such a broker, from its frozen disk where there is one, presenting a right certificate."""
    host = hosts.host(name, INVENTORY)
    node = TlsNode(host, settings(name), directory)
    path = controller.inventory({"rabbitmq": {"hosts": {name: node.values}}})
    endpoints = ["-e", f"endpoints_file={path.parent / 'endpoints.json'}"]

    def make() -> None:
        node.put(node.right_one)
        command = [PLAYBOOK, "-i", INVENTORY, "-i", str(path), *endpoints, "site.yml"]
        controller.run(command, path.parent).succeeded()

    hosts.thawed_or(make, path, name, INVENTORY)
    node.present(node.right_one)
    return node
