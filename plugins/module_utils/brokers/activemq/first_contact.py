"""First contact with ActiveMQ instances that are on the host already: are they ours, nobody's, or somebody's?

What somebody set up by hand is not taken over before the operator says so. These functions are pure: they judge what
the module activemq_first_contact has read of the host.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..host import beside
from ..sentences import listed

Found = Mapping[str, Any]


def _other_store(found: Found, data: str) -> str:
    """A store that stands elsewhere than where the role's instance looks for it; empty where there is none."""
    stores = {path.rsplit("/", 1)[0] for path in found["data"] if path.endswith("/db.data")}
    return next(iter(sorted(stores - {data + "/kahadb"})), "")


def _what(found: Found, data: str, of_the_store: str) -> str:
    """What of somebody's was found; `of_the_store` is said of messages that stand elsewhere."""
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
    """Whether the host holds ActiveMQ instances, or files in the way of this one, that somebody set up."""
    return bool(found["own"] or found["data"] or found["enabled"])


def refusals(found: Found, take_over: bool, instance: str, data: str) -> list[str]:
    """Return why the host is left alone, one sentence each; an empty list where the run may go on."""
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
    """Return what is said of what is taken over, one sentence each."""
    stays = f"{_other_store(found, data)} stays as it is"
    return [
        f"{found['hostname']}: taken over: {_what(found, data, stays)}. The files as "
        f"they were are kept in {folder}. Users, "
        "passwords and connectors of theirs are not carried over.",
        *beside.words(found, ours=""),
    ]
