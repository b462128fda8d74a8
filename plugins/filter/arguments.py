"""Filters for a role's check of its variables: argument specs, repositories of packages, published secrets."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from yaml import CSafeLoader

from ..module_utils.brokers import role_arguments
from ..module_utils.brokers.host import apt_repository, dnf_repository, firewalld, sandbox
from ..module_utils.brokers.inventory import published_secrets

_ROLES = Path(__file__).parents[2] / "roles"


@functools.cache
def argument_options(role_path: str) -> dict[str, Any]:
    """Return the options of a role's entry point `main`, from its meta/argument_specs.yml.

    Read once in each of Ansible's processes: what depends on a variable is computed anew at each mention of it, and
    parsing the file nine times was a third of what the configuration takes on the controller.
    """
    text = Path(role_path, "meta/argument_specs.yml").read_text(encoding="utf-8")
    return yaml.load(text, Loader=CSafeLoader)["argument_specs"]["main"]["options"]


@functools.cache
def _defaults(role: str) -> dict[str, Any]:
    text = (_ROLES / role / "defaults/main.yml").read_text(encoding="utf-8")
    return yaml.load(text, Loader=CSafeLoader)


def role_defaults(roles: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return the defaults of roles by role, as written: plays that look at all hosts are not inside any role."""
    return {role: _defaults(role) for role in roles}


def argument_refusals(
    values: Mapping[str, Any],
    options: Mapping[str, Mapping[str, Any]],
    role: str,
    given: Iterable[str],
    numbers: Iterable[str] = (),
) -> list[str]:
    """Return a sentence for each variable of the wrong type, and for each that the role does not have."""
    return role_arguments.unknown(role, given, options) + role_arguments.refusals(options, values, numbers)


def package_specifications(versions: Mapping[str, str], sign: str) -> list[str]:
    """Return packages as apt ('=') or dnf ('-') takes them; a package without a version is its name alone."""
    return [f"{name}{sign}{version}" if version else name for name, version in versions.items()]


class FilterModule:
    """Loaded by Ansible under this name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return name -> function for each filter."""
        return {
            "argument_options": argument_options,
            "apt_repository_refusals": apt_repository.refusals,
            "apt_repository_words": apt_repository.words,
            "argument_refusals": argument_refusals,
            "dnf_release": dnf_repository.release,
            "dnf_repository_refusals": dnf_repository.host_refusals,
            "dnf_repository_words": dnf_repository.words,
            "firewalld_kept_out": firewalld.kept_out,
            "firewalld_rules": firewalld.rules,
            "package_specifications": package_specifications,
            "published_in_inventory": published_secrets.inventory_refusals,
            "published_secret_refusals": published_secrets.refusals,
            "role_defaults": role_defaults,
            "systemd_sandbox": sandbox.directives,
        }
