"""Makes a test host serve the RPMs of the stand-in for Enterprise Linux, for playbooks; run again, it changes nothing.

usage: python tests/support/serve_rpms.py INVENTORY HOST KEYS [NAME...]

INVENTORY is a folder, HOST one of its hosts of suite trixie that is up; the key that signs goes to KEYS/right.asc. NAME
is what it serves beside the repositories `upstream/erlang` and `upstream/rabbitmq`: `later`, these with a further
release of each package; `system`, with Java; `epel`, with Erlang in parts. Prints where dnf finds `upstream/rabbitmq`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import hosts
import rpm_repositories


def main(inventory: str, name: str, keys: str, *names: str) -> None:
    """Serve, and keep the keys."""
    folder = Path(keys)
    folder.mkdir(parents=True, exist_ok=True)
    found = rpm_repositories.serve(hosts.host(name, inventory), folder)
    offers = {"later": found.later, "system": found.java, "epel": found.epel}
    for one in names:
        offers[one]()
    print(found.uri())


if __name__ == "__main__":
    main(*sys.argv[1:])
