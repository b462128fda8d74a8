"""The package manager of a host: the module of this folder that speaks to it.

Both have the same functions, and names and versions are what the manager itself writes.
"""

from __future__ import annotations

import shutil
from types import ModuleType

from . import apt, dnf


def manager() -> ModuleType:
    """Return apt where the host has dpkg, dnf where it has rpm instead.

    A Debian host may have rpm too, to look into packages. A host with neither gets apt, whose functions then raise
    FileNotFoundError.
    """
    return dnf if shutil.which("dpkg-query") is None and shutil.which("rpm") else apt
