"""What a converge leaves on a host, without what differs between two that are alike: times, process ids, salts.

Runs on the host, on its own Python, with the administrator's password as first line of its input; prints one
JSON object.
"""

from __future__ import annotations

import base64
import glob
import grp
import json
import os
import pwd
import socket
import stat
import subprocess
import sys
import urllib.request

TREES = (
    "/etc/rabbitmq",
    "/etc/systemd/system",
    "/var/lib/brokerkit",
)
FILES = ("/var/lib/rabbitmq/.erlang.cookie", "/var/lib/rabbitmq/administrator.json")
# What a cut-off write or check would leave: copies of files that hold secrets.
LEFTOVERS = ("/tmp/brokerkit-*", "/var/tmp/brokerkit-*", "/var/lib/rabbitmq/.brokerkit-*")
UNITS = ("rabbitmq-server.service", "epmd.socket")
PARTS = {
    "vhosts": ("name",),
    "users": ("name", "tags"),
    "permissions": ("user", "vhost", "configure", "write", "read"),
}


def output(*command: str) -> str:
    """Standard output of a command."""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def describe(path: str) -> str:
    """Owner, group, mode and content of a file, or where a link leads."""
    if os.path.islink(path):
        return f"link to {os.readlink(path)}"
    if not os.path.exists(path):
        return "absent"
    found = os.stat(path)
    with open(path, encoding="utf-8", errors="replace") as handle:
        content = handle.read()
    owner, group = pwd.getpwuid(found.st_uid).pw_name, grp.getgrgid(found.st_gid).gr_name
    return f"{owner}:{group} {stat.S_IMODE(found.st_mode):04o}\n{content}"


def tree(top: str) -> list[str]:
    """Every file and link below `top`."""
    return [os.path.join(folder, name) for folder, dirs, names in os.walk(top) for name in [*dirs, *names]]


def packages() -> list[str]:
    """The packages of the broker and of Erlang: name, version, state."""
    shown = output("dpkg-query", "--show", "--showformat=${Package} ${Version} ${Status}\n")
    return sorted(line for line in shown.splitlines() if line.startswith(("rabbitmq", "erlang")))


def definitions(password: str) -> object:
    """What the broker holds, as the administrator sees it; why it says nothing, where it does not answer."""
    login = base64.b64encode(f"admin:{password}".encode()).decode()
    asked = urllib.request.Request(
        "http://127.0.0.1:8080/api/definitions", headers={"Authorization": f"Basic {login}"}
    )
    try:
        with urllib.request.urlopen(asked, timeout=30) as answer:  # noqa: S310 - a fixed address
            found = json.load(answer)
    except OSError as error:
        return str(error)
    return {
        part: sorted(json.dumps([item[key] for key in keys]) for item in found[part])
        for part, keys in PARTS.items()
    }


def main() -> None:
    """Print the state."""
    paths = [*FILES, *(path for top in TREES for path in tree(top))]
    paths = [path for path in paths if os.path.islink(path) or not os.path.isdir(path)]
    state = {
        "packages": packages(),
        "half installed": output("dpkg", "--audit"),
        "files": {path: describe(path) for path in sorted(paths)},
        "leftovers": sorted(path for pattern in LEFTOVERS for path in glob.glob(pattern)),
        "units": {
            name: output("systemctl", "show", "--property=LoadState,ActiveState,UnitFileState", name)
            for name in UNITS
        },
        "definitions": definitions(sys.argv[1]),
    }
    # The node is named after the host, and two hosts are compared.
    print(json.dumps(state).replace(socket.gethostname(), "HOST"))


if __name__ == "__main__":
    main()
