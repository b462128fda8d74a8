"""The action broker_endpoints: writes the endpoints file on the controller, in Ansible's own process.

As a module it would be packed and given to another Python for what is a file of the controller. Documentation:
plugins/modules/broker_endpoints.py.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ..module_utils.brokers.host.exchange import Piece, sentence
from ..module_utils.brokers.inventory import endpoints

_ARGUMENTS = ("path", "document", "inventory", "project")


def converge(params: Mapping[str, str], check: bool) -> dict[str, Any]:
    """Converge the file and return the task's result."""
    result: dict[str, Any] = {}

    def change(present: list[endpoints.Entry]) -> list[endpoints.Entry]:
        brokers, left = endpoints.merge(
            present,
            endpoints.read(params["document"]),
            params["inventory"],
            lambda name: endpoints.is_gone(name, params["project"]),
            time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        )
        result.update(left=left, brokers=[f"{one['name']} of {one['inventory']}" for one in brokers])
        return brokers

    path = os.path.realpath(os.path.expanduser(params["path"]))
    return {"changed": endpoints.update(path, change, check), **result}


class ActionModule(ActionBase):
    """Loaded by Ansible under this name."""

    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset(_ARGUMENTS)
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Write the file; the result holds no passwords."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        missing = [name for name in _ARGUMENTS if not isinstance(self._task.args.get(name), str)]
        if missing:
            raise AnsibleActionFail(f"broker_endpoints: {', '.join(missing)} has to be a text")
        params = {name: str(self._task.args[name]) for name in _ARGUMENTS}
        try:
            result.update(converge(params, self._task.check_mode))
        except OSError as error:
            why = sentence(error, [Piece(params["path"], "")])
            text = (
                f"The endpoints file cannot be written: {why}; correct endpoints_file, or make its directory."
            )
            result.update(failed=True, msg=text, sentences=[text])
        return result
