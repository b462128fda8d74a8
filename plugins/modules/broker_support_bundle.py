#!/usr/bin/python
# Copyright: Brokerkit contributors
# Apache License 2.0 (see LICENSE)
"""What somebody who helps needs to see of a host."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: broker_support_bundle
short_description: Pack configuration, logs and state of a broker's host, without secrets
description:
  - Returns a tar.gz with the files of RabbitMQ and ActiveMQ, their logs, and what systemd, dpkg and the brokers' tools
    say. Files that are nothing but a secret are left out; in the others secrets are masked, and whatever was masked in
    a file is masked in the logs as well.
  - An action on the controller leaves it there, as NAME.tar.gz, for its owner alone.
options:
  name: {description: What the host is called; the folder in the archive., type: str, required: true}
  directory: {description: Directory of the controller for the archive., type: path, required: true}
attributes:
  check_mode: {support: full, description: It only reads.}
  diff_mode: {support: none, description: It only reads.}
author: Brokerkit contributors
"""

EXAMPLES = r"""
- name: Pack what a supporter needs
  brokerkit.brokers.broker_support_bundle:
    name: "{{ inventory_hostname }}"
    directory: /var/tmp/doctor
  register: packed
"""

RETURN = r"""
path: {description: Where the archive is on the controller., returned: success, type: str}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.doctor import bundle


def main() -> None:
    """Entry point that Ansible calls on the target."""
    module = AnsibleModule(
        argument_spec={"name": {"type": "str", "required": True}},
        supports_check_mode=True,
    )
    module.exit_json(changed=False, content=bundle.pack(module.params["name"]))


if __name__ == "__main__":
    main()
