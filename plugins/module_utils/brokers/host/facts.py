"""Facts about a host, read before a broker is put on it. Nothing here changes anything.

Linux only. Listeners come from /proc/net/tcp and tcp6 and their holders from /proc/PID/fd, as in proc(5), so that
a bare host needs neither ss nor lsof.
"""

from __future__ import annotations

import glob
import json
import os
import pwd
import re
import socket
import struct
import subprocess
import time
from collections.abc import Callable
from typing import Any

HOSTS_MARK = "Brokerkit: names of broker nodes"  # in /etc/hosts, around the names that a role pinned
_LISTEN = "0A"  # TCP_LISTEN in include/net/tcp_states.h
# Headings of apt-get's lists, and a line of them with --verbose-versions: name (version), or name (old => new).
_CHANGING = re.compile(
    r"^The following (?:NEW packages|packages) will be (?:installed|upgraded|DOWNGRADED):$"
)
_REMOVING = "The following packages will be REMOVED:"
_VERSION = re.compile(r"^   (?P<name>\S+) \((?:\S+ => )?(?P<to>\S+)\)$")


def os_release(text: str) -> dict[str, str]:
    """Return the fields of an os-release(5) file, unquoted."""
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return {key.strip(): value.strip().strip("\"'") for key, _, value in pairs}


def address(raw: str) -> str:
    """Return the address that the kernel prints as 32-bit words of host order in hexadecimal."""
    words = [int(raw[i : i + 8], 16) for i in range(0, len(raw), 8)]
    packed = b"".join(struct.pack("=I", word) for word in words)
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)


def parse_listeners(text: str) -> list[tuple[str, int, str]]:
    """Return (address, port, socket inode) of every listening socket in the text of /proc/net/tcp or tcp6."""
    found = []
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 9 and fields[3] == _LISTEN:
            host, _, port = fields[1].partition(":")
            found.append((address(host), int(port, 16), fields[9]))
    return found


def _holders() -> dict[str, tuple[int, str]]:
    """Return socket inode -> (pid, process name) for every process; root sees them all."""
    found: dict[str, tuple[int, str]] = {}
    for link in glob.glob("/proc/[0-9]*/fd/*"):
        try:
            target = os.readlink(link)
            if target.startswith("socket:["):
                pid = link.split("/")[2]
                # systemd holds the socket of a unit until its service starts: the service itself is the better name.
                if pid == "1" and target[8:-1] in found:
                    continue
                with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as comm:
                    found[target[8:-1]] = (int(pid), comm.read().strip())
        except OSError:  # the process ended while we looked
            continue
    return found


def listeners() -> list[dict[str, Any]]:
    """Return every TCP listener of this host: address, port, and pid and process name of its holder (None unseen)."""
    holders, found = _holders(), []
    for path in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(path, encoding="ascii") as handle:
                parsed = parse_listeners(handle.read())
        except FileNotFoundError:  # a kernel without IPv6
            continue
        for host, port, inode in parsed:
            pid, process = holders.get(inode, (None, None))
            found.append({"address": host, "port": port, "pid": pid, "process": process})
    return sorted(found, key=lambda item: (item["port"], item["address"]))


def resolve(name: str) -> list[str]:
    """Return the addresses that this host's resolver gives for `name`; an empty list where it knows none."""
    try:
        return sorted({str(info[4][0]) for info in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)})
    except OSError:
        return []


def foreign(addresses: list[str]) -> list[str]:
    """Return those IP addresses that nothing on this host could listen on, since they are not its own."""
    found = []
    for one in addresses:
        family = socket.AF_INET6 if ":" in one else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.bind((one, 0))  # any free port: who holds the wanted one, listeners() says
        except OSError:
            found.append(one)
    return found


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)


def packages(names: list[str]) -> dict[str, str]:
    """Return the version of each package of `names` that is installed and configured (Debian family)."""
    if not names:
        return {}
    done = _run(["dpkg-query", "-W", "-f", "${db:Status-Abbrev}\t${Package}\t${Version}\n", *names])
    rows = (line.split("\t") for line in done.stdout.splitlines())
    return {row[1]: row[2] for row in rows if len(row) == 3 and row[0].startswith("ii")}


def interrupted() -> bool:
    """Return whether an installation was interrupted: dpkg's journal is not empty, or a package is not set up yet."""
    done = _run(["dpkg-query", "-W", "-f", "${db:Status-Status}\n"])
    cut_off = {"half-installed", "unpacked", "half-configured"}  # dpkg(1), "Package states"
    return bool(cut_off & {*done.stdout.split()}) or bool(glob.glob("/var/lib/dpkg/updates/[0-9]*"))


def parse_plan(text: str) -> dict[str, str]:
    """Return package -> version of what `apt-get --verbose-versions install` would install."""
    return _listed(text, lambda heading: _CHANGING.match(heading) is not None)


def parse_errors(text: str) -> str:
    """Return what apt-get says of its errors in one line: lines that begin with "E: ", and those indented after them.

    In the latter apt's solver explains itself, from version 3 on.
    """
    told: list[str] = []
    inside = False
    for line in text.splitlines():
        inside = line.startswith("E: ") or (inside and line.startswith(" "))
        if line.startswith("E: "):
            told.append(line[3:].strip())
        elif inside:
            told[-1] += f" {line.strip()}"
    return "; ".join(told)


def parse_removed(text: str) -> list[str]:
    """Return the packages that `apt-get --verbose-versions install` would remove."""
    return sorted(_listed(text, lambda heading: heading == _REMOVING))


def _listed(text: str, wanted: Callable[[str], bool]) -> dict[str, str]:
    """Return package -> version of the lists below the headings that are wanted."""
    found, inside = {}, False
    for line in text.splitlines():
        row = _VERSION.match(line)
        if row is None:
            inside = wanted(line)
        elif inside:
            found[row["name"]] = row["to"]
    return found


def parse_available(text: str) -> dict[str, list[str]]:
    """Return package -> versions, the newest first, of what `apt-cache madison` prints."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        fields = [field.strip() for field in line.split("|")]
        if len(fields) == 3 and fields[1] not in found.setdefault(fields[0], []):
            found[fields[0]].append(fields[1])
    return found


def available(names: list[str]) -> dict[str, list[str]]:
    """Return the versions of packages in apt's repositories, the newest first; what dpkg alone has is not there."""
    return parse_available(_run(["apt-cache", "madison", *names]).stdout)


def packages_written(names: list[str]) -> float:
    """Return when the newest of these packages was put on the host (Unix time), 0.0 where that is not known."""
    # Of a package that may be installed for several architectures, the list has one of them in its name.
    patterns = (f"/var/lib/dpkg/info/{name}{rest}.list" for name in names for rest in ("", ":*"))
    times = [os.stat(path).st_mtime for pattern in patterns for path in glob.glob(pattern)]
    return max(times, default=0.0)


def refresh(patience: float = 120) -> str | None:
    """Fetch apt's package lists; return why that failed, or None. Waits `patience` seconds for another apt to end."""
    until = time.monotonic() + patience
    while True:
        done = _run(["apt-get", "--quiet", "--quiet", "update"])
        if done.returncode == 0:
            return None
        if "Could not get lock" not in done.stderr or time.monotonic() > until:
            return "; ".join(line[3:] for line in done.stderr.splitlines() if line.startswith("E: "))
        time.sleep(1)  # apt waits for dpkg's lock, and not for that of the lists


def simulate(specs: list[str]) -> dict[str, Any]:
    """Return what installing `specs` would do now: packages (name: version), removed (names), error (text or None).

    Nothing is fetched and nothing locked: apt-get(8), --print-uris. It plans as --simulate does, and does not go
    through the installation of each package of the plan, which takes three times as long for a Java.
    """
    done = _run(
        ["apt-get", "--print-uris", "--verbose-versions", "--no-install-recommends", "install", *specs]
    )
    error = parse_errors(done.stderr) or done.stderr.strip() or f"apt-get ended with code {done.returncode}"
    return {
        "packages": parse_plan(done.stdout),
        "removed": parse_removed(done.stdout),
        "error": error if done.returncode else None,
    }


def properties(unit: str, names: list[str]) -> dict[str, str]:
    """Return properties of a systemd unit, as `systemctl show` prints them."""
    done = _run(["systemctl", "show", unit, "--property", ",".join(names)])
    return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)


def users(paths: list[str]) -> list[str]:
    """Return the names of the users in files of definitions, sorted; a file that cannot be read has none."""
    names: set[str] = set()
    for path in paths:
        try:
            with open(path, encoding="utf-8") as handle:
                found = json.load(handle)["users"]
            names |= {str(user["name"]) for user in found}
        except (OSError, ValueError, TypeError, KeyError):
            continue
    return sorted(names)


def shell(account: str) -> str:
    """Return the login shell of a user of the host, '' where there is no such user."""
    try:
        return pwd.getpwnam(account).pw_shell
    except KeyError:
        return ""


def process_state(pid: int) -> str:
    """Return the letter that proc(5) gives for the state of a process, such as T for one that is stopped."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as handle:
            return handle.read().rpartition(")")[2].split()[0]  # the name before it may hold anything
    except OSError:
        return ""


def started_with(pid: int, word: str) -> bool:
    """Return whether a process has that word among its arguments."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as handle:
            return word.encode() in handle.read().split(b"\0")
    except OSError:
        return False


def unit(name: str, word: str = "") -> dict[str, Any]:
    """Return systemd's view of the unit, and the state of its process.

    load_state, active_state, unit_file_state, main_pid (0 when not running), process_state ('' when not running),
    mask: the link to /dev/null that masks the unit, or '', started_with: whether `word` is among the arguments of its
    process, and started: when that began (Unix time, 0.0 when not running).
    """
    names = ["LoadState", "ActiveState", "UnitFileState", "MainPID", "ExecMainStartTimestampMonotonic"]
    values = properties(name, names)
    pid = int(values.get("MainPID") or 0)
    since = int(values.get("ExecMainStartTimestampMonotonic") or 0) / 1e6
    return {
        "load_state": values.get("LoadState", "not-found"),
        "active_state": values.get("ActiveState", "inactive"),
        "unit_file_state": values.get("UnitFileState", ""),
        "main_pid": pid,
        "process_state": process_state(pid) if pid else "",
        "started_with": bool(pid and word) and started_with(pid, word),
        "started": time.time() - time.monotonic() + since if pid and since else 0.0,
        "mask": _mask(name) if values.get("LoadState") == "masked" else "",
    }


def _mask(name: str) -> str:
    """Return the link that `systemctl mask` has made for a unit; '' where an empty file masks it."""
    paths = (f"{place}/systemd/system/{name}" for place in ("/etc", "/run"))
    return next((path for path in paths if os.path.islink(path)), "")
