"""smoke.py as its callers see it: arguments, files, exit codes, and what it prints where."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import smoke
from loopback import closes, server
from probes import registry, runner
from probes.model import Context, ExitCode, Phase, Probe
from role_files import ROOT

PASSWORD = "geheim-4711"


def call(*argv: str, env: dict[str, str] | None = None) -> tuple[int, str, str]:
    stdout, stderr = io.StringIO(), io.StringIO()
    code = smoke.main(argv, env or {}, stdout, stderr)
    return code, stdout.getvalue(), stderr.getvalue()


def endpoints_file(directory: Path, port: int, mode: int = 0o600) -> str:
    broker = {
        "name": "rabbit1",
        "kind": "rabbitmq",
        "host": "127.0.0.1",
        "vhost": "v",
        "user": "smoke",
        "password": PASSWORD,
        "amqp": {"port": port},
    }
    path = directory / "endpoints.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps({"schema": 1, "brokers": [broker]}), encoding="utf-8")
    path.chmod(mode)
    return str(path)


@pytest.fixture
def fake_probe(monkeypatch: pytest.MonkeyPatch) -> list[Context]:
    """Replace the probes by one that needs no broker, and see what it is given."""
    seen: list[Context] = []

    def run(context: Context) -> str:
        seen.append(context)
        return "nothing was asked"

    only = Probe("amqp.fake", "Nothing.", run, ("amqp",), ("1.1",), frozenset({"rabbitmq"}), Phase.ALWAYS)
    monkeypatch.setattr(registry, "all_probes", lambda: [only])
    return seen


def test_help_and_list_need_no_broker() -> None:
    code, out, _ = call("--help")
    assert code == 0
    for name in ExitCode:
        assert f"\n  {name.value:>3}  " in out, f"exit code {name.value} is documented"
    code, out, _ = call("--list")
    assert code == 0 and "amqp.confirm\n    A published message" in out and "(--before-restart)" in out


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--bogus"], "unrecognized arguments: --bogus"),
        (["surplus"], "unrecognized arguments"),
        (["--format", "xml"], "invalid choice: 'xml'"),
        (["--timeout", "0"], "0 is not between 0.1 and 600 seconds"),
        (["--timeout", "nan"], "nan is not between"),
        (["--timeout", "soon"], "--timeout"),
        (["--max-unacked", "0"], "0 is not a positive number"),
        (["--only"], "expected one argument"),
        (["--only", "amqp.confrim"], "did you mean amqp.confirm"),
        (["--skip", "amqp,stomp,management,negative,activemq,tls,cluster,relay"], "leave no probe"),
        (["--nagios", "--format", "json"], "exclude each other"),
        (["--before-restart", "a", "--after-restart", "b"], "not allowed with"),
        (["--amqp", f"amqp://smoke:{PASSWORD}@h"], "holds a password"),
        (["--amqp", "amqp://smoke@h"], "BROKERKIT_PASSWORD is empty or not set"),
        (["--amqp", "amqp://smoke@h", "--endpoints", "e.json"], "exclude each other"),
        (["--password-file", "pw"], "--password-file belongs to --amqp"),
        (["--denied-vhost", "/"], "--denied-vhost belongs to"),
        (["--ca-file", "ca.pem"], "--ca-file belongs to --amqp"),
        (["--certificate-login"], "--certificate-login belongs to --amqp"),
        (["--kind", "activemq"], "--kind belongs to"),
        (["--inventory", ""], "--inventory names nothing"),
        (["--broker", ","], "--broker names nothing"),
        (["--inventory", "a", "--amqp", "amqp://smoke@h"], "choose from the endpoints file"),
    ],
)
def test_wrong_arguments_are_one_sentence(argv: list[str], words: str) -> None:
    code, out, err = call(*argv)
    if "--nagios" in argv:
        assert (code, err) == (3, "") and words in out
        return
    assert (code, out) == (64, "")
    assert words in err and err.count("\n") == 1 and err.startswith("smoke.py: ")
    assert PASSWORD not in err


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    code, _, err = call("--endpoints", str(tmp_path / "none.json"))
    assert code == 66 and "does not exist" in err
    code, _, err = call("--endpoints", endpoints_file(tmp_path, 5672, 0o644))
    assert code == 77 and "chmod 600" in err and PASSWORD not in err
    (tmp_path / "endpoints.json").chmod(0o600)
    (tmp_path / "endpoints.json").write_text('{"schema": 1, "brok', encoding="utf-8")
    code, _, err = call("--endpoints", str(tmp_path / "endpoints.json"))
    assert code == 65 and "not complete JSON" in err
    code, _, err = call("--endpoints", endpoints_file(tmp_path, 5672), "--after-restart", str(tmp_path / "s"))
    assert code == 66 and "--before-restart" in err


def test_a_refusal_for_nagios_is_unknown_on_standard_output(tmp_path: Path) -> None:
    code, out, err = call("--nagios", "--endpoints", str(tmp_path / "none.json"))
    assert (code, err) == (3, "")
    assert out.startswith("BROKERKIT UNKNOWN - The endpoints file") and out.count("\n") == 1


def test_a_run_without_failures(tmp_path: Path, fake_probe: list[Context]) -> None:
    code, out, err = call("--endpoints", endpoints_file(tmp_path, 5672), "--timeout", "7")
    assert (code, err) == (0, "")
    assert "ok     amqp.fake" in out and "1 of 1 probes passed on 1 broker" in out
    (context,) = fake_probe
    assert context.deadline.seconds == 7
    assert context.broker.password == PASSWORD and PASSWORD not in out


def test_two_runs_have_names_of_their_own(tmp_path: Path, fake_probe: list[Context]) -> None:
    for _ in range(2):
        call("--endpoints", endpoints_file(tmp_path, 5672))
    assert fake_probe[0].prefix != fake_probe[1].prefix
    assert all(context.prefix.startswith("brokerkit.smoke.") for context in fake_probe)


def test_urls_with_the_password_from_the_environment(fake_probe: list[Context]) -> None:
    code, _, _ = call("--amqp", "amqp://smoke@h/shop", env={"BROKERKIT_PASSWORD": PASSWORD})
    assert code == 0
    assert (fake_probe[0].broker.password, fake_probe[0].broker.vhost) == (PASSWORD, "shop")


@pytest.mark.parametrize("form", ["table", "json", "junit", "prometheus"])
def test_output_is_a_file_that_others_can_read(tmp_path: Path, fake_probe: list[Context], form: str) -> None:
    report = tmp_path / "report"
    code, out, err = call(
        "--endpoints", endpoints_file(tmp_path, 1), "--format", form, "--output", str(report)
    )
    assert (code, out, err) == (0, "", "")
    assert "amqp.fake" in report.read_text(encoding="utf-8")
    assert report.stat().st_mode & 0o777 == 0o644
    assert sorted(one.name for one in tmp_path.iterdir()) == ["endpoints.json", "report"], (
        "no part is left over"
    )


def test_a_report_that_cannot_be_written(tmp_path: Path, fake_probe: list[Context]) -> None:
    where = str(tmp_path / "no" / "report")
    code, _, err = call("--endpoints", endpoints_file(tmp_path, 1), "--output", where)
    assert code == 73 and "cannot be written" in err


def test_nothing_reachable(tmp_path: Path) -> None:
    with server(closes) as port:
        pass
    path = endpoints_file(tmp_path, port)
    code, out, _ = call("--endpoints", path, "--only", "amqp.connect,negative.guest.amqp", "--format", "json")
    assert code == 69
    results = {entry["probe"]: entry for entry in json.loads(out)["results"]}
    assert results["amqp.connect"]["status"] == "fail"
    assert results["negative.guest.amqp"]["status"] == "error", "a broker that is down has refused nobody"
    assert "refused the connection" in results["amqp.connect"]["came_back"]
    code, out, _ = call("--endpoints", path, "--only", "amqp.connect", "--nagios")
    assert code == 2 and out.startswith("BROKERKIT CRITICAL")


def test_a_defect_has_a_traceback_only_with_debug(
    tmp_path: Path, fake_probe: list[Context], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(runner, "run", broken)
    path = endpoints_file(tmp_path, 1)
    code, _, err = call("--endpoints", path)
    assert code == 70 and "Traceback" not in err and "ZeroDivisionError: oops" in err
    code, _, err = call("--endpoints", path, "--debug")
    assert code == 70 and "Traceback" in err
    code, out, err = call("--endpoints", path, "--nagios")
    assert code == 3 and out.startswith("BROKERKIT UNKNOWN")


def test_an_interrupt_is_one_sentence(
    tmp_path: Path, fake_probe: list[Context], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "run", interrupted)
    code, _, err = call("--endpoints", endpoints_file(tmp_path, 1))
    assert code == 130 and err.count("\n") == 1


def test_as_a_program() -> None:
    """The exit code arrives, and a reader that goes away early is no traceback."""
    program = [sys.executable, str(ROOT / "scripts" / "smoke.py")]
    done = subprocess.run([*program, "--only", "nonsense"], capture_output=True, text=True, check=False)
    assert done.returncode == 64 and "Traceback" not in done.stderr
    ascii_only = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [*program, "--nagios", "--only", "n\u00f6"],
        capture_output=True,
        text=True,
        check=False,
        env=ascii_only,
    )
    assert done.returncode == 3 and "n\\xf6" in done.stdout and "defect" not in done.stdout + done.stderr
    read, write = os.pipe()
    os.close(read)
    gone = subprocess.run([*program, "--list"], stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert "Traceback" not in gone.stderr and "Exception ignored" not in gone.stderr
