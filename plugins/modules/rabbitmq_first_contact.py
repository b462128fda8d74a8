#!/usr/bin/python
# Copyright: Brokerkit contributors
# Apache License 2.0 (see LICENSE)
"""Inspect a RabbitMQ that this role did not set up, and keep its files."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: rabbitmq_first_contact
short_description: Look at a RabbitMQ that is on a host before Brokerkit has been there
description:
  - Reads whose files stand in C(/etc/rabbitmq), and asks a running node in one call what it holds.
  - Nothing is changed. What follows from it is decided on the controller.
options:
  running:
    description: Whether the node's unit is active, so that it can be asked.
    type: bool
    required: true
  main_pid:
    description: Main process of the unit; 0 where it does not run.
    type: int
    default: 0
author:
  - Brokerkit
"""

EXAMPLES = r"""
- name: Look at the existing broker
  brokerkit.brokers.rabbitmq_first_contact:
    running: true
  register: found
"""

RETURN = r"""
files:
  description: Files of the configuration, path and state (ours, own, pristine or beside).
  returned: always
  type: list
  elements: dict
data: {description: Entries of the data directory., returned: always, type: list, elements: str}
places: {description: Names that rabbitmq-env.conf sets., returned: always, type: list, elements: str}
unit_of_own:
  description: A unit of the package's name that somebody wrote, or empty.
  returned: always
  type: str
strangers:
  description: Erlang nodes that the unit did not start, pid and port.
  returned: always
  type: list
  elements: dict
drop_ins:
  description: Drop-ins of the unit that somebody made.
  returned: always
  type: list
  elements: str
pins:
  description: Files of apt's preferences, somebody's own, that are about the broker's packages.
  returned: always
  type: list
  elements: str
holds:
  description: What the running node holds; null where it was not asked or did not answer.
  returned: always
  type: dict
unanswered: {description: Why it did not answer., returned: always, type: str}
hostname: {description: Short name of the host., returned: always, type: str}
running: {description: As given., returned: always, type: bool}
"""

import glob
import os
import re
import socket

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.host import beside, facts as hostfacts
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.host.file_sets import read
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.host.originals import own_words
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.rabbitmq.evaluation import (
    HOLDINGS,
    Unanswered,
    ask,
)

ETC = "/etc/rabbitmq"
WRITTEN = ("rabbitmq.conf", "rabbitmq.config", "advanced.config", "enabled_plugins", "rabbitmq-env.conf")
UNIT = "/etc/systemd/system/rabbitmq-server.service"
MARK = "Managed by Brokerkit"
_EMPTY = re.compile(r"\[\s*\]\s*\.?\s*\Z")  # no plugin, no Erlang setting
_NAME = re.compile(r"\s*(?:export\s+)?(?:RABBITMQ_)?([A-Z_]+)=", re.MULTILINE)


def _state(path):
    text = read(path) or ""
    if MARK in text:
        return "ours"
    said = own_words(text)
    return "pristine" if not said or _EMPTY.match(said) else "own"


def _files():
    found = [{"path": path, "state": _state(path)} for name in WRITTEN for path in glob.glob(f"{ETC}/{name}")]
    return found + [{"path": path, "state": "beside"} for path in sorted(glob.glob(f"{ETC}/conf.d/*.conf"))]


def _descends(pid, ancestor):
    """Whether a process is `ancestor` or comes from it."""
    while pid > 1 and pid != ancestor:
        status = read(f"/proc/{pid}/status") or ""
        parent = re.search(r"^PPid:\s*(\d+)", status, re.MULTILINE)
        pid = int(parent[1]) if parent else 0
    return pid == ancestor


def _strangers(main_pid):
    """Erlang nodes with a distribution or AMQP port that the unit did not start: one listener of each."""
    found = {}
    for held in hostfacts.listeners():
        if (
            held["process"] in ("beam.smp", "beam")
            and held["pid"]
            and not (main_pid and _descends(held["pid"], main_pid))
        ):
            command = read(f"/proc/{held['pid']}/cmdline") or ""
            if "rabbit" in command:
                found.setdefault(held["pid"], {"pid": held["pid"], "port": held["port"]})
    return [found[pid] for pid in sorted(found)]


def main():
    module = AnsibleModule(
        argument_spec={
            "running": {"type": "bool", "required": True},
            "main_pid": {"type": "int", "default": 0},
        },
        supports_check_mode=True,
    )
    holds, unanswered = None, ""
    if module.params["running"]:
        try:
            holds = ask(HOLDINGS)
        except Unanswered as error:
            unanswered = str(error)
    own = os.path.isfile(UNIT) and not os.path.islink(UNIT) and os.path.getsize(UNIT) > 0
    module.exit_json(
        changed=False,
        hostname=socket.gethostname().split(".")[0],
        running=module.params["running"],
        files=_files(),
        data=sorted(os.listdir("/var/lib/rabbitmq/mnesia"))
        if os.path.isdir("/var/lib/rabbitmq/mnesia")
        else [],
        places=sorted(set(_NAME.findall(own_words(read(f"{ETC}/rabbitmq-env.conf") or "")))),
        unit_of_own=UNIT if own else "",
        strangers=_strangers(module.params["main_pid"]),
        drop_ins=beside.drop_ins("rabbitmq-server.service"),
        pins=beside.pins(["rabbitmq-server", "erlang-base"]),
        holds=holds,
        unanswered=unanswered,
    )


if __name__ == "__main__":
    main()
