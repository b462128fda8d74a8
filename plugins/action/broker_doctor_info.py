"""The action broker_doctor_info: reads a host, and notes by how much its clock differs from the controller's.

The host's time lies between the beginning and the end of the call, if both clocks are right. Documentation:
plugins/modules/broker_doctor_info.py.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase

from ..module_utils.brokers import knowledge


def skew(now: float, began: float, ended: float) -> float:
    """Return by how many seconds a clock that said `now` between two moments is ahead at least; negative if behind."""
    if now > ended:
        return now - ended
    return min(0.0, now - began)


class ActionModule(ActionBase):
    """Loaded by Ansible under this name."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Run the module with the patterns of the knowledge table, if the task names none."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = {"patterns": knowledge.table().patterns(), **self._task.args}
        began = time.time()
        found: dict[str, Any] = self._execute_module(
            module_name="brokerkit.brokers.broker_doctor_info", module_args=arguments, task_vars=task_vars
        )
        if "read" in found:
            found["skew"] = skew(found["read"]["machine"]["now"], began, time.time())
        found.pop("invocation", None)  # a hundred patterns
        result.update(found)
        return result
