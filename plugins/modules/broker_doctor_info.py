#!/usr/bin/python
# Copyright: Brokerkit contributors
# Apache License 2.0 (see LICENSE)
"""What the doctor has to know of a host and its brokers."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: broker_doctor_info
short_description: Read what a diagnosis of a host and its brokers has to know
description:
  - Units, processes, packages, files, names, ports, disks and memory of the host, what a RabbitMQ node says if it
    answers, and the lines of logs that match. It finds the brokers by itself and needs no variable of a role, so that
    it works on a host that is broken, half installed, or was set up by somebody else.
  - Nothing is changed and nothing is judged here. No secret is returned.
options:
  patterns:
    description:
      - By broker (V(rabbitmq), V(activemq)) and by when a line counts (V(running), V(down), V(any)) the regular
        expressions to look for in logs, by name.
    type: dict
    default: {}
  recent:
    description: For how many seconds a line counts in the log of a broker that runs.
    type: float
    default: 900
  since:
    description: From which moment on (Unix time) it counts, instead.
    type: float
  key:
    description: Text that is drawn for each run. Of cookies a digest with it is returned, to compare them.
    type: str
    required: true
attributes:
  check_mode: {support: full, description: It only reads.}
  diff_mode: {support: none, description: It only reads.}
author: Brokerkit contributors
"""

EXAMPLES = r"""
- name: Read the host
  brokerkit.brokers.broker_doctor_info:
    key: "{{ lookup('ansible.builtin.password', '/dev/null') }}"
  register: read
"""

RETURN = r"""
read:
  description: >-
    C(machine); C(rabbitmq), none where nothing of it is on the host; C(activemq), a list of instances.
  returned: success
  type: dict
"""

import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.doctor import (
    activemq,
    machine,
    rabbitmq,
)

DIRECTORIES = [rabbitmq.DATA, rabbitmq.LOGS, "/var/lib/activemq", "/var", "/tmp"]  # noqa: S108 - read, not written


def main() -> None:
    """Entry point that Ansible calls on the target."""
    module = AnsibleModule(
        argument_spec={
            "patterns": {"type": "dict", "default": {}},
            "recent": {"type": "float", "default": 900},
            "since": {"type": "float"},
            "key": {"type": "str", "required": True, "no_log": True},
        },
        supports_check_mode=True,
    )
    patterns, since = module.params["patterns"], module.params["since"]
    after = time.time() - module.params["recent"] if since is None else since
    read = {"rabbitmq": None, "activemq": []}
    if rabbitmq.is_here():
        read["rabbitmq"] = rabbitmq.read(patterns.get("rabbitmq") or {}, module.params["key"], after)
    if activemq.is_here():
        read["activemq"] = activemq.read(patterns.get("activemq") or {}, after)
    read["machine"] = machine.read(DIRECTORIES)
    module.exit_json(changed=False, read=read)


if __name__ == "__main__":
    main()
