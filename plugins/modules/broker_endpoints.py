#!/usr/bin/python
# Copyright: Brokerkit contributors
# Apache License 2.0 (see LICENSE)
"""Documentation of the action plugin of this name, plugins/action/broker_endpoints.py, which does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: broker_endpoints
short_description: Write where an inventory's brokers are, and leave what other inventories wrote
description:
  - Replaces the entries of O(inventory) in the endpoints file, and leaves those of other inventories that are still
    there. Two runs at once, of two inventories, wait for each other.
  - The file is replaced in one step, and readable by its owner alone. It is the controller's: no host is reached.
options:
  path:
    description: The endpoints file. Its directory is made where that alone is missing.
    type: path
    required: true
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
