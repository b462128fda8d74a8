"""What systemd lets a broker do: one set of directives for every broker.

Source: systemd.exec(5). Left out, because a broker needs it: memory that is writable and executable (the just-in-time
compilers of Erlang and Java), /proc/meminfo (`ProcSubset`, the broker's own view of memory), and the network.
"""

from __future__ import annotations

import os
import re
from typing import Any

DIRECTIVES = (
    ("NoNewPrivileges", "true"),
    ("CapabilityBoundingSet", ""),
    ("ProtectSystem", "strict"),
    ("ProtectHome", "true"),
    ("ProtectProc", "invisible"),
    ("ProtectClock", "true"),
    ("ProtectHostname", "true"),
    ("ProtectKernelLogs", "true"),
    ("ProtectKernelModules", "true"),
    ("ProtectKernelTunables", "true"),
    ("ProtectControlGroups", "true"),
    ("PrivateTmp", "true"),
    ("PrivateDevices", "true"),
    ("RestrictAddressFamilies", "AF_INET AF_INET6 AF_UNIX AF_NETLINK"),
    ("RestrictNamespaces", "true"),
    ("RestrictRealtime", "true"),
    ("RestrictSUIDSGID", "true"),
    ("RemoveIPC", "true"),
    ("LockPersonality", "true"),
    ("SystemCallArchitectures", "native"),
    # A call outside the list fails as one that is not permitted; the default would kill the broker.
    ("SystemCallErrorNumber", "EPERM"),
    ("SystemCallFilter", "@system-service"),
    ("SystemCallFilter", "~@privileged"),
)
# No blanks, quotes, or characters that systemd expands.
_PATH = re.compile(r"/[A-Za-z0-9_.,:@/+=-]+\Z")


def directives(writable: list[str]) -> str:
    """Return the lines of a unit's [Service] section; the service can write below the paths of `writable` alone."""
    lines = [f"{name}={value}" for name, value in DIRECTIVES]
    return "\n".join([*lines, f"ReadWritePaths={' '.join(writable)}"])


def path_refusals(variable: str, paths: list[Any]) -> list[str]:
    """Return what is wrong with the operator's own writable paths, one sentence each."""
    found = []
    for path in paths:
        text = str(path)
        if not _PATH.match(text) or os.path.normpath(text) != text.rstrip("/"):
            found.append(
                f"{variable}: '{text}' is not a path that can stand in a unit; give an absolute path without blanks, "
                "quotes, '%' and '..'"
            )
    return found


def is_writable(path: str, writable: list[str]) -> bool:
    """Return whether a sandboxed service that can write below the paths of `writable` can write to `path`."""
    return any(path == place.rstrip("/") or path.startswith(place.rstrip("/") + "/") for place in writable)


def place_refusals(
    variable: str, host: str, own: list[str], writable: list[str], inside: list[str], places: dict[str, str]
) -> list[str]:
    """Return why a confined broker would not start on a host, or could not write to its data, one sentence each.

    `own` are the paths of the variable, `writable` the broker's, `inside` those below them that may be links to
    elsewhere. `places` has, of all of these that exist, where they really are. systemd follows a link that is itself
    named as writable, and none below it.
    """
    missing = [
        f"{variable}: {path} is not on {host}, and systemd would not start the unit without it; make the directory, "
        "for the broker's user to write to, or take it out"
        for path in own
        if path not in places
    ]
    reached = [places.get(path, path) for path in [*writable, *own]]
    return missing + [
        f"{variable}: {path} on {host} is a link to {places[path]}, where systemd does not let the broker write; add "
        f"{places[path]}"
        for path in inside
        if path in places and not is_writable(places[path], reached)
    ]
