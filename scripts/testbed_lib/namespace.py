"""A mount namespace of podman's own, on machines whose /sys/fs/cgroup crun refuses.

The namespace is kept on a bind mount of a file, so that every podman call enters the same one: the hosts'
network namespaces are mounted in it. The file lies on a private tmpfs, as the kernel demands. After a reboot
the tmpfs is gone and with it the file: a new one is made, and podman finds its hosts stopped.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from testbed_lib.errors import UNAVAILABLE, TestbedError
from testbed_lib.machine import mounts, needs_own_cgroup_mount, read_mountinfo
from testbed_lib.settings import NAMESPACE, RUN

# Podman and crun keep state in fixed folders of /run, which on some machines is a disk and survives a reboot.
# A tmpfs in this namespace keeps stale addresses and process ids from coming back.
_SET_UP = """
set -e
umount --recursive /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
for folder in containers crun netns; do
    mkdir -p "/run/$folder"
    mount -t tmpfs -o mode=755 tmpfs "/run/$folder"
done
"""


def enter() -> list[str]:
    """The words to put before a podman command; makes the run folder and, where needed, the namespace."""
    mount_run_folder()
    mountinfo = read_mountinfo()
    if not needs_own_cgroup_mount(mountinfo):
        return []
    if not is_mounted(mountinfo, NAMESPACE, "nsfs"):
        _create()
    return ["nsenter", f"--mount={NAMESPACE}"]


def mount_run_folder() -> None:
    """Mount a private tmpfs on /run/brokerkit-testbed unless it is there."""
    if is_mounted(read_mountinfo(), RUN, "tmpfs"):
        return
    RUN.mkdir(mode=0o700, exist_ok=True)
    _run(["mount", "-t", "tmpfs", "-o", "mode=700", "tmpfs", str(RUN)])
    _run(["mount", "--make-private", str(RUN)])


def remove() -> None:
    """Remove the namespace and the run folder; no podman of the test bed may be running."""
    if is_mounted(read_mountinfo(), NAMESPACE, "nsfs"):
        _run(["umount", str(NAMESPACE)])
    if is_mounted(read_mountinfo(), RUN, "tmpfs"):
        _run(["umount", "--recursive", str(RUN)])
        RUN.rmdir()


def is_mounted(mountinfo: str, point: Path, kind: str) -> bool:
    """Whether a filesystem of this type is mounted on this very point."""
    return (str(point), kind) in mounts(mountinfo)


def _create() -> None:
    NAMESPACE.touch()
    _run(["unshare", f"--mount={NAMESPACE}", "--propagation=private", "sh", "-c", _SET_UP])


def _run(command: list[str]) -> None:
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise TestbedError(
            f"`{' '.join(command[:3])} ...` failed: {run.stderr.strip()}. "
            "The test bed needs a machine on which root may mount filesystems.",
            UNAVAILABLE,
        )
