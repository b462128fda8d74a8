"""The verbs freeze and thaw."""

from __future__ import annotations

import argparse
from datetime import datetime

from testbed_lib import frozen, ground, hosts, inputs, inventory, machine
from testbed_lib.errors import CHANGED, FAILED, TestbedError
from testbed_lib.inventory import Host
from testbed_lib.podman import Podman
from testbed_lib.progress import Progress
from testbed_lib.settings import DEFAULT_INVENTORY


def run(options: argparse.Namespace, progress: Progress) -> list[Host]:
    """Freeze or thaw the hosts that are named on the command line; returns them: they boot."""
    inventories = options.inventory or [DEFAULT_INVENTORY]
    # Variables of all the inventories at once, as a play has them.
    listing = inventory.listing(inventories)
    known = inventory.hosts_of(listing, " ".join(inventories))
    inventory.refuse_shared_addresses(known)
    wanted = inventory.select(known, options.hosts)
    machine.prepare(progress, install=False)
    podman = Podman(progress)
    ground.prepare(podman, progress, wanted)
    sources = inputs.digest(inputs.files())
    keys = {
        host: inputs.key(
            hosts.made_from(host, known), sources, inputs.variables(listing, host.address), options.step
        )
        for host in wanted
    }
    if options.command == "thaw":
        _thaw(podman, progress, keys, known, options.step)
    else:
        _freeze(podman, progress, keys, known, options.step)
    return wanted


def _thaw(podman: Podman, progress: Progress, keys: dict[Host, str], known: list[Host], step: str) -> None:
    """Give hosts their frozen disks: all of them, or none if one is missing."""
    frozen.prune(podman)
    frozen.refuse_missing(podman, keys, step)
    hosts.remove(podman, [host.name for host in keys])
    disks = {host.name: frozen.image(key) for host, key in keys.items()}
    hosts.start(podman, progress, list(keys), known, disks)


def _freeze(podman: Podman, progress: Progress, keys: dict[Host, str], known: list[Host], step: str) -> None:
    """Freeze running hosts, and start them again."""
    running = {found.host: found for found in hosts.list_existing(podman) if found.state == "running"}
    missing = [host.name for host in keys if host not in running]
    if missing:
        raise TestbedError(
            f"{', '.join(missing)} does not run, and what was done to it is not known: bring it up "
            "(scripts/testbed up), do it, and freeze it then.",
            FAILED,
        )
    for host in keys:
        changed = inputs.changed_since(inputs.files(), running[host].created)
        if changed:
            made = datetime.fromtimestamp(running[host].created).astimezone().strftime("%H:%M:%S")
            raise TestbedError(
                f"{host.name} was made at {made}, and {changed[0]} was written after that: whether it went into the "
                "host is not known, so that the host was not frozen. Make it anew (scripts/testbed reset).",
                CHANGED,
            )
    hosts.side_by_side(lambda host: frozen.freeze(podman, progress, host, keys[host], step), list(keys))
    frozen.prune(podman)
    hosts.start(podman, progress, list(keys), known)
