"""Creates, starts, waits for and removes the hosts."""

from __future__ import annotations

import hashlib
import io
import resource
import tarfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from testbed_lib import boot, images, keys
from testbed_lib.errors import UNAVAILABLE, TestbedError
from testbed_lib.inventory import Host
from testbed_lib.machine import ulimit_options
from testbed_lib.network import mac_address
from testbed_lib.podman import Podman
from testbed_lib.progress import Progress
from testbed_lib.settings import CONTAINER_PREFIX, LABEL, NETWORK, UNFINISHED_PREFIX

_OPS_ID = 1000  # the first user of an image that has no other

# What lets systemd run as on a server. Privileged: without, crun's device filter needs more locked memory
# than some machines allow, and units that sandbox themselves cannot mount. No limit on processes: the
# controller for it may be missing. /etc/hosts and /etc/resolv.conf are left to the host: a file that podman
# mounts there cannot be replaced from inside, as configuration tools do.
_OPTIONS = ("--privileged", "--systemd=always", "--pids-limit=-1", "--no-hosts", "--dns=none")


# What podman can start again, and what needs no start; a container caught in any other state cannot be used.
_STARTABLE = ("created", "configured", "exited", "stopped", "running")


@dataclass(frozen=True)
class Existing:
    """A container of the test bed as podman knows it."""

    host: Host
    recipe: str
    state: str
    created: int


def list_existing(podman: Podman) -> list[Existing]:
    """All test hosts on this machine, whichever inventory made them."""
    rows = podman.containers("host")
    finished = [row for row in rows if not row["Names"][0].startswith(UNFINISHED_PREFIX)]
    return sorted(map(_existing, finished), key=lambda found: found.host)


def start(
    podman: Podman,
    progress: Progress,
    wanted: Sequence[Host],
    neighbours: Sequence[Host],
    frozen: Mapping[str, str] | None = None,
) -> None:
    """Start these hosts, each on the current recipe; ``neighbours`` are the hosts whose names they know.

    A host that runs is left alone, one that was stopped is started as it is, one that has an image in ``frozen`` is
    made from that. Raises TestbedError when a host cannot be made. ``wait`` is for the end of their boot.
    """
    existing = {found.host.name: found for found in list_existing(podman)}
    refuse_conflicts(wanted, existing.values())

    def one(host: Host) -> None:
        found = existing.get(host.name)
        reason = replacement_reason(found, host) if found else None
        if reason:
            progress.say(f"{host.name}: making it anew, {reason}")
            remove(podman, [host.name])
            found = None
        if found is None:
            _create(podman, host, neighbours, (frozen or {}).get(host.name))
        if found is None or found.state != "running":
            podman.run("start", CONTAINER_PREFIX + host.name)

    side_by_side(one, wanted)


def wait(podman: Podman, progress: Progress, started: Sequence[Host]) -> None:
    """Wait until these hosts have booted; TestbedError when one does not answer within BOOT_SECONDS."""
    side_by_side(lambda host: boot.wait(podman, progress, host), started)


def remove(podman: Podman, names: Iterable[str]) -> None:
    """Remove hosts at once, as if unplugged; missing ones are skipped."""
    containers = [CONTAINER_PREFIX + name for name in names]
    if containers:
        podman.run("rm", "--force", "--ignore", "--time=0", "--volumes", *containers)


def replacement_reason(found: Existing, host: Host) -> str | None:
    """Why a container cannot be the wanted host, None where it can."""
    if found.recipe != fingerprint(host):
        return "its recipe has changed"
    return None if found.state in _STARTABLE else "its processes were ended from outside"


def refuse_conflicts(wanted: Sequence[Host], existing: Iterable[Existing]) -> None:
    """Raise TestbedError when another inventory's host has the name or the address of a wanted one."""
    for host in wanted:
        for found in existing:
            other = found.host
            if (other.name == host.name) != (other.address == host.address):
                raise TestbedError(
                    f"{host.name} ({host.address}) cannot be made: another inventory's test host "
                    f"{other.name} ({other.address}) is there. "
                    f"Remove that one first: scripts/testbed down {other.name}",
                    UNAVAILABLE,
                )


def fingerprint(host: Host) -> str:
    """What a host was made from; a host with another fingerprint is recreated."""
    text = repr((images.host_recipe(host.suite).tag, host.name, mac_address(host.address), _OPTIONS))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def limits() -> list[str]:
    """The --ulimit options that fit this process."""
    kinds = (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC)
    files, processes = (resource.getrlimit(kind)[1] for kind in kinds)
    return ulimit_options(files, processes)


def etc_hosts(host: Host, neighbours: Iterable[Host]) -> str:
    """A host's /etc/hosts: itself and every neighbour by short name."""
    others = sorted(set(neighbours) | {host}, key=lambda one: one.name)
    lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback"]
    return "\n".join([*lines, *(f"{one.address} {one.name}" for one in others), ""])


def made_from(host: Host, neighbours: Iterable[Host]) -> list[str]:
    """All that a host is before anybody has logged in to it; what ``_create`` puts there belongs in here."""
    files = [text for _, text, _, _ in _personal_files(host, neighbours)]
    return [fingerprint(host), hashlib.sha256(repr(files).encode()).hexdigest()]


def _create(podman: Podman, host: Host, neighbours: Sequence[Host], frozen: str | None = None) -> None:
    """Make a host without starting it; only a whole one gets its name. ``frozen`` is the image of a frozen one."""
    unfinished = UNFINISHED_PREFIX + host.name
    podman.run("rm", "--force", "--ignore", unfinished)
    podman.run(
        "create",
        f"--name={unfinished}",
        f"--hostname={host.name}",
        f"--network={NETWORK}",
        f"--ip={host.address}",
        f"--mac-address={mac_address(host.address)}",
        f"--label={LABEL}=host",
        f"--label={LABEL}.name={host.name}",
        f"--label={LABEL}.suite={host.suite}",
        f"--label={LABEL}.address={host.address}",
        f"--label={LABEL}.recipe={fingerprint(host)}",
        *_OPTIONS,
        *limits(),
        frozen or images.host_recipe(host.suite).tag,
        "/sbin/init",
    )
    if frozen is None:
        podman.run("cp", "--archive=false", "-", f"{unfinished}:/", stdin=_archive(host, neighbours))
    podman.run("rename", unfinished, CONTAINER_PREFIX + host.name)


def _personal_files(host: Host, neighbours: Iterable[Host]) -> list[tuple[str, str, int, int]]:
    """The files that distinguish this host from its image: path, content, mode and owner."""
    return [
        ("etc/hosts", etc_hosts(host, neighbours), 0o644, 0),
        ("etc/ssh/ssh_host_ed25519_key", keys.HOST_KEY.read_text(), 0o600, 0),
        ("etc/ssh/ssh_host_ed25519_key.pub", keys.public(keys.HOST_KEY), 0o644, 0),
        ("home/ops/.ssh/authorized_keys", keys.public(keys.LOGIN_KEY), 0o600, _OPS_ID),
    ]


def _archive(host: Host, neighbours: Sequence[Host]) -> bytes:
    """The personal files of a host as a tar archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, text, mode, owner in _personal_files(host, neighbours):
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode, entry.uid, entry.gid = len(text.encode()), mode, owner, owner
            entry.mtime = int(time.time())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()


def _existing(row: dict[str, Any]) -> Existing:
    labels = row["Labels"]
    host = Host(labels[f"{LABEL}.name"], labels[f"{LABEL}.suite"], labels[f"{LABEL}.address"])
    return Existing(host, labels[f"{LABEL}.recipe"], row["State"], int(row["Created"]))


def side_by_side(work: Callable[[Host], None], hosts: Sequence[Host]) -> None:
    """Run ``work`` for all hosts at once; the first failure is raised after the others finished."""
    with ThreadPoolExecutor(max(1, len(hosts))) as pool:
        for result in [pool.submit(work, host) for host in hosts]:
            result.result()
