"""The lookup role_settings: a role's variables by name, each as its argument spec types it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.plugins.loader import lookup_loader
from ansible.plugins.lookup import LookupBase

from ..filter.arguments import argument_options
from ..module_utils.brokers import role_arguments

DOCUMENTATION = """
name: role_settings
author: Brokerkit contributors
short_description: A role's variables by name, as its argument spec types them
version_added: 1.1.0
description:
  - Returns each option of a role's entry point C(main) with the value of the variable of that name, read as the
    option's type. A value that cannot be read so stays what it is, for the role's own check to refuse.
  - Within a task the answer is worked out once, however often it is asked for. Ansible itself works out a variable
    anew at each mention, and the files of a broker mention its settings in dozens of places.
options:
  _terms:
    description: Path of the role; C(role_path) inside of it.
    type: list
    elements: str
    required: true
"""

EXAMPLES = """
- name: Show where the management API listens
  ansible.builtin.debug:
    msg: "{{ lookup('brokerkit.brokers.role_settings', role_path).rabbitmq_management_port }}"
"""

RETURN = """
_raw:
  description: A dictionary for each role, from the names of its options to their values.
  type: list
  elements: dict
"""

# Of the task that this process works on: its variables, and path of the role -> settings.
_variables: Mapping[str, Any] | None = None
_known: dict[str, dict[str, Any]] = {}


class LookupModule(LookupBase):
    """Loaded by Ansible under this name."""

    def run(
        self, terms: list[str], variables: Mapping[str, Any] | None = None, **_words: Any
    ) -> list[dict[str, Any]]:
        """Return the settings of each role."""
        global _variables
        if variables is not _variables or "ansible_loop_var" in (
            variables or {}
        ):  # a loop changes them in place
            _known.clear()
            _variables = variables
        return [self._settings(path, variables) for path in terms]

    def _settings(self, path: str, variables: Mapping[str, Any] | None) -> dict[str, Any]:
        if path not in _known:
            options = argument_options(path)
            written = lookup_loader.get("ansible.builtin.vars", loader=self._loader, templar=self._templar)
            values = written.run(list(options), variables)
            _known[path] = role_arguments.typed(options, dict(zip(options, values, strict=True)))
        return _known[path]
