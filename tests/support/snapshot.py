"""What a refused run must leave alone on a host: packages, /etc, listeners, services, the broker's process.

Runs on the host, on its own Python; prints one JSON object.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess


def output(*command: str) -> str:
    """Standard output of a command."""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def digest(path: str) -> str:
    """What identifies a file: kind, owner, mode, time of its last change and content."""
    found = os.lstat(path)
    if os.path.islink(path):
        return f"link to {os.readlink(path)}"
    with open(path, "rb") as handle:
        content = hashlib.sha256(handle.read()).hexdigest()
    return f"{found.st_uid}:{found.st_gid} {found.st_mode:o} {found.st_mtime_ns} {content}"


def tree(top: str) -> dict[str, str]:
    """Every file below `top`, with its digest."""
    paths = (os.path.join(folder, name) for folder, _, names in os.walk(top) for name in names)
    return {path: digest(path) for path in sorted(paths)}


def listeners() -> list[str]:
    """Local ends of all listening TCP sockets, as the kernel prints them."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(table) as handle:
            rows = [line.split() for line in handle][1:]
        found |= {row[1] for row in rows if row[3] == "0A"}
    return sorted(found)


def packages() -> str:
    """Every installed package with its version, by dpkg or by rpm."""
    if shutil.which("dpkg-query"):
        return output("dpkg-query", "--show", "--showformat=${Package} ${Version} ${Status}\n")
    rows = output("rpm", "--query", "--all").splitlines()
    # dnf keeps the keys that it was given for packages; a key that is not used again does no harm.
    return "\n".join(sorted(row for row in rows if not row.startswith("gpg-pubkey-")))


def main() -> None:
    """Print the snapshot."""
    units = output("systemctl", "list-units", "--type=service", "--state=running", "--plain", "--no-legend")
    # The login that takes this snapshot is a service of its own, as is the one of the run before it.
    names = sorted(line.split()[0] for line in units.splitlines() if not line.startswith(("user@", "user-")))
    print(
        json.dumps(
            {
                "packages": packages(),
                "etc": tree("/etc"),
                "state": tree("/var/lib/brokerkit"),
                "listeners": listeners(),
                "units": names,
                "broker": output("systemctl", "show", "--property=MainPID,NRestarts", "rabbitmq-server"),
            }
        )
    )


if __name__ == "__main__":
    main()
