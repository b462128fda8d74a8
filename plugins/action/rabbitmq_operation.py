"""The action rabbitmq_operation: says who works on the cluster, which the controller alone knows.

A run that was killed leaves its lock behind. Whether it still runs can be seen where it ran: the lock of a run of the
same user on the same controller whose process is gone is taken over. Documentation:
plugins/modules/rabbitmq_operation.py.
"""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase


def has_ended(run: str, by: str) -> bool:
    """Return whether a run, USER@CONTROLLER/PID, was one of `by` on this controller and has no process any more."""
    holder, _, number = run.rpartition("/")
    if holder != by or not number.isdigit():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False


class ActionModule(ActionBase):
    """Loaded by Ansible under this name."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Ask as this run, and once more where the lock is that of a run which has ended."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        by = f"{getpass.getuser()}@{socket.gethostname()}"
        # Tasks run in processes of their own; their parent is the run.
        arguments = {**self._task.args, "by": by, "run": f"{by}/{os.getppid()}"}
        said = self._ask(arguments, task_vars)
        holder = str((said.get("holder") or {}).get("run", ""))
        if said.get("failed") and has_ended(holder, by):
            said = self._ask({**arguments, "gone": [holder]}, task_vars)
        result.update(said)
        return result

    def _ask(self, arguments: dict[str, Any], task_vars: Mapping[str, Any] | None) -> dict[str, Any]:
        answer: dict[str, Any] = self._execute_module(
            module_name="brokerkit.brokers.rabbitmq_operation", module_args=arguments, task_vars=task_vars
        )
        return answer
