"""What dnf would do, by its own library: dnf 4, which is that of Enterprise Linux 8 to 10.

A file of its own, since dnf.py hands its text to the Python that has the library; nothing is imported from elsewhere.
API: dnf's "API Reference" (dnf.readthedocs.io).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

# The packages of the brokers, also those of other repositories' Erlang.
BROKERS = ("rabbitmq-server", "erlang", "erlang-*")
# Repositories that a role wrote. They may be disabled, so that only the role reads them.
OURS = "brokerkit-*"


def plan(request: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a request: refresh (whether), available (names), install (name, or name=version;
    a name that is installed is upgraded).

    Returns available (name: versions, the newest first), packages (name: version) that an installation would put on
    the host, removed (names), and error (a text) where dnf cannot do it.
    """
    import dnf  # type: ignore[import-not-found]

    with dnf.Base() as base:
        base.conf.read()
        base.conf.assumeyes = True
        base.conf.best = False  # what is held back is read back, and is no error
        if request.get("available"):
            base.conf.disable_excludes = ["all"]  # pins among them, which way_back() has to see behind
        try:
            base.init_plugins()  # an administrator's versionlock is one
            base.pre_configure_plugins()
            base.conf.substitutions.update_from_etc(base.conf.installroot)
            base.read_all_repos()
            for repository in base.repos.get_matching(OURS):
                repository.enable()
                if request.get("refresh"):
                    repository.metadata_expire = 1
            base.configure_plugins()
            base.fill_sack()
            if request.get("available"):
                return {"available": _available(base, request["available"])}
            return _transaction(base, request.get("install") or [])
        except dnf.exceptions.Error as error:
            return {"error": _sentence(str(error))}


def _available(base: Any, names: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for package in sorted(base.sack.query().available().filter(name__glob=list(names)), reverse=True):
        versions = found.setdefault(package.name, [])
        if _version(package) not in versions:
            versions.append(_version(package))
    return found


def _transaction(base: Any, specifications: Sequence[str]) -> dict[str, Any]:
    for one in specifications:
        name, _, version = one.partition("=")
        # Without `best`, an installed package is only taken further by upgrade(), as far as the others let it.
        further = not version and base.sack.query().installed().filter(name=name)
        (base.upgrade if further else base.install)(f"{name}-{version}" if version else name)
    base.resolve()
    new = base.transaction.install_set
    gone = {package.name for package in base.transaction.remove_set} - {package.name for package in new}
    return {"packages": {package.name: _version(package) for package in new}, "removed": sorted(gone)}


def _version(package: Any) -> str:
    epoch = f"{package.epoch}:" if package.epoch else ""
    return f"{epoch}{package.version}-{package.release}"


def _sentence(words: str) -> str:
    """Return dnf's words as one line: the first problems, without what follows from them."""
    lines = [line.strip(" -").removeprefix("Problem: ") for line in words.splitlines() if line.strip(" -")]
    told = [line for line in lines if not line.startswith(("cannot install both", "conflicting requests"))]
    return "; ".join((told or lines)[:2])


def main(request: str) -> None:
    """Print the answer to a request (JSON) as one line of JSON, after whatever dnf prints itself."""
    print(json.dumps(plan(json.loads(request))))
