"""Signed dnf repositories on a test host, served to the other hosts: RPMs in the layout of RabbitMQ's makers, of the
files that Debian ships, and dummies.

Like upstream's, Erlang and RabbitMQ have a repository each. A name here stands for both: `/srv/NAME/erlang` and
`/srv/NAME/rabbitmq`. The serving host is a Debian one of suite trixie, since the files are its release's.
"""

from __future__ import annotations

import base64
import io
import re
import shlex
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import hosts

PORT = 8000
UPSTREAM = "upstream"  # the repositories that `serve` fills
SYSTEM = "system"  # in place of the family's own repositories
SOURCES = Path(__file__).parent / "rpm"
_SERVER = "/srv/rpm"
Command = tuple[str, ...]

_UNIT = f"""[Service]
ExecStart=/usr/bin/python3 -m http.server --directory /srv {PORT}
"""


_DEFINITION = """[{identifier}]
name={identifier}
baseurl={uri}
gpgcheck=1
repo_gpgcheck=1
gpgkey=file:///etc/pki/rpm-gpg/test
"""


@dataclass(frozen=True)
class Package:
    """A package that is built on the serving host.

    `of` is its specification in `rpm/`: ``erlang`` or ``rabbitmq-server``, a real one, or ``dummy``, for example.
    `requires` is what a dummy requires, or a broker in place of the Erlang that it runs on. `signer` is who signs it:
    ``right``, ``wrong`` or ``nobody``.
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
        brokers = [package for package in packages if package.name == "rabbitmq-server"]
        others = [package for package in packages if package not in brokers]
        _do(
            self.server,
            *_filling(f"{name}/rabbitmq", brokers, signer),
            *_filling(f"{name}/erlang", others, signer),
        )

    def fill(self, repository: str, *packages: Package, signer: str = "right") -> None:
        """Offer these packages in one repository, beside what it has; `signer` signs the metadata, or ``nobody``."""
        _do(self.server, *_filling(repository, packages, signer))

    def later(self, name: str = "later") -> None:
        """Offer the broker and the Erlang of `UPSTREAM` and a newer release of each in the repositories `name`."""
        erlang = (self.real_erlang(), self.real_erlang("2.el9"))
        self.publish(name, *erlang, self.real_broker(), self.real_broker("2.el8"))

    def java(self, repository: str = SYSTEM) -> None:
        """Offer the family's Java 21 in a repository."""
        name = "java-21-openjdk-headless"
        version, _, build = (
            _do(self.server, ("system", name, "openjdk-21-jre-headless")).strip().partition("+")
        )
        # 21.0.13+9 is 21.0.13.0.9 there
        numbers = [*[*version.split("."), "0"][:4], build]
        self.fill(repository, Package(name, ".".join(numbers), "1.el9", "java"))

    def of_debian(self, name: str, *packages: str, repository: str = SYSTEM) -> None:
        """Offer a package of the family's system: the files of those of Debian's and of what they need."""
        version = re.split("[+~]", _do(self.server, ("system", name, *packages)).strip())[0]
        self.fill(repository, Package(name, version, "1.el9", "debian"))

    def epel(self, repository: str = "epel") -> None:
        """Offer Erlang as EPEL has it: many packages, in one that requires them."""
        self.fill(repository, Package("erlang", "26.2.5.13", "1.el9", "epel"))

    def subscribe(self, host: hosts.Host, *repositories: str, key: str = "right") -> None:
        """Have dnf on a host know these repositories and no other, with signatures required of all that is in them."""
        host.run("rm -f /etc/yum.repos.d/*; dnf -q clean all")
        host.write("/etc/pki/rpm-gpg/test", Path(self.key(key)).read_text(encoding="utf-8"))
        for one in repositories:
            identifier = one.replace("/", "-")
            text = _DEFINITION.format(identifier=identifier, uri=self.uri(one))
            host.write(f"/etc/yum.repos.d/{identifier}.repo", text)

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


def serve(server: hosts.Host, keys: Path) -> Repositories:
    """Serve repositories over http to the other hosts, those of `UPSTREAM`; the keys go to a directory here."""
    _send(server)
    broker, erlang = _do(server, ("prepare",)).split()[-2:]
    server.write("/etc/systemd/system/repository.service", _UNIT)
    server.run("systemctl daemon-reload && systemctl enable --now repository")
    for owner in ("right", "wrong"):
        (keys / f"{owner}.asc").write_text(server.run(f"cat /srv/keys/{owner}.asc"))
    hosts.wait_for("the repository's server", lambda: hosts.listens(server.address, PORT))
    found = Repositories(server, keys, broker, erlang)
    found.publish(UPSTREAM, found.real_erlang(), found.real_broker())
    return found


def _filling(repository: str, packages: Iterable[Package], signer: str) -> Iterator[Command]:
    """The commands by which a repository gets packages and signed metadata."""
    for one in packages:
        yield "publish", repository, one.signer, one.of, one.name, one.version, one.release, one.requires
    yield "index", repository, signer


def _do(server: hosts.Host, *commands: Command) -> str:
    """Have the serving host follow these commands; returns what they printed."""
    return server.run(f"sh {_SERVER}/repository.sh", stdin="\n".join(map(shlex.join, commands)), timeout=400)


def _send(server: hosts.Host) -> None:
    """Copy the specifications and what goes into the packages to the serving host."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.add(SOURCES, arcname=".")
    unpack = f"mkdir -p {_SERVER} && base64 --decode | tar --extract --no-same-owner --directory {_SERVER}"
    server.run(unpack, stdin=base64.b64encode(buffer.getvalue()).decode())
