"""What the tests of Enterprise Linux have in common: the stand-in's hosts, and a host that serves packages to them."""

from __future__ import annotations

from collections.abc import Iterator

import hosts
import pytest
from rpm_repositories import Repositories, serve

INVENTORY = "tests/hosts/enterprise_linux/inventory"


@pytest.fixture(scope="module")
def inventory() -> str:
    """Where this folder's hosts stand."""
    return INVENTORY


@pytest.fixture(scope="module")
def controller() -> Iterator[hosts.Controller]:
    """Where the converges of one file run from."""
    controller = hosts.Controller(hosts_of=INVENTORY)
    yield controller
    controller.close()


@pytest.fixture(scope="session")
def repositories(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repositories]:
    """The signed repositories: a broker and its Erlang, and what the tests add. All files share them."""
    with hosts.fresh("el-repo", inventory=INVENTORY) as (server,):
        yield serve(server, tmp_path_factory.mktemp("keys"))
