"""A dashboard for Grafana, from panels.yml: what an operator looks at first, and no more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).parent / "panels.yml"
_WIDTH, _COLUMNS, _HEIGHT = 24, 4, 8
_SOURCE = {"type": "prometheus", "uid": "${source}"}

Panel = dict[str, Any]


def load() -> list[dict[str, Any]]:
    """Return the rows of the dashboard as they are declared."""
    found: list[dict[str, Any]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return found


def _query(legend: str, expression: str, table: bool, letter: str) -> dict[str, Any]:
    shape = {"format": "table", "instant": True} if table else {"legendFormat": legend}
    return {"refId": letter, "datasource": _SOURCE, "expr": expression, **shape}


def _panel(given: dict[str, Any], number: int, place: dict[str, int]) -> Panel:
    table = given.get("kind") == "table"
    return {
        "id": number,
        "type": "table" if table else "timeseries",
        "title": given["title"],
        "datasource": _SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": given["unit"], "min": 0}, "overrides": []},
        "targets": [
            _query(legend, expression, table, chr(ord("A") + index))
            for index, (legend, expression) in enumerate(given["shows"].items())
        ],
    }


def document() -> dict[str, Any]:
    """Return the dashboard as Grafana imports it."""
    panels: list[Panel] = []
    top = 0
    for row in load():
        panels.append(
            {
                "id": len(panels) + 1,
                "type": "row",
                "title": row["title"],
                "gridPos": {"x": 0, "y": top, "w": _WIDTH, "h": 1},
                "panels": [],
            }
        )
        top += 1
        width = _WIDTH // _COLUMNS
        for index, given in enumerate(row["panels"]):
            line, column = divmod(index, _COLUMNS)
            place = {"x": column * width, "y": top + line * _HEIGHT, "w": width, "h": _HEIGHT}
            panels.append(_panel(given, len(panels) + 1, place))
        top += -(-len(row["panels"]) // _COLUMNS) * _HEIGHT
    return {
        "title": "Brokers",
        "uid": "brokerkit-brokers",
        "schemaVersion": 38,
        "tags": ["brokerkit"],
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {"list": [{"name": "source", "type": "datasource", "query": "prometheus"}]},
        "panels": panels,
    }


def text() -> str:
    """Return the dashboard as a file."""
    return json.dumps(document(), indent=2) + "\n"
