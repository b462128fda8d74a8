#!/usr/bin/env python3
"""Makes a small CA for the hosts of an inventory, as variables: `make ca NAME=prod`.

The file holds rabbitmq_tls_ca_certificate and rabbitmq_tls_ca_key (with BROKER=activemq those of that role), readable
by you alone; encrypt it with ansible-vault. A CA that is there already is left alone: certificates that were issued by
it would be trusted no more.

usage: new_ca.py NAME [DAYS [rabbitmq|activemq]]

exit codes: 0 made; 64 wrong usage; 73 the file is there, or cannot be made.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "plugins" / "module_utils"))

from brokers.certificates.issuing import Issued, new_authority  # noqa: E402 - the library is found by the line above

MADE, USAGE, CANNOT_BE_MADE = 0, 64, 73
DAYS = 3650
PLACE = "group_vars/{}/tls_ca.yml"
BROKERS = ("rabbitmq", "activemq")


def indented(text: str) -> str:
    """The lines of a PEM text as a block of YAML has them."""
    return "".join(f"  {line}\n" for line in text.splitlines())


def text_of(issued: Issued, shown: str, broker: str) -> str:
    """The file of variables."""
    return (
        f"---\n# A CA for these hosts. Encrypt this file: ansible-vault encrypt {shown}\n"
        f"{broker}_tls_ca_certificate: |\n{indented(issued.certificate)}"
        f"{broker}_tls_ca_key: |\n{indented(issued.key)}"
    )


def write(path: Path, text: str) -> None:
    """Write a file that was not there; nobody else reads it, not for a moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def main(arguments: Sequence[str], inventories: Path = ROOT / "inventory") -> int:
    """Make the CA; returns the exit code."""
    name = arguments[0] if arguments else ""
    days = arguments[1] if len(arguments) > 1 else str(DAYS)
    folder = inventories / name
    if not name or "/" in name or not folder.is_dir():
        said = f"inventory/{name} is no folder" if name else "NAME is not given"
        print(f"make ca: {said}; give an inventory's name, such as NAME=prod", file=sys.stderr)
        return USAGE
    if not days.isdigit() or not 0 < int(days) <= 36500:
        print(f"make ca: DAYS is '{days}'; give a number of days up to 36500", file=sys.stderr)
        return USAGE
    broker = arguments[2] if len(arguments) > 2 else BROKERS[0]
    if broker not in BROKERS:
        print(f"make ca: BROKER is '{broker}'; give {' or '.join(BROKERS)}", file=sys.stderr)
        return USAGE
    place = PLACE.format(broker)
    shown = f"inventory/{name}/{place}"
    try:
        write(folder / place, text_of(new_authority(f"Brokerkit CA of {name}", int(days)), shown, broker))
    except FileExistsError:
        print(f"make ca: {shown} is there already and stays as it is", file=sys.stderr)
        return CANNOT_BE_MADE
    except OSError as error:
        print(f"make ca: {shown} cannot be made: {error.strerror}", file=sys.stderr)
        return CANNOT_BE_MADE
    print(f"make ca: {shown} holds a CA for {days} days. Next:")
    print(f"  ansible-vault encrypt {shown}")
    print(
        f"  set {broker}_tls: both (or only) and {broker}_tls_source: ca, and run site.yml; see docs/tls.md"
    )
    return MADE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
