#!/usr/bin/python
# Copyright: Brokerkit contributors
# Apache License 2.0 (see LICENSE)
"""One read of a host, before a broker is put on it."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: broker_host_facts
short_description: Read in one call what has to be known of a host before a broker is put on it
description:
  - Operating system, installed packages, TCP listeners with the process that holds each, what names resolve
    to, the state of a unit, and what an installation would install. Nothing is changed and nothing is judged here.
options:
  packages:
    description: Packages whose installed versions are wanted; wildcards are expanded.
    type: list
    elements: str
    default: []
  resolve:
    description: Names to look up with the host's own resolver; the host's short name is always looked up.
    type: list
    elements: str
    default: []
  listen:
    description: IP addresses that a service is to listen on; empty texts stand for every interface.
    type: list
    elements: str
    default: []
  files:
    description: Paths whose existence is wanted; wildcards are expanded.
    type: list
    elements: path
    default: []
  read:
    description: Small files whose text is wanted, without secrets.
    type: list
    elements: path
    default: []
  secrets:
    description: Path to text, for files that hold a secret. The texts are in no result.
    type: dict
    default: {}
  definitions:
    description: Files of a broker's definitions, whose users' names are wanted.
    type: list
    elements: path
    default: []
  unit:
    description: systemd unit whose state is wanted.
    type: str
  argument:
    description: Word of which it is wanted whether the process of O(unit) was started with it.
    type: str
    default: ''
  places:
    description: Directories of which it is wanted where they really are, links followed.
    type: list
    elements: path
    default: []
  account:
    description: User of the host whose shell is wanted.
    type: str
  pair:
    description: A certificate and its key on the host, of which it is wanted whether a broker could use them.
    type: dict
    suboptions:
      certificate: {description: Path of the certificate's PEM file., type: path, required: true}
      key: {description: Path of the key's PEM file. Its text is not returned., type: path, required: true}
      account: {description: User of the host who has to be able to read both., type: str, default: ''}
  simulate:
    description: Package specifications, name or name=version, whose installation is to be simulated.
    type: list
    elements: str
    default: []
  available:
    description: Whether the versions of O(packages) in the host's repositories are wanted.
    type: bool
    default: false
  firewall:
    description: Whether it is wanted what firewalld lets in.
    type: bool
    default: false
  only_missing:
    description:
      - Simulate only when one of O(packages) is not installed, and no installation is cut off half-way, which has
        to be finished first.
    type: bool
    default: false
  refresh:
    description:
      - Fetch the package lists before O(simulate) and O(available), not in check mode. They are a cache, not the
        host's state.
    type: bool
    default: false
attributes:
  check_mode: {support: full, description: It only reads.}
  diff_mode: {support: none, description: It only reads.}
author: Brokerkit contributors
"""

EXAMPLES = r"""
- name: Read the host
  brokerkit.brokers.broker_host_facts:
    packages: [rabbitmq-server, erlang-base]
    unit: rabbitmq-server.service
  register: host
"""

RETURN = r"""
os: {description: Fields of os-release., returned: always, type: dict}
hostname: {description: Short name of the host., returned: always, type: str}
uid: {description: Numeric user that the module ran as; 0 is root., returned: always, type: int}
memory_bytes: {description: Physical memory., returned: always, type: int}
packages: {description: Installed packages and their versions., returned: always, type: dict}
listeners: {description: 'TCP listeners: address, port, pid, process.', returned: always, type: list, elements: dict}
addresses: {description: Names and what they resolve to., returned: always, type: dict}
foreign: {description: Those of O(listen) that are not the host's own., returned: always, type: list, elements: str}
hosts_block: {description: Whether /etc/hosts holds names that Brokerkit pinned., returned: always, type: bool}
manager: {description: 'The package manager of the host: apt or dnf.', returned: always, type: str}
interrupted: {description: Whether an installation was cut off half-way., returned: always, type: bool}
files: {description: Those of O(files) that exist., returned: always, type: list, elements: str}
differing:
  description: Those of O(secrets) that exist and hold another text, blanks at its ends aside.
  returned: always
  type: list
  elements: str
texts: {description: Those of O(read) that exist, and what they hold., returned: always, type: dict}
users: {description: Names of the users in O(definitions)., returned: always, type: list, elements: str}
places: {description: 'Those of O(places) that exist, and where they really are.', returned: always, type: dict}
pair:
  description:
    - 'text: the PEM file of the certificate, or empty; trouble: what is wrong with certificate or key, by these names.'
  returned: when asked for
  type: dict
firewall:
  description:
    - 'zones: the default zone and those with interfaces; ports: what one of them lets in, such as 5672/tcp; open:
      whether one lets everything in. Null where firewalld does not run.'
  returned: when asked for
  type: dict
shell: {description: 'Shell of O(account), empty where there is no such user.', returned: always, type: str}
unit:
  description:
    - 'load_state, active_state, unit_file_state, main_pid, process_state (a letter: proc(5)), mask (a link or none),
      started_with (whether with O(argument)), started (Unix time at which its process began, 0 when not running).'
  returned: when asked for
  type: dict
plan:
  description: 'packages: what would be installed; removed: what would be removed; error: why nothing can be, or null.'
  returned: when it was simulated
  type: dict
available: {description: 'Versions of O(packages) in the repositories, the newest first.', returned: always, type: dict}
unreachable: {description: 'Why the package lists could not be fetched, or null.', returned: always, type: str}
packages_written:
  description: When the newest of O(packages) was put on the host (Unix time).
  returned: always
  type: float
"""

import glob
import os
import socket

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.host import (
    certificate,
    facts as hostfacts,
    firewalld,
    packages,
)
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.host.file_sets import read


def _os_release() -> dict:
    for path in ("/etc/os-release", "/usr/lib/os-release"):
        if os.path.exists(path):
            with open(path, encoding="utf-8") as handle:
                return hostfacts.os_release(handle.read())
    return {}


def _read_packages(module: AnsibleModule, result: dict) -> None:
    """Add what the host's package manager says to the result."""
    wanted, manager = module.params, packages.manager()
    result["manager"] = manager.NAME
    result["interrupted"] = manager.interrupted()
    result["packages"] = manager.installed(wanted["packages"])
    result["packages_written"] = manager.written(list(result["packages"]))
    complete = len(result["packages"]) == len(wanted["packages"]) or result["interrupted"]
    simulated = wanted["simulate"] and not (wanted["only_missing"] and complete)
    asked = (simulated or wanted["available"]) and wanted["refresh"] and not module.check_mode
    result["unreachable"] = manager.refresh() if asked else None
    if wanted["available"]:
        result["available"] = manager.available(list(result["packages"]))
    if simulated:
        result["plan"] = manager.simulate(wanted["simulate"])
        if result["unreachable"] and result["plan"]["error"]:
            result["plan"]["error"] += f"; the package lists could not be fetched: {result['unreachable']}"


def main() -> None:
    """Entry point that Ansible calls on the target."""
    names = {"type": "list", "elements": "str", "default": []}
    pair = {
        "certificate": {"type": "path", "required": True},
        "key": {"type": "path", "required": True, "no_log": False},
        "account": {"type": "str", "default": ""},
    }
    module = AnsibleModule(
        argument_spec={
            "packages": dict(names),
            "resolve": dict(names),
            "listen": dict(names),
            "files": {"type": "list", "elements": "path", "default": []},
            "read": {"type": "list", "elements": "path", "default": []},
            "secrets": {"type": "dict", "default": {}, "no_log": True},
            "definitions": {"type": "list", "elements": "path", "default": []},
            "unit": {"type": "str"},
            "argument": {"type": "str", "default": ""},
            "places": {"type": "list", "elements": "path", "default": []},
            "account": {"type": "str"},
            "pair": {"type": "dict", "options": pair},
            "simulate": dict(names),
            "available": {"type": "bool", "default": False},
            "firewall": {"type": "bool", "default": False},
            "only_missing": {"type": "bool", "default": False},
            "refresh": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    wanted = module.params
    hostname = socket.gethostname().split(".")[0]
    result = {
        "os": _os_release(),
        "hostname": hostname,
        "uid": os.geteuid(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "listeners": hostfacts.listeners(),
        "addresses": {name: hostfacts.resolve(name) for name in {hostname, *wanted["resolve"]}},
        "foreign": hostfacts.foreign(sorted({*wanted["listen"]} - {""})),
        "files": sorted(found for path in wanted["files"] for found in glob.glob(path)),
        "texts": {path: text for path in wanted["read"] for text in [read(path)] if text is not None},
        "differing": [
            path
            for path, secret in wanted["secrets"].items()
            for text in [read(path)]
            if text is not None and text.strip() != str(secret).strip()
        ],
        "users": hostfacts.users(wanted["definitions"]),
        "hosts_block": hostfacts.HOSTS_MARK in (read("/etc/hosts") or ""),
        "places": {path: os.path.realpath(path) for path in wanted["places"] if os.path.isdir(path)},
        "shell": hostfacts.shell(wanted["account"] or ""),
        "manager": "",
        "interrupted": False,
        "packages": {},
        "available": {},
        "packages_written": 0.0,
    }
    if wanted["firewall"]:
        result["firewall"] = firewalld.read()
    if wanted["pair"]:
        result["pair"] = certificate.pair(**wanted["pair"])
    try:
        _read_packages(module, result)
        if wanted["unit"]:
            result["unit"] = hostfacts.unit(wanted["unit"], wanted["argument"])
    except FileNotFoundError as error:
        module.fail_json(
            msg=f"'{error.filename}' is missing: brokers are put on hosts of the Debian or the Enterprise Linux family "
            f"that run systemd; this one is {result['os'].get('PRETTY_NAME', 'of an unknown kind')}. Take it out "
            "of the inventory group."
        )
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
