"""The machine below the brokers: memory, disks, clock, packages, ports. Nothing here changes anything."""

from __future__ import annotations

import calendar
import contextlib
import hashlib
import hmac
import os
import pwd
import re
import socket
import stat
import subprocess
import time
from typing import Any

from ..host import facts, firewalld, packages
from . import logs

_OOM = re.compile(r"Out of memory: Killed process \d+ \((?P<name>[^)]+)\)|oom-kill:.*task=(?P<task>[^,]+)")
# A denial in SELinux's own words: linux-audit's "AVC" records.
_DENIED = re.compile(
    r"audit\((?P<at>\d+\.\d+):\d+\).*?avc:\s+denied\s+\{ (?P<what>[^}]+)\}.*?comm=\"(?P<process>[^\"]+)\""
)
_TARGET = re.compile(r"\b(?:src|dest|path|name)=\"?([^\"\s]+)")
_RELATED = re.compile(r"(beam|erl|java|epmd)")
_FILES = 20_000  # that are looked at
_MEMINFO = ("MemTotal", "MemAvailable", "SwapTotal", "SwapFree")


def said(*command: str, seconds: float = 15) -> str:
    """Return what a program printed, whatever it thought of it; '' where it is missing or does not end."""
    try:
        done = subprocess.run(
            command, capture_output=True, env={**os.environ, "LC_ALL": "C"}, timeout=seconds, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode(errors="replace")


def text(path: str) -> str:
    """Return a small file's text, '' where it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as handle:
            return handle.read(1 << 20)
    except OSError:
        return ""


def read(directories: list[str]) -> dict[str, Any]:
    """Return what holds for the whole host; `directories` are those whose disks are wanted."""
    kernel = logs.kernel()
    return {
        "hostname": socket.gethostname(),
        "os": facts.os_release(text("/etc/os-release")).get("PRETTY_NAME", ""),
        "memory": memory(),
        "disks": {path: disk(path) for path in directories if os.path.isdir(path)},
        "clock": clock(),
        "listeners": facts.listeners(),
        "oom": oom(kernel),
        "interrupted": packages.manager().interrupted(),
        "firewall": firewalld.read(),
        "denied": denied(logs.tail("/var/log/audit/audit.log", 1 << 20) + kernel),
        "now": time.time(),
    }


def memory() -> dict[str, int]:
    """Return MemTotal, MemAvailable, SwapTotal and SwapFree in bytes."""
    found = dict(re.findall(r"^(\w+):\s+(\d+) kB", text("/proc/meminfo"), re.MULTILINE))
    return {name: int(found.get(name, 0)) * 1024 for name in _MEMINFO}


def disk(path: str) -> dict[str, Any]:
    """Return free and total bytes of the file system of a directory, free and total inodes, whether it takes writes."""
    try:
        found = os.statvfs(path)
    except OSError as error:
        return {"error": str(error)}
    return {
        "free": found.f_bavail * found.f_frsize,
        "total": found.f_blocks * found.f_frsize,
        "inodes": found.f_files,
        "inodes_free": found.f_favail,
        "read_only": bool(found.f_flag & os.ST_RDONLY),
    }


def clock() -> bool | None:
    """Return whether the clock is synchronised; None where nobody knows, and in a container, whose clock it is not."""
    if said("systemd-detect-virt", "--container").strip() not in ("", "none"):
        return None
    told = said("timedatectl", "show", "--property=NTPSynchronized", "--value").strip()
    return {"yes": True, "no": False}.get(told)


def oom(kernel: str) -> list[dict[str, Any]]:
    """Return the processes of brokers that the kernel ended for want of memory, from its messages."""
    found = []
    for line in logs.lines(kernel):
        hit = _OOM.search(line.text)
        name = (hit["name"] or hit["task"]) if hit else ""
        if name and _RELATED.match(name):
            found.append({"at": line.at, "process": name})
    return found


def denied(audit: str) -> list[dict[str, Any]]:
    """Return what SELinux has denied to processes of brokers: at (Unix time), process, what, target (port or path)."""
    found = []
    for line in audit.splitlines():
        hit = _DENIED.search(line)
        if hit and _RELATED.match(hit["process"]):
            target = _TARGET.search(line)
            found.append(
                {
                    "at": float(hit["at"]),
                    "process": hit["process"],
                    "what": hit["what"].strip(),
                    "target": target[1] if target else "something without a name",
                }
            )
    return found


def owned(path: str) -> dict[str, Any] | None:
    """Return mode and owner of a file, None where it is not there."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    try:
        owner = pwd.getpwuid(found.st_uid).pw_name
    except KeyError:
        owner = str(found.st_uid)
    return {"mode": stat.S_IMODE(found.st_mode), "owner": owner, "written": found.st_mtime}


def foreign_file(directory: str, user: str) -> dict[str, Any] | None:
    """Return the first file below a directory that belongs to somebody else than a user, None where none does."""
    seen = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            path = os.path.join(folder, name)
            found = owned(path)
            if found and found["owner"] != user:
                return {"path": path, **found}
            seen += 1
            if seen > _FILES:
                return None
    return None


def digest(path: str, key: str) -> str:
    """Return by what two files with the same text can be told to be equal, and nothing else; '' where it is not there.

    `key` is drawn for each run and forgotten after it.
    """
    try:
        with open(path, "rb") as handle:
            return hmac.new(key.encode(), handle.read(4096).strip(), hashlib.sha256).hexdigest()
    except OSError:
        return ""


def certificate(path: str, key: str = "", user: str = "") -> dict[str, Any]:
    """Return when a certificate ends (Unix time, None where nobody can say), and what is wrong with its key, if it is.

    `user` is that of the broker, which has to be able to read the key.
    """
    done = said("openssl", "x509", "-in", path, "-noout", "-enddate", seconds=5)
    found = re.search(r"notAfter=(.+)", done)
    trouble = key_trouble(path, key, user) if key else ""
    ends = None
    if found:
        with contextlib.suppress(ValueError):
            ends = calendar.timegm(time.strptime(found[1].replace("GMT", "").strip(), "%b %d %H:%M:%S %Y"))
    return {"path": path, "ends": ends, "exists": os.path.exists(path), "key": key, "key_trouble": trouble}


def key_trouble(path: str, key: str, user: str) -> str:
    """Return why a broker cannot use a key with its certificate, '' where it can, or where nobody can say."""
    if not os.path.exists(key):
        return "is not there"
    if user and not _may_read(user, key):
        return f"cannot be read by {user}"
    public = said("openssl", "x509", "-in", path, "-noout", "-pubkey", seconds=5)
    # A key with a passphrase is not opened, and nothing is said of it.
    own = said("openssl", "pkey", "-in", key, "-passin", "pass:", "-pubout", seconds=5)
    return "is not that of the certificate" if public and own and public != own else ""


def _may_read(user: str, path: str) -> bool:
    """Return whether a user may read a file; of one who does not exist, everything."""
    try:
        pwd.getpwnam(user)
    except KeyError:
        return True
    return "yes" in said("runuser", "-u", user, "--", "sh", "-c", 'test -r "$0" && echo yes', path, seconds=5)


def replaced(maps: str) -> list[str]:
    """Return the libraries that a process runs with and that were replaced or removed on disk since."""
    return sorted(set(re.findall(r"(/(?:usr/)?lib\S*\.so\S*) \(deleted\)$", maps, re.MULTILINE)))


def process(pid: int) -> dict[str, Any]:
    """Return state, open files, their limit, replaced libraries and the resident memory of a process; {} without it."""
    if not pid:
        return {}
    limit = re.search(r"^Max open files\s+(\d+)", text(f"/proc/{pid}/limits"), re.MULTILINE)
    resident = re.search(r"^VmRSS:\s+(\d+) kB", text(f"/proc/{pid}/status"), re.MULTILINE)
    try:
        files = len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return {}
    return {
        "state": facts.process_state(pid),
        "files": files,
        "files_limit": int(limit[1]) if limit else 0,
        "replaced": replaced(text(f"/proc/{pid}/maps")),
        "resident": int(resident[1]) * 1024 if resident else 0,
    }
