"""Fixtures: a controller for each file of tests, and hosts with a clean start."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))

import activemq_hosts
import hosts


@pytest.fixture(scope="module")
def controller() -> Iterator[hosts.Controller]:
    """Where the converges of one file run from."""
    controller = hosts.Controller()
    yield controller
    controller.close()


@pytest.fixture(scope="module")
def fresh() -> Iterator[Callable[..., list[hosts.Host]]]:
    """Brings hosts up with a clean start; they are removed when the file's tests are done."""
    with ExitStack() as stack:
        yield lambda *names: stack.enter_context(activemq_hosts.fresh(*names))
