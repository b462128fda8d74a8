"""Takes messages from a broker's queue and performs an HTTP request for each; docs/relay.md has what comes of them."""

from __future__ import annotations

import argparse
import dataclasses
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from relaying import files, links, replay, service
from relaying.files import UNAVAILABLE, USAGE, Refused
from relaying.journal import Journal
from relaying.replay import EVERY

_EPILOG = """\
exit codes:
  0   it was stopped, and has finished what it held; with --check: nothing is wrong
  64  wrong arguments
  65  the declaration, a secret or a certificate is not as it has to be
  66  one of these files is missing or cannot be read
  69  the port of the metrics is taken; with --dead-letters and --replay: the broker is away, or refuses
  77  a secret can be read by everybody
A broker or an API that is away ends nothing: the relay tries again for ever.

dead letters:
  relay --dead-letters relay.json               how many there are, by reason (x-relay-code)
  relay --replay status-404 relay.json          how many of that reason would go back into the source
  relay --replay status-404 --yes relay.json    brings them back, each confirmed there before it leaves here
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="relay",
        description=__doc__,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("declaration", type=Path, help="the relay as a JSON file")
    parser.add_argument("--check", action="store_true", help="say what is wrong with it, and do nothing else")
    parser.add_argument("--verbose", action="store_true", help="a line for each message, without its body")
    dead = parser.add_argument_group("dead letters")
    dead.add_argument("--dead-letters", action="store_true", help="count the dead letters by reason")
    dead.add_argument(
        "--replay",
        metavar="REASON",
        action="append",
        default=[],
        help=f"dead letters of this reason that are to go back into the source; repeat it, or `{EVERY}`",
    )
    dead.add_argument(
        "--yes", action="store_true", help="bring them back, instead of saying how many there are"
    )
    dead.add_argument(
        "--limit", metavar="N", type=_positive, default=10_000, help="look at the oldest N at most (10000)"
    )
    dead.add_argument("--user", help="do it as this user of the broker, in place of the relay's")
    dead.add_argument(
        "--password-file", metavar="FILE", help="the password of that user, readable by you alone"
    )
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return number


def _refuse_combinations(options: argparse.Namespace) -> None:
    """Refuse options that say nothing together. Raises Refused."""
    is_of_dead = options.dead_letters or options.replay
    if options.check and is_of_dead:
        raise Refused(USAGE, "--check does nothing else: give --dead-letters or --replay by itself")
    if options.yes and not options.replay:
        raise Refused(USAGE, "--yes is about --replay: say which dead letters are to go back")
    if bool(options.user) != bool(options.password_file):
        raise Refused(USAGE, "--user and --password-file belong together: give both, or neither")
    if options.user and not is_of_dead:
        raise Refused(
            USAGE, "--user is for --dead-letters and --replay: a relay has the user of its declaration"
        )


def _replay(options: argparse.Namespace, environment: Mapping[str, str], stdout: IO[str]) -> int:
    settings = files.settings(options.declaration)
    if options.user:
        # What is relative in a declaration is beside it; what is typed is where its author stands.
        source = {
            **settings.source,
            "user": options.user,
            "password_file": str(Path(options.password_file).resolve()),
        }
        settings = dataclasses.replace(settings, source=source)
    open_letters = links.letters(settings, files.Secrets(options.declaration, environment), options.limit)
    try:
        return replay.run(
            open_letters, settings.source["queue"], options.replay, options.limit, options.yes, stdout
        )
    except links.BROKEN as error:
        raise Refused(
            UNAVAILABLE,
            f"the broker does not do its part: {links.reason(error)}; see that it is up, and that "
            f"{settings.source['user']} may read the dead letters and write to the source (docs/relay.md)",
        ) from error


def main(argv: Sequence[str], environment: Mapping[str, str], stdout: IO[str], stderr: IO[str]) -> int:
    """Run with these arguments (without the program's name) and return the exit code."""
    options = _parser().parse_args(argv)
    logging.getLogger("pika").setLevel(logging.CRITICAL + 1)  # it logs every lost connection, in many lines
    try:
        _refuse_combinations(options)
        if options.dead_letters or options.replay:
            return _replay(options, environment, stdout)
        settings = files.settings(options.declaration)
        if options.check:
            service.check(settings, options.declaration, environment)
            stdout.write(f"{options.declaration}: nothing is wrong with the relay {settings.name}\n")
            return files.OK
        journal = Journal(stdout, settings.name, options.verbose, priorities="JOURNAL_STREAM" in environment)
        return service.run(settings, options.declaration, environment, journal)
    except Refused as refused:
        for sentence in refused.sentences:
            stderr.write(f"relay: {sentence}\n")
        return refused.code
