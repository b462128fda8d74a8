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
    description: PEM text whose first certificate is to be served. Either this or O(file).
    type: str
  file:
    description: Path of such a PEM file on the host.
    type: path
  key:
    description: Path of the key of O(file) on the host, to show the certificate to listeners that require one.
    type: path
  refuse:
    description: Whether the task fails where a listener serves another certificate.
    type: bool
    default: true
  standby:
    description: Whether a broker that listens on none of them is no failure, since it waits for another one to go.
    type: bool
    default: false
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
certificate: {description: PEM text of the certificate that is to be served., returned: success, type: str}
refusals: {description: Which listeners serve another certificate., returned: success, type: list, elements: str}
ports:
  description: The ports that were asked; none of a broker that waits for another one.
  returned: success
  type: list
  elements: int
"""

import socket

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.host import served
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.host.file_sets import read


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
            "certificate": {"type": "str"},
            "file": {"type": "path"},
            "key": {"type": "path", "no_log": False},
            "refuse": {"type": "bool", "default": True},
            "standby": {"type": "bool", "default": False},
            "timeout": {"type": "float", "default": 10},
        },
        mutually_exclusive=[("certificate", "file")],
        required_one_of=[("certificate", "file")],
        supports_check_mode=True,
    )
    asked = module.params
    wanted = asked["certificate"] or read(asked["file"]) or ""
    if served.END not in wanted:
        module.fail_json(msg=f"{asked['file'] or 'certificate'}: holds no certificate in PEM")
    pair = (asked["file"], asked["key"]) if asked["file"] and asked["key"] else None
    waits = asked["standby"] and served.all_closed(asked["listeners"], asked["timeout"])
    listeners = [] if waits else asked["listeners"]
    refusals = served.refusals(listeners, wanted, asked["timeout"], pair)
    if refusals and asked["refuse"]:
        host = socket.gethostname().split(".")[0]
        module.fail_json(msg="\n".join(f"{host}: {one}." for one in refusals))
    module.exit_json(
        changed=False,
        fingerprint=served.fingerprint(served.leaf(wanted)),
        certificate=wanted,
        refusals=refusals,
        ports=[one["port"] for one in listeners],
    )


if __name__ == "__main__":
    main()
