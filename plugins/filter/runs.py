"""Filters that check a run or an inventory as a whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible import context
from ansible.errors import AnsibleError
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.playbook import Playbook
from ansible.playbook.block import Block
from ansible.playbook.role_include import IncludeRole
from ansible.playbook.task_include import TaskInclude
from ansible.vars.manager import VariableManager

from ..module_utils.brokers.inventory import runs, shared_machines


def _tags_in(blocks: list[Any]) -> set[str] | None:
    """Return the tags of tasks; None if some are only known during the run."""
    found: set[str] = set()
    for item in blocks:
        if isinstance(item, Block):
            below = _tags_in([*item.block, *item.rescue, *item.always])
            if below is None:
                return None
            found |= below
        elif (
            isinstance(item, (TaskInclude, IncludeRole))
            and "always" in item.tags
            and not item.statically_loaded
        ):
            return None
        else:
            found.update(item.tags)
    return found


def tags_of_the_run() -> set[str] | None:
    """Return what `--tags` may name: all tags of the playbooks on the command line, an operator's own among them.

    None where they cannot be known. The playbooks are read anew for it, which only a run with a strange tag pays for.
    """
    # Ansible has no public name for it; a version that moves it must not fail runs without a strange tag.
    from ansible.utils.collection_loader._collection_finder import _get_collection_playbook_path

    loader = DataLoader()
    nobody = InventoryManager(loader=loader, sources=["localhost,"])
    variables = VariableManager(loader=loader, inventory=nobody)
    found: set[str] = set()
    try:
        for given in context.CLIARGS.get("args", ()):
            inside = _get_collection_playbook_path(given)  # NAMESPACE.NAME.PLAYBOOK
            playbook = Playbook.load(inside[1] if inside else given, variables, loader)
            for play in playbook.get_plays():
                tags = _tags_in(play.compile())
                if tags is None:
                    return None
                found |= tags
    except AnsibleError:
        return None
    return found


def run_refusals(run: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a run, in sentences."""
    return runs.refusals(run, tags_of_the_run)


def day2_tag_refusals(run: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the tags of a playbook that has none, in sentences."""
    return runs.tag_refusals(run["tags"], run["skip_tags"], tags_of_the_run, ())


class FilterModule:
    """Loaded by Ansible under this name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return name -> function for each filter."""
        return {
            "broker_inventory_refusals": shared_machines.refusals,
            "broker_elsewhere_refusals": runs.elsewhere_refusals,
            "broker_run_refusals": run_refusals,
            "broker_tag_refusals": day2_tag_refusals,
        }
