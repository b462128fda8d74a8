#!/usr/bin/python
# Copyright: Brokerkit contributors
# Apache License 2.0 (see LICENSE)
"""Whether a RabbitMQ cluster can spare one of its nodes now."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: rabbitmq_restart_gate
short_description: Ask every member of a RabbitMQ cluster whether it can spare the node of this host
description:
  - One question to the node of this host, which asks the other members side by side. The answer is to go, to wait for
    something that passes by itself, or a refusal, in sentences that name the members and the next step.
  - Where the node cannot be asked, the task fails with that, and with what helps. A question that failed is not a no.
options:
  declared:
    description: Names of the nodes that the inventory knows as members, where it does.
    type: list
    elements: str
    default: []
  leaving:
    description: >-
      Name of another member that is to be taken out of the cluster. The question is then whether those that stay run,
      agree and can do without it.
    type: str
    default: ''
  interrupts:
    description: Whether the service of the cluster may stand still while the node is away.
    type: bool
    default: false
  meanwhile:
    description: A sentence that says how things stand when the node cannot be asked.
    type: str
    default: ''
  timeout:
    description: Seconds that the question may take.
    type: float
    default: 120
  unit:
    description: The node's systemd unit.
    type: str
    default: rabbitmq-server.service
attributes:
  check_mode: {support: full, description: It asks alone.}
  diff_mode: {support: none, description: It has no files.}
author: Brokerkit contributors
"""

EXAMPLES = r"""
- name: Ask every member whether the cluster can spare the node
  brokerkit.brokers.rabbitmq_restart_gate:
  register: gate
  until: gate is failed or gate.answer != 'wait'
  retries: 12
  delay: 10
"""

RETURN = r"""
answer: {description: 'V(go), V(wait) or V(refuse).', returned: success, type: str}
node: {description: Name of the node., returned: success, type: str}
members: {description: Names of all members of its cluster., returned: success, type: list}
sentences: {description: 'Why not; with V(go), what the restart costs.', returned: success, type: list}
waiting: {description: What is waited for; empty unless the answer is V(wait)., returned: success, type: str}
asked: {description: Whether the node was asked at all., returned: failure, type: bool}
"""

import socket

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.host import facts
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.rabbitmq import (
    evaluation,
    members,
    restart_gate,
    tools,
)


def _ask(unit: str, seconds: float):
    """Return what the members say, or why the node was not asked."""
    trouble = tools.of_the_unit(unit, facts.unit(unit))
    if trouble is not None:
        return None, trouble
    said = tools.run(evaluation.command(members.question()), seconds)
    if said.code != 0:
        return None, tools.of_the_words(said, seconds)
    asked = evaluation.value(said.output)
    return asked, None if members.own_view(asked)["running"] else tools.APPLICATION_STOPPED


def main() -> None:
    """Entry point that Ansible calls on the target."""
    module = AnsibleModule(
        argument_spec={
            "declared": {"type": "list", "elements": "str", "default": []},
            "interrupts": {"type": "bool", "default": False},
            "leaving": {"type": "str", "default": ""},
            "meanwhile": {"type": "str", "default": ""},
            "timeout": {"type": "float", "default": 120},
            "unit": {"type": "str", "default": "rabbitmq-server.service"},
        },
        supports_check_mode=True,
    )
    given = module.params
    try:
        asked, trouble = _ask(given["unit"], given["timeout"])
    except FileNotFoundError as error:
        what = f"cannot run: '{error.filename}' is missing"
        asked, trouble = None, tools.Trouble(False, what, "install it again")
    except evaluation.Unanswered as error:
        asked, trouble = (
            None,
            tools.Trouble(True, f"said what nobody can read: {error}", "try again"),
        )
    if trouble is not None:
        host = socket.gethostname().split(".")[0]
        told = tools.sentence(host, ["rabbitmqctl", "eval"], trouble, given["meanwhile"])
        module.fail_json(msg=told, asked=trouble.asked)
    if given["leaving"]:
        found = restart_gate.without(asked, given["leaving"])
    else:
        found = restart_gate.verdict(asked, given["declared"], given["interrupts"])
    module.exit_json(
        changed=False,
        node=asked["node"],
        members=sorted(asked["views"]),
        answer=found.answer,
        sentences=list(found.sentences),
        waiting="; ".join(found.sentences) if found.answer == restart_gate.WAIT else "",
    )


if __name__ == "__main__":
    main()
