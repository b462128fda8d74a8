"""The keys of the test hosts: one for logging in, and one host key for all.

They belong to the machine: any checkout reaches any host, and a host that was reset shows the same key.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from testbed_lib.settings import KEYS, LOGIN, PROJECT_STATE, SUBNET

LOGIN_KEY = KEYS / "id_ed25519"
HOST_KEY = KEYS / "host_ed25519"


def prepare() -> None:
    """Make the keys where they are missing, and copy what a client needs into the project."""
    KEYS.mkdir(mode=0o700, exist_ok=True)
    for key, comment in ((LOGIN_KEY, "brokerkit test hosts"), (HOST_KEY, "brokerkit test host")):
        if not key.exists():
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(key)]
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    copies = {
        "id_ed25519": (LOGIN_KEY.read_text(), 0o600),
        "id_ed25519.pub": (public(LOGIN_KEY), 0o644),
        "known_hosts": (known_hosts(public(HOST_KEY)), 0o644),
    }
    _make_folder(PROJECT_STATE)
    for name, (text, mode) in copies.items():
        _write(PROJECT_STATE / name, text, mode)


def public(key: Path) -> str:
    """The text of a key's public half."""
    return key.with_name(f"{key.name}.pub").read_text(encoding="utf-8")


def known_hosts(host_key: str) -> str:
    """One known_hosts line for the whole subnet (sshd(8): host patterns may hold ``*``)."""
    kind, material = host_key.split()[:2]
    pattern = f"{str(SUBNET.network_address).rpartition('.')[0]}.*"
    return f"{pattern} {kind} {material}\n"


def ssh_command(address: str, key: Path = LOGIN_KEY, known: Path | None = None, *options: str) -> list[str]:
    """An ssh command line that asks no questions and reads no user configuration."""
    known = known or PROJECT_STATE / "known_hosts"
    return [
        "ssh",
        "-F",
        "none",
        "-i",
        str(key),
        "-o",
        f"UserKnownHostsFile={known}",
        "-o",
        "GlobalKnownHostsFile=none",
        "-o",
        "StrictHostKeyChecking=yes",
        "-o",
        "IdentitiesOnly=yes",
        "-o",
        "BatchMode=yes",
        "-o",
        "ConnectTimeout=3",
        *options,
        f"{LOGIN}@{address}",
    ]


def _make_folder(path: Path) -> None:
    path.mkdir(mode=0o700, exist_ok=True)
    _give_to_caller(path)


def _write(path: Path, text: str, mode: int) -> None:
    if path.exists() and path.read_text() == text:
        return
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        file.write(text)
    _give_to_caller(path)


def _give_to_caller(path: Path) -> None:
    """Under sudo, hand a file in the project to the user who called."""
    if "SUDO_UID" in os.environ:
        os.chown(path, int(os.environ["SUDO_UID"]), int(os.environ["SUDO_GID"]))
