#!/usr/bin/python
# Copyright: Brokerkit contributors
# Apache License 2.0 (see LICENSE)
"""Documentation of the action plugin of this name, plugins/action/client_settings.py, which does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: client_settings
short_description: Write what applications need to reach their brokers
description:
  - Writes a directory for each application that the inventory declares in C(client_settings_applications), with its
    login and the addresses of its broker in the form that each client reads. Only their owner can read the files.
  - The files are the controller's; no host is reached. Users and passwords are read from the inventory's variables.
options:
  directory: {description: Directory that holds those of the applications., type: path, required: true}
  role_defaults:
    description: The defaults of the roles rabbitmq, activemq and haproxy, by role.
    type: dict
    required: true
attributes:
  check_mode: {support: full, description: Says what would be written.}
  diff_mode: {support: full, description: 'What the settings say, and which files change; passwords are masked.'}
author: Brokerkit contributors
"""

EXAMPLES = r"""
- name: Write the applications' settings
  brokerkit.brokers.client_settings:
    directory: /srv/project/artifacts/clients
    role_defaults: "{{ defaults_by_role }}"
  run_once: true
"""

RETURN = r"""
written:
  description: Applications whose files differ from what they are to be.
  returned: success
  type: list
  elements: str
  sample: [shop]
removed:
  description: Applications whose files were removed.
  returned: success
  type: list
  elements: str
left:
  description: Directories of applications that are no longer declared, and not named to be removed either.
  returned: success
  type: list
  elements: str
"""
