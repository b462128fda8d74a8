#!/usr/bin/python
# Copyright: Brokerkit contributors
# Apache License 2.0 (see LICENSE)
"""Inspect ActiveMQ instances that this role did not set up."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: activemq_first_contact
short_description: Look at ActiveMQ instances that are on a host before Brokerkit has been there
description:
  - Reads whose files stand where the role would write, and which brokers run. Nothing is changed.
options:
  instance:
    description: Name of the instance that the role is to make.
    type: str
    required: true
  data:
    description: Its data directory.
    type: path
    required: true
  package:
    description: Whether the role installs the package, and takes its init script out of use.
    type: bool
    required: true
author:
  - Brokerkit
"""

EXAMPLES = r"""
- name: Look at the existing brokers
  brokerkit.brokers.activemq_first_contact:
    instance: main
    data: /var/lib/activemq/main
    package: true
  register: found
"""

RETURN = r"""
own: {description: Files of somebody's own that the role would write over., returned: always, type: list, elements: str}
data: {description: Files in the data directory., returned: always, type: list, elements: str}
enabled:
  description: Instances that the package's init script starts.
  returned: always
  type: list
  elements: str
running:
  description: Brokers that run on the data directory, pid and command.
  returned: always
  type: list
  elements: dict
drop_ins: {description: Drop-ins of the instance's unit., returned: always, type: list, elements: str}
pins:
  description: Files of apt's preferences, somebody's own, that are about the package.
  returned: always
  type: list
  elements: str
hostname: {description: Short name of the host., returned: always, type: str}
"""

import glob
import os
import socket

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.host import beside
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.host.file_sets import read
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.host.originals import files_below

MARK = "Managed by Brokerkit"
UNITS = "/etc/systemd/system"
ENABLED = "/etc/activemq/instances-enabled"


def _own(paths):
    """Non-empty files without our header."""
    return [
        path for path in files_below(paths) if (read(path) or "").strip() and MARK not in (read(path) or "")
    ]


def _running(instance, data):
    """Java processes that are brokers of that name, or hold a file below the data directory."""
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        pid = path.split("/")[2]
        words = (read(path) or "").split("\0")
        if not any("activemq" in word for word in words) or "java" not in os.path.basename(words[0]):
            continue
        bases = [
            word.partition("=")[2]
            for word in words
            if word.startswith(("-Dactivemq.base=", "-Dactivemq.data="))
        ]
        named = any(os.path.basename(base.rstrip("/")) == instance for base in bases)
        holds = any(target.startswith(data + "/") for target in map(_target, glob.glob(f"/proc/{pid}/fd/*")))
        if named or holds:
            found.append({"pid": int(pid), "named": named})
    return found


def _target(link):
    try:
        return os.readlink(link)
    except OSError:  # the process ended, or closed the file
        return ""


def main():
    module = AnsibleModule(
        argument_spec={
            "instance": {"type": "str", "required": True},
            "data": {"type": "path", "required": True},
            "package": {"type": "bool", "required": True},
        },
        supports_check_mode=True,
    )
    instance, data = module.params["instance"], module.params["data"].rstrip("/")
    package = module.params["package"]
    written = [f"/etc/activemq/{instance}", f"{UNITS}/activemq-{instance}.service"]
    written += [f"{UNITS}/activemq.service"] if package else []
    module.exit_json(
        changed=False,
        hostname=socket.gethostname().split(".")[0],
        own=_own(written),
        data=files_below([data])[:1000],
        enabled=sorted(os.listdir(ENABLED)) if package and os.path.isdir(ENABLED) else [],
        running=_running(instance, data),
        drop_ins=beside.drop_ins(f"activemq-{instance}.service"),
        pins=beside.pins(["activemq"]) if package else [],
    )


if __name__ == "__main__":
    main()
