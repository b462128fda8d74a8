"""Filters for a role's check of its variables: argument specs, apt repositories, published secrets."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from yaml import CSafeLoader

from ..module_utils.brokers import role_arguments
from ..module_utils.brokers.host import apt_repository, sandbox
from ..module_utils.brokers.inventory import published_secrets


@functools.cache
def argument_options(role_path: str) -> dict[str, Any]:
    """Return the options of a role's entry point `main`, from its meta/argument_specs.yml.

    Read once in each of Ansible's processes: what depends on a variable is computed anew at each mention of it, and
    parsing the file nine times was a third of what the configuration takes on the controller.
    """
    text = Path(role_path, "meta/argument_specs.yml").read_text(encoding="utf-8")
    return yaml.load(text, Loader=CSafeLoader)["argument_specs"]["main"]["options"]


def argument_refusals(
    values: Mapping[str, Any],
    options: Mapping[str, Mapping[str, Any]],
    role: str,
    given: Iterable[str],
    numbers: Iterable[str] = (),
) -> list[str]:
    """Return a sentence for each variable of the wrong type, and for each that the role does not have."""
    return role_arguments.unknown(role, given, options) + role_arguments.refusals(options, values, numbers)


class FilterModule:
    """Loaded by Ansible under this name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return name -> function for each filter."""
        return {
            "argument_options": argument_options,
            "apt_repository_refusals": apt_repository.refusals,
            "apt_repository_words": apt_repository.words,
            "argument_refusals": argument_refusals,
            "published_in_inventory": published_secrets.inventory_refusals,
            "published_secret_refusals": published_secrets.refusals,
            "systemd_sandbox": sandbox.directives,
            "typed_arguments": lambda values, options: role_arguments.typed(options, values),
        }
