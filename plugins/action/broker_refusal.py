"""The action broker_refusal: fails with sentences if there is anything to refuse, and is silent otherwise.

    - name: Refuse invalid settings
      brokerkit.brokers.broker_refusal:
        # A list, or one sentence; none: the task is ok.
        sentences: "{{ settings | brokerkit.brokers.rabbitmq_refusals }}"
        # Output of another program, such as the broker, that belongs to them.
        words: "{{ log.stdout_lines }}"

`assert` prints its condition beside the message and works the message out where nothing is wrong, too. The message is
one text with a line for each sentence, so that any callback shows it readably; plugins/callback/sentences.py, which
ansible.cfg names, wraps the sentences for the terminal.

Each role and each playbook begins with a task of this kind: an ansible-core that is too old is refused here, before it
fails in a template.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.release import __version__

from ..module_utils.brokers.inventory import runs


def listed(name: str, value: Any) -> list[str]:
    """Return the argument as a list of non-empty strings."""
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise AnsibleActionFail(f"broker_refusal: {name} is a text or a list of texts")
    return [item.rstrip() for item in items if item.strip()]


class ActionModule(ActionBase):
    """Loaded by Ansible under this name."""

    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset(("sentences", "words"))
    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Fail with the sentences, if there are any."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        sentences = runs.version_refusals(__version__) or [
            " ".join(one.split()) for one in listed("sentences", self._task.args.get("sentences"))
        ]
        result["changed"] = False
        if sentences:
            words = listed("words", self._task.args.get("words", []))
            result.update(failed=True, msg="\n".join(sentences + words), sentences=sentences, words=words)
        return result
