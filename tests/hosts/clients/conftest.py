"""What the tests of applications have in common: both brokers, and the settings that applications were given."""

from __future__ import annotations

from collections.abc import Iterator

import client_hosts
import hosts
import pytest


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[client_hosts.Site]:
    """Two bare hosts that have become brokers, and the settings of their applications; for all files."""
    controller = hosts.Controller()
    directory = tmp_path_factory.mktemp("clients") / "given"
    with hosts.fresh("cl-rabbit", "cl-active", inventory=client_hosts.INVENTORY) as (rabbit, active):
        found = client_hosts.site(controller, rabbit, active, directory)
        found.play("site.yml").succeeded()
        found.play("playbooks/clients.yml").succeeded()
        yield found
    controller.close()
