"""Takes messages from a RabbitMQ queue and performs an HTTP request for each; docs/relay.md has what comes of them."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from relaying import files, service
from relaying.files import Refused
from relaying.journal import Journal

_EPILOG = """\
exit codes:
  0   it was stopped, and has finished what it held; with --check: nothing is wrong
  64  wrong arguments
  65  the declaration, a secret or a certificate is not as it has to be
  66  one of these files is missing or cannot be read
  69  the port of the metrics is taken
  77  a secret can be read by everybody
A broker or an API that is away ends nothing: the relay tries again for ever.
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
    return parser


def main(argv: Sequence[str], environment: Mapping[str, str], stdout: IO[str], stderr: IO[str]) -> int:
    """Run with these arguments (without the program's name) and return the exit code."""
    options = _parser().parse_args(argv)
    logging.getLogger("pika").setLevel(logging.CRITICAL + 1)  # it logs every lost connection, in many lines
    try:
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
