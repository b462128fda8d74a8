#!/usr/bin/python
# Copyright: Brokerkit contributors
# Apache License 2.0 (see LICENSE)
"""Run one of RabbitMQ's command line tools."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: rabbitmq_tool
short_description: Run one of RabbitMQ's command line tools, and tell a no from a question that failed
description:
  - Runs C(rabbitmqctl) or another tool on the node's host, with an end to its patience.
  - Where the node cannot be asked (its process is stopped, its application is stopped, it does not answer, it does not
    let the tool in), the task fails with that, and with what helps.
options:
  command:
    description: The tool and its arguments. Arguments pass through a shell on their way; secrets do not belong there.
    type: list
    elements: str
    required: true
  changes:
    description: Whether the command changes the node; one that does is not run in check mode.
    type: bool
    default: true
  no_means:
    description:
      - Words by which the node says no. With them a tool that ends in an error has given an answer, RV(answer).
    type: str
    default: ''
  meanwhile:
    description: A sentence that says how things stand when the command fails.
    type: str
    default: ''
  timeout:
    description: Seconds that the tool may take.
    type: float
    default: 120
  unit:
    description: The node's systemd unit.
    type: str
    default: rabbitmq-server.service
attributes:
  check_mode: {support: full, description: A command that changes something is not run.}
  diff_mode: {support: none, description: It has no files.}
author: Brokerkit contributors
"""

EXAMPLES = r"""
- name: Ask the cluster whether it can spare the node
  brokerkit.brokers.rabbitmq_tool:
    command: [rabbitmq-queues, check_if_node_is_quorum_critical]
    changes: false
    no_means: would lose quorum
  register: gate
"""

RETURN = r"""
answer: {description: Whether the node said yes (false where it said no)., returned: success, type: bool}
asked: {description: Whether the node was asked at all., returned: always, type: bool}
stdout: {description: What the tool printed., returned: success, type: str}
"""

import socket

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.host import facts as hostfacts
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.rabbitmq import (
    tools as rabbitmq_tools,
)


def main() -> None:
    """Entry point that Ansible calls on the target."""
    module = AnsibleModule(
        argument_spec={
            "command": {"type": "list", "elements": "str", "required": True},
            "changes": {"type": "bool", "default": True},
            "no_means": {"type": "str", "default": ""},
            "meanwhile": {"type": "str", "default": ""},
            "timeout": {"type": "float", "default": 120},
            "unit": {"type": "str", "default": "rabbitmq-server.service"},
        },
        supports_check_mode=True,
    )
    command, seconds = module.params["command"], module.params["timeout"]
    changes, no = module.params["changes"], module.params["no_means"]
    if module.check_mode and changes:
        module.exit_json(changed=True, answer=True, asked=False, stdout="")
    try:
        trouble = rabbitmq_tools.of_the_unit(module.params["unit"], hostfacts.unit(module.params["unit"]))
        if trouble is None:
            said = rabbitmq_tools.run(command, seconds)
            if said.code == 0:
                module.exit_json(changed=changes, answer=True, asked=True, stdout=said.output)
            if no and no in said.words:
                module.exit_json(changed=False, answer=False, asked=True, stdout=said.words)
            trouble = rabbitmq_tools.of_the_words(said, seconds)
    except FileNotFoundError as error:
        trouble = rabbitmq_tools.Trouble(
            False, f"cannot run: '{error.filename}' is missing", "install it again"
        )
    host = socket.gethostname().split(".")[0]
    module.fail_json(
        msg=rabbitmq_tools.sentence(host, command, trouble, module.params["meanwhile"]), asked=trouble.asked
    )


if __name__ == "__main__":
    main()
