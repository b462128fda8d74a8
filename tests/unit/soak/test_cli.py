"""The command line of soak.py: what it refuses before anything is touched."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
import soak
from probes.model import ExitCode
from role_files import ROOT
from soaking import arguments

ENTRY = {
    "name": "rabbit1",
    "kind": "rabbitmq",
    "host": "127.0.0.1",
    "vhost": "v",
    "user": "u",
    "password": "not-to-be-seen",
    "amqp": {"port": 1, "tls": False},
    "listeners": None,
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """An endpoints file of one broker, on whose port nothing listens."""
    path = tmp_path / "endpoints.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps({"schema": 1, "brokers": [ENTRY]}), encoding="utf-8")
    return path


def run(*words: str) -> tuple[int, str, str]:
    stdout, stderr = io.StringIO(), io.StringIO()
    code = soak.main(list(words), {}, stdout, stderr)
    assert "Traceback" not in stderr.getvalue() and "not-to-be-seen" not in stderr.getvalue()
    return code, stdout.getvalue(), stderr.getvalue()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--rate", "0"], "argument --rate: 0 is not a number from 0.1 to 100000"),
        (["--rate", "nan"], "nan is not a number"),
        (["--rate", "fast"], "fast is not a number"),
        (["--seconds", "14401"], "14401 is not a number from 1 to 14400"),
        (["--seconds", "inf"], "inf is not a number"),
        (["--workers", "0"], "0 is not a whole number from 1 to 200"),
        (["--workers", "2.5"], "2.5 is not a whole number"),
        (["--workers", "٣"], "is not a whole number"),
        (["--size", "63"], "63 is not a whole number from 64 to 1000000"),
        (["--window", "10001"], "10001 is not a whole number from 1 to 10000"),
        (["--drain", "601"], "601 is not a number from 1 to 600"),
        (["--max-outage", "0"], "0 is not a number from 0.001 to 14400"),
        (["--patience", "0.1"], "0.1 is not a number from 0.5 to 120"),
        (["--during", "  "], "--during: it is empty"),
        (["--during", "echo 'x"], "is no command line (No closing quotation)"),
        (["--during", "no-such-program-here x"], "there is no program no-such-program-here to run"),
        (["--during", "true", "--seconds", "5", "--warm-up", "5"], "the operation would never begin"),
        (["--queue-type", "mirrored"], "invalid choice: 'mirrored'"),
        (["--amqp", "amqp://elsewhere"], "unrecognized arguments: --amqp amqp://elsewhere"),
        (["--broker", "other"], "--broker other: there is no broker of that name; there are rabbit1."),
        (["--inventory", "other"], "--inventory other: the endpoints file has no such inventory"),
        (["--protocol", "mqtt"], "invalid choice: 'mqtt'"),
        (["--protocol", "stomp"], "rabbit1 has no listener for stomp"),
    ],
)
def test_wrong_words_are_refused_in_a_sentence(file: Path, words: list[str], said: str) -> None:
    code, stdout, stderr = run("--endpoints", str(file), *words)
    assert code == ExitCode.USAGE and stdout == ""
    assert stderr.startswith("soak.py: ") and said in stderr


def test_a_file_that_is_not_there_or_open_to_others_is_refused(file: Path) -> None:
    assert run("--endpoints", str(file.parent / "none.json"))[0] == ExitCode.NO_INPUT
    file.chmod(0o644)
    assert run("--endpoints", str(file))[0] == ExitCode.PERMISSION


def test_a_broker_that_cannot_be_reached_is_diagnosed(file: Path) -> None:
    code, stdout, stderr = run("--endpoints", str(file), "--quiet")
    assert code == ExitCode.UNAVAILABLE and stdout == ""
    assert "127.0.0.1:1" in stderr


@pytest.mark.parametrize("option", ["--json", "--html"])
def test_a_report_that_cannot_be_written_is_refused_before_the_run(file: Path, option: str) -> None:
    code, _, stderr = run("--endpoints", str(file), option, str(file.parent / "none" / "report"))
    assert code == ExitCode.CANNOT_CREATE and f"{option} {file.parent}/none/report: " in stderr


def test_help_has_the_exit_codes() -> None:
    code, stdout, _ = run("--help")
    assert code == 0 and "exit codes" in stdout and "130" in stdout


def test_the_options_that_the_documentation_names_are_there() -> None:
    page = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    section = page.partition("## Prove an operation under load\n")[2].partition("\n## ")[0]
    named = set(re.findall(r"(?<![\w-])(--[a-z-]+)", section))
    there = set(arguments.parser()._option_string_actions)
    assert {"--during", "--max-outage", "--html"} <= named <= there


def test_what_is_not_asked_for_is_modest() -> None:
    options = arguments.parser().parse_args([])
    assert options.rate <= 1000 and options.workers <= 10 and options.queue_type == "quorum"
    assert arguments.parser().parse_args(["--rate", "max"]).rate is None
    assert arguments.names(["a,b", "c", ""]) == ["a", "b", "c"]
