"""The action client_settings: writes the settings of applications on the controller, in Ansible's own process.

It reads users and their passwords from the variables of the inventory itself: none of them is an argument of the task.
Documentation: plugins/modules/client_settings.py.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ..filter.client_settings import read
from ..module_utils.brokers.clients import declared
from ..module_utils.brokers.clients.directory import Unfit, converge
from ..module_utils.brokers.clients.places import Inventory
from ..module_utils.brokers.host.exchange import Piece, sentence
from ..module_utils.brokers.inventory import endpoints


class ActionModule(ActionBase):
    """Loaded by Ansible under this name."""

    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset(("directory", "role_defaults"))
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Write the files; neither the result nor its diff holds a password."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        directory, defaults = (self._task.args.get(name) for name in ("directory", "role_defaults"))
        if not isinstance(directory, str) or not isinstance(defaults, Mapping):
            raise AnsibleActionFail("client_settings: directory has to be a text, role_defaults a dictionary")
        variables = task_vars or {}
        inventory = Inventory(variables["hostvars"], variables["groups"], defaults)
        project = endpoints.project(variables["playbook_dir"], os.getcwd())
        own = endpoints.inventory_name(variables.get("ansible_inventory_sources") or [], project)

        def lasting(name: str) -> bool:
            return name not in ("", own) and not endpoints.is_gone(name, project)

        wanted = declared.wanted(inventory, directory, read, own)
        try:
            found = converge(directory, wanted.applications, wanted.gone, self._task.check_mode, lasting)
        except Unfit as error:
            return {**result, "failed": True, "msg": str(error), "sentences": [str(error)]}
        except OSError as error:
            why = sentence(error, [Piece(directory, "")])
            text = (
                f"The settings cannot be written: {why}; correct client_settings_directory, or free the path."
            )
            return {**result, "failed": True, "msg": text, "sentences": [text]}
        return {
            **result,
            "changed": bool(found.written or found.removed),
            "directory": directory,
            "written": found.written,
            "removed": found.removed,
            "left": found.left,
            "diff": found.diff,
        }
