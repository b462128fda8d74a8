"""First contact with an existing node: is it ours, nobody's, or somebody's?

Brokers set up by hand are only taken over if the operator says so. These functions are pure: they judge what
the module rabbitmq_first_contact has read of the host.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..host import beside
from ..sentences import listed

Found = Mapping[str, Any]

# Settings of rabbitmq-env.conf under which a node's data or files stand elsewhere than where the role looks for them.
PLACES = (
    "MNESIA_BASE",
    "MNESIA_DIR",
    "HOME",
    "CONFIG_FILE",
    "CONFIG_FILES",
    "ADVANCED_CONFIG_FILE",
    "ENABLED_PLUGINS_FILE",
)
DATA = "/var/lib/rabbitmq/mnesia"
_NODE = re.compile(r"[A-Za-z0-9_-]+@[A-Za-z0-9.-]+?(?=-plugins-expand\Z|-feature_flags\Z|\.pid\Z|\Z)")
_COUNTED = ("users", "vhosts", "queues", "exchanges", "policies", "parameters")
_KNOWN_PLACES = (
    "/etc/rabbitmq/rabbitmq",
    "/etc/rabbitmq/rabbitmq.conf",
    "/etc/rabbitmq/rabbitmq.config",
    "/etc/rabbitmq/advanced",
    "/etc/rabbitmq/advanced.config",
    "/etc/rabbitmq/enabled_plugins",
    "/etc/rabbitmq/conf.d/*.conf",
)


def _amount(number: int, what: str) -> str:
    singular = {"queues": "queue", "policies": "policy"}.get(what, what[:-1])
    return f"{number} {singular if number == 1 else what}"


def _counts(holds: Found) -> list[str]:
    sizes = {what: len(holds[what]) if isinstance(holds[what], list) else holds[what] for what in _COUNTED}
    return [_amount(size, what) for what, size in sizes.items() if size]


def _nodes(found: Found) -> list[str]:
    matches = (_NODE.match(name) for name in found["data"])
    return sorted({match[0] for match in matches if match})


def _files(found: Found, state: str) -> list[str]:
    return [one["path"] for one in found["files"] if one["state"] == state]


def holds_nothing(holds: Found) -> bool:
    """Whether a node has only what every new node has, so nothing can be lost."""
    return (
        [*holds["users"]] in ([], ["guest"])
        and [*holds["vhosts"]] in ([], ["/"])
        and not any(holds[what] for what in ("queues", "exchanges", "policies", "parameters", "connections"))
        and not holds["enabled"]
    )


def is_foreign(found: Found) -> bool:
    """Whether the broker on the host is somebody's: it has files or objects, or data that cannot be looked at."""
    if _files(found, "ours"):
        return False
    if _files(found, "own"):
        return True
    if found["holds"] is not None:
        return not holds_nothing(found["holds"])
    return bool(_nodes(found))


def _what(found: Found) -> str:
    """The foreign things that were found, for the middle of a sentence."""
    parts = []
    nodes, holds = _nodes(found), found["holds"]
    if nodes:
        parts.append(f"the data of {listed(nodes)}")
        if holds is not None:
            parts[-1] += f" ({', '.join(_counts(holds))})"
        elif found["running"]:
            parts[-1] += f" (it could not be asked what it holds: {found['unanswered']})"
        else:
            parts[-1] += " (it does not run, so that it could not be asked what it holds)"
    if _files(found, "own"):
        parts.append(f"files of somebody's own ({listed(_files(found, 'own'))})")
    if holds is not None and holds["enabled"]:
        parts.append(f"the plugins {listed(sorted(holds['enabled']), 12)}")
    return "; ".join(parts)


def _never(found: Found) -> list[str]:
    """Reasons why the broker cannot be taken over at all, one sentence each."""
    name = found["hostname"]
    sentences = []
    if found["unit_of_own"]:
        sentences.append(
            f"rabbitmq_take_over: {found['unit_of_own']} on {name} is somebody's own unit, and "
            f"this role runs the package's; "
            "a broker that was not installed by package cannot be taken over: move its objects "
            "with playbooks/topology_adopt.yml to a "
            "host of their own, or remove it"
        )
    for process in found["strangers"]:
        sentences.append(
            f"rabbitmq_take_over: an Erlang node that rabbitmq-server.service did not start (pid "
            f"{process['pid']}) listens on "
            f"port {process['port']} of {name}; stop it, or run it from the package's unit"
        )
    holds = found["holds"]
    elsewhere = holds["data"] if holds is not None and holds["data"] != DATA else ""
    if elsewhere:
        sentences.append(
            f"rabbitmq_take_over: the node on {name} keeps its data in {elsewhere}, and this "
            f"role's nodes keep it in {DATA}; "
            f"stop the node, move the data there, take the setting out of "
            f"/etc/rabbitmq/rabbitmq-env.conf, start it, and run again"
        )
    places = [
        key for key in found["places"] if key in PLACES and not (elsewhere and key.startswith("MNESIA"))
    ]
    files = [*holds["files"], holds["enabled_file"]] if holds is not None else []
    strange = [path for path in files if not any(_fits(path, known) for known in _KNOWN_PLACES)]
    if strange or (places and holds is None):
        what = (
            f"reads {listed(strange)}"
            if strange
            else f"is told where by {listed(places)} in /etc/rabbitmq/rabbitmq-env.conf"
        )
        sentences.append(
            f"rabbitmq_take_over: the node on {name} {what}, and this role writes in "
            "/etc/rabbitmq; move the files "
            "there and the data to /var/lib/rabbitmq/mnesia, start the node on them, and run again"
        )
    return sentences


def _fits(path: str, known: str) -> bool:
    head, star, tail = known.partition("*")
    return path == known if not star else path.startswith(head) and path.endswith(tail)


def refusals(found: Found, take_over: bool) -> list[str]:
    """Return the reasons to leave the host alone, one sentence each; an empty list if the run may proceed."""
    if _files(found, "ours"):
        return []
    never = _never(found)
    if never or take_over or not is_foreign(found):
        return never
    return [
        f"rabbitmq_take_over: {found['hostname']} holds a broker that Brokerkit did not make: "
        f"{_what(found)}; write its settings "
        "down (playbooks/rabbitmq_adopt.yml) and its objects (playbooks/topology_adopt.yml), look "
        "at what would change "
        "(site.yml --check --diff -e rabbitmq_take_over=true), then set "
        "rabbitmq_take_over to true for this host"
    ]


def words(found: Found, folder: str, admin_user: str) -> list[str]:
    """Return what to report about a take-over, one sentence each."""
    name = found["hostname"]
    words = []
    if is_foreign(found):
        words.append(f"{name}: taken over: {_what(found)}. Its files as they were are kept in {folder}.")
    elif found["holds"] is not None:
        words.append(
            f"{name}: the package has started RabbitMQ with its defaults, and it holds nothing of anybody's: "
            "rabbitmq_take_over is not asked for."
        )
    conf_d = _files(found, "beside")
    if conf_d:
        words.append(f"{name}: {listed(conf_d)} stays as it is, and is read after what this role writes.")
    words += beside.words(found)
    holds = found["holds"]
    if holds is None:
        return words
    if "guest" in holds["administrators"]:
        known = ", with the password that everybody knows" if holds["guest"] else ""
        words.append(
            f"{name}: guest is an administrator{known}. To remove it, declare it away: "
            "rabbitmq_topology_users: [{name: guest, state: absent}]."
        )
    others = [user for user in holds["administrators"] if user not in ("guest", admin_user)]
    if others:
        words.append(
            f"{name}: {listed(others)} "
            f"{'is an administrator' if len(others) == 1 else 'are administrators'} besides {admin_user}, "
            "and stays one until rabbitmq_topology_users says otherwise."
        )
    return words


def _use(use: list[str]) -> str:
    """One thing that depends on a plugin: [plugin, kind, name, vhost, detail], the last two where they apply."""
    _, kind, name, vhost, detail = [*use, "", "", ""][:5]
    if kind == "connection":
        return f"{detail} connection{'' if detail == '1' else 's'} {'over' if not name.isdigit() else 'to port'} {name}"
    where = f" in the vhost '{vhost}'" if vhost else ""
    return f"the {kind} '{name}'{where}{f' ({detail})' if detail else ''}"


def plugin_refusals(uses: list[list[str]], hostname: str, given_up: list[str]) -> list[str]:
    """Return a sentence for each plugin that would be disabled although in use, unless an operator named it."""
    by_plugin: dict[str, list[str]] = {}
    for use in uses:
        by_plugin.setdefault(use[0], []).append(_use(use))
    return [
        f"rabbitmq_plugins: {plugin} is enabled on {hostname}, is not in the list and would be "
        f"disabled, and {listed(found, 4)} "
        f"{'depends' if len(found) == 1 else 'depend'} on it; add it to rabbitmq_plugins, or name it in "
        "rabbitmq_plugins_disable to do without"
        for plugin, found in sorted(by_plugin.items())
        if plugin not in given_up
    ]


def unasked_refusal(going: list[str], hostname: str, why: str) -> list[str]:
    """Return the sentence for plugins that would be disabled on a node that cannot be asked who depends on them."""
    return [
        f"rabbitmq_plugins: {listed(sorted(going))} would be disabled on {hostname}, and its "
        f"node cannot be asked what depends "
        f"on {'it' if len(going) == 1 else 'them'} ({why}); start it, or name "
        f"{'it' if len(going) == 1 else 'them'} in "
        "rabbitmq_plugins_disable"
    ]
