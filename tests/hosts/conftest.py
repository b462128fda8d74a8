"""Fixtures: a controller for each file of tests, and hosts with a clean start."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import hosts
import pytest


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
