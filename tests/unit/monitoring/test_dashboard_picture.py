"""The dashboard as a picture: every panel is drawn, by its own query, whatever Prometheus answers."""

from __future__ import annotations

import importlib.util
import io
import json
import xml.etree.ElementTree as ElementTree

import pytest
from brokers.monitoring import dashboard
from loopback import free_port
from role_files import ROOT

spec = importlib.util.spec_from_file_location("dashboard_script", ROOT / "scripts/dashboard.py")
script = importlib.util.module_from_spec(spec)
spec.loader.exec_module(script)

DOCUMENT = dashboard.document()
PANELS = [one for one in DOCUMENT["panels"] if one["type"] != "row"]


def answers(values, metric=None):
    """What asks a Prometheus that gives every query one series, and notes the queries."""
    asked = []

    def ask(path, parameters):
        asked.append((path, parameters["query"]))
        series = {"metric": metric or {"broker": "mq<1>", "alertname": "RabbitMQDown"}, "values": values}
        return [{**series, "value": [0, "1"]}]

    return ask, asked


def test_every_query_is_asked_and_every_title_is_in_the_picture():
    ask, asked = answers([[0, "1"], [60, "2000"]])
    picture = script.drawn(ask, DOCUMENT, 0, 120)
    words = "".join(ElementTree.fromstring(picture).itertext())  # noqa: S314 - our own
    assert {query for _, query in asked} == {one["expr"] for panel in PANELS for one in panel["targets"]}
    assert [one["title"] for one in PANELS if one["title"] not in words] == []
    assert "mq<1>" in words and "RabbitMQDown" in words


@pytest.mark.parametrize("values", [[], [[0, "NaN"], [60, "+Inf"]], [[0, "0"]], [[0, "-3"], [60, "5"]]])
def test_odd_values_are_drawn_inside_the_picture(values):
    ask, _ = answers(values)
    root = ElementTree.fromstring(script.drawn(ask, DOCUMENT, 0, 120))  # noqa: S314 - our own
    _, _, wide, deep = map(float, root.attrib["viewBox"].split())
    for line in root.iter("{http://www.w3.org/2000/svg}polyline"):
        for point in line.attrib["points"].split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= wide and 0 <= y <= deep


def test_nothing_to_show_is_said():
    picture = script.drawn(lambda *_: [], DOCUMENT, 0, 120)
    assert picture.count(">nothing<") == len(PANELS) - 1 and ">none<" in picture


def test_a_legend_has_the_labels_of_the_series():
    assert script.named("{{broker}} {{queue}} {{none}}", {"broker": "a", "queue": "q"}) == "a q"


def test_a_prometheus_that_is_away_is_a_sentence(tmp_path):
    out, err = io.StringIO(), io.StringIO()
    url = f"http://127.0.0.1:{free_port()}"
    assert script.main([url, "--output", str(tmp_path / "x.svg")], out, err) == script.UNAVAILABLE
    assert url in err.getvalue() and not (tmp_path / "x.svg").exists()


def test_the_page_that_grafana_imports_is_what_is_drawn():
    assert json.loads(dashboard.text()) == DOCUMENT
