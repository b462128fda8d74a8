"""The test hosts that an Ansible inventory asks for."""

from __future__ import annotations

import ipaddress
import json
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from testbed_lib.errors import UNAVAILABLE, USAGE, TestbedError
from testbed_lib.settings import CACHE_ADDRESS, GATEWAY, PROJECT, SUBNET, SUITES

HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, order=True)
class Host:
    """One test host: its name, the Debian suite it runs and its fixed address."""

    name: str
    suite: str
    address: str


def read_hosts(inventories: Sequence[str]) -> list[Host]:
    """The hosts with a ``testbed_suite`` in these inventories (paths relative to the project's root).

    Raises TestbedError when ansible-inventory is missing or fails, or a host is not fit to be made.
    """
    found: dict[str, Host] = {}
    for inventory in inventories:
        for host in hosts_of(listing([inventory]), inventory):
            if found.setdefault(host.name, host) != host:
                raise TestbedError(
                    f"Host {host.name} differs between the inventories {', '.join(inventories)}: "
                    "give the two hosts different names.",
                    USAGE,
                )
    hosts = sorted(found.values())
    refuse_shared_addresses(hosts)
    return hosts


def hosts_of(listing: Mapping[str, Any], inventory: str) -> list[Host]:
    """Host specifications from what ``ansible-inventory --list`` printed."""
    variables = listing.get("_meta", {}).get("hostvars", {})
    wanted = {name: values for name, values in variables.items() if "testbed_suite" in values}
    hosts = [_host(name, values, inventory) for name, values in wanted.items()]
    if not hosts:
        raise TestbedError(
            f"Inventory {inventory} has no host for the test bed: set testbed_suite ({', '.join(SUITES)}) "
            "and ansible_host on the hosts that it shall make.",
            USAGE,
        )
    return hosts


def refuse_shared_addresses(hosts: Sequence[Host]) -> None:
    """Raise TestbedError when two hosts claim one address."""
    holders: dict[str, str] = {}
    for host in hosts:
        other = holders.setdefault(host.address, host.name)
        if other != host.name:
            raise TestbedError(
                f"Hosts {other} and {host.name} both have ansible_host {host.address}: give each its own.",
                USAGE,
            )


def select(hosts: Sequence[Host], names: Sequence[str]) -> list[Host]:
    """The hosts of these names, or all if none is given."""
    known = {host.name: host for host in hosts}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise TestbedError(
            f"The inventory has no test host {', '.join(unknown)}; it has {', '.join(known)}.",
            USAGE,
        )
    return [known[name] for name in names] if names else list(hosts)


def _host(name: str, values: Mapping[str, Any], inventory: str) -> Host:
    suite, address = str(values["testbed_suite"]), str(values.get("ansible_host", ""))
    where = f"inventory {inventory}, host {name}"
    if not HOST_NAME.fullmatch(name):
        raise TestbedError(
            f"{where}: a test host's name is its hostname; use small letters, digits and hyphens.", USAGE
        )
    if suite not in SUITES:
        raise TestbedError(
            f"{where}: testbed_suite is {suite!r}; it must be one of {', '.join(SUITES)}.", USAGE
        )
    try:
        usable = ipaddress.IPv4Address(address) in SUBNET.hosts()
    except ValueError:
        usable = False
    if not usable or ipaddress.IPv4Address(address) in (GATEWAY, CACHE_ADDRESS):
        raise TestbedError(
            f"{where}: ansible_host is {address!r}; a test host needs a plain address of {SUBNET} "
            f"other than {GATEWAY} (the bridge) and {CACHE_ADDRESS} (the package cache).",
            USAGE,
        )
    return Host(name, suite, address)


def listing(inventories: Sequence[str]) -> Mapping[str, Any]:
    """What ``ansible-inventory --list`` says of these inventories taken together."""
    for inventory in inventories:
        if not (PROJECT / inventory).exists():
            raise TestbedError(f"There is no inventory {inventory}: name one with -i.", USAGE)
    local = PROJECT / ".venv/bin/ansible-inventory"
    program = str(local) if local.exists() else shutil.which("ansible-inventory")
    if program is None:
        raise TestbedError("ansible-inventory is missing: run `make setup` first.", UNAVAILABLE)
    command = [program, *(word for inventory in inventories for word in ("-i", inventory)), "--list"]
    run = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=120, check=False)
    if run.returncode != 0:
        raise TestbedError(
            f"ansible-inventory cannot read {' '.join(inventories)}: {run.stderr.strip()}", USAGE
        )
    listed: Mapping[str, Any] = json.loads(run.stdout)
    return listed
