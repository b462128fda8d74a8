#!/usr/bin/python
# Copyright: Brokerkit contributors
# Apache License 2.0 (see LICENSE)
"""Write the endpoints of an inventory's brokers among those of other inventories."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: broker_endpoints
short_description: Write where an inventory's brokers are, and leave what other inventories wrote
description:
  - Replaces the entries of O(inventory) in the endpoints file, and leaves those of other inventories that are still
    there. Two runs at once, of two inventories, wait for each other.
  - The file is replaced in one step, and readable by its owner alone.
options:
  path: {description: The endpoints file. Its directory must be there., type: path, required: true}
  document: {description: The endpoints of the inventory's brokers as JSON., type: str, required: true}
  inventory: {description: 'What the inventory is called: its path, seen from O(project).', type: str, required: true}
  project: {description: The directory that relative names of inventories are seen from., type: path, required: true}
attributes:
  check_mode: {support: full, description: Says what would be written.}
  diff_mode: {support: none, description: It is full of passwords.}
author: Brokerkit contributors
"""

EXAMPLES = r"""
- name: Write the endpoints
  brokerkit.brokers.broker_endpoints:
    path: "{{ playbook_dir }}/../artifacts/endpoints.json"
    document: "{{ lookup('ansible.builtin.template', 'endpoints.json.j2') }}"
    inventory: inventory/prod
    project: "{{ playbook_dir }}/.."
  delegate_to: localhost
  run_once: true
"""

RETURN = r"""
brokers:
  description: The brokers that the file holds, each with its inventory.
  returned: always
  type: list
  elements: str
  sample: [rabbit1 of inventory/prod]
left:
  description: Brokers of other inventories that left the file, because their inventory is no longer there.
  returned: always
  type: list
  elements: str
"""

import os
import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.host.exchange import Piece, sentence
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.inventory import endpoints


def converge(params: dict[str, str], check: bool) -> dict[str, object]:
    """Bring the file to what it shall be, and return the module's result."""
    result: dict[str, object] = {}

    def change(present: list[endpoints.Entry]) -> list[endpoints.Entry]:
        brokers, left = endpoints.merge(
            present,
            endpoints.read(params["document"]),
            params["inventory"],
            lambda name: endpoints.is_gone(name, params["project"]),
            time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        )
        result.update(left=left, brokers=[f"{one['name']} of {one['inventory']}" for one in brokers])
        return brokers

    return {"changed": endpoints.update(os.path.realpath(params["path"]), change, check), **result}


def main() -> None:
    """Entry point that Ansible calls."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "document": {"type": "str", "required": True, "no_log": True},
            "inventory": {"type": "str", "required": True},
            "project": {"type": "path", "required": True},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**converge(module.params, module.check_mode))
    except OSError as error:
        path = module.params["path"]
        module.fail_json(
            msg=f"The endpoints file cannot be written: {sentence(error, [Piece(path, '')])}; correct endpoints_file, "
            "or make its directory."
        )


if __name__ == "__main__":
    main()
