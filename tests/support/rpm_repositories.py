"""Signed dnf repositories on a test host, served to the other hosts: RPMs in the layout of RabbitMQ's makers, of the
files that Debian ships, and dummies.

Like upstream's, Erlang and RabbitMQ have a repository each. A name here stands for both: `/srv/NAME/erlang` and
`/srv/NAME/rabbitmq`. The serving host is a Debian one of suite trixie, since the files are its release's.
"""

from __future__ import annotations

import base64
import io
import shlex
import tarfile
from dataclasses import dataclass
from pathlib import Path

import hosts

PORT = 8000
UPSTREAM = "upstream"  # the repositories that `serve` fills
SOURCES = Path(__file__).parent / "rpm"
_SERVER = "/srv/rpm"

_UNIT = f"""[Service]
ExecStart=/usr/bin/python3 -m http.server --directory /srv {PORT}
"""


@dataclass(frozen=True)
class Package:
    """A package that is built on the serving host.

    `of` is what it is made of: ``erlang`` or ``rabbitmq-server``, a real one, or ``dummy``. `signer` is who signs it:
    ``right``, ``wrong``, or nobody.
    """

    name: str
    version: str
    release: str
    of: str = "dummy"
    requires: str = ""
    signer: str = "right"


@dataclass(frozen=True)
class Repositories:
    """The repositories of the serving host, and the keys as files on the controller."""

    server: hosts.Host
    keys: Path
    broker: str
    erlang: str

    def real_broker(self, release: str = "1.el8", signer: str = "right") -> Package:
        """The broker, as a package of this release."""
        return Package("rabbitmq-server", self.broker, release, "rabbitmq-server", signer=signer)

    def real_erlang(self, release: str = "1.el9", signer: str = "right") -> Package:
        """The Erlang, as a package of this release."""
        return Package("erlang", self.erlang, release, "erlang", signer=signer)

    def publish(self, name: str, *packages: Package, signer: str = "right") -> None:
        """Offer these packages in the repositories `name`, beside what they have; `signer` signs the metadata."""
        for package in packages:
            owner = "rabbitmq" if package.name == "rabbitmq-server" else "erlang"
            self._make("publish", f"{name}/{owner}", package)
        for owner in ("erlang", "rabbitmq"):
            self._do("index", f"{name}/{owner}", signer)

    def uri(self, name: str = f"{UPSTREAM}/rabbitmq") -> str:
        """Where dnf finds a repository."""
        return f"http://{self.server.address}:{PORT}/{name}"

    def key(self, owner: str) -> str:
        """The file with the key of the signer, or of somebody else ('wrong')."""
        return str(self.keys / f"{owner}.asc")

    def settings(self, prefix: str, **changes: object) -> hosts.Settings:
        """The variables that name the repository, those that begin with `prefix`."""
        values = {
            "package_source": "custom",
            "repository_uri": self.uri(f"{UPSTREAM}/{prefix.rstrip('_')}"),
            "repository_key": self.key("right"),
        }
        return {f"{prefix}{name}": value for name, value in {**values, **changes}.items()}

    def both(self, name: str = UPSTREAM) -> hosts.Settings:
        """The variables by which RabbitMQ and Erlang come from the repositories `name`."""
        return {
            setting: value
            for owner in ("rabbitmq", "erlang")
            for setting, value in self.settings(
                f"{owner}_", repository_uri=self.uri(f"{name}/{owner}")
            ).items()
        }

    def _make(self, verb: str, where: str, package: Package) -> None:
        self._do(
            verb,
            where,
            package.signer,
            package.of,
            package.name,
            package.version,
            package.release,
            package.requires,
        )

    def _do(self, *words: str) -> None:
        self.server.run(f"sh {_SERVER}/repository.sh {shlex.join(words)}", timeout=300)


def serve(server: hosts.Host, keys: Path) -> Repositories:
    """Serve repositories over http to the other hosts, those of `UPSTREAM`; the keys go to a directory here."""
    _send(server)
    broker, erlang = server.run(f"sh {_SERVER}/repository.sh prepare", timeout=400).split()[-2:]
    server.write("/etc/systemd/system/repository.service", _UNIT)
    server.run("systemctl daemon-reload && systemctl enable --now repository")
    for owner in ("right", "wrong"):
        (keys / f"{owner}.asc").write_text(server.run(f"cat /srv/keys/{owner}.asc"))
    hosts.wait_for("the repository's server", lambda: hosts.listens(server.address, PORT))
    found = Repositories(server, keys, broker, erlang)
    found.publish(UPSTREAM, found.real_erlang(), found.real_broker())
    return found


def _send(server: hosts.Host) -> None:
    """Copy the specifications and what goes into the packages to the serving host."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.add(SOURCES, arcname=".")
    unpack = f"mkdir -p {_SERVER} && base64 --decode | tar --extract --no-same-owner --directory {_SERVER}"
    server.run(unpack, stdin=base64.b64encode(buffer.getvalue()).decode())
