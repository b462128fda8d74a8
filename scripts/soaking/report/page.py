"""The report as a page: one file that needs no network, with charts of throughput, latency and outages over time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from soaking.report.text import title
from soaking.result import Result, figures, problems, verdict
from soaking.service import Interval, length
from soaking.timeline import Latencies

_TEMPLATE = Path(__file__).with_name("page.html.j2")
_SHADES = 200  # the longest outages; more would be a grey wall, and slow
_MARKS = 400
_COLOURS = {
    "confirmed": "#1f6f8b",
    "delivered": "#e08e2b",
    "median": "#1f6f8b",
    "most": "#a83254",
    "way": "#e08e2b",
}
_PLAIN = {"family": "system-ui, sans-serif", "size": 13, "color": "#24292f"}


def render(result: Result) -> str:
    """Return the page."""
    from jinja2 import Environment

    template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        _TEMPLATE.read_text(encoding="utf-8")
    )
    return template.render(
        title=title(result),
        verdict=verdict(result),
        failed=bool(problems(result)),
        interrupted=result.interrupted,
        began=datetime.fromtimestamp(result.started, UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        chart=chart_html(result),
        figures=figures(result),
        outages=[(begin, end - begin) for begin, end in _longest(result.sum.outages, 20)],
        did=result.did,
        not_deleted=result.not_deleted,
    )


def chart_html(result: Result) -> str:
    """Return the chart, with the library that draws it."""
    figure = chart(result)
    html: str = figure.to_html(
        full_html=False,
        include_plotlyjs=True,
        config={"responsive": True, "displaylogo": False, "displayModeBar": False},
        div_id="chart",
    )
    return html


def chart(result: Result) -> Any:
    """Return the chart: what the operation did, throughput, latency, one below the other over the same time."""
    from plotly.subplots import make_subplots

    marked = result.did is not None
    heights = [0.08, 0.5, 0.42] if marked else [0.55, 0.45]
    names = ["operation"] * marked + ["messages a second", "milliseconds"]
    figure = make_subplots(
        rows=len(names),
        cols=1,
        shared_xaxes=True,
        vertical_spacing=0.07,
        row_heights=heights,
        subplot_titles=names,
    )
    for annotation in figure.layout.annotations:
        annotation.update(x=0, xanchor="left", font={**_PLAIN, "size": 14})
    if marked:
        _stages(figure, result)
    _lines(figure, result, len(names))

    def shade(begin: float, end: float, opacity: float) -> None:
        """Shade a stretch of time, behind the lines."""
        red = {"fillcolor": "#d1242f", "opacity": opacity, "line_width": 0, "layer": "below"}
        figure.add_vrect(x0=begin, x1=end, row="all", col=1, **red)

    for begin, end in _longest(result.sum.outages, _SHADES):
        shade(begin, end, 0.13)
    for begin, end in _longest(result.sum.total_outages, _SHADES):
        shade(begin, end, 0.16)
    figure.update_layout(
        template="plotly_white",
        font=_PLAIN,
        height=620,
        margin={"l": 48, "r": 12, "t": 60, "b": 40},
        hovermode="x unified",
        legend={"orientation": "h", "y": 1.06, "x": 0, "yanchor": "bottom"},
    )
    figure.update_xaxes(range=[0, max(result.seconds, 1.0)], showgrid=False)
    figure.update_xaxes(title_text="seconds since the load began", row=len(names), col=1)
    figure.update_yaxes(rangemode="tozero", row=len(names) - 1, col=1)
    figure.update_yaxes(type="log", dtick=1, row=len(names), col=1)
    return figure


def _lines(figure: Any, result: Result, rows: int) -> None:
    from plotly.graph_objects import Scatter

    seconds = result.sum.timeline.whole()[: max(1, int(result.seconds))]  # the last one is not a whole one
    middle = [number + 0.5 for number in range(len(seconds))]

    def line(row: int, name: str, colour: str, values: Sequence[float | None], fill: bool = False) -> None:
        """Draw one; a second without an answer is a hole."""
        figure.add_trace(
            Scatter(
                x=middle,
                y=list(values),
                name=name,
                mode="lines",
                line={"color": _COLOURS[colour], "width": 2},
                fill="tozeroy" if fill else None,
                fillcolor="rgba(31,111,139,0.15)" if fill else None,
                hovertemplate="%{y:,.4~g}",
            ),
            row=row,
            col=1,
        )

    line(rows - 1, "confirmed", "confirmed", [second.confirmed for second in seconds], fill=True)
    line(rows - 1, "delivered", "delivered", [second.delivered for second in seconds])
    line(rows, "confirm p50", "median", _milliseconds([second.confirm for second in seconds], 0.5))
    line(rows, "confirm p99", "most", _milliseconds([second.confirm for second in seconds], 0.99))
    line(rows, "delivery p99", "way", _milliseconds([second.delivery for second in seconds], 0.99))


def _milliseconds(latencies: Sequence[Latencies], share: float) -> list[float | None]:
    found = [one.percentile(share) for one in latencies]
    return [None if value is None else round(1000 * value, 3) for value in found]


def _stages(figure: Any, result: Result) -> None:
    """Mark what the operation came to; a tap on a mark says what it was."""
    from plotly.graph_objects import Scatter

    assert result.did is not None  # noqa: S101 - whoever calls this has looked
    stages = list(result.did.stages)[:_MARKS]
    sizes = {"begin": 13, "end": 13, "play": 11, "task": 7}
    symbols = {"begin": "triangle-right", "end": "square", "play": "diamond", "task": "circle"}
    figure.add_trace(
        Scatter(
            x=[one.at for one in stages],
            y=[0] * len(stages),
            mode="markers",
            name="stage",
            showlegend=False,
            marker={
                "size": [sizes[one.kind] for one in stages],
                "symbol": [symbols[one.kind] for one in stages],
                "color": "#57606a",
            },
            text=[one.name.replace("<", "&lt;") for one in stages],
            hovertemplate="%{x:.1f} s: %{text}<extra></extra>",
        ),
        row=1,
        col=1,
    )
    figure.update_yaxes(visible=False, range=[-1, 1], fixedrange=True, row=1, col=1)
    for one in stages:
        if one.kind in ("begin", "play", "end"):
            figure.add_vline(x=one.at, row="all", col=1, line={"color": "#57606a", "width": 1, "dash": "dot"})


def _longest(intervals: Sequence[Interval], at_most: int) -> list[Interval]:
    return sorted(sorted(intervals, key=length, reverse=True)[:at_most])
