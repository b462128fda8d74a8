"""Every test of this folder runs against each RabbitMQ of an inventory whose hosts the test bed made.

    SMOKE_INVENTORY=molecule/versions/inventory pytest tests/hosts/probes

SMOKE_ENDPOINTS names another file than artifacts/endpoints.json, all of whose brokers are meant.

The tests break the broker on purpose and put it right again: never name brokers that somebody uses.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from broken import Node
from probes import endpoints
from probes.model import Broker

ROOT = Path(__file__).resolve().parents[3]


def _brokers() -> list[Broker]:
    path, inventory = os.environ.get("SMOKE_ENDPOINTS"), os.environ.get("SMOKE_INVENTORY")
    if not path and not inventory:
        raise pytest.UsageError("SMOKE_INVENTORY: name the inventory whose brokers may be broken")
    found = endpoints.load(Path(path or ROOT / "artifacts" / "endpoints.json"))
    brokers = endpoints.select(found, [inventory] if inventory else [], [])
    return [broker for broker in brokers if broker.kind == "rabbitmq"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "node" in metafunc.fixturenames:
        brokers = _brokers()
        metafunc.parametrize(
            "node", brokers, ids=[one.name for one in brokers], indirect=True, scope="session"
        )


@pytest.fixture(scope="session")
def node(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Node:
    return Node(request.param, tmp_path_factory.mktemp("smoke"))
