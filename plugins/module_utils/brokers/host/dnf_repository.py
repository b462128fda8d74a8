"""A dnf repository: what of an operator's variables does not fit a host of Enterprise Linux, as sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Which of EPEL's packages every one of its Erlangs has.
_IN_PARTS = "erlang-erts"
# Releases whose repositories and packages the roles know, and the folder that upstream has for each.
RELEASES: Mapping[str, str] = {"8": "8", "9": "9", "10": "9"}


def release(system: Mapping[str, str]) -> str:
    """Return the folder of upstream's repositories for a host's os-release, '' for a release that is not known."""
    enterprise = "rhel" in (system.get("ID", ""), *system.get("ID_LIKE", "").split())
    return RELEASES.get(system.get("VERSION_ID", "").partition(".")[0], "") if enterprise else ""


def release_refusals(host: Mapping[str, Any]) -> list[str]:
    """Return a sentence where a host with dnf is not of a release that the roles know."""
    if host["manager"] != "dnf" or release(host["os"]):
        return []
    return [
        f"{host['hostname']}: is {host['os'].get('PRETTY_NAME', 'of an unknown kind')}, and the roles know "
        f"Enterprise Linux {', '.join(RELEASES)} and the Debian family; take it out of the inventory's group"
    ]


def host_refusals(settings: Mapping[str, Any], prefix: str, host: Mapping[str, Any]) -> list[str]:
    """Return why a host with dnf cannot get a product as the variables that begin with `prefix` say it.

    `host` is what the module broker_host_facts returned. A host with apt has no refusals here.
    """
    if host["manager"] != "dnf":
        return []
    if unknown := release_refusals(host):
        return unknown
    name, kind = host["hostname"], host["os"]["PRETTY_NAME"]
    found = []
    if settings[f"{prefix}package_source"] == "distribution":
        found.append(
            f"{prefix}package_source: is 'distribution', and {kind} of {name} ships no such package; set it to vendor "
            f"(upstream's repository) or custom (a mirror, {prefix}repository_uri), with {prefix}repository_key"
        )
    if settings[f"{prefix}repository_suite"]:
        found.append(
            f"{prefix}repository_suite: is '{settings[f'{prefix}repository_suite']}' for {name}, and a dnf repository "
            f"has none; drop it, and give the whole address in {prefix}repository_uri"
        )
    if prefix == "erlang_" and _IN_PARTS in host["packages"]:
        found.append(
            f"erlang_package_source: {name} has an Erlang in parts ({_IN_PARTS} {host['packages'][_IN_PARTS]}, as EPEL "
            "packs it), and upstream's single package does not replace those; remove them first: dnf remove 'erlang*'"
        )
    return found


def words(source: Mapping[str, Any]) -> list[str]:
    """Return the arguments with which roles/dnf_repository/files/read_repositories.sh takes a source."""
    return [str(source[name]) for name in ("name", "prefix", "package", "version", "uri")]
