"""The picture of a live broker: what was declared is drawn, and what was changed by hand is marked."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import topology
import yaml
from brokers.rabbitmq.request import Request
from brokers.topology import adopt
from brokers.topology.kinds.parts import path
from brokers_under_test import ROOT, Broker

VHOST = "bk picture"
EXAMPLE = (ROOT / "docs/topology-example/shop.yml").read_text().replace("shop", VHOST)


@pytest.fixture
def declared(broker: Broker, tmp_path: Path) -> Iterator[Path]:
    """The example of the documentation, on the broker."""
    file = tmp_path / "topology.yml"
    file.write_text(EXAMPLE)
    variables = yaml.safe_load(EXAMPLE)
    broker.clean()
    broker.converge(**{name.removeprefix("rabbitmq_topology_"): value for name, value in variables.items()})
    yield file
    broker.clean()


def draw(broker: Broker, *words: object) -> str:
    out, errors = io.StringIO(), io.StringIO()
    arguments = [
        "--management",
        f"http://{broker.user}@127.0.0.1:{broker.port}",
        "--vhost",
        VHOST,
        "--format",
        "dot",
    ]
    code = topology.main([*arguments, *map(str, words)], {"BROKERKIT_PASSWORD": broker.password}, out, errors)
    assert (code, errors.getvalue()) == (0, "")
    return out.getvalue()


def drawn_lines(dot: str) -> set[str]:
    """Nodes and edges, without the title."""
    return {line for line in dot.splitlines() if line.startswith('  "')}


def test_what_was_declared_is_what_is_drawn(broker, declared):
    out = io.StringIO()
    assert topology.main(["--declared", str(declared), "--format", "dot"], {}, out, io.StringIO()) == 0
    live = draw(broker)
    assert drawn_lines(live) == drawn_lines(out.getvalue())
    assert len(drawn_lines(live)) == 11 + 12  # boxes and lines
    assert drawn_lines(draw(broker, "--declared", declared)) == drawn_lines(live)


def test_an_export_draws_the_same(broker, declared, tmp_path):
    exported = tmp_path / "definitions.json"
    with closing(broker.client()) as client:
        exported.write_text(json.dumps(adopt.whole_definitions(client)))
    assert drawn_lines(draw(broker, "--definitions", exported)) == drawn_lines(draw(broker))


def test_what_was_changed_by_hand_is_marked(broker, declared):
    with closing(broker.client()) as client:
        client.send(Request("DELETE", path("queues", VHOST, "parking")))
        client.send(Request("PUT", path("queues", VHOST, "by-hand"), {"durable": True}))
        client.send(
            Request("POST", path("bindings", VHOST, "e", "orders", "q", "by-hand"), {"routing_key": "x"})
        )
    changed = drawn_lines(draw(broker, "--declared", declared)) - drawn_lines(draw(broker))
    signs = sorted((line.split(" [")[0].strip(), "only declared" in line or '"+' in line) for line in changed)
    assert signs == [
        ('"exchange failed" -> "queue parking"', True),
        ('"exchange orders" -> "queue by-hand"', False),
        ('"queue by-hand"', False),
        ('"queue parking"', True),
    ]
