"""The command line."""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from testbed_lib import (
    cache,
    endpoints,
    freezing,
    frozen,
    ground,
    hosts,
    images,
    inventory,
    keys,
    machine,
    namespace,
    network,
)
from testbed_lib.errors import FAILED, OK, USAGE, TestbedError
from testbed_lib.inventory import Host
from testbed_lib.podman import Podman
from testbed_lib.progress import Progress
from testbed_lib.settings import DEFAULT_INVENTORY, LOCK, LOCK_SECONDS, PROJECT_STATE, STATE, SUITES

_EPILOG = """exit codes: 0 done; 1 failed; 64 wrong usage or inventory; 66 not frozen (thaw); 69 something is missing
or taken (a program, the subnet, an address); 75 roles changed while the host was up (freeze);
77 no permission (neither root nor sudo).

Hosts are those of the inventory that have testbed_suite (bullseye, bookworm, trixie, sid, el9) and
ansible_host (an address of 10.61.13.0/24)."""


def parser() -> argparse.ArgumentParser:
    """The argument parser."""
    top = argparse.ArgumentParser(
        prog="scripts/testbed",
        description="Real systemd test hosts with sshd on one machine.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, text: str, with_hosts: bool = True) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        if with_hosts:
            sub.add_argument(
                "-i",
                "--inventory",
                action="append",
                metavar="INVENTORY",
                help=f"may be given more than once; default: {DEFAULT_INVENTORY}",
            )
            sub.add_argument("hosts", nargs="*", metavar="HOST", help="default: every host of the inventory")
        return sub

    no_install = "do not install Debian packages that are missing on this machine; name them and stop"
    for name, text in (
        ("up", "bring hosts up; those that run already are left alone"),
        ("reset", "give hosts a clean start: remove them and boot them anew"),
    ):
        add(name, text).add_argument("--no-install", action="store_true", help=no_install)
    for name, text in (
        (
            "freeze",
            "keep the disks of hosts, as a step has left them, for as long as what went into them is the same",
        ),
        ("thaw", "give hosts the disk that was frozen, in place of the one they have"),
    ):
        add(name, text).add_argument("--step", default="converged", help="what was done; default: converged")
    add("down", "remove hosts, of whatever inventory if they are named").add_argument(
        "--all", action="store_true", help="every host on this machine, and the package cache's container"
    )
    status = add("status", "show the hosts on this machine", with_hosts=False)
    status.add_argument("--format", choices=("text", "json"), default="text")
    build = add("build", "build images ahead of time", with_hosts=False)
    build.add_argument("suites", nargs="*", metavar="SUITE", help=f"default: {' '.join(SUITES)}")
    build.add_argument("--no-install", action="store_true", help=no_install)
    add("clean", "remove everything: hosts, network, images, packages, keys", with_hosts=False)
    login = add("ssh", "log in to a host, or run a command there", with_hosts=False)
    login.add_argument("-i", "--inventory", action="append", metavar="INVENTORY")
    login.add_argument("host", metavar="HOST")
    login.add_argument("words", nargs=argparse.REMAINDER, metavar="COMMAND")
    return top


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit code."""
    try:
        options = parser().parse_args(arguments)
    except SystemExit as stop:
        return USAGE if stop.code else OK
    progress = Progress()
    try:
        return _dispatch(options, progress, arguments)
    except TestbedError as error:
        print(f"testbed: {error}", file=sys.stderr)
        return error.code
    except (OSError, subprocess.SubprocessError) as error:
        print(f"testbed: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("testbed: stopped; run the same command again to go on", file=sys.stderr)
        return 130


def _dispatch(options: argparse.Namespace, progress: Progress, arguments: Sequence[str]) -> int:
    machine.complete_path()
    if options.command == "ssh":
        return _ssh(options)
    machine.become_root([sys.executable, os.path.abspath(sys.argv[0]), *arguments])
    if options.command == "status":
        return _status(options, progress)
    # Reading an inventory takes Ansible seconds, and a host boots by itself: others change the test bed meanwhile.
    wanted, known = _wanted(options) if _reads_inventory(options) else ([], [])
    started: Sequence[Host] = ()
    with lock(progress):
        if options.command in ("up", "reset"):
            started = _up(options, progress, wanted, known)
        elif options.command in ("freeze", "thaw"):
            started = freezing.run(options, progress)
        elif options.command == "down":
            _down(options, progress, wanted)
        elif options.command == "build":
            _build(options, progress)
        else:
            _clean(progress)
    if started:
        hosts.wait(Podman(progress), progress, started)
    return OK


@contextmanager
def lock(progress: Progress) -> Iterator[None]:
    """Let one command at a time change the test bed of this machine; TestbedError after LOCK_SECONDS."""
    with LOCK.open("a+") as file:
        if not _try_lock(file):
            holder = LOCK.read_text(encoding="utf-8").strip()
            progress.say(f"waiting for another scripts/testbed to finish (process {holder})")
            with progress.heartbeat(lambda: f"still waiting for process {holder}"):
                while not _try_lock(file):
                    if progress.elapsed() > LOCK_SECONDS:
                        raise TestbedError(f"Another scripts/testbed (process {holder}) is stuck: end it.")
                    time.sleep(0.2)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _try_lock(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _wanted(options: argparse.Namespace) -> tuple[list[Host], list[Host]]:
    """The hosts named on the command line, and all of the inventory."""
    known = inventory.read_hosts(options.inventory or [DEFAULT_INVENTORY])
    return inventory.select(known, options.hosts), known


def _reads_inventory(options: argparse.Namespace) -> bool:
    """Whether the command is about hosts of an inventory; one that has left it can still be removed by name."""
    return options.command in ("up", "reset") or (
        options.command == "down" and not options.hosts and not options.all and _was_used()
    )


def _up(
    options: argparse.Namespace, progress: Progress, wanted: Sequence[Host], known: Sequence[Host]
) -> Sequence[Host]:
    machine.prepare(progress, install=not options.no_install)
    podman = Podman(progress)
    recipes = ground.prepare(podman, progress, wanted)
    if options.command == "reset":
        hosts.remove(podman, [host.name for host in wanted])
    hosts.start(podman, progress, wanted, known)
    images.remove_superseded(podman, recipes)
    return wanted


def _down(options: argparse.Namespace, progress: Progress, wanted: Sequence[Host]) -> None:
    existing: list[str] = []
    if _was_used():
        podman = Podman(progress)
        addresses = {found.host.name: found.host.address for found in hosts.list_existing(podman)}
        existing = list(addresses)
        if not options.all:
            names = options.hosts or [host.name for host in wanted]
            existing = [name for name in existing if name in names]
        hosts.remove(podman, existing)
        endpoints.forget([addresses[name] for name in existing])
        if options.all:
            cache.remove(podman)
    progress.say(f"removed {', '.join(existing)}" if existing else "there was no such host to remove")


def _build(options: argparse.Namespace, progress: Progress) -> None:
    unknown = [suite for suite in options.suites if suite not in SUITES]
    if unknown:
        raise TestbedError(f"Unknown suite {', '.join(unknown)}: choose from {', '.join(SUITES)}.", USAGE)
    machine.prepare(progress, install=not options.no_install)
    recipes = [images.host_recipe(suite) for suite in options.suites or SUITES]
    images.ensure(Podman(progress), progress, [*recipes, images.cache_recipe()])


def _clean(progress: Progress) -> None:
    if _was_used():
        podman = Podman(progress)
        hosts.remove(podman, [found.host.name for found in hosts.list_existing(podman)])
        cache.remove(podman)
        network.remove(podman)
        podman.run("system", "reset", "--force")
        namespace.remove()
        shutil.rmtree(STATE)
    shutil.rmtree(PROJECT_STATE, ignore_errors=True)
    progress.say("removed every test host, image, cached package and key")


def _was_used() -> bool:
    """Whether the test bed ever ran on this machine since it was last cleaned."""
    return (STATE / "storage").exists()


def _status(options: argparse.Namespace, progress: Progress) -> int:
    rows: list[dict[str, str | int]] = []
    cached = False
    kept: list[frozen.Frozen] = []
    if _was_used():
        podman = Podman(progress)
        kept = frozen.existing(podman)
        rows = [_row(found) for found in hosts.list_existing(podman)]
        cached = any(row["State"] == "running" for row in podman.containers("cache"))
    if options.format == "json":
        print(json.dumps(rows, indent=2))
        return OK
    if rows:
        print(f"{'NAME':<16}{'SUITE':<10}{'ADDRESS':<15}{'STATE':<10}{'RECIPE':<9}AGE")
    for row in rows:
        print("{name:<16}{suite:<10}{address:<15}{state:<10}{recipe:<9}{age_seconds} s".format(**row))
    if not rows:
        print("No test hosts. Bring some up: scripts/testbed up")
    for one in kept:
        print(f"Frozen: {one.name}, {one.step}, {int(time.time()) - one.created} s ago")
    print(f"The package cache {'runs' if cached else 'does not run'}.")
    return OK


def _row(found: hosts.Existing) -> dict[str, str | int]:
    return {
        "name": found.host.name,
        "suite": found.host.suite,
        "address": found.host.address,
        "state": found.state,
        "recipe": "current" if found.recipe == hosts.fingerprint(found.host) else "old",
        "age_seconds": int(time.time()) - found.created,
    }


def _ssh(options: argparse.Namespace) -> int:
    known = inventory.read_hosts(options.inventory or [DEFAULT_INVENTORY])
    host = inventory.select(known, [options.host])[0]
    key = PROJECT_STATE / "id_ed25519"
    if not key.exists():
        raise TestbedError(f"There is no key in {PROJECT_STATE}: run scripts/testbed up first.")
    words = options.words[1:] if options.words[:1] == ["--"] else options.words
    command = keys.ssh_command(host.address, key)
    os.execvp(command[0], [*command, *words])  # noqa: S606 - no shell is wanted here
