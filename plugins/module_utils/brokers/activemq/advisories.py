"""The Java that a version of ActiveMQ needs, and the published vulnerabilities that it still has.

The table is upstream's list of security advisories (activemq.apache.org, "Security Advisories", October 2026). A fix
is in a version when it is in that version's own line (5.19, 6.2, ...), or when the version is newer than every fix.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..versions import at_least, number, upstream

FLOOR = "6.3.2 or 5.19.11"
# Modules missing from the distribution's package, whose vulnerabilities do not affect it.
_NOT_IN_PACKAGE = frozenset({"amqp", "console"})


@dataclass(frozen=True)
class Advisory:
    """A published vulnerability: its module, its effect, and the first versions with the fix."""

    name: str
    part: str
    effect: str
    fixed: tuple[str, ...]


ADVISORIES = (
    Advisory("CVE-2022-41678", "console", "running code through Jolokia", ("5.16.6", "5.17.4", "5.18.0")),
    Advisory(
        "CVE-2023-46604",
        "openwire",
        "running code without a login",
        ("5.15.16", "5.16.7", "5.17.6", "5.18.3"),
    ),
    Advisory(
        "CVE-2025-27533",
        "openwire",
        "filling the memory without a login",
        ("5.16.8", "5.17.7", "5.18.7", "5.19.0", "6.1.6"),
    ),
    Advisory("CVE-2025-66168", "mqtt", "confusing the parser of packets", ("5.19.2", "6.2.4")),
    Advisory("CVE-2026-33227", "stomp", "reading files of the class path", ("5.19.4", "6.2.3")),
    Advisory("CVE-2026-45505", "console", "running code through Jolokia", ("5.19.7", "6.2.6")),
    Advisory(
        "CVE-2026-49157", "console", "an ordinary user's operations through Jolokia", ("5.19.7", "6.2.6")
    ),
    Advisory("CVE-2026-46605", "core", "removing destinations without the permission", ("5.19.7", "6.2.6")),
    Advisory("CVE-2026-49432", "stomp", "filling the memory without a login", ("5.19.8", "6.2.7")),
    Advisory("CVE-2026-53916", "stomp", "filling the memory without a login, over NIO", ("5.19.8", "6.2.7")),
    Advisory("CVE-2026-50734", "openwire", "filling the memory without a login", ("5.19.8", "6.2.7")),
    Advisory("CVE-2026-50750", "openwire", "filling the memory without a login", ("5.19.8", "6.2.7")),
    Advisory("CVE-2026-54475", "core", "taking over temporary destinations", ("5.19.8", "6.2.7")),
    Advisory("CVE-2026-59878", "amqp", "stopping the threads of AMQP over NIO", ("5.19.9", "6.2.8", "6.3.0")),
    Advisory("CVE-2026-61487", "core", "writing past the permissions", ("5.19.9", "6.2.8", "6.3.0")),
    Advisory("CVE-2026-74761", "core", "removing durable subscriptions of others", ("5.19.11", "6.3.2")),
)

# Fixes backported by distributions: the package's version -> advisories. From changelog.Debian.gz.
_BACKPORTS = (
    (re.compile(r"5\.17\.2\+dfsg-2\+deb12u[1-9]"), frozenset({"CVE-2022-41678", "CVE-2023-46604"})),
)


def open_advisories(version: str, package: bool) -> list[Advisory]:
    """Return what is not fixed in upstream's `version`, or in the distribution's `package` with its suffix."""
    backported: frozenset[str] = frozenset()
    for pattern, names in _BACKPORTS:
        if package and pattern.match(version):
            backported |= names
    plain = upstream(version)
    return [
        one
        for one in ADVISORIES
        if one.name not in backported
        and not (package and one.part in _NOT_IN_PACKAGE)
        and not _fixed(plain, one.fixed)
    ]


def _fixed(version: str, fixes: tuple[str, ...]) -> bool:
    line = number(version)[:2]
    own = [fix for fix in fixes if number(fix)[:2] == line]
    return at_least(version, own[0] if own else max(fixes, key=number))


def security_verdict(version: str, package: bool) -> str:
    """Return a sentence on the vulnerabilities of `version`, or an empty string if none are known."""
    found = open_advisories(version, package)
    if not found:
        return ""
    said = "; ".join(f"{one.name} ({one.part}: {one.effect})" for one in found)
    way = "install the archive instead (activemq_installation)" if package else "set activemq_version to it"
    return (
        f"activemq_version: ActiveMQ {version} has {len(found)} published vulnerabilities that are not "
        f"fixed in it: {said}. "
        f"Versions without them are {FLOOR}: {way}, or let nobody reach its connectors who is not trusted"
    )


def java_needed(version: str) -> int:
    """Return the oldest major version of Java that `version` runs on. Source: the release notes of each line."""
    return 17 if at_least(version, "6.0.0") else 11 if at_least(version, "5.17.0") else 8


def java_refusal(version: str, said: str) -> str:
    """Return why ActiveMQ `version` does not run on the Java that said `said` to -version, or an empty text."""
    match = re.search(r'version "(\d+)(?:\.(\d+))?', said)
    if match is None:
        return (
            f"activemq_java: '{said.strip()[:80]}' is not what Java says to -version; give the path of java"
        )
    have = int(match.group(2) if match.group(1) == "1" else match.group(1))
    if have >= java_needed(version):
        return ""
    return (
        f"activemq_java: ActiveMQ {version} needs Java {java_needed(version)} or newer and would get {have}; "
        "name a package in activemq_java_package and the path of its java in activemq_java"
    )
