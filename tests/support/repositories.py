"""Signed apt repositories on a test host, served to the other hosts: rebuilt packages, and dummies of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import hosts

PORT = 8000

_TOOLS = """
set -e
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
apt-get -qq install --no-install-recommends apt-utils gpg gpg-agent >/dev/null
umask 022
mkdir -p /srv/keys
export GNUPGHOME=/srv/gnupg
install -d -m 0700 $GNUPGHOME
for owner in right wrong; do
    gpg --batch --quiet --passphrase '' --quick-generate-key "$owner@repository.test" ed25519 sign never
    gpg --armor --export "$owner@repository.test" > /srv/keys/$owner.asc
done
"""

_UNIT = f"""[Service]
ExecStart=/usr/bin/python3 -m http.server --directory /srv {PORT}
"""

# A dummy of the broker and, where a version is given, of an Erlang.
_DUMMIES = """
set -e
umask 022
pool=/srv/{name}/pool
mkdir -p $pool
dummy() {{
    mkdir -p /tmp/{name}/$1/DEBIAN
    cat > /tmp/{name}/$1/DEBIAN/control <<END
Package: $1
Version: $2
Architecture: all
Maintainer: a test <root@localhost>
Depends: $3
Description: dummy
END
    dpkg-deb -Zgzip --build /tmp/{name}/$1 $pool >/dev/null
}}
[ -z '{erlang}' ] || dummy erlang-base '{erlang}' adduser
dummy rabbitmq-server {broker} erlang-base
"""

# Packages as the host's release has them, by `names` (as awk matches them), with `mark` after their versions, also in
# the exact dependencies on one another.
_REBUILD = """
set -e
export DEBIAN_FRONTEND=noninteractive
umask 022
pool=/srv/{name}/pool
rm -rf /tmp/{name}
mkdir -p $pool /tmp/{name}
cd /tmp/{name}
apt-get -qq download $(apt-get --simulate --no-install-recommends install rabbitmq-server |
    awk '/^Inst/ && $2 ~ /{names}/ {{ print $2 }}')
for deb in *.deb; do
    version=$(dpkg-deb --field $deb Version)
    dpkg-deb -R $deb one
    sed -i "s/$version/$version{mark}/g" one/DEBIAN/control
    ( cd one; {change} )
    dpkg-deb -Zgzip -z1 --build one $pool >/dev/null
    rm -rf one $deb
done
"""

_SIGN = """
set -e
umask 022
cd /srv/{name}
suite=$(. /etc/os-release; echo $VERSION_CODENAME)
mkdir -p dists/$suite/main/binary-$(dpkg --print-architecture)
apt-ftparchive packages pool > dists/$suite/main/binary-$(dpkg --print-architecture)/Packages
apt-ftparchive -o APT::FTPArchive::Release::Suite=$suite -o APT::FTPArchive::Release::Components=main \
    -o APT::FTPArchive::Release::Architectures=$(dpkg --print-architecture) \
    release dists/$suite > /tmp/Release
GNUPGHOME=/srv/gnupg gpg --batch --yes --local-user right@repository.test --clearsign \
    --output dists/$suite/InRelease /tmp/Release
"""


@dataclass(frozen=True)
class Repositories:
    """The repositories of the serving host, and the keys as files on the controller."""

    server: hosts.Host
    keys: Path

    def dummies(self, name: str, broker: str, erlang: str = "") -> None:
        """Offer empty packages of these versions in the repository `name`; of the broker alone without `erlang`."""
        self.server.run(_DUMMIES.format(name=name, broker=broker, erlang=erlang))
        self.sign(name)

    def rebuilt(
        self, name: str, mark: str, names: str = "^(rabbitmq-server|erlang-)", change: str = ""
    ) -> None:
        """Offer the release's own packages with `mark` after their versions; `change` runs in the unpacked package."""
        script = _REBUILD.format(name=name, mark=mark, names=names, change=change or ":")
        self.server.run(script, timeout=300)
        self.sign(name)

    def sign(self, name: str) -> None:
        """Write and sign the index of a repository."""
        self.server.run(_SIGN.format(name=name))

    def uri(self, name: str = "debian") -> str:
        """Where apt finds a repository."""
        return f"http://{self.server.address}:{PORT}/{name}"

    def key(self, owner: str) -> str:
        """The file with the key of the signer, or of somebody else ('wrong')."""
        return str(self.keys / f"{owner}.asc")

    def settings(self, prefix: str, **changes: object) -> hosts.Settings:
        """The variables that name the repository, those that begin with `prefix`."""
        values = {
            "package_source": "custom",
            "repository_uri": self.uri(),
            "repository_key": self.key("right"),
        }
        return {f"{prefix}{name}": value for name, value in {**values, **changes}.items()}

    def both(self, name: str = "debian") -> hosts.Settings:
        """The variables by which RabbitMQ and Erlang come from the repository `name`."""
        return {
            setting: value
            for prefix in ("rabbitmq_", "erlang_")
            for setting, value in self.settings(prefix, repository_uri=self.uri(name)).items()
        }


def serve(server: hosts.Host, keys: Path) -> Repositories:
    """Serve repositories over http to the other hosts, none yet; the keys go to a directory here."""
    server.run(_TOOLS, timeout=300)
    server.write("/etc/systemd/system/repository.service", _UNIT)
    server.run("systemctl daemon-reload && systemctl start repository")
    for owner in ("right", "wrong"):
        (keys / f"{owner}.asc").write_text(server.run(f"cat /srv/keys/{owner}.asc"))
    hosts.wait_for("the repository's server", lambda: hosts.listens(server.address, PORT))
    return Repositories(server, keys)
