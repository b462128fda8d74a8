#!/usr/bin/python
# Copyright: Brokerkit contributors
# Apache License 2.0 (see LICENSE)
"""Where the queues of a RabbitMQ cluster have their replicas."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: rabbitmq_replicas
short_description: List where the queues of a RabbitMQ cluster have their replicas, and add or remove some
description:
  - Makes the changes one after the other, then lists every queue that outlives its connection. Quorum queues and
    streams have replicas that can be changed.
  - Fails if a change was not made, with what the node said of each, after the others were made.
options:
  changes:
    description: >-
      What to change, in this order. Each has C(do) (C(add) or C(delete)), C(kind) (C(quorum) or C(stream)), C(vhost),
      C(name) of the queue and C(node).
    type: list
    elements: dict
    default: []
  states:
    description: Whether to ask the replicas of each quorum queue and stream how they are.
    type: bool
    default: false
  timeout:
    description: Seconds that the node may take for a hundred changes, or for the list.
    type: float
    default: 600
  unit:
    description: The node's systemd unit.
    type: str
    default: rabbitmq-server.service
attributes:
  check_mode: {support: full, description: It lists alone.}
  diff_mode: {support: none, description: It has no files.}
author: Brokerkit contributors
"""

EXAMPLES = r"""
- name: See where the queues are
  brokerkit.brokers.rabbitmq_replicas:
    states: true
  register: listed
"""

RETURN = r"""
queues:
  description: >-
    Each with C(vhost), C(name), C(kind), C(nodes), and C(states) where they were asked for: C(node), C(state),
    C(votes), C(written) and C(committed) as positions in the log.
  returned: success
  type: list
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.rabbitmq import (
    asking,
    replicas,
)


def _change(wanted, seconds, unit):
    """Make the changes; return those that were not made, as sentences."""
    answers = [why for code in replicas.changes(wanted) for why in asking.ask(code, seconds, unit)]
    return [
        f"{asking.host()}: the replica of '{one['name']}' (vhost '{one['vhost']}') on {one['node']} was not "
        f"{'added' if one['do'] == 'add' else 'removed'}: {why}"
        for one, why in zip(wanted, answers)
        if why
    ]


def main() -> None:
    """Entry point that Ansible calls on the target."""
    module = AnsibleModule(
        argument_spec={
            "changes": {"type": "list", "elements": "dict", "default": []},
            "states": {"type": "bool", "default": False},
            "timeout": {"type": "float", "default": 600},
            "unit": {"type": "str", "default": "rabbitmq-server.service"},
        },
        supports_check_mode=True,
    )
    given = module.params
    seconds, unit = given["timeout"], given["unit"]
    try:
        failed = [] if module.check_mode else _change(given["changes"], seconds, unit)
        listed = asking.ask(replicas.listing(given["states"]), seconds, unit)
    except asking.Unasked as error:
        module.fail_json(msg=str(error))
    if failed:
        module.fail_json(msg="\n".join(failed), queues=listed)
    module.exit_json(changed=bool(given["changes"]), queues=listed)


if __name__ == "__main__":
    main()
