"""Every test of this folder runs against each broker of the inventory that TOPOLOGY_INVENTORY names."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "plugins" / "module_utils"))

from brokers_under_test import Broker, host_variables


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "broker" in metafunc.fixturenames:
        hosts = host_variables()
        metafunc.parametrize("broker", hosts.items(), ids=list(hosts), indirect=True, scope="session")


@pytest.fixture(scope="session")
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    name, variables = request.param
    broker = Broker(name, variables)
    broker.open()
    yield broker
    broker.close()
