"""What rules these settings out on a host, and what changed files require of a running broker."""

from __future__ import annotations

from typing import Any

from ..host import dnf_repository
from ..host.sandbox import place_refusals
from ..host.service import service_refusals
from ..versions import starts_with, upstream
from .access import Settings
from .connectors import overlap
from .management import listeners

# Files that do not affect a running broker: those that it reloads at each login (reload=true in login.config),
# the mask of the package's init script, and the programs for the next start.
_ONLINE = (
    "/users.properties",
    "/groups.properties",
    "/systemd/system/activemq.service",
    "/brokerkit/activemq-listens",
    "/brokerkit/activemq-keystores",
)


def _port_refusals(settings: Settings, host: dict[str, Any]) -> list[str]:
    """Return a sentence for each wanted port that is held by a process other than this instance."""
    found = []
    for wanted in listeners(settings):
        for held in host["listeners"]:
            own = held["pid"] is not None and held["pid"] == host["unit"]["main_pid"]
            if held["port"] == wanted["port"] and overlap(wanted["address"], held["address"]) and not own:
                holder = (
                    f"'{held['process']}' (pid {held['pid']})"
                    if held["pid"]
                    else "a process that this user cannot see"
                )
                found.append(
                    f"{wanted['variable']}: port {wanted['port']} of {wanted['what']} is held by {holder} on "
                    f"{host['hostname']}; stop it, or set another port. The broker would not start"
                )
                break
    return found


def _address_refusals(settings: Settings, host: dict[str, Any]) -> list[str]:
    """Return a sentence for each listening address that the host does not have."""
    return [
        f"{wanted['variable']}: {wanted['address']} of {wanted['what']} is not an address of {host['hostname']}, and "
        "the broker would not start; give one that `ip address` shows there, or 0.0.0.0 for every interface"
        for wanted in listeners(settings)
        if wanted["address"] in host["foreign"]
    ]


def unit_refusals(settings: Settings, host: dict[str, Any]) -> list[str]:
    """Return why the instance's unit must not be touched. The role never masks it."""
    unit, wanted = f"activemq-{settings['activemq_instance']}.service", settings["activemq_service_state"]
    return service_refusals("activemq_service_state", wanted, unit, host, known=True)


def _family_refusals(settings: Settings, host: dict[str, Any]) -> list[str]:
    """Return a sentence if the host's family has no package, or is not known."""
    if unknown := dnf_repository.release_refusals(host):
        return unknown
    if host["manager"] == "dnf" and settings["activemq_installation"] == "package":
        return [
            f"activemq_installation: is 'package', and {host['os']['PRETTY_NAME']} of {host['hostname']} ships none; "
            "set it to archive, with activemq_version"
        ]
    return []


def host_refusals(settings: Settings, host: dict[str, Any]) -> list[str]:
    """Return everything about the host that rules the settings out, one sentence each.

    `host` is what the module broker_host_facts returned.
    """
    name = host["hostname"]
    if host["uid"] != 0:
        return [
            f"ansible_become: the tasks run as uid {host['uid']} on {name}; set ansible_become to true, a "
            "broker is installed by root"
        ]
    found = _family_refusals(settings, host)
    if found:
        return found
    found = unit_refusals(settings, host) + _port_refusals(settings, host)
    found += _address_refusals(settings, host)
    own = settings["activemq_writable_paths"]
    found += place_refusals("activemq_writable_paths", name, own, [], [], host["places"])
    return found + _version_refusals(settings, host)


def _version_refusals(settings: Settings, host: dict[str, Any]) -> list[str]:
    """Return a sentence if the instance runs another version: moving to one is the entry point `upgrade`."""
    name, wanted = host["hostname"], settings["activemq_version"]
    archive = settings["activemq_installation"] == "archive"
    marks = [path.rsplit("/version-", 1)[1] for path in host["files"] if "/version-" in path]
    package = upstream(host["packages"].get("activemq", ""))
    has = package if marks in (["package"], []) else marks[0]
    changed = marks and marks != [wanted if archive else "package"]
    if not changed and (archive or not has or not wanted or starts_with(has, wanted)):
        return []
    return [
        f"activemq_version: {name} has ActiveMQ {has} ({'package' if has == package else 'archive'}) and "
        f"{wanted or 'the package'} is wanted; a run does not upgrade. "
        "Run playbooks/activemq_upgrade.yml, which keeps a copy of the store, or set the version that is there"
    ]


def install_refusals(settings: Settings, host: dict[str, Any]) -> list[str]:
    """Return why the package that apt would install is not the wanted one, one sentence each."""
    plan, wanted = host["plan"], settings["activemq_version"]
    if plan["error"]:
        asked = f"activemq {wanted}".strip()
        return [
            f"activemq_version: apt cannot install {asked} on {host['hostname']}: {plan['error'].rstrip('.')}. "
            "`apt-cache policy activemq` on the host shows what the repositories hold"
        ]
    # Installed packages are not in apt's plan.
    version = upstream({**host["packages"], **plan["packages"]}.get("activemq", ""))
    if version and wanted and not starts_with(version, wanted):
        return [
            f"activemq_version: {wanted} is wanted and the repositories of {host['hostname']} hold "
            f"{version}; correct one of the two"
        ]
    return []


def restart_reasons(pending: dict[str, list[str]]) -> list[str]:
    """Return the changed files that a running broker does not reload by itself.

    `pending` is what the module broker_files returned: path -> keys that differ.
    """
    return sorted(path for path in pending if not path.endswith(_ONLINE))
