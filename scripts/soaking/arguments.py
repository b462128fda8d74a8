"""The command line of soak.py; everything has a bound."""

from __future__ import annotations

import argparse
import math
import shlex
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from probes.model import ExitCode, Refusal

from soaking.job import QueueType

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_ENDPOINTS = ROOT / "artifacts" / "endpoints.json"
SECONDS, SECONDS_DURING = 30.0, 1800.0
MAX_RATE = 100_000

EPILOG = f"""
where the broker comes from:
  {DEFAULT_ENDPOINTS.relative_to(ROOT)}, which a converge of each inventory writes its brokers to, or --endpoints FILE.
  Nothing else is a target. --broker names one broker, or each member of a cluster.

what is counted:
  A message is lost when the broker has confirmed it and it is not delivered by the end of --drain. A client whose
  connection is lost goes to the next member at once and sends again what has no confirm, under the same number; so
  after a lost connection duplicates are to be expected, and they are no failure.

examples:
  soak.py --broker rabbit1 --seconds 60 --html artifacts/soak.html
  soak.py --broker rabbit1 --rate max --queue-type classic
  soak.py --during 'ansible-playbook -i inventory/prod playbooks/rabbitmq_restart.yml' --max-outage 5

exit codes (those of smoke.py):
    0  no confirmed message was lost
    1  a confirmed message was lost, nothing was confirmed, a client was without service for longer than --max-outage,
       or the operation failed
   64  wrong arguments, or a broker that is not in the endpoints file
   65  malformed endpoints file
   66  endpoints file missing
   69  the broker could not be reached at the beginning
   70  a defect of soak.py; --debug shows its traceback
   73  a report cannot be written
   77  the endpoints file is open to others
  130  interrupted, and no confirmed message was lost until then
"""


class _Parser(argparse.ArgumentParser):
    """argparse with one-sentence refusals and the exit code of sysexits.h, raised instead of exiting."""

    def error(self, message: str) -> NoReturn:
        raise Refusal(ExitCode.USAGE, f"{message}; `soak.py --help` shows the options.")


def _number(low: float, high: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text} is not a number from {low:g} to {high:g}")
        return value

    return read


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdecimal() and low <= int(text) <= high):
            raise argparse.ArgumentTypeError(f"{text} is not a whole number from {low} to {high}")
        return int(text)

    return read


def _rate(text: str) -> float | None:
    return None if text == "max" else _number(0.1, MAX_RATE)(text)


def _command(text: str) -> list[str]:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no command line ({error})") from None
    if not words:
        raise argparse.ArgumentTypeError("it is empty")
    if shutil.which(words[0]) is None:
        raise argparse.ArgumentTypeError(
            f"there is no program {words[0]} to run; for a shell's text, name the shell: sh -c '...'"
        )
    return words


def parser() -> argparse.ArgumentParser:
    """Return the parser of soak.py; it raises Refusal."""
    made = _Parser(
        prog="soak.py",
        description="Sends numbered messages through a broker and accounts for each, while something is done to it.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        add_help=False,  # argparse's own prints to the process's output and exits
    )
    made.add_argument("-h", "--help", action="store_true", help="show this page")
    which = made.add_argument_group("which broker")
    which.add_argument("--endpoints", metavar="FILE", type=Path, help="endpoints file (mode 0600)")
    which.add_argument(
        "--inventory", metavar="NAME", action="append", default=[], help="only brokers of this inventory"
    )
    which.add_argument(
        "--broker",
        metavar="NAME",
        action="append",
        default=[],
        help="the broker; repeat it, or separate by commas, for the members of a cluster",
    )
    load = made.add_argument_group("the load")
    load.add_argument(
        "--protocol", choices=("amqp", "stomp"), default="amqp", help="what the clients speak (amqp)"
    )
    load.add_argument(
        "--queue-type",
        choices=[str(one) for one in QueueType],
        default=str(QueueType.QUORUM),
        help="what the messages go through (quorum)",
    )
    load.add_argument(
        "--seconds",
        metavar="S",
        type=_number(1, 14400),
        help=f"how long the load lasts ({SECONDS:g}); with --during, at most ({SECONDS_DURING:g})",
    )
    load.add_argument(
        "--rate",
        metavar="N",
        type=_rate,
        default=200.0,
        help="messages a second, of all workers together (200), or `max`",
    )
    load.add_argument(
        "--workers",
        metavar="N",
        type=_whole(1, 200),
        default=4,
        help="publishers, each with a queue and a consumer of its own (4)",
    )
    load.add_argument(
        "--size", metavar="BYTES", type=_whole(64, 1_000_000), default=1024, help="of a message (1024)"
    )
    load.add_argument(
        "--window",
        metavar="N",
        type=_whole(1, 10_000),
        default=200,
        help="messages of a worker that may wait for their confirm (200)",
    )
    load.add_argument(
        "--patience",
        metavar="S",
        type=_number(0.5, 120),
        default=5.0,
        help="a client that gets nothing for so long tries the next member (5)",
    )
    load.add_argument(
        "--drain",
        metavar="S",
        type=_number(1, 600),
        default=30.0,
        help="after the load, what is still to come may take so long (30)",
    )
    under = made.add_argument_group("an operation under it")
    under.add_argument(
        "--during", metavar="COMMAND", type=_command, help="run this, without a shell, while the load goes on"
    )
    under.add_argument("--warm-up", metavar="S", type=_number(0, 600), default=5.0, help="load before it (5)")
    under.add_argument(
        "--cool-down", metavar="S", type=_number(0, 600), default=10.0, help="load after it (10)"
    )
    under.add_argument(
        "--max-outage",
        metavar="S",
        type=_number(0.001, 14400),
        help="fail if a client is without service for longer",
    )
    how = made.add_argument_group("which report")
    how.add_argument("--format", choices=("text", "json"), default="text", help="on standard output (text)")
    how.add_argument("--json", metavar="FILE", type=Path, help="write the report as JSON there, too")
    how.add_argument("--html", metavar="FILE", type=Path, help="write a page with charts there")
    how.add_argument(
        "--quiet", action="store_true", help="no progress, and nothing of the operation's output"
    )
    how.add_argument("--debug", action="store_true", help="print a traceback for a defect")
    return made


def names(values: Sequence[str]) -> list[str]:
    """Return the names of an option that can be repeated, or hold several."""
    return [name for value in values for name in value.split(",") if name]
