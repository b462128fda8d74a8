#!/usr/bin/python
# Copyright: Brokerkit contributors
# Apache License 2.0 (see LICENSE)
"""Keep the files of a broker that was set up by hand."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: broker_originals
short_description: Keep the files of a broker that somebody set up by hand
description:
  - Copies files into a folder that root alone enters, with a list of their owners and modes, before they are replaced.
  - The folder is never written over. Files that are kept as they are now are not kept again.
options:
  name:
    description: Name of the folder.
    type: str
    required: true
  paths:
    description: Files, folders and patterns. What does not exist is passed over.
    type: list
    elements: path
    required: true
author:
  - Brokerkit
"""

EXAMPLES = r"""
- name: Keep what was there
  brokerkit.brokers.broker_originals:
    name: rabbitmq
    paths: [/etc/rabbitmq]
"""

RETURN = r"""
folder: {description: Where they are., returned: always, type: str}
files: {description: The files that were kept., returned: always, type: list, elements: str}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.brokerkit.brokers.plugins.module_utils.brokers.host.originals import (
    Originals,
    files_below,
)


def main():
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "paths": {"type": "list", "elements": "path", "required": True},
        },
        supports_check_mode=True,
    )
    originals, files = Originals(module.params["name"]), files_below(module.params["paths"])
    try:
        folder = originals.kept(files)
        changed = folder is None
        if folder is None:
            folder = originals.next() if module.check_mode else originals.keep(files)
    except OSError as error:
        module.fail_json(
            msg=f"{error.filename or 'originals'}: the files of the broker that was set up by hand could not be kept "
            f"({error.strerror}), and nothing was changed; make room in /var/lib/brokerkit and run again"
        )
    module.exit_json(changed=changed, folder=folder, files=files)


if __name__ == "__main__":
    main()
