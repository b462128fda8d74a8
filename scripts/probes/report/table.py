"""The report for people: a table per broker, then what failed and what to do about it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import IO, TYPE_CHECKING

from probes.model import Broker, Result, Status
from probes.report.formats import Run, failures
from probes.report.rows import place

if TYPE_CHECKING:
    from rich.console import Console

_WORDS = {Status.PASS: "ok", Status.FAIL: "FAILED", Status.ERROR: "ERROR", Status.SKIP: "skip"}
_STYLES = {Status.PASS: "green", Status.FAIL: "bold red", Status.ERROR: "red", Status.SKIP: "yellow"}
# Without a terminal there is no width to fill; 80 columns fit a mail and a CI log.
_DEFAULT_WIDTH = 80


def print_table(run: Run, stream: IO[str], env: Mapping[str, str]) -> None:
    """Print the run on `stream`; colours only where it is a terminal."""
    from rich.console import Console

    terminal = stream.isatty()
    width = None if terminal or "COLUMNS" in env else _DEFAULT_WIDTH
    console = Console(
        file=stream, width=width, highlight=False, markup=False, emoji=False, _environ=dict(env)
    )
    for sentence in run.covers():
        console.print(sentence)
    for broker in run.brokers:
        _print_broker(console, broker, run.of(broker))
    for finding, results in failures(run.results):
        first = results[0]
        console.print()
        names = ", ".join(result.probe.name for result in results)
        console.print(f"{_WORDS[first.status]} on {first.broker}: {names}", style=_STYLES[first.status])
        proves = first.probe.proves if len(results) == 1 else ""
        for label, text in (
            ("what", proves),
            ("came back", finding.came_back),
            ("it means", finding.meaning),
            ("what to do", finding.remedy),
            ("more", place(first.probe.name) if first.status is Status.FAIL else ""),
        ):
            if text:
                _print_indented(console, label, text)
    for words in _inside(run):
        console.print()
        console.print("To see the same from inside the hosts:")
        console.print(f"  {words}", soft_wrap=True)
    console.print()
    console.print(f"{run.summary()}.", style="bold green" if run.exit_code() == 0 else "bold red")


def _inside(run: Run) -> list[str]:
    """Return the commands that look for the cause on the hosts of brokers of which a probe failed."""
    failed = {one.broker for one in run.results if one.status in (Status.FAIL, Status.ERROR)}
    hosts: dict[str, list[str]] = {}
    for broker in run.brokers:
        if broker.name in failed and broker.inventory:
            hosts.setdefault(broker.inventory, []).append(broker.name)
    return [
        f"ansible-playbook -i {shlex.quote(inventory)} playbooks/doctor.yml --limit {','.join(names)}"
        for inventory, names in hosts.items()
    ]


def _print_broker(console: Console, broker: Broker, results: list[Result]) -> None:
    from rich.text import Text

    console.print()
    console.print(f"{broker.name} ({_about(broker)})", style="bold")
    name_width = max((len(result.probe.name) for result in results), default=0)
    for result in results:
        line = Text.assemble(
            (f"{'soon' if result.warns else _WORDS[result.status]:<6} ", _style(result)),
            f"{result.probe.name:<{name_width}} ",
            (f"{result.seconds:5.2f} s  ", "dim"),
            result.detail,
        )
        # One line for a probe: what failed is told in full below.
        line.truncate(console.width, overflow="ellipsis")
        console.print(line)


def _style(result: Result) -> str:
    return "yellow" if result.warns else _STYLES[result.status]


def _about(broker: Broker) -> str:
    kind = broker.kind if broker.known_kind else f"taken for {broker.kind}, it could not be asked,"
    return " ".join(part for part in (kind, broker.version, f"at {broker.host}") if part)


def _print_indented(console: Console, label: str, text: str) -> None:
    from rich.table import Table

    row = Table.grid(padding=(0, 1))
    row.add_column(width=12)
    row.add_column(overflow="fold")
    row.add_row(f"  {label}", text)
    console.print(row)
