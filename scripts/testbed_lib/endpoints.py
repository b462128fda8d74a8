"""The endpoints of brokers whose test hosts are removed: scripts/smoke.py would look for them for ever."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from testbed_lib.settings import PROJECT

# The library that ships to targets as ansible.module_utils.brokers; the controller finds it there.
sys.path.insert(0, str(PROJECT / "plugins" / "module_utils"))

from brokers.inventory import endpoints

FILE = PROJECT / "artifacts" / "endpoints.json"


def forget(addresses: Sequence[str], file: Path = FILE) -> None:
    """Take the brokers of these addresses out of the endpoints file, where it names any of them."""
    if not file.exists():
        return
    present = endpoints.read(file.read_text(encoding="utf-8", errors="replace"))
    if any(one.get("host") in addresses for one in present):
        endpoints.update(
            str(file.resolve()), lambda now: [one for one in now if one.get("host") not in addresses]
        )
