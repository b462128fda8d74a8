#!/usr/bin/python
# Copyright: Brokerkit contributors
# Apache License 2.0 (see LICENSE)
"""Whether the RabbitMQ node of this host takes a message and hands it out."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: rabbitmq_message_check
short_description: Publish a message on the RabbitMQ node of this host, and consume it again
description:
  - Speaks AMQP 0-9-1 with the node's own listener, as its clients do. It declares an exclusive queue, which is on this
    node and is gone with the connection, publishes a message, waits for confirm and delivery, and compares.
  - It uses the vhost C(/) where the user may do that, or else the first other one in which it may.
  - A message that does not come back is an answer, RV(returned), in a sentence. The task fails where the node cannot be
    asked at all.
options:
  address:
    description: Where the listener is reached from this host; one of any interface is reached on loopback.
    type: str
    default: ''
  port:
    description: The listener's port.
    type: int
    required: true
  username:
    description: Who logs in.
    type: str
    required: true
  password:
    description: The user's password.
    type: str
    required: true
  certificate:
    description: PEM file with the certificate that a listener with TLS serves; empty for one without TLS.
    type: path
  timeout:
    description: Seconds that the message may take.
    type: float
    default: 15
  unit:
    description: The node's systemd unit.
    type: str
    default: rabbitmq-server.service
attributes:
  check_mode: {support: full, description: It changes nothing that lasts.}
  diff_mode: {support: none, description: It has no files.}
author: Brokerkit contributors
"""

EXAMPLES = r"""
- name: See whether messages pass
  brokerkit.brokers.rabbitmq_message_check:
    port: 5672
    username: admin
    password: "{{ admin_password }}"
  register: passed
  until: passed is failed or passed.returned or passed.lasts or passed.attempts >= 5
  retries: 5
"""

RETURN = r"""
returned: {description: Whether the message came back., returned: success, type: bool}
tried: {description: Whether the listener lets anybody in with a password., returned: success, type: bool}
lasts: {description: Whether what stood in the way does not pass by itself., returned: success, type: bool}
sentence: {description: What came instead, or why it was not tried; empty otherwise., returned: success, type: str}
vhost: {description: The vhost that was used., returned: success, type: str}
"""

import secrets

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.rabbitmq import (
    amqp,
    asking,
    message_check,
)

_ANY = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - connected to


def main() -> None:
    """Entry point that Ansible calls on the target."""
    module = AnsibleModule(
        argument_spec={
            "address": {"type": "str", "default": ""},
            "port": {"type": "int", "required": True},
            "username": {"type": "str", "required": True},
            "password": {"type": "str", "required": True, "no_log": True},
            "certificate": {"type": "path"},
            "timeout": {"type": "float", "default": 15},
            "unit": {"type": "str", "default": "rabbitmq-server.service"},
        },
        supports_check_mode=True,
    )
    given = module.params
    host, user = asking.host(), given["username"]
    try:
        answer = asking.ask(message_check.question(user), 60, given["unit"])
    except asking.Unasked as error:
        module.fail_json(msg=str(error))
    vhost = message_check.vhost(answer)
    found = {"changed": False, "vhost": vhost, "returned": False, "tried": True, "lasts": False}
    if not vhost:
        why = message_check.no_vhost(user, answer)
        lasts = not answer["allowed"]
        module.exit_json(**{**found, "lasts": lasts, "sentence": message_check.untried(host, why)})
    address = _ANY.get(given["address"], given["address"])
    login = amqp.Login(address, given["port"], user, given["password"], given["certificate"] or "")
    try:
        amqp.exchange(login, vhost, secrets.token_hex(16), given["timeout"])
    except amqp.NotReturned as error:
        told = message_check.failure(host, login, vhost, error)
        module.exit_json(**{**found, "lasts": error.lasts, "sentence": told})
    except amqp.NotTried as error:
        module.exit_json(**{**found, "tried": False, "sentence": message_check.untried(host, str(error))})
    module.exit_json(**{**found, "returned": True, "sentence": ""})


if __name__ == "__main__":
    main()
