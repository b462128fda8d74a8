"""Fixtures: a controller for each file of tests, and hosts with a clean start."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import hosts
import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests of a group on one worker, which have a host in common.

    pytest-xdist 3.8 tells groups by the names of tests, through an attribute that pytest 9.2 no longer reads: without
    this every test goes to whichever worker is free, and workers set up each other's hosts anew.
    """
    if not getattr(config.option, "loadgroup", False):
        return
    from _pytest.nodeid import coerce_node_id

    for item in items:
        names = sorted({str(one.args[0]) for one in item.iter_markers("xdist_group")})
        suffix = f"@{'_'.join(names)}"
        if names and not item.nodeid.endswith(suffix):
            item._id = coerce_node_id(item.nodeid + suffix)


@pytest.fixture(scope="module")
def controller() -> Iterator[hosts.Controller]:
    """Where the converges of one file run from."""
    controller = hosts.Controller()
    yield controller
    controller.close()


@pytest.fixture(scope="session")
def inventory() -> str:
    """Where the hosts of a folder's tests stand; a folder with others names its own."""
    return hosts.INVENTORY


@pytest.fixture(scope="module")
def fresh(inventory: str) -> Iterator[Callable[..., list[hosts.Host]]]:
    """Brings hosts up with a clean start; they are removed when the file's tests are done."""
    with ExitStack() as stack:
        yield lambda *names: stack.enter_context(hosts.fresh(*names, inventory=inventory))
