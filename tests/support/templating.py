"""Variables and templates of a role, rendered by Ansible's own templar: what a host would be given."""

from __future__ import annotations

import functools
import os
from typing import Any

from role_files import ROOT

os.environ["ANSIBLE_CONFIG"] = str(ROOT / "ansible.cfg")  # read when ansible is imported

from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar, trust_as_template

init_plugin_loader()

from ansible_collections.brokerkit.brokers.plugins.action.broker_files import filled, rendered  # noqa: E402 - found by the loader alone
from ansible_collections.brokerkit.brokers.plugins.filter import (  # noqa: E402
    arguments as argument_filters,  # noqa: F401
    audit as audit_filters,  # noqa: F401
    certificates as certificate_filters,  # noqa: F401
    rabbitmq_cluster as cluster_filters,  # noqa: F401
)


@functools.cache
def _variables(role: str, path: str) -> dict[str, Any]:
    """A file of a role's variables, its templates trusted; parsing one takes as long as rendering some files."""
    loader = DataLoader()
    return loader.load_from_file(str(ROOT / "roles" / role / path), trusted_as_template=True) or {}


class Role:
    """A role with what its defaults and vars say, and what a test lays over them."""

    def __init__(self, name: str, **variables: Any) -> None:
        folder = self._folder = ROOT / "roles" / name
        loader = DataLoader()
        loader.set_basedir(str(folder))
        self._variables = {
            "role_path": str(folder),
            "ansible_search_path": [str(folder), str(ROOT)],
            "ansible_check_mode": False,
            "inventory_hostname": "broker-1",
            "hostvars": {},
            "groups": {"rabbitmq": ["broker-1"]},
        }
        for path in ("defaults/main.yml", "vars/main.yml"):
            self._variables.update(_variables(name, path))
        self._variables.update(variables)
        self._templar = Templar(loader, variables=self._variables)

    def variable(self, name: str) -> Any:
        """Return the value of a variable, everything in it resolved."""
        return self._templar.template(self._variables[name])

    def files(self, name: str) -> dict[str, dict[str, Any]]:
        """Return the entries of a list of files as the action broker_files hands them to its module, by path."""
        entries = [filled(entry, self._template, self._source) for entry in self.variable(name)]
        return {entry["path"]: entry for entry in entries}

    def file(self, name: str, path: str) -> dict[str, Any]:
        """Return one entry of `files`, the only one that is resolved and rendered."""
        entries = (
            self._templar.template(entry) if isinstance(entry, str) else entry
            for entry in self._variables[name]
        )
        (entry,) = [entry for entry in entries if self._templar.template(entry["path"]) == path]
        return filled(self._templar.template(entry), self._template, self._source)

    def _template(self, name: str) -> str:
        return rendered(self._templar, (self._folder / "templates" / name).read_text(encoding="utf-8"))

    def _source(self, name: str) -> str:
        return (self._folder / "files" / name).read_text(encoding="utf-8")

    def text(self, template: str) -> str:
        """Return a rendered template of the role, or of the project's own folder of templates."""
        wanted = trust_as_template("{{ lookup('ansible.builtin.template', '" + template + "') }}")
        return str(self._templar.template(wanted))
