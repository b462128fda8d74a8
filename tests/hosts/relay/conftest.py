"""What the tests of relays have in common: a host for each file."""

from __future__ import annotations

from collections.abc import Callable

import hosts
import pytest
from relay_hosts import INVENTORY, Site, build


@pytest.fixture(scope="module")
def inventory() -> str:
    """Where this folder's hosts stand."""
    return INVENTORY


@pytest.fixture(scope="module")
def site(fresh: Callable[..., list[hosts.Host]], controller: hosts.Controller) -> Site:
    """A bare host that has become a broker with a relay; the API runs before it."""
    build()
    found = Site(fresh("re-4-0")[0], controller, hosts.settings())
    found.prepare()
    found.run("site.yml").succeeded()
    return found
