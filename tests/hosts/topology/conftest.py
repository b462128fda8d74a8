"""Every test of this folder runs against each broker of the inventory that TOPOLOGY_INVENTORY names.

    TOPOLOGY_INVENTORY=molecule/versions/inventory python -m pytest tests/hosts/topology -n 2 --dist loadgroup

TOPOLOGY_HOSTS names some of its hosts, with commas between, where not all are meant.

The brokers are run as they are found: their names may be any, their plugins are enabled. Tests of different hosts run
side by side with xdist, and the role's tests, which need all of them, by themselves.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from brokers_under_test import Broker, host_variables


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "broker" in metafunc.fixturenames:
        hosts = host_variables()
        metafunc.parametrize("broker", hosts.items(), ids=list(hosts), indirect=True, scope="session")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        callspec = getattr(item, "callspec", None)
        group = callspec.params["broker"][0] if callspec and "broker" in callspec.params else item.path.name
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session")
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    name, variables = request.param
    broker = Broker(name, variables)
    broker.open()
    yield broker
    broker.close()
