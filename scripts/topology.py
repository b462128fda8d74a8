#!/usr/bin/env python3
"""Draws a virtual host's exchanges, bindings, queues and dead-letter paths, or the difference of two sources."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, NoReturn
from urllib.parse import unquote, urlsplit

import topology_picture  # first: it says where the library that is shared with the hosts is
from brokers.rabbitmq import api
from probes import files
from probes.model import ExitCode, Refusal
from probes.urls import PASSWORD_VARIABLE, read_password
from topology_picture import dot, graph, sources, svg

__all__ = ["main", "topology_picture"]

FORMATS = {"svg": svg.render, "dot": dot.render}
EPILOG = f"""
one source is drawn; of two, the difference:
  topology.py --declared group_vars/rabbitmq/topology.yml --output shop.svg
  topology.py --management http://USER@HOST:15672 --vhost shop --format dot
  topology.py --declared group_vars/rabbitmq/topology.yml --management http://USER@HOST:15672 -o drift.svg
  Templates in a variables file are not resolved; passwords are never drawn.
  The password comes from --password-file or {PASSWORD_VARIABLE}, never from the URL:
  every user of this machine can read a process's arguments.

exit codes (those of sysexits.h):
    0  drawn, whether there is a difference or not (playbooks/topology_drift.yml tells)
    1  the broker refused the login, or an answer made no sense
   64  wrong arguments
   65  a file does not hold what it should
   66  a file is missing or cannot be read
   69  the broker cannot be reached
   73  the picture cannot be written
   77  the password file is open to others
"""


class _Parser(argparse.ArgumentParser):
    """argparse with one-sentence refusals, raised instead of exiting."""

    def error(self, message: str) -> NoReturn:
        raise Refusal(ExitCode.USAGE, f"{message}; `topology.py --help` shows the options.")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="topology.py",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    source = parser.add_argument_group("sources, one or two of them")
    source.add_argument(
        "--declared",
        metavar="FILE",
        type=Path,
        action="append",
        help="a variables file with rabbitmq_topology_queues and so on; may be repeated",
    )
    source.add_argument(
        "--definitions",
        metavar="FILE",
        type=Path,
        help="an export of the broker, or a backup (.json, .json.gz)",
    )
    source.add_argument("--management", metavar="URL", help="a live broker: http(s)://USER@HOST:PORT")
    login = parser.add_argument_group("with --management")
    login.add_argument("--password-file", metavar="FILE", type=Path, help="the user's password (mode 0600)")
    login.add_argument(
        "--ca-file", metavar="FILE", help="PEM file of the authority that signed the certificate"
    )
    how = parser.add_argument_group("the picture")
    how.add_argument("--vhost", metavar="NAME", help="which virtual host, where there is more than one")
    how.add_argument("--format", choices=sorted(FORMATS), help="svg (the default), or dot for Graphviz")
    how.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=Path,
        help="write there; a name in .dot or .gv means that format",
    )
    return parser


def _access(options: argparse.Namespace, env: Mapping[str, str]) -> api.Access:
    """How to log in to the broker. Raises Refusal; no sentence repeats a URL that may hold a password."""
    example = "give it as --management http://USER@HOST:15672, or https://"
    try:
        parts = urlsplit(options.management)
        port = parts.port
    except ValueError as error:
        raise Refusal(ExitCode.USAGE, f"--management: {error}; {example}.") from None
    if parts.password is not None:
        raise Refusal(
            ExitCode.USAGE,
            "--management: the URL holds a password, and every user of this machine can read a process's arguments; "
            f"take it out, and give it with --password-file FILE (mode 0600) or in {PASSWORD_VARIABLE}.",
        )
    if parts.scheme not in ("http", "https") or not parts.hostname or not parts.username:
        raise Refusal(ExitCode.USAGE, f"--management: is no URL with a user and a host; {example}.")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    url = f"{parts.scheme}://{host}{'' if port is None else f':{port}'}{parts.path.rstrip('/')}"
    password = read_password(env, options.password_file)
    return api.Access(url, unquote(parts.username), password, ca_file=options.ca_file)


def _sources(options: argparse.Namespace, env: Mapping[str, str]) -> list[sources.Declared | sources.Held]:
    """What was named, that which counts as declared first. Raises Refusal."""
    named = [name for name in ("declared", "definitions", "management") if getattr(options, name) is not None]
    if not 1 <= len(named) <= 2:
        raise Refusal(
            ExitCode.USAGE,
            "--declared, --definitions, --management: give one of them, or two for the difference; "
            f"{'none' if not named else 'all three'} were given.",
        )
    for name in ("password_file", "ca_file"):
        if getattr(options, name) is not None and options.management is None:
            raise Refusal(
                ExitCode.USAGE, f"--{name.replace('_', '-')} belongs to --management, which is missing."
            )
    found: list[sources.Declared | sources.Held] = []
    if options.declared is not None:
        found.append(sources.declared(options.declared))
    if options.definitions is not None:
        found.append(sources.definitions(options.definitions))
    if options.management is not None:
        found.append(sources.live(_access(options, env)))
    return found


def _format(options: argparse.Namespace) -> str:
    if options.format is not None:
        return str(options.format)
    return "dot" if options.output is not None and options.output.suffix in (".dot", ".gv") else "svg"


def main(argv: Sequence[str], env: Mapping[str, str], stdout: IO[str], stderr: IO[str]) -> int:
    """Draw what the arguments (without the program's name) ask for and return the exit code."""
    try:
        options = _parser().parse_args(argv)
        left, *rest = _sources(options, env)
        right = rest[0] if rest else None
        if isinstance(right, sources.Declared):
            raise TypeError("what is declared comes first")
        text = FORMATS[_format(options)](graph.picture_of(options.vhost, left, right))
        if options.output is None:
            stdout.write(text)
        else:
            files.write(options.output, text, "picture", 0o644)
        return ExitCode.OK
    except Refusal as refusal:
        stderr.write(f"topology.py: {refusal}\n")
        return refusal.code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ, sys.stdout, sys.stderr))
