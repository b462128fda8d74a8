"""Facts about a host, read before a broker is put on it. Nothing here changes anything.

Linux only. Listeners come from /proc/net/tcp and tcp6 and their holders from /proc/PID/fd, as in proc(5), so that
a bare host needs neither ss nor lsof.
"""

from __future__ import annotations

import glob
import json
import os
import pwd
import socket
import struct
import time
from typing import Any

from .commands import run

HOSTS_MARK = "Brokerkit: names of broker nodes"  # in /etc/hosts, around the names that a role pinned
_LISTEN = "0A"  # TCP_LISTEN in include/net/tcp_states.h


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


def properties(unit: str, names: list[str]) -> dict[str, str]:
    """Return properties of a systemd unit, as `systemctl show` prints them."""
    done = run(["systemctl", "show", unit, "--property", ",".join(names)])
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
