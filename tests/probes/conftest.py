"""Every test of this folder runs against each RabbitMQ of an endpoints file whose hosts the test bed made.

    SMOKE_ENDPOINTS=artifacts/endpoints.json pytest tests/probes

The tests break the broker on purpose and put it right again: never name brokers that somebody uses.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))

from broken import Node
from probes import endpoints
from probes.model import Broker

ROOT = Path(__file__).resolve().parents[2]
VARIABLE = "SMOKE_ENDPOINTS"


def _brokers() -> list[Broker]:
    path = Path(os.environ.get(VARIABLE) or ROOT / "artifacts" / "endpoints.json")
    return [broker for broker in endpoints.load(path) if broker.kind == "rabbitmq"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "node" in metafunc.fixturenames:
        brokers = _brokers()
        metafunc.parametrize(
            "node", brokers, ids=[one.name for one in brokers], indirect=True, scope="session"
        )


@pytest.fixture(scope="session")
def node(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Node:
    return Node(request.param, tmp_path_factory.mktemp("smoke"))
