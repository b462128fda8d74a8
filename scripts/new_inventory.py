#!/usr/bin/env python3
"""Creates a new inventory: the example without its test-host settings, with new secrets.

Called by `make inventory NAME=prod`. Needs nothing but Python; no secret is printed.

usage: new_inventory.py NAME [rabbitmq|activemq]

exit codes: 0 made; 64 wrong usage; 73 the folder is there, or cannot be made.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "plugins" / "module_utils"))

from brokers.secret_words import MARK, is_published  # noqa: E402 - the library is found by the line above

MADE, USAGE, CANNOT_BE_MADE = 0, 64, 73
EXAMPLES = {"rabbitmq": "single", "activemq": "activemq"}
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}\Z")
SECRET = re.compile(rf"{MARK}[A-Za-z0-9_-]*")
TESTBED = "group_vars/all/testbed.yml"
LOGIN = "group_vars/all/login.yml"
LOGIN_TEXT = """\
---
# How Ansible logs in to these hosts, where your SSH configuration does not say it. A broker is installed by root.
ansible_become: true
# ansible_user: YOU
"""


class Refused(Exception):
    """The reason why no inventory was created, and the exit code."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


def hosts(text: str) -> str:
    """The example's hosts, renamed to hosts that exist nowhere, so that a run reaches nothing."""
    text = re.sub(r"^#.*\n|^ *testbed_suite:.*\n", "", text, flags=re.MULTILINE)
    text = re.sub(
        r"^( +)([\w-]+):\n( +ansible_host: )\S+", r"\1\2:\n\3\2.example.org", text, flags=re.MULTILINE
    )
    return text.replace("---\n", "---\n# Put the names and addresses of your own hosts here.\n", 1)


def vault(path: str) -> Callable[[str], str]:
    """Replaces the example's secrets with new values; equal ones stay equal."""
    new: dict[str, str] = {}

    def replaced(text: str) -> str:
        text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)
        text = SECRET.sub(lambda match: new.setdefault(match[0], secrets.token_hex(24)), text)
        return text.replace(
            "---\n", f"---\n# New secrets. Encrypt this file: ansible-vault encrypt {path}\n", 1
        )

    return replaced


def write(folder: Path, example: Path, shown: str) -> Path:
    """Write the inventory into `folder`, which `shown` is going to be; returns its vault."""
    vaults = []
    for source in sorted(example.rglob("*.yml")):
        name = str(source.relative_to(example))
        if name == TESTBED:
            continue
        change: Callable[[str], str] = str
        if source.name == "hosts.yml":
            change = hosts
        elif source.name == "vault.yml":
            change = vault(f"{shown}/{name}")
            vaults.append(Path(name))
        text = change(source.read_text(encoding="utf-8"))
        if is_published(text) or "testbed" in text:
            raise Refused(
                CANNOT_BE_MADE,
                f"{source}: holds what is for test hosts alone, in a place that is not known here",
            )
        put(folder / name, text, 0o600 if source.name == "vault.yml" else 0o644)
    put(folder / LOGIN, LOGIN_TEXT, 0o644)
    return vaults[0]


def put(path: Path, text: str, mode: int) -> None:
    """Write a file; nobody else reads one with secrets, not for a moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
        file.write(text)


def make(name: str, broker: str, inventories: Path) -> Path:
    """Create the inventory completely or not at all; returns the path of its vault in it."""
    if not NAME.match(name):
        raise Refused(
            USAGE,
            f"NAME is '{name}', which is no name of a folder; give letters, digits, '_' and '-', such as NAME=prod"
            if name
            else "NAME is not given; say how the inventory shall be called, such as NAME=prod",
        )
    if broker not in EXAMPLES:
        raise Refused(
            USAGE,
            f"BROKER is '{broker}', which is no broker of Brokerkit; give BROKER=rabbitmq or BROKER=activemq",
        )
    target = inventories / name
    there = Refused(
        CANNOT_BE_MADE, f"inventory/{name} is there already and stays as it is; give another NAME"
    )
    if os.path.lexists(target):
        raise there
    folder = inventories / f".{name}-{secrets.token_hex(4)}"
    try:  # before there is anything: a signal may come at once
        folder.mkdir(mode=0o700)
        found = write(folder, inventories / EXAMPLES[broker], f"inventory/{name}")
        folder.chmod(0o755)
        try:
            folder.rename(target)
        except OSError:
            if target.exists():  # somebody else was faster
                raise there from None
            raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return found


def next_steps(name: str, broker: str, path: Path) -> str:
    """What an operator does with a new inventory."""
    where = f"inventory/{name}"
    play = f"ansible-playbook -i {where} site.yml --ask-vault-pass"
    steps = [
        (f"{where}/hosts.yml", "your hosts' names and addresses"),
        (f"{where}/{LOGIN}", "how Ansible logs in to them"),
        (f"{where}/{path.parent}/", "the broker, and what it shall hold"),
        (f"ansible-vault encrypt {where}/{path}", "encrypt the secrets"),
        (f"{play} --check --diff", "look"),
        (play, "do it"),
        (f"scripts/smoke.py --inventory {where}", "prove it"),
    ]
    lines = [f"  {number}. {why}:\n       {step}" for number, (step, why) in enumerate(steps, 1)]
    closed = (
        "\nThe management page answers on each host's own loopback address." if broker == "rabbitmq" else ""
    )
    return f"{where} is made, with new secrets.{closed}\nWhat to do next:\n" + "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    """Make an inventory; returns the exit code."""
    if "--help" in arguments or "-h" in arguments:
        print(__doc__)
        return MADE
    name, broker, *rest = [*arguments, *["", "rabbitmq"][len(arguments) :]]
    # A signal or ^C leaves nothing behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        if rest:
            raise Refused(USAGE, "usage: scripts/new_inventory.py NAME [rabbitmq|activemq]")
        path = make(name, broker, ROOT / "inventory")
    except Refused as refusal:
        print(f"inventory: {refusal}", file=sys.stderr)
        return refusal.code
    except OSError as error:
        print(f"inventory: inventory/{name} cannot be made: {error}; nothing of it is left", file=sys.stderr)
        return CANNOT_BE_MADE
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    print(next_steps(name, broker, path))
    return MADE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
