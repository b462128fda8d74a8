#!/usr/bin/python
# Copyright: Brokerkit contributors
# Apache License 2.0 (see LICENSE)
"""Reload HAProxy, and see that it came into effect."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: haproxy_reload
short_description: Reload HAProxy and see that a new process serves
description:
  - Starts the unit where it does not run. Connected clients stay with the process that they have, which ends with them.
  - systemd calls a reload done that came to nothing. Here it is done when another process than before answers on
    HAProxy's own socket, and has failed when none does before O(timeout) is over.
options:
  unit: {description: HAProxy's unit., type: str, default: haproxy.service}
  sockets:
    description: Each C(stats socket) that its configuration may have, before the change or after it.
    type: list
    elements: path
    default: [/run/haproxy/admin.sock]
  timeout: {description: Seconds that it may take., type: float, default: 15}
attributes:
  check_mode: {support: full, description: Says that it would.}
  diff_mode: {support: none, description: No text changes.}
author: Brokerkit contributors
"""

EXAMPLES = r"""
- name: Bring a new configuration into effect
  brokerkit.brokers.haproxy_reload:
"""

RETURN = r"""
words:
  description: What HAProxy's log says of the failure.
  returned: failure
  type: list
  elements: str
"""

import socket

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.balancer import process


def main() -> None:
    """Entry point that Ansible calls on the target."""
    module = AnsibleModule(
        argument_spec={
            "unit": {"type": "str", "default": "haproxy.service"},
            "sockets": {"type": "list", "elements": "path", "default": ["/run/haproxy/admin.sock"]},
            "timeout": {"type": "float", "default": 15},
        },
        supports_check_mode=True,
    )
    given = module.params
    if module.check_mode:
        module.exit_json(changed=True)
    found = process.reload(given["unit"], given["sockets"], given["timeout"])
    if not found.serves:
        host = socket.gethostname().split(".")[0]
        module.fail_json(
            msg=f"{host}: HAProxy did not take up the new configuration within {given['timeout']:g} s.",
            words=process.words(found.log),
        )
    module.exit_json(changed=True)


if __name__ == "__main__":
    main()
