#!/usr/bin/env python3
"""Draws the dashboard for Grafana as a picture: its panels' queries, answered by a Prometheus, as an SVG file."""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "plugins" / "module_utils"))

from brokers.monitoring import dashboard  # noqa: E402

OK, UNAVAILABLE = 0, 69
COLUMN, LINE, EDGE = 62, 30, 8  # pixels of a unit of Grafana's grid, and around a panel
COLOURS = ("#3274d9", "#56a64b", "#e0752d", "#8f3bb8", "#c4162a", "#b7950b", "#0a8a8a", "#777777")
STEPS = 120
LEGEND = 4  # entries that have room below a panel

Series = list[tuple[str, list[tuple[float, float]]]]
Ask = Callable[[str, dict[str, str]], list[dict[str, Any]]]


def asks(url: str) -> Ask:
    """Return what asks a Prometheus: a path of its API and parameters, for the results."""

    def ask(path: str, parameters: dict[str, str]) -> list[dict[str, Any]]:
        place = f"{url.rstrip('/')}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(place, timeout=30) as answer:  # noqa: S310 - the operator's own
            found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        return found

    return ask


def named(legend: str, labels: dict[str, str]) -> str:
    """Return a legend with the labels of a series in it."""
    return " ".join(re.sub(r"\{\{(\w+)\}\}", lambda found: labels.get(found[1], ""), legend).split())


def lines_of(ask: Ask, panel: dict[str, Any], begin: float, end: float) -> Series:
    """Return the lines of a panel: their names and points."""
    found: Series = []
    for target in panel["targets"]:
        span = {"start": f"{begin:.0f}", "end": f"{end:.0f}", "step": f"{(end - begin) / STEPS:.0f}"}
        for one in ask("query_range", {"query": target["expr"], **span}):
            points = [
                (float(at), float(value)) for at, value in one["values"] if value not in ("NaN", "+Inf")
            ]
            found.append((named(target["legendFormat"], one["metric"]), points))
    return found


def rows_of(ask: Ask, panel: dict[str, Any], end: float) -> list[str]:
    """Return the rows of a table."""
    legends = ("alertname", "broker", "cluster", "queue", "destination")
    return [
        " ".join(one["metric"][name] for name in legends if name in one["metric"])
        for target in panel["targets"]
        for one in ask("query", {"query": target["expr"], "time": f"{end:.0f}"})
    ]


def amount(value: float, unit: str) -> str:
    """Return a value of an axis."""
    if unit == "percentunit":
        return f"{value:.0%}"
    if unit == "dtdurations":
        return f"{value / 60:.0f} min"
    return f"{value / 1000:.3g}k" if value >= 1000 else f"{value:.3g}"


def text(x: float, y: float, words: str, size: int = 11, colour: str = "#555", anchor: str = "start") -> str:
    """Return words at a place."""
    return (
        f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" fill="{colour}" text-anchor="{anchor}">'
        f"{escape(words)}</text>"
    )


def chart(
    box: tuple[float, float, float, float], lines: Series, unit: str, span: tuple[float, float]
) -> list[str]:
    """Return a panel's axes, lines and legend, within left, top, width, height."""
    left, top, width, height = box[0] + 52, box[1] + 30, box[2] - 64, box[3] - 72
    most = max((value for _, points in lines for _, value in points), default=0.0) or 1.0
    found = []
    for part in range(3):
        y = top + height * (1 - part / 2)
        found.append(f'<line x1="{left}" y1="{y:.0f}" x2="{left + width}" y2="{y:.0f}" stroke="#ddd"/>')
        found.append(text(left - 6, y + 4, amount(most * part / 2, unit), 10, "#777", "end"))
    for index, (_, points) in enumerate(lines):
        places = " ".join(
            f"{left + width * (at - span[0]) / (span[1] - span[0]):.1f},{top + height * (1 - max(value, 0) / most):.1f}"
            for at, value in points
        )
        colour = COLOURS[index % len(COLOURS)]
        found.append(f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
    for index, (name, _) in enumerate(lines[:LEGEND]):
        x, y = left + index % 2 * width / 2 - 40, top + height + 18 + index // 2 * 14
        found.append(f'<rect x="{x}" y="{y - 8}" width="9" height="9" fill="{COLOURS[index]}"/>')
        found.append(text(x + 13, y, name[:24], 10))
    if len(lines) > LEGEND:
        found.append(text(box[0] + box[2] - 10, box[1] + 18, f"{len(lines)} lines", 10, "#777", "end"))
    return (
        found
        if lines
        else [*found, text(left + width / 2, top + height / 2, "nothing", 12, "#aaa", "middle")]
    )


def table(box: tuple[float, float, float, float], rows: Sequence[str]) -> list[str]:
    """Return the rows of a table, as many as there is room for."""
    room = int((box[3] - 44) // 16)
    shown = [*rows[:room]] or ["none"]
    if len(rows) > room:
        shown[-1] = f"and {len(rows) - room + 1} more"
    return [text(box[0] + 12, box[1] + 44 + 16 * number, row[:60], 11) for number, row in enumerate(shown)]


def drawn(ask: Ask, document: dict[str, Any], begin: float, end: float) -> str:
    """Return the dashboard as SVG."""
    parts: list[str] = []
    for panel in document["panels"]:
        place = panel["gridPos"]
        left, top = place["x"] * COLUMN + EDGE, place["y"] * LINE + EDGE
        width, height = place["w"] * COLUMN - EDGE, place["h"] * LINE - EDGE
        if panel["type"] == "row":
            parts.append(text(left, top + 20, panel["title"], 16, "#222"))
            continue
        box = (left, top, width, height)
        parts.append(
            f'<rect x="{left}" y="{top}" width="{width}" height="{height}" fill="#fff" stroke="#ccc"/>'
        )
        parts.append(text(left + 10, top + 18, panel["title"], 12, "#222"))
        unit = panel["fieldConfig"]["defaults"]["unit"]
        if panel["type"] == "table":
            parts += table(box, rows_of(ask, panel, end))
        else:
            parts += chart(box, lines_of(ask, panel, begin, end), unit, (begin, end))
    deep = max(one["gridPos"]["y"] + one["gridPos"]["h"] for one in document["panels"]) * LINE + 2 * EDGE
    wide = 24 * COLUMN + EDGE
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {deep}" font-family="sans-serif">\n'
        f'<rect width="{wide}" height="{deep}" fill="#f4f5f7"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def main(argv: Sequence[str], stdout: IO[str], stderr: IO[str]) -> int:
    """Run with these arguments (without the program's name) and return the exit code."""
    parser = argparse.ArgumentParser(prog="dashboard.py", description=__doc__)
    parser.add_argument("url", metavar="URL", help="of Prometheus, such as http://127.0.0.1:9090")
    parser.add_argument("--minutes", type=float, default=180, help="how far back (180)")
    parser.add_argument(
        "--output", type=Path, default=Path("artifacts/dashboard.svg"), help="(artifacts/dashboard.svg)"
    )
    options = parser.parse_args(argv)
    end = time.time()
    try:
        picture = drawn(asks(options.url), dashboard.document(), end - 60 * options.minutes, end)
    except (OSError, ValueError, KeyError) as error:
        stderr.write(f"dashboard.py: {options.url} is no Prometheus that answers: {error}\n")
        return UNAVAILABLE
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(picture, encoding="utf-8")
    stdout.write(f"dashboard.py: wrote {options.output}\n")
    return OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], sys.stdout, sys.stderr))
