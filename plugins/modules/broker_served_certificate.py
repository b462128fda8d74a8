#!/usr/bin/python
# Copyright: Brokerkit contributors
# Apache License 2.0 (see LICENSE)
"""Prove which certificate a broker's listeners serve."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: broker_served_certificate
short_description: Prove that every listener with TLS serves a certificate
description:
  - Connects to each listener from the host itself, and compares the certificate that it shows with the wanted one.
  - Nothing is trusted and nobody logs in. A listener that requires a client's certificate shows its own all the same.
options:
  listeners:
    description: The listeners.
    type: list
    elements: dict
    required: true
    suboptions:
      protocol: {description: What it is called in messages., type: str, required: true}
      address: {description: Where it listens; every interface is asked on loopback., type: str, default: ''}
      port: {description: Its port., type: int, required: true}
  certificate:
    description: PEM text whose first certificate is to be served.
    type: str
    required: true
  timeout:
    description: Seconds that one listener may take.
    type: float
    default: 10
attributes:
  check_mode: {support: full, description: Nothing is ever changed.}
  diff_mode: {support: none, description: Nothing is ever changed.}
author: Brokerkit contributors
"""

EXAMPLES = r"""
- name: Prove that the renewed certificate is served
  brokerkit.brokers.broker_served_certificate:
    listeners: [{protocol: amqp/ssl, port: 5671}]
    certificate: "{{ lookup('ansible.builtin.file', 'mq1.pem') }}"
"""

RETURN = r"""
fingerprint: {description: SHA-256 of the certificate that all of them serve., returned: success, type: str}
ports: {description: The ports that were asked., returned: success, type: list, elements: int}
"""

import socket

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.host import served


def main() -> None:
    """Entry point that Ansible calls on the target."""
    listener = {
        "protocol": {"type": "str", "required": True},
        "address": {"type": "str", "default": ""},
        "port": {"type": "int", "required": True},
    }
    module = AnsibleModule(
        argument_spec={
            "listeners": {"type": "list", "elements": "dict", "required": True, "options": listener},
            "certificate": {"type": "str", "required": True},
            "timeout": {"type": "float", "default": 10},
        },
        supports_check_mode=True,
    )
    listeners, wanted = module.params["listeners"], module.params["certificate"]
    refusals = served.refusals(listeners, wanted, module.params["timeout"])
    if refusals:
        host = socket.gethostname().split(".")[0]
        module.fail_json(msg="\n".join(f"{host}: {one}." for one in refusals))
    module.exit_json(
        changed=False,
        fingerprint=served.fingerprint(served.leaf(wanted)),
        ports=[one["port"] for one in listeners],
    )


if __name__ == "__main__":
    main()
