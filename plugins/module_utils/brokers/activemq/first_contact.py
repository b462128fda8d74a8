"""First contact with existing ActiveMQ instances: are they ours, nobody's, or somebody's?

Brokers set up by hand are only taken over if the operator says so. These functions are pure: they judge what
the module activemq_first_contact has read of the host.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..host import beside
from ..sentences import listed

Found = Mapping[str, Any]


def _other_store(found: Found, data: str) -> str:
    """A store in another place than the role's instance expects; empty if there is none."""
    stores = {path.rsplit("/", 1)[0] for path in found["data"] if path.endswith("/db.data")}
    return next(iter(sorted(stores - {data + "/kahadb"})), "")


def _what(found: Found, data: str, of_the_store: str) -> str:
    """The foreign things that were found; `of_the_store` describes messages in another place."""
    parts = []
    if found["own"]:
        parts.append(f"files of somebody's own ({listed(found['own'])})")
    if found["data"]:
        said = f" ({of_the_store})" if _other_store(found, data) else ""
        parts.append(f"data of somebody's in {data}{said}")
    if found["enabled"]:
        what = "an instance" if len(found["enabled"]) == 1 else "instances"
        parts.append(
            f"{what} that the package's init script starts ({listed(found['enabled'])}), "
            "which this role takes out of use: "
            "after the next boot nobody would start what is linked in /etc/activemq/instances-enabled"
        )
    return "; ".join(parts)


def is_foreign(found: Found) -> bool:
    """Whether the host has foreign ActiveMQ instances, or foreign files in place of this one's."""
    return bool(found["own"] or found["data"] or found["enabled"])


def refusals(found: Found, take_over: bool, instance: str, data: str) -> list[str]:
    """Return the reasons to leave the host alone, one sentence each; an empty list if the run may proceed."""
    name = found["hostname"]
    if found["running"]:
        pids = listed([str(one["pid"]) for one in found["running"]])
        return [
            f"activemq_take_over: a broker that this role did not make runs on {name} as the "
            f"instance '{instance}' or on {data} "
            f"(pid {pids}); stop it where it was started (`service activemq stop`, or its own "
            "unit) and see that nothing "
            "starts it again, or choose another activemq_instance"
        ]
    if take_over or not is_foreign(found):
        return []
    store = _other_store(found, data)
    advice = (
        f"to keep its messages, `mv {store} {data}/kahadb` while it is stopped, else the broker begins empty; or set "
        "activemq_store_directory to it, as for a store that two brokers share, which no playbook copies"
    )
    return [
        f"activemq_take_over: {name} holds what Brokerkit did not make: {_what(found, data, advice)}; "
        "look at what would change (site.yml --check --diff -e activemq_take_over=true), "
        "then set activemq_take_over "
        f"to true for this host{', or choose another activemq_instance' if not found['enabled'] else ''}"
    ]


def words(found: Found, folder: str, data: str) -> list[str]:
    """Return what to report about a take-over, one sentence each."""
    stays = f"{_other_store(found, data)} stays as it is"
    return [
        f"{found['hostname']}: taken over: {_what(found, data, stays)}. The files as "
        f"they were are kept in {folder}. Users, "
        "passwords and connectors of theirs are not carried over.",
        *beside.words(found, ours=""),
    ]
