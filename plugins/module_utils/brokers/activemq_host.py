"""What forbids these settings on a host, and what a change of files asks of a running broker."""

from __future__ import annotations

from typing import Any

from .activemq_access import Settings
from .activemq_settings import connectors, overlap
from .versions import starts_with, upstream

# Files that the broker reads again by itself when somebody logs in (reload=true in login.config).
_ONLINE = ("/users.properties", "/groups.properties")


def _port_refusals(settings: Settings, host: dict[str, Any]) -> list[str]:
    """Return a sentence for each wanted port that a process which is not this instance holds."""
    found = []
    for wanted in connectors(settings):
        for held in host["listeners"]:
            own = held["pid"] is not None and held["pid"] == host["unit"]["main_pid"]
            if held["port"] == wanted["port"] and overlap(wanted["address"], held["address"]) and not own:
                holder = (
                    f"'{held['process']}' (pid {held['pid']})"
                    if held["pid"]
                    else "a process that this user cannot see"
                )
                found.append(
                    f"activemq_connectors: port {wanted['port']} of the connector '{wanted['name']}' is "
                    f"held by {holder} on "
                    f"{host['hostname']}; stop it, or give the connector another port. The broker would "
                    "not start"
                )
                break
    return found


def host_refusals(settings: Settings, host: dict[str, Any]) -> list[str]:
    """Return everything about the host that forbids the settings, one sentence each.

    `host` is what the module broker_host_facts returned.
    """
    name = host["hostname"]
    if host["uid"] != 0:
        return [
            f"ansible_become: the tasks run as uid {host['uid']} on {name}; set ansible_become to true, a "
            "broker is installed by root"
        ]
    found = _port_refusals(settings, host)
    installed = upstream(host["packages"].get("activemq", ""))
    wanted = settings["activemq_version"]
    if (
        settings["activemq_installation"] == "package"
        and installed
        and wanted
        and not starts_with(installed, wanted)
    ):
        found.append(
            f"activemq_version: {name} has ActiveMQ {installed} and {wanted} is wanted; an upgrade is not "
            "done in passing. "
            f"Set activemq_version to {installed}, or upgrade the broker first"
        )
    return found


def install_refusals(settings: Settings, host: dict[str, Any]) -> list[str]:
    """Return why the package that apt would install now is not the one that is wanted, one sentence each."""
    plan, wanted = host["plan"], settings["activemq_version"]
    if plan["error"]:
        asked = f"activemq {wanted}".strip()
        return [
            f"activemq_version: apt cannot install {asked} on {host['hostname']}: {plan['error']}. "
            "`apt-cache policy activemq` on the host shows what the repositories hold"
        ]
    version = upstream(plan["packages"].get("activemq", ""))
    if version and wanted and not starts_with(version, wanted):
        return [
            f"activemq_version: {wanted} is wanted and the repositories of {host['hostname']} hold "
            f"{version}; correct one of the two"
        ]
    return []


def restart_reasons(pending: dict[str, list[str]]) -> list[str]:
    """Return the changed files that a running broker does not read again by itself.

    `pending` is what the module broker_files returned: path -> keys that differ.
    """
    return sorted(path for path in pending if not path.endswith(_ONLINE))
