#!/usr/bin/python
# Copyright: Brokerkit contributors
# Apache License 2.0 (see LICENSE)
"""What RabbitMQ nodes say of the cluster that they are in."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: rabbitmq_cluster_info
short_description: Ask RabbitMQ nodes which cluster they are in, who its members are and what they hold
description:
  - Asks the node of this host, or other nodes from this host, one after the other until one has answered.
  - The node of this host has to answer, or the task fails with the reason and what helps. Of other nodes that did not
    answer the reason is returned.
options:
  nodes:
    description: Names of other nodes. Without them the node of this host is asked.
    type: list
    elements: str
    default: []
  timeout:
    description: Seconds that a node may take.
    type: float
    default: 60
  unit:
    description: The systemd unit of the node of this host.
    type: str
    default: rabbitmq-server.service
attributes:
  check_mode: {support: full, description: It asks alone.}
  diff_mode: {support: none, description: It has no files.}
author: Brokerkit contributors
"""

EXAMPLES = r"""
- name: Ask the node for its cluster
  brokerkit.brokers.rabbitmq_cluster_info:
  register: cluster

- name: See that a member answers this host before its node boots
  brokerkit.brokers.rabbitmq_cluster_info:
    nodes: [rabbit@mq1, rabbit@mq2]
  register: others
"""

RETURN = r"""
nodes:
  description: >-
    By name of the node: C(running); C(why) not, in words; and where it runs C(name) of the cluster, C(version),
    C(members), C(sees) (the running ones), C(partitions), C(drained) (in maintenance), C(khepri), C(holds) (users,
    vhosts, and numbers of other objects of the cluster).
  returned: success
  type: dict
own: {description: What the node of this host said, where it was asked., returned: success, type: dict}
"""

import socket

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.host import facts
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.rabbitmq import (
    evaluation,
    members,
    tools,
)


def _ask(node, seconds):
    """Return what a node says, or why it did not; '' is the node of this host."""
    said = tools.run(evaluation.command(members.CLUSTER, node), seconds)
    if said.code != 0:
        return None, tools.of_the_words(said, seconds)
    try:
        answer = evaluation.value(said.output)
    except evaluation.Unanswered as error:
        return None, tools.Trouble(True, f"said what nobody can read: {error}", "try again")
    return answer, None if answer["running"] else tools.APPLICATION_STOPPED


def _others(nodes, seconds):
    found = {}
    for node in nodes:
        answer, trouble = _ask(node, seconds)
        found[node] = {"running": False, "why": trouble.what} if trouble else answer
        if trouble is None:
            break
    return found


def _own(module, seconds):
    unit = module.params["unit"]
    trouble = tools.of_the_unit(unit, facts.unit(unit))
    if trouble is None:
        answer, trouble = _ask("", seconds)
    if trouble is not None:
        host = socket.gethostname().split(".")[0]
        module.fail_json(msg=tools.sentence(host, ["rabbitmqctl", "eval"], trouble))
    return answer


def main() -> None:
    """Entry point that Ansible calls on the target."""
    module = AnsibleModule(
        argument_spec={
            "nodes": {"type": "list", "elements": "str", "default": []},
            "timeout": {"type": "float", "default": 60},
            "unit": {"type": "str", "default": "rabbitmq-server.service"},
        },
        supports_check_mode=True,
    )
    seconds = module.params["timeout"]
    try:
        if module.params["nodes"]:
            module.exit_json(changed=False, nodes=_others(module.params["nodes"], seconds))
        own = _own(module, seconds)
    except FileNotFoundError as error:
        module.fail_json(msg=f"cannot run '{error.filename}': it is missing; install rabbitmq-server again.")
    module.exit_json(changed=False, nodes={own["node"]: own}, own=own)


if __name__ == "__main__":
    main()
