"""The action broker_files: renders the templates of a set of files on the controller, then runs the module.

    - name: Write the configuration
      brokerkit.brokers.broker_files:
        name: rabbitmq
        files:
          - {path: /etc/rabbitmq/rabbitmq.conf, template: etc/rabbitmq/rabbitmq.conf.j2, mode: "0640"}

A lookup of a template copies every variable of the host, once for each file: a large topology was copied a dozen
times a run. Documentation: plugins/modules/broker_files.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.template import Templar, trust_as_template

# Where a text comes from; an entry has at most one of them.
SOURCES = ("content", "secret_content", "template", "source")


def rendered(templar: Templar, text: str) -> str:
    """Return the text of a template as ansible.builtin.template renders it."""
    return str(
        templar.template(trust_as_template(text), escape_backslashes=False, overrides={"trim_blocks": True})
    )


def filled(
    entry: Mapping[str, Any], template: Callable[[str], str], source: Callable[[str], str]
) -> dict[str, Any]:
    """Return an entry as the module takes it: with its text, or with none where it is not `wanted`.

    `template` and `source` return the text of a file of the role by its name. Raises AnsibleActionFail for an entry
    with two texts.
    """
    given = [name for name in SOURCES if entry.get(name) is not None]
    if len(given) > 1:
        raise AnsibleActionFail(
            f"broker_files: {entry.get('path')} has {' and '.join(given)}; give one of them"
        )
    found = {name: value for name, value in entry.items() if name not in (*SOURCES, "wanted")}
    if not boolean(entry.get("wanted", True)):
        found.pop("keep", None)
        return {**found, "content": None}
    if not given:
        return {**found, "content": None}
    readers = {"template": template, "source": source}
    text = readers.get(given[0], str)(entry[given[0]])
    hidden = given[0] == "secret_content" or boolean(entry.get("secret", False))
    return {**found, "secret_content" if hidden else "content": text}


class ActionModule(ActionBase):
    """Loaded by Ansible under this name."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Run the module with the texts of all files."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        files = arguments.get("files")
        if isinstance(files, list) and all(isinstance(entry, Mapping) for entry in files):
            arguments["files"] = [filled(entry, self._template, self._source) for entry in files]
        try:
            result.update(self._execute_module(module_args=arguments, task_vars=task_vars))
        finally:
            self._remove_tmp_path(self._connection._shell.tmpdir)
        return result

    def _template(self, name: str) -> str:
        return rendered(self._templar, self._text("templates", name))

    def _source(self, name: str) -> str:
        return self._text("files", name)

    def _text(self, folder: str, name: str) -> str:
        return Path(self._find_needle(folder, name)).read_text(encoding="utf-8")
