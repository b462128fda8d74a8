"""The filter of the role rabbitmq_topology: cross-checks of a document, on the controller, without a broker."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleFilterError

from ..module_utils.brokers.inventory import published_secrets
from ..module_utils.brokers.topology import adopt, backup, model, omissions
from ..module_utils.brokers.topology.refusals import cross_checks

_BESIDE = ("extra_tags", "extra_references", "left_out")


def rabbitmq_topology_refusals(
    document: Mapping[str, Any],
    prefix: str = "rabbitmq_topology_",
    extra_tags: Sequence[str] = (),
    closed: bool = False,
    prune: Mapping[str, Any] | None = None,
    protected: Sequence[str] = (),
    broker: Mapping[str, Any] | None = None,
    extra_references: Sequence[Any] = (),
) -> list[str]:
    """Return what is wrong with a declared document: sentences with their remedies, none when all is well.

    `broker` says where it is: `host`, `address`, `url` and whether it is `said` to be a test host, whose secrets may be
    those that are published.
    """
    document = plain(document)
    found = cross_checks.refusals(document, prefix, plain(extra_tags), closed, plain(extra_references))
    if broker:
        named = {f"{prefix}{kind}": items for kind, items in document.items()}
        address = published_secrets.broker_address(broker["url"], broker["address"])
        found += published_secrets.refusals(named, broker["host"], broker["said"], address, "rabbitmq")
    return found + cross_checks.prune_refusals(
        model.Prune(plain(prune or {}), tuple(plain(protected))), prefix
    )


def rabbitmq_topology_from_backup(path: str, login: str = "") -> dict[str, Any]:
    """Return the document that a file of definitions amounts to, by kind of object, and what is to be allowed for it.

    `login` is the user who restores it: it keeps the password that it has, or the run would lock itself out.
    """
    return _from_backup(str(path), str(login), Path(path).stat().st_mtime_ns if Path(path).exists() else 0)


@functools.lru_cache(maxsize=4)
def _from_backup(path: str, login: str, changed: int) -> dict[str, Any]:
    """Read once in each of Ansible's processes, which works a variable out anew at each mention of it."""
    try:
        definitions = backup.load(path)
    except backup.BackupFailed as error:
        raise AnsibleFilterError(str(error)) from None
    version = model.parse_version(str(definitions.get("rabbitmq_version", "")))
    settled = omissions.settle(adopt.document_of(definitions), version, login)
    return {**settled.document, **{name: getattr(settled, name) for name in _BESIDE}}


def plain(value: Any) -> Any:
    """Return the value out of Ansible's containers, which template a value anew each time it is looked at."""
    if isinstance(value, Mapping):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    return value


class FilterModule:
    """Loaded by Ansible under this name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return name -> function for each filter."""
        return {
            "rabbitmq_topology_from_backup": rabbitmq_topology_from_backup,
            "rabbitmq_topology_refusals": rabbitmq_topology_refusals,
        }
