#!/usr/bin/env python3
"""Tests brokers by sending messages through them; --list shows the probes."""

from __future__ import annotations

import argparse
import io
import math
import os
import secrets
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, NoReturn

from probes import endpoints, files, registry, urls
from probes.model import Broker, ExitCode, Phase, Probe, Refusal, Settings, Tls

if TYPE_CHECKING:
    from probes.report.formats import Run

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_ENDPOINTS = ROOT / "artifacts" / "endpoints.json"
NAGIOS_UNKNOWN = 3
INTERRUPTED = 130  # 128 and the number of SIGINT, as shells have it

EPILOG = f"""
where the brokers come from:
  {DEFAULT_ENDPOINTS.relative_to(ROOT)}, which a converge of each inventory writes its brokers to; --endpoints FILE;
  or URLs of one broker:
    smoke.py --amqp amqp://USER@HOST:5672/VHOST --stomp stomp://USER@HOST:61613 \\
             --management http://USER@HOST:15672 --password-file FILE
  and inside TLS amqps://, stomp+ssl:// and https://, with --ca-file unless this machine trusts the issuer.
  The password comes from --password-file or {urls.PASSWORD_VARIABLE}, never from a URL:
  every user of this machine can read a process's arguments.

exit codes (those of sysexits.h):
    0  every probe that ran passed
    1  a probe failed or could not run, or nothing was proven
   64  wrong arguments
   65  malformed endpoints or state file
   66  endpoints, state or password file missing
   69  a broker could not be reached at all
   70  a defect of the prober; --debug shows its traceback
   73  the report or state file cannot be written
   77  a file with passwords is open to others
  130  interrupted
with --nagios: 0 OK, 1 WARNING (a certificate ends soon), 2 CRITICAL, 3 UNKNOWN (also for wrong arguments and files)
"""


class _Parser(argparse.ArgumentParser):
    """argparse with one-sentence refusals and the exit code of sysexits.h, raised instead of exiting."""

    def error(self, message: str) -> NoReturn:
        raise Refusal(ExitCode.USAGE, f"{message}; `smoke.py --help` shows the options.")


def _seconds(text: str) -> float:
    value = float(text)
    if not (math.isfinite(value) and 0.1 <= value <= 600):
        raise argparse.ArgumentTypeError(f"{text} is not between 0.1 and 600 seconds")
    return value


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="smoke.py",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        add_help=False,  # argparse's own prints to the process's output and exits
    )
    parser.add_argument("-h", "--help", action="store_true", help="show this page")
    which = parser.add_argument_group("which brokers")
    which.add_argument("--endpoints", metavar="FILE", type=Path, help="endpoints file (mode 0600)")
    which.add_argument(
        "--inventory",
        metavar="NAME",
        action="append",
        default=[],
        help="of the endpoints file, the brokers of this inventory alone; repeat it, or separate by commas",
    )
    which.add_argument(
        "--broker", metavar="NAME", action="append", default=[], help="the same, of the broker of this name"
    )
    which.add_argument("--amqp", metavar="URL", help="probe this AMQP 0-9-1 listener")
    which.add_argument("--stomp", metavar="URL", help="probe this STOMP listener")
    which.add_argument("--management", metavar="URL", help="probe this management API")
    which.add_argument("--password-file", metavar="FILE", type=Path, help="password for the URLs (mode 0600)")
    which.add_argument(
        "--denied-vhost", metavar="VHOST", help="with URLs: a vhost that the user must not open"
    )
    which.add_argument(
        "--kind",
        choices=endpoints.KINDS,
        help="with URLs: which broker it is (else it is asked; one that cannot be asked is taken for rabbitmq)",
    )
    tls = parser.add_argument_group("with URLs of TLS")
    tls.add_argument("--ca-file", metavar="FILE", help="PEM file of the authorities to trust")
    tls.add_argument("--cert-file", metavar="FILE", help="PEM file of the client's certificate")
    tls.add_argument("--key-file", metavar="FILE", help="PEM file of its key")
    tls.add_argument(
        "--certificate-login",
        action="store_true",
        help="log in by that certificate over AMQP (EXTERNAL) and STOMP, without a password",
    )
    what = parser.add_argument_group("which probes")
    what.add_argument("--list", action="store_true", help="list the probes and what each proves")
    what.add_argument(
        "--only",
        metavar="NAME",
        action="append",
        default=[],
        help="a probe, a group (amqp) or a pattern (*.guest.*); repeat it, or separate by commas",
    )
    what.add_argument("--skip", metavar="NAME", action="append", default=[], help="the same, left out")
    what.add_argument(
        "--timeout", metavar="S", type=_seconds, default=10.0, help="seconds a probe may take (10)"
    )
    what.add_argument(
        "--max-unacked",
        metavar="N",
        type=_positive,
        default=1000,
        help="unacknowledged messages per consumer that are still normal (1000)",
    )
    what.add_argument(
        "--max-dead-letters",
        metavar="N",
        type=_positive,
        default=1000,
        help="dead letters in one queue of ActiveMQ that are still normal (1000)",
    )
    phase = what.add_mutually_exclusive_group()
    phase.add_argument(
        "--before-restart",
        metavar="STATE",
        type=Path,
        help="plant messages, and note them in this file; then restart the broker",
    )
    phase.add_argument(
        "--after-restart",
        metavar="STATE",
        type=Path,
        help="prove that the persistent ones came back, and remove them",
    )
    how = parser.add_argument_group("which report")
    how.add_argument(
        "--format",
        choices=("table", "json", "junit", "prometheus"),
        default="table",
        help="a table for people (the default), or a format for machines",
    )
    how.add_argument(
        "--nagios", action="store_true", help="one line with performance data, and Nagios' exit codes"
    )
    how.add_argument("--output", metavar="FILE", type=Path, help="write the report there, in one step")
    how.add_argument("--debug", action="store_true", help="print a traceback for every failure")
    return parser


_OF_URLS = ("password_file", "denied_vhost", "kind", "ca_file", "cert_file", "key_file", "certificate_login")


def _brokers(options: argparse.Namespace, env: Mapping[str, str]) -> list[Broker]:
    given = {name: url for name in endpoints.PROTOCOLS if (url := getattr(options, name)) is not None}
    if not given:
        for option in _OF_URLS:
            if getattr(options, option):
                name = option.replace("_", "-")
                raise Refusal(
                    ExitCode.USAGE,
                    f"--{name} belongs to --amqp, --stomp or --management; the endpoints file has its own.",
                )
        for option in ("inventory", "broker"):
            if getattr(options, option) and not _names(getattr(options, option)):
                raise Refusal(
                    ExitCode.USAGE, f"--{option} names nothing; leave it out to cover every broker."
                )
        brokers = endpoints.load(options.endpoints or DEFAULT_ENDPOINTS)
        return endpoints.select(brokers, _names(options.inventory), _names(options.broker))
    if options.inventory or options.broker:
        raise Refusal(
            ExitCode.USAGE, "--inventory and --broker choose from the endpoints file, and URLs exclude it."
        )
    if options.endpoints is not None:
        raise Refusal(ExitCode.USAGE, "--endpoints and URLs exclude each other: give one of them.")
    from probes import identity

    tls = Tls(options.ca_file, options.cert_file, options.key_file)
    broker = urls.direct(
        given, env, options.password_file, options.denied_vhost, tls, options.certificate_login
    )
    return [identity.name(broker, options.kind, min(1.0, 0.25 * options.timeout))]


def _list(probes: Sequence[Probe], stdout: IO[str]) -> None:
    for probe in probes:
        mark = "" if probe.phase is Phase.ALWAYS else f"  (--{probe.phase})"
        stdout.write(f"{probe.name}{mark}\n    {probe.proves}\n")


def _names(values: Sequence[str]) -> list[str]:
    return [name for value in values for name in value.split(",") if name]


def _phase(options: argparse.Namespace) -> Phase:
    if options.before_restart is not None:
        return Phase.BEFORE_RESTART
    return Phase.ALWAYS if options.after_restart is None else Phase.AFTER_RESTART


def _smoke(argv: Sequence[str], env: Mapping[str, str], stdout: IO[str], stderr: IO[str]) -> int:
    """Run what the arguments ask for and return the exit code. Raises Refusal."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.help:
        parser.print_help(stdout)
        return ExitCode.OK
    probes = registry.all_probes()
    if options.list:
        _list(probes, stdout)
        return ExitCode.OK
    if options.nagios and options.format != "table":
        raise Refusal(ExitCode.USAGE, "--nagios and --format exclude each other: give one of them.")
    chosen = registry.select(probes, _names(options.only), _names(options.skip), _phase(options))
    brokers = _brokers(options, env)
    settings = Settings(secrets.token_hex(4), options.timeout, options.max_unacked, options.max_dead_letters)
    if options.after_restart is not None:
        from probes.rabbitmq.durability import read_state

        settings.state.update(read_state(options.after_restart))
    run = _run(brokers, chosen, settings, stderr if options.debug else None)
    if options.before_restart is not None:
        from probes.rabbitmq.durability import write_state

        write_state(options.before_restart, settings.state)
    return _report(run, options, env, stdout)


def _run(
    brokers: Sequence[Broker], probes: Sequence[Probe], settings: Settings, trace: IO[str] | None
) -> Run:
    from probes import runner
    from probes.report.formats import Run

    _quiet_libraries()
    debug = None if trace is None else lambda text: print(text, file=trace)
    started = time.time()
    results = runner.run(brokers, probes, settings, debug)
    return Run(brokers, results, time.time() - started, started)


def _quiet_libraries() -> None:
    """Silence pika and stomp.py, which log every provoked failure; the report has what matters."""
    import logging

    for name in ("pika", "stomp.py"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def _report(run: Run, options: argparse.Namespace, env: Mapping[str, str], stdout: IO[str]) -> int:
    from probes.report import formats as report

    target = stdout if options.output is None else io.StringIO()
    code = int(run.exit_code())
    if options.nagios:
        line, code = report.to_nagios(run)
        target.write(line)
    elif options.format == "table":
        from probes.report.table import print_table

        print_table(run, target, env)
    else:
        formats = {"json": report.to_json, "junit": report.to_junit, "prometheus": report.to_prometheus}
        target.write(formats[options.format](run))
    if isinstance(target, io.StringIO) and options.output is not None:
        # Others read it (node_exporter has a user of its own), and it holds no secrets.
        files.write(options.output, target.getvalue(), "report", 0o644)
    return code


def main(argv: Sequence[str], env: Mapping[str, str], stdout: IO[str], stderr: IO[str]) -> int:
    """Run smoke.py with these arguments (without the program's name) and return its exit code."""
    nagios = "--nagios" in argv
    try:
        code = _smoke(argv, env, stdout, stderr)
        stdout.flush()
        return code
    except Refusal as refusal:
        if nagios:
            stdout.write(f"BROKERKIT UNKNOWN - {refusal}\n".replace("|", "/"))
            return NAGIOS_UNKNOWN
        stderr.write(f"smoke.py: {refusal}\n")
        return refusal.code
    except BrokenPipeError:
        return ExitCode.CANNOT_CREATE  # the reader of the report has gone away
    except KeyboardInterrupt:
        stderr.write(
            "smoke.py: interrupted; what the probes had created removes itself within two minutes.\n"
        )
        return INTERRUPTED
    except Exception as error:
        if "--debug" in argv:
            traceback.print_exc(file=stderr)
        what = f"{type(error).__name__}: {error}"
        text = f"a defect of the prober: {what}; run it with --debug, and report the traceback."
        if nagios:
            stdout.write(f"BROKERKIT UNKNOWN - {text}\n".replace("|", "/"))
            return NAGIOS_UNKNOWN
        stderr.write(f"smoke.py: {text}\n")
        return ExitCode.INTERNAL


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal or pipe limited to ASCII gets replacements
            stream.reconfigure(errors="backslashreplace")
    sys.exit(main(sys.argv[1:], os.environ, sys.stdout, sys.stderr))
