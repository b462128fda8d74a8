"""Waits for a host to boot, and explains why it did not."""

from __future__ import annotations

import subprocess
import time

from testbed_lib import keys
from testbed_lib.errors import TestbedError
from testbed_lib.inventory import Host
from testbed_lib.podman import Podman
from testbed_lib.progress import Progress
from testbed_lib.settings import BOOT_SECONDS, CONTAINER_PREFIX


def wait(podman: Podman, progress: Progress, host: Host) -> None:
    """Return when the host takes a login and its systemd has finished booting.

    Units that failed are named as a warning. Raises TestbedError when the host ends while booting, or takes no
    login within BOOT_SECONDS.
    """
    deadline = time.monotonic() + BOOT_SECONDS
    said = ""
    while (left := deadline - time.monotonic()) > 0:
        state, said = _ask(host, "systemctl is-system-running --wait", left)
        if state in ("running", "degraded"):
            progress.say(f"{host.name} is up: {host.suite}, {host.address}{_warning(host, state)}")
            return
        _refuse_ended(podman, host)
        time.sleep(0.2)
    journal = ("journalctl", "--no-pager", "--lines=5", "--priority=warning")
    log = (
        podman.attempt("exec", CONTAINER_PREFIX + host.name, *journal).stdout.decode(errors="replace").strip()
    )
    raise TestbedError(
        f"{host.name} ({host.address}) took no login within {BOOT_SECONDS} s; ssh said: {said or 'nothing'}; "
        f"its journal: {log or 'empty'}. Try a clean start: scripts/testbed reset {host.name}"
    )


def _refuse_ended(podman: Podman, host: Host) -> None:
    template = "--format={{.State.Status}} {{.State.ExitCode}}"
    state, _, code = podman.run("inspect", template, CONTAINER_PREFIX + host.name).strip().partition(" ")
    if state == "exited":
        raise TestbedError(
            f"{host.name} ended with code {code} while it booted. With 255, systemd lacked a resource of this "
            "machine, often fs.inotify.max_user_instances: remove hosts that you do not need (scripts/testbed "
            f"status lists them), then run scripts/testbed reset {host.name}"
        )


def _warning(host: Host, state: str) -> str:
    if state == "running":
        return ""
    units, _ = _ask(host, "systemctl --failed --plain --no-legend", 30)
    failed = ", ".join(line.split()[0] for line in units.splitlines() if line.strip())
    return f"; warning: these units failed: {failed or 'unknown'}"


def _ask(host: Host, command: str, seconds: float) -> tuple[str, str]:
    """What a command on the host printed on standard output and standard error; a timeout counts as an error."""
    line = [*keys.ssh_command(host.address), command]
    try:
        run = subprocess.run(line, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return "", f"no answer within {seconds:.0f} s"
    return run.stdout.strip(), run.stderr.strip()
