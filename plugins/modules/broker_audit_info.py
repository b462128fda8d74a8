#!/usr/bin/python
# Copyright: Brokerkit contributors
# Apache License 2.0 (see LICENSE)
"""What an audit of a host and its broker has to know."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: broker_audit_info
short_description: Read what an audit of a broker's host has to know
description:
  - The unit's limits and its exposure, the user's shell, the modes of directories, the clock, listeners, whether the
    packet filter of a cluster is loaded, and, of a RabbitMQ node that runs, what it says of its own limits, users and
    listeners. Nothing is judged here.
options:
  kind:
    description: Which broker. Its user has the same name. A RabbitMQ node is asked, too.
    type: str
    choices: [rabbitmq, activemq]
    required: true
  unit:
    description: The broker's systemd unit.
    type: str
    required: true
  directories:
    description: Directories of the broker whose modes are wanted; those that are not there are left out.
    type: list
    elements: path
    default: []
attributes:
  check_mode: {support: full, description: It only reads.}
  diff_mode: {support: none, description: It only reads.}
author: Brokerkit contributors
"""

EXAMPLES = r"""
- name: Read the host
  brokerkit.brokers.broker_audit_info:
    kind: rabbitmq
    unit: rabbitmq-server.service
    directories: [/var/lib/rabbitmq]
  register: found
"""

RETURN = r"""
found:
  description: kind, unit, exposure, shell, modes, clock, listeners, filtered, node (its answers), unanswered (why not).
  returned: always
  type: dict
"""

import os
import re
import stat
import subprocess

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.host import facts as hostfacts
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.rabbitmq import audit
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.rabbitmq.evaluation import (
    Unanswered,
    ask,
)

UNLIMITED = 1 << 63


def _said(*command: str) -> str:
    """What a program of the host printed, '' where it is missing or fails."""
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        done = subprocess.run(  # noqa: S603 - fixed words, no shell
            command, capture_output=True, text=True, env=environment, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def _limit(text: str) -> int:
    return int(text) if text.isdigit() else UNLIMITED


def _unit(name: str) -> dict:
    values = hostfacts.properties(name, ["ActiveState", "UnitFileState", "LimitNOFILE", "LimitCORE"])
    return {
        "active_state": values.get("ActiveState", "inactive"),
        "unit_file_state": values.get("UnitFileState", ""),
        "files": _limit(values.get("LimitNOFILE", "")),
        "core": _limit(values.get("LimitCORE", "")),
    }


def _exposure(unit: str) -> float | None:
    said = _said("systemd-analyze", "security", "--no-pager", unit)
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
    return float(found[1]) if found else None


def _clock() -> bool | None:
    if _said("systemd-detect-virt", "--container"):
        return None  # its clock is the machine's
    said = _said("timedatectl", "show", "--property=NTPSynchronized", "--value").strip()
    return {"yes": True, "no": False}.get(said)


def _modes(paths: list) -> dict:
    return {path: stat.S_IMODE(os.stat(path).st_mode) for path in paths if os.path.isdir(path)}


def main() -> None:
    """Entry point that Ansible calls on the target."""
    module = AnsibleModule(
        argument_spec={
            "kind": {"type": "str", "choices": ["rabbitmq", "activemq"], "required": True},
            "unit": {"type": "str", "required": True},
            "directories": {"type": "list", "elements": "path", "default": []},
        },
        supports_check_mode=True,
    )
    wanted = module.params
    found = {
        "kind": wanted["kind"],
        "unit": _unit(wanted["unit"]),
        "exposure": _exposure(wanted["unit"]),
        "shell": hostfacts.shell(wanted["kind"]),
        "modes": _modes(wanted["directories"]),
        "clock": _clock(),
        "listeners": hostfacts.listeners(),
        "filtered": bool(_said("nft", "list", "table", "inet", "brokerkit_rabbitmq")),
        "node": None,
        "unanswered": "",
    }
    if wanted["kind"] == "rabbitmq":
        try:
            found["node"] = ask(audit.QUESTION)
        except Unanswered as error:
            found["unanswered"] = str(error)
    module.exit_json(changed=False, found=found)


if __name__ == "__main__":
    main()
