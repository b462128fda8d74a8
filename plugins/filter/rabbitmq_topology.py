"""Filters of the role rabbitmq_topology: the cross-checks of a declared document, on the controller, without
a broker.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

PACKAGE = "ansible.module_utils.brokers"


def _library(name: str) -> ModuleType:
    """A module of the library that also ships to the hosts; on the controller no import path leads to it."""
    if PACKAGE not in sys.modules:
        folder = Path(__file__).resolve().parent.parent / "module_utils" / "brokers"
        spec = importlib.util.spec_from_file_location(
            PACKAGE, folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        if spec is None or spec.loader is None:
            raise ImportError(f"{folder} does not hold the library brokers; restore the checkout")
        package = importlib.util.module_from_spec(spec)
        sys.modules[PACKAGE] = package
        spec.loader.exec_module(package)
    return importlib.import_module(f"{PACKAGE}.{name}")


def rabbitmq_topology_refusals(
    document: Mapping[str, Any],
    prefix: str = "rabbitmq_topology_",
    extra_tags: Sequence[str] = (),
    closed: bool = False,
    prune: Mapping[str, Any] | None = None,
    protected: Sequence[str] = (),
) -> list[str]:
    """What is wrong with a declared document: sentences with their remedies, none when all is well."""
    validate, model = _library("validate"), _library("model")
    refusals: list[str] = validate.refusals(document, prefix, extra_tags, closed)
    refusals += validate.prune_refusals(model.Prune(prune or {}, tuple(protected)), prefix)
    return refusals


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"rabbitmq_topology_refusals": rabbitmq_topology_refusals}
