"""Filters for a role's own check of its variables: argument specs, and an apt repository that they name."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

# The library ships to targets as ansible.module_utils.brokers; the controller finds it beside this file.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "module_utils"))

from brokers import apt_repository, arguments


def argument_refusals(
    values: Mapping[str, Any],
    options: Mapping[str, Mapping[str, Any]],
    role: str,
    given: Iterable[str],
    numbers: Iterable[str] = (),
) -> list[str]:
    """Return a sentence for each variable that has the wrong type, or that the role does not have."""
    return arguments.unknown(role, given, options) + arguments.refusals(options, values, numbers)


class FilterModule:
    """What Ansible looks for in this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return name -> function for each filter."""
        return {
            "apt_repository_refusals": apt_repository.refusals,
            "apt_repository_words": apt_repository.words,
            "argument_refusals": argument_refusals,
            "typed_arguments": lambda values, options: arguments.typed(options, values),
        }
