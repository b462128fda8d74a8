#!/usr/bin/env python3
"""Builds the prober as one file that Python 3.11 or later runs as it is; the same sources give the same bytes.

pika and stomp.py come from the environment of `make setup`, as relay_archive.py takes them. Probes of TLS also need the
host's own python3-cryptography.
"""

from __future__ import annotations

import sys

from relay_archive import ROOT, archive, library_sources, write

PLACE = ROOT / "roles" / "smoke_timer" / "files" / "brokerkit-smoke.pyz"
_LIBRARIES = {
    "pika": "pika",
    "stomp-py": "stomp",
    "websocket-client": "websocket",
}  # the last for the one before
_MAIN = b"""\
import os, sys

import smoke

sys.exit(smoke.main(sys.argv[1:], os.environ, sys.stdout, sys.stderr))
"""


def own_sources() -> dict[str, bytes]:
    """Return the files of this project that the prober is made of, by their names in the archive."""
    scripts = ROOT / "scripts"
    paths = [scripts / "smoke.py", *(scripts / "probes").rglob("*.py")]
    found = {str(path.relative_to(scripts)): path.read_bytes() for path in paths}
    return {**found, "__main__.py": _MAIN, "LICENSE": (ROOT / "LICENSE").read_bytes()}


def build() -> bytes:
    """Return the prober's archive. Raises Refused."""
    libraries: dict[str, bytes] = {}
    for name, package in _LIBRARIES.items():
        libraries |= library_sources(name, package)
    return archive({**libraries, **own_sources()})


def main(argv: list[str]) -> int:
    """Run with these arguments (without the program's name) and return the exit code."""
    return write(argv, "smoke_archive.py", __doc__ or "", PLACE, build)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
