"""This machine's privileges, programs, control groups and limits."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from testbed_lib.errors import NO_PERMISSION, UNAVAILABLE, TestbedError
from testbed_lib.progress import Progress
from testbed_lib.settings import INSTALL_SECONDS

# program -> (Debian package, what it is for)
PROGRAMS = {
    "podman": ("podman", "runs the test hosts"),
    "crun": ("crun", "starts containers"),
    "netavark": ("netavark", "makes their network"),
    "iptables": ("iptables", "lets the package cache reach the mirror"),
    "mmdebstrap": ("mmdebstrap", "builds images from Debian's packages"),
    "ssh": ("openssh-client", "reaches the hosts"),
    "ip": ("iproute2", "shows which subnets are taken"),
    "nsenter": ("util-linux", "enters the mount namespace"),
}
# Folders that a PATH may lack; netavark is a helper that podman keeps in a folder of its own.
_MORE_FOLDERS = ("/usr/sbin", "/sbin", "/usr/lib/podman", "/usr/libexec/podman")

# Each systemd takes a handful of inotify instances, and the kernel's default of 128 is for all hosts together.
_INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")
_INOTIFY_INSTANCES = 1024

# The kernel's limit on open files that a test host gets where the machine allows it: systemd's own default.
MOST_OPEN_FILES = 524288
# podman lowers its own process limit to kernel.pid_max (32768 on a small machine) and, without
# CAP_SYS_RESOURCE, cannot raise it again for a container: stay below it.
MOST_PROCESSES = 30000


def complete_path() -> None:
    """Let this process and those that it starts find administrators' programs."""
    os.environ["PATH"] = os.pathsep.join([os.environ.get("PATH", "/usr/bin:/bin"), *_MORE_FOLDERS])


def become_root(arguments: Sequence[str]) -> None:
    """Start the same command again through sudo unless it runs as root already."""
    if os.geteuid() == 0:
        return
    sudo = shutil.which("sudo")
    if sudo is None:
        raise TestbedError(
            "Test hosts need root (for mounts and a network), and there is no sudo: run the command as root.",
            NO_PERMISSION,
        )
    print("testbed: test hosts need root (for mounts and a network): going on with sudo", file=sys.stderr)
    os.execv(sudo, [sudo, "--", *arguments])  # noqa: S606 - no shell is wanted


def missing_programs(find: Callable[[str], str | None]) -> dict[str, str]:
    """Debian package -> purpose for each program that ``find`` does not find."""
    return {package: purpose for name, (package, purpose) in PROGRAMS.items() if find(name) is None}


def prepare(progress: Progress, install: bool) -> None:
    """Install the programs that are missing, or refuse with the command that would.

    Raises TestbedError (UNAVAILABLE) where installing is not wanted, not possible or fails.
    """
    missing = missing_programs(shutil.which)
    if not missing:
        return
    command = f"apt-get install --no-install-recommends {' '.join(missing)}"
    if shutil.which("apt-get") is None:
        raise TestbedError(
            "This machine has no apt-get. Install its counterparts of these Debian packages: "
            f"{', '.join(missing)}.",
            UNAVAILABLE,
        )
    if not install:
        raise TestbedError(f"Packages are missing. Run as root: {command}", UNAVAILABLE)
    reasons = ", ".join(f"{package} ({purpose})" for package, purpose in missing.items())
    progress.say(f"installing with apt-get what the test hosts need: {reasons}")
    with progress.heartbeat(lambda: "still installing packages"):
        _apt_get("update")
        _apt_get("install", "--yes", "--no-install-recommends", *missing)
    still = missing_programs(shutil.which)
    if still:
        raise TestbedError(
            f"apt-get installed {', '.join(still)}, yet the programs are not in PATH: repair PATH.",
            UNAVAILABLE,
        )


def allow_many_systemds(progress: Progress) -> None:
    """Raise the limit on inotify instances until the next boot; without it one host too many hangs."""
    if int(_INOTIFY.read_text()) >= _INOTIFY_INSTANCES:
        return
    try:
        _INOTIFY.write_text(str(_INOTIFY_INSTANCES))
    except OSError as error:
        progress.say(
            f"fs.inotify.max_user_instances cannot be raised to {_INOTIFY_INSTANCES} ({error.strerror}): "
            "only a few hosts fit on this machine at once"
        )


def needs_own_cgroup_mount(mountinfo: str) -> bool:
    """Whether /sys/fs/cgroup is the old or hybrid layout, which crun refuses.

    ``mountinfo`` is the text of /proc/self/mountinfo (proc(5)). Raises TestbedError where nothing is
    mounted there at all.
    """
    types = [kind for point, kind in mounts(mountinfo) if point == "/sys/fs/cgroup"]
    if not types:
        raise TestbedError(
            "Nothing is mounted on /sys/fs/cgroup, and systemd hosts need control groups: mount them there.",
            UNAVAILABLE,
        )
    return types[-1] != "cgroup2"


def mounts(mountinfo: str) -> list[tuple[str, str]]:
    """(mount point, filesystem type) of each line of a mountinfo text, in the order of mounting."""
    found = []
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        found.append((left.split()[4], right.split()[0]))
    return found


def ulimit_options(hard_open_files: int, hard_processes: int) -> list[str]:
    """podman's --ulimit options for these hard limits of this process (-1: none)."""

    def below(hard: int, most: int) -> int:
        return most if hard < 0 else min(hard, most)

    files, processes = below(hard_open_files, MOST_OPEN_FILES), below(hard_processes, MOST_PROCESSES)
    return [f"--ulimit=nofile={files}:{files}", f"--ulimit=nproc={processes}:{processes}"]


def http_proxy() -> str | None:
    """The http proxy that this machine's apt uses: from its configuration, or from the environment."""
    configured = ""
    if shutil.which("apt-config"):
        command = ["apt-config", "shell", "proxy", "Acquire::http::Proxy"]
        run = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        configured = run.stdout.strip().removeprefix("proxy=").strip("'")
    return configured or os.environ.get("http_proxy") or None


def read_mountinfo() -> str:
    """The mounts that this process sees."""
    return Path("/proc/self/mountinfo").read_text(encoding="utf-8")


def _apt_get(*arguments: str) -> None:
    # another apt may be at work: wait for it instead of failing
    command = ["apt-get", "--quiet", "--option=DPkg::Lock::Timeout=300", *arguments]
    run = subprocess.run(
        command,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=INSTALL_SECONDS,
        check=False,
    )
    if run.returncode != 0:
        tail = "\n".join(run.stdout.splitlines()[-8:])
        raise TestbedError(f"`{' '.join(command)}` failed; its last words:\n{tail}", UNAVAILABLE)
