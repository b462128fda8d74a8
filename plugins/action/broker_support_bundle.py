"""The action broker_support_bundle: packs a host, and leaves the archive on the controller for its owner alone.

Documentation: plugins/modules/broker_support_bundle.py.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase


def write(path: str, content: bytes) -> None:
    """Write a file that nobody else may read; it is never half there."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    new = f"{path}.new"
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as handle:
        handle.write(content)
    os.replace(new, path)


class ActionModule(ActionBase):
    """Loaded by Ansible under this name."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Pack the host; the result has the path of the archive, and not its content."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        directory = os.path.abspath(os.path.expanduser(str(arguments.pop("directory"))))
        found: dict[str, Any] = self._execute_module(
            module_name="brokerkit.brokers.broker_support_bundle", module_args=arguments, task_vars=task_vars
        )
        content = found.pop("content", "")
        result.update(found)
        if content:
            path = os.path.join(directory, f"{arguments['name']}.tar.gz")
            try:
                write(path, base64.b64decode(content))
            except OSError as error:
                raise AnsibleActionFail(f"doctor_dir: cannot write {path}: {error.strerror}") from error
            result["path"] = path
        return result
