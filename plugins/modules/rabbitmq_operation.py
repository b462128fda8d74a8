#!/usr/bin/python
# Copyright: Brokerkit contributors
# Apache License 2.0 (see LICENSE)
"""The lock that an operation on a RabbitMQ cluster holds."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: rabbitmq_operation
short_description: Hold a RabbitMQ cluster for one operation, so that two operators do not work on it at once
description:
  - Takes a lock in the cluster, or renews it, and fails with the name of who has it and since when.
  - An action on the controller fills in who holds it. A run of the same user on the same controller that has ended
    gives its lock up; so does one that was not heard of for O(lease) seconds.
options:
  state:
    description: V(held) takes or renews the lock, V(seen) fails if somebody else has it, V(released) gives it up.
    type: str
    choices: [held, seen, released]
    default: held
  what:
    description: What the operation is, for who finds the lock.
    type: str
    default: an operation
  take_over:
    description: Whether to take the lock from whoever has it.
    type: bool
    default: false
  lease:
    description: Seconds for which the lock is good without being renewed.
    type: int
    default: 900
  by:
    description: Who holds it; the action fills it in.
    type: str
    default: ''
  run:
    description: The run that holds it; the action fills it in.
    type: str
    default: ''
  gone:
    description: Runs that have ended; the action fills them in.
    type: list
    elements: str
    default: []
  timeout:
    description: Seconds that the question may take.
    type: float
    default: 60
  unit:
    description: The node's systemd unit.
    type: str
    default: rabbitmq-server.service
attributes:
  check_mode: {support: full, description: It looks who holds the lock.}
  diff_mode: {support: none, description: It has no files.}
author: Brokerkit contributors
"""

EXAMPLES = r"""
- name: Hold the cluster
  brokerkit.brokers.rabbitmq_operation:
    what: rolling restart
"""

RETURN = r"""
taken: {description: Whether the run has the lock., returned: success, type: bool}
notice: {description: Whose lock was taken over; empty if nobody's., returned: success, type: str}
holder: {description: 'Who has the lock: by, run, what, since, seen, age.', returned: failure, type: dict}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.rabbitmq import (
    asking,
    operation,
)


def main() -> None:
    """Entry point that Ansible calls on the target."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["held", "seen", "released"], "default": "held"},
            "what": {"type": "str", "default": "an operation"},
            "take_over": {"type": "bool", "default": False},
            "lease": {"type": "int", "default": operation.LEASE},
            "by": {"type": "str", "default": ""},
            "run": {"type": "str", "default": ""},
            "gone": {"type": "list", "elements": "str", "default": []},
            "timeout": {"type": "float", "default": 60},
            "unit": {"type": "str", "default": "rabbitmq-server.service"},
        },
        supports_check_mode=True,
    )
    given = module.params
    state = "seen" if module.check_mode and given["state"] == "held" else given["state"]
    if module.check_mode and state == "released":
        module.exit_json(changed=False, taken=False, notice="")
    host = asking.host()
    me = {"by": given["by"], "run": given["run"], "what": given["what"]}
    code = operation.question(me, state, tuple(given["gone"]), given["take_over"], given["lease"])
    try:
        answer = asking.ask(code, given["timeout"], given["unit"])
    except asking.Unasked as error:
        module.fail_json(msg=str(error))
    if state != "released" and not answer["taken"]:
        module.fail_json(msg=operation.refusal(host, answer["holder"]), holder=answer["holder"] or {})
    # A lease is no change of the broker, as `changed` counts them: a second run has one too.
    module.exit_json(changed=False, taken=answer["taken"], notice=operation.notice(host, answer["before"]))


if __name__ == "__main__":
    main()
