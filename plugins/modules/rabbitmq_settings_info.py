#!/usr/bin/python
# Copyright: Brokerkit contributors
# Apache License 2.0 (see LICENSE)
"""A node's present settings as variables of the role rabbitmq."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: rabbitmq_settings_info
short_description: Read the settings that a RabbitMQ node runs on, as the variables that make them
description:
  - Reads the node's files and asks the running node, in one call, what it made of them. Nothing is changed.
  - The result holds secrets; give the task C(no_log).
options: {}
author:
  - Brokerkit
"""

EXAMPLES = r"""
- name: Read the node
  brokerkit.brokers.rabbitmq_settings_info:
  register: held
  no_log: true
"""

RETURN = r"""
document: {description: The variables as YAML., returned: success, type: str}
vault: {description: 'The secrets as YAML, to be encrypted.', returned: success, type: str}
notes: {description: What has no variable., returned: success, type: list, elements: str}
broker_version: {description: Version of the broker., returned: success, type: str}
"""

import re

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.host import facts as hostfacts
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.host.file_sets import read
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.rabbitmq.adopted_settings import (
    NotAdoptable,
    adopt,
    render,
)
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.rabbitmq.evaluation import (
    SETTINGS,
    Unanswered,
    ask,
)

UNIT = "rabbitmq-server.service"
COOKIE = "/var/lib/rabbitmq/.erlang.cookie"
FILES = ("/etc/rabbitmq/rabbitmq.conf", "/etc/rabbitmq/rabbitmq-env.conf")
_SECONDS = {"min": 60, "s": 1, "h": 3600}


def seconds(text):
    """A time span of systemd, as `10min 30s`, in whole seconds; 0 for one that is none."""
    parts = re.findall(r"(\d+)(h|min|s)\b", text)
    return sum(int(number) * _SECONDS[unit] for number, unit in parts)


def unit():
    """The unit's limit, and its start time-out if a foreign drop-in sets one."""
    values = hostfacts.properties(UNIT, ["LimitNOFILE", "TimeoutStartUSec", "DropInPaths"])
    set_here = any("TimeoutStartSec" in (read(path) or "") for path in values.get("DropInPaths", "").split())
    timeout = seconds(values.get("TimeoutStartUSec", "")) if set_here else 0
    limit = values.get("LimitNOFILE", "65536")
    return {"files": int(limit) if limit.isdigit() else 65536, "start_timeout": timeout}


def main():
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    try:
        node = ask(SETTINGS)
        port = int(node["epmd_port"] or 4369)
        adopted = adopt(
            {
                "node": node,
                "texts": {path: read(path) or "" for path in FILES},
                "cookie": (read(COOKIE) or "").strip(),
                "epmd": [one["address"] for one in hostfacts.listeners() if one["port"] == port],
                "unit": unit(),
            }
        )
    except Unanswered as error:
        module.fail_json(
            msg=f"the node cannot be asked what it runs on ({error}); start it (systemctl start {UNIT}) and run again"
        )
    except NotAdoptable as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=False,
        document=render(adopted.variables, adopted.notes),
        vault=render(adopted.vault, []),
        notes=adopted.notes,
        broker_version=node["version"],
    )


if __name__ == "__main__":
    main()
