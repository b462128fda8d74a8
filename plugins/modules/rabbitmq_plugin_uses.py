#!/usr/bin/python
# Copyright: Brokerkit contributors
# Apache License 2.0 (see LICENSE)
"""Who depends on the plugins that a list would disable."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: rabbitmq_plugin_uses
short_description: Ask a running RabbitMQ node what depends on the plugins that would be disabled
description:
  - One question to the node. A plugin that stays because another one needs it is not disabled, and not asked about.
options:
  plugins:
    description: The list of plugins that is to be enabled, as an exact list.
    type: list
    elements: str
    required: true
author:
  - Brokerkit
"""

EXAMPLES = r"""
- name: Ask what depends on the others
  brokerkit.brokers.rabbitmq_plugin_uses:
    plugins: [rabbitmq_management]
  register: asked
"""

RETURN = r"""
uses: {description: 'Plugin, kind, name, vhost and detail of each.', returned: success, type: list, elements: list}
unanswered: {description: Why the node did not answer; empty where it did., returned: success, type: str}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.rabbitmq.evaluation import (
    Unanswered,
    plugin_uses,
)


def main():
    module = AnsibleModule(
        argument_spec={"plugins": {"type": "list", "elements": "str", "required": True}},
        supports_check_mode=True,
    )
    try:
        module.exit_json(changed=False, uses=plugin_uses(module.params["plugins"]), unanswered="")
    except Unanswered as error:
        module.exit_json(changed=False, uses=[], unanswered=str(error))


if __name__ == "__main__":
    main()
