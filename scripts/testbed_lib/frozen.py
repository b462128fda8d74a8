"""Frozen hosts: the disk of a host after a step, kept as an image, and hosts made from it.

A host is shut down before its disk is kept, so that no database is copied while it is written to. The frozen disk
is that of one host: it holds the machine's identity, its keys, its /etc/hosts and data that bears its name, and is
given to no other.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from testbed_lib.errors import FAILED, NOT_FROZEN, TestbedError
from testbed_lib.inventory import Host
from testbed_lib.podman import Podman
from testbed_lib.progress import Progress
from testbed_lib.settings import CONTAINER_PREFIX, FROZEN_MOST, FROZEN_SECONDS, LABEL, SHUTDOWN_SECONDS

REPOSITORY = "localhost/brokerkit/frozen"
# A label of its own: what is committed has the labels of the host that it was.
_KEY = f"{LABEL}.frozen"


@dataclass(frozen=True)
class Frozen:
    """A frozen host: the image's name ends in its key."""

    image: str
    name: str
    step: str
    created: int


def image(key: str) -> str:
    """The name of the image of a key."""
    return f"{REPOSITORY}:{key}"


def existing(podman: Podman) -> list[Frozen]:
    """All frozen hosts on this machine, the newest first."""
    rows = podman.json("images", "--format=json", f"--filter=label={_KEY}") or []
    found = [
        Frozen(name, row["Labels"][f"{LABEL}.name"], row["Labels"][_KEY], int(row["Created"]))
        for row in rows
        for name in row.get("Names") or []
        if name.startswith(f"{REPOSITORY}:")
    ]
    return sorted(found, key=lambda one: one.created, reverse=True)


def superseded(found: Sequence[Frozen], now: float) -> list[Frozen]:
    """Images no longer needed: superseded for the same host and step, too old, or too many.

    ``found`` has the newest first.
    """
    kept: list[Frozen] = []
    for one in found:
        newer = any((one.name, one.step) == (other.name, other.step) for other in kept)
        if not newer and now - one.created < FROZEN_SECONDS and len(kept) < FROZEN_MOST:
            kept.append(one)
    return [one for one in found if one not in kept]


def prune(podman: Podman) -> None:
    """Remove images no longer needed; an image in use by a host stays until that host goes."""
    for one in superseded(existing(podman), time.time()):
        podman.attempt("rmi", one.image)


def freeze(podman: Podman, progress: Progress, host: Host, key: str, step: str) -> None:
    """Shut a host down, keep its disk, and leave it shut down."""
    container = CONTAINER_PREFIX + host.name
    podman.run("stop", f"--time={SHUTDOWN_SECONDS}", container)
    code = podman.run("inspect", "--format={{.State.ExitCode}}", container).strip()
    if code == "137":  # podman has ended it: whatever it was writing is half written
        raise TestbedError(
            f"{host.name} did not shut down within {SHUTDOWN_SECONDS} s and was not frozen: look for the unit that "
            f"does not stop (scripts/testbed up -i INVENTORY {host.name}, then journalctl)",
            FAILED,
        )
    labels = {_KEY: step, f"{LABEL}.name": host.name, LABEL: "frozen"}
    changes = [f"--change=LABEL {label}={value}" for label, value in labels.items()]
    podman.run("commit", "--quiet", *changes, container, image(key))
    progress.say(f"{host.name} is frozen, {step}")


def refuse_missing(podman: Podman, wanted: Mapping[Host, str], step: str) -> None:
    """Raise TestbedError unless all of these hosts, with the keys that they have today, are frozen."""
    there = {one.image for one in existing(podman)}
    missing = [host.name for host, key in wanted.items() if image(key) not in there]
    if missing:
        raise TestbedError(
            f"{', '.join(missing)}: not frozen as {step} from today's roles, variables and image; nothing was done. "
            "Converge the host, then `scripts/testbed freeze` it.",
            NOT_FROZEN,
        )
