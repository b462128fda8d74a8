"""Calls of podman on the test bed's own storage."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from testbed_lib import machine, namespace
from testbed_lib.errors import FAILED, UNAVAILABLE, TestbedError
from testbed_lib.progress import Progress
from testbed_lib.settings import LABEL, RUN, STATE

CALL_SECONDS = 300

# Locks in files of our own: by default every podman of the machine shares one segment of /dev/shm for its
# locks, and frees all of them when it finds that the machine was rebooted. This file also stands in for the
# machine's containers.conf, whose defaults are meant for other containers.
_CONFIGURATION = """[engine]
lock_type = "file"
[containers]
http_proxy = false
"""


class Podman:
    """The podman command with the namespace and the storage that every call needs."""

    def __init__(self, progress: Progress) -> None:
        if machine.missing_programs(shutil.which):
            raise TestbedError("Programs are missing here: `scripts/testbed up` installs them.", UNAVAILABLE)
        self._base = [
            *namespace.enter(),
            "podman",
            f"--root={STATE / 'storage'}",
            f"--runroot={RUN / 'storage'}",
            f"--tmpdir={RUN / 'libpod'}",
            f"--network-config-dir={STATE / 'networks'}",
        ]
        configuration = RUN / "containers.conf"
        configuration.write_text(_CONFIGURATION, encoding="utf-8")
        self.environment = {**os.environ, "CONTAINERS_CONF": str(configuration)}
        STATE.mkdir(mode=0o711, exist_ok=True)
        (STATE / "networks").mkdir(exist_ok=True)
        self._base.append(f"--storage-driver={self._storage_driver(progress)}")

    def command(self, *arguments: str) -> list[str]:
        """The whole command line."""
        return [*self._base, *arguments]

    def run(self, *arguments: str, stdin: bytes | None = None) -> str:
        """Standard output of a call that must succeed; TestbedError with podman's own words otherwise."""
        run = self.attempt(*arguments, stdin=stdin)
        if run.returncode != 0:
            words = run.stderr.decode(errors="replace").strip()
            raise TestbedError(f"`podman {arguments[0]}` failed: {words}", FAILED)
        return run.stdout.decode()

    def attempt(self, *arguments: str, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
        """A call that may fail."""
        # the folder that the command was started from may not exist in the namespace
        return subprocess.run(
            self.command(*arguments),
            input=stdin,
            capture_output=True,
            cwd="/",
            env=self.environment,
            timeout=CALL_SECONDS,
            check=False,
        )

    def json(self, *arguments: str) -> Any:
        """A call's output, read as JSON."""
        return json.loads(self.run(*arguments) or "null")

    def containers(self, kind: str) -> list[dict[str, Any]]:
        """The containers that carry our label with this value, as ``podman ps`` describes them.

        Where all processes were ended from outside, podman goes on calling a container running: such ones get
        the state ``vanished`` here.
        """
        rows: list[dict[str, Any]] = (
            self.json("ps", "--all", "--format=json", f"--filter=label={LABEL}={kind}") or []
        )
        for row in rows:
            if row["State"] == "running" and not _is_alive(row["Pid"], row["Id"]):
                row["State"] = "vanished"
        return rows

    def _storage_driver(self, progress: Progress) -> str:
        """overlay where this disk can hold it, otherwise vfs, which copies each image for each host."""
        for driver in ("overlay", "vfs"):
            if (STATE / "storage" / f"{driver}-images").exists():
                return driver
        probe = self.attempt("--storage-driver=overlay", "info")
        if probe.returncode == 0:
            return "overlay"
        progress.say(f"overlay storage does not work below {STATE}: vfs is slower and takes more of the disk")
        fallback = self.attempt("--storage-driver=vfs", "info")
        if fallback.returncode != 0:
            words = fallback.stderr.decode(errors="replace").strip()
            raise TestbedError(f"podman does not work on this machine: {words}", UNAVAILABLE)
        return "vfs"


def _is_alive(pid: int, container: str) -> bool:
    """Whether this process lives and is this container's, whose id is in its control group's path."""
    try:
        return container in Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return False
