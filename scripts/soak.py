#!/usr/bin/env python3
"""Sends numbered messages through a broker and accounts for each, while something is done to it."""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import IO

from probes import endpoints, files
from probes.model import ExitCode, Refusal
from soaking import arguments, result, targets
from soaking.result import INTERRUPTED, Result


def _soak(argv: Sequence[str], env: Mapping[str, str], stdout: IO[str], stderr: IO[str]) -> int:
    """Run what the arguments ask for and return the exit code. Raises Refusal."""
    parser = arguments.parser()
    options = parser.parse_args(argv)
    if options.help:
        parser.print_help(stdout)
        return ExitCode.OK
    if options.seconds is None:
        options.seconds = arguments.SECONDS_DURING if options.during else arguments.SECONDS
    if options.during and options.seconds <= options.warm_up:
        raise Refusal(
            ExitCode.USAGE,
            f"--seconds {options.seconds:g} is over before --warm-up {options.warm_up:g}: the operation would never "
            "begin.",
        )
    for option, path in (("--json", options.json), ("--html", options.html)):
        # A report that cannot be written is told before the run, and not after hours.
        if path is not None and not (path.parent.is_dir() and os.access(path.parent, os.W_OK)):
            raise Refusal(
                ExitCode.CANNOT_CREATE,
                f"{option} {path}: {path.parent} is not a directory that can be written to: name a file in one of "
                "yours.",
            )
    found = endpoints.load(options.endpoints or arguments.DEFAULT_ENDPOINTS)
    named = arguments.names(options.broker)
    # An unknown name is refused here; without one, targets says which is meant.
    endpoints.select(found, arguments.names(options.inventory), named)
    left = endpoints.select(found, arguments.names(options.inventory), [])
    members = targets.members(left, named)
    from soaking.run import soak  # pika and the rest take time, and a refusal needs none of it
    from soaking.screen import Screen

    _quiet_libraries()
    done = soak(options, members, Screen(stderr, env, options.quiet))
    _report(done, options.format, stdout)
    # What the operation printed is in these two, and may be meant for nobody else.
    if options.json is not None:
        from soaking.report import document

        files.write(options.json, document.render(done), "report", 0o600)
    if options.html is not None:
        from soaking.report import page

        files.write(options.html, page.render(done), "page", 0o600)
    return result.exit_code(done)


def _report(done: Result, form: str, stdout: IO[str]) -> None:
    from soaking.report import document, text

    stdout.write(document.render(done) if form == "json" else text.render(done))


def _quiet_libraries() -> None:
    """Silence pika and stomp.py, which log every lost connection."""
    import logging

    for name in ("pika", "stomp.py"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def main(argv: Sequence[str], env: Mapping[str, str], stdout: IO[str], stderr: IO[str]) -> int:
    """Run soak.py with these arguments (without the program's name) and return its exit code."""
    try:
        code = _soak(argv, env, stdout, stderr)
        stdout.flush()
        return code
    except Refusal as refusal:
        stderr.write(f"soak.py: {refusal}\n")
        return refusal.code
    except BrokenPipeError:
        return ExitCode.CANNOT_CREATE  # the reader of the report has gone away
    except KeyboardInterrupt:
        stderr.write("soak.py: interrupted before the books were closed: nothing is proven.\n")
        return INTERRUPTED
    except Exception as error:
        if "--debug" in argv:
            traceback.print_exc(file=stderr)
        last = str(error).strip().rpartition("\n")[2]
        stderr.write(
            f"soak.py: a defect: {type(error).__name__}: {last}; run it with --debug, and report the traceback.\n"
        )
        return ExitCode.INTERNAL


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal or pipe limited to ASCII gets replacements
            stream.reconfigure(errors="backslashreplace")
    sys.exit(main(sys.argv[1:], os.environ, sys.stdout, sys.stderr))
