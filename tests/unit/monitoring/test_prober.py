"""The prober on a host of its own: its archive, its endpoints file, its unit, and what its timer refuses."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import smoke_archive
from brokers.monitoring import prober
from probes import endpoints
from role_files import defaults

BROKER = {
    "name": "mq1",
    "kind": "rabbitmq",
    "host": "10.0.0.1",
    "user": "smoke",
    "password": "test-host-only",
    "vhost": "/",
    "denied_vhost": None,
    "amqp": {"port": 5671, "tls": True, "ca_file": "ca.pem", "cert_file": "c.pem", "key_file": "k.pem"},
    "stomp": {"port": 61613, "tls": False},
    "management": None,
    "listeners": None,
    "inventory": None,
}
GIVEN = {"schema": 1, "brokers": [BROKER]}


def settings(**changes):
    return {**defaults("smoke_timer"), **changes}


def test_the_archive_runs_alone_and_holds_nothing_that_is_compiled(tmp_path: Path) -> None:
    path = tmp_path / "smoke.pyz"
    assert smoke_archive.main(["--output", str(path)]) == 0
    assert path.read_bytes() == smoke_archive.build()
    isolated = [sys.executable, "-I", "-S", "-B", str(path), "--list"]
    done = subprocess.run(isolated, capture_output=True, text=True, timeout=60, check=False, env={})
    assert (done.returncode, done.stderr) == (0, "")
    assert "amqp.connect" in done.stdout
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as made:
        names = made.namelist()
    assert {"licenses/pika/LICENSE", "licenses/stomp/LICENSE", "licenses/websocket/LICENSE"} <= set(names)
    assert not [name for name in names if not name.endswith(".py") and "LICENSE" not in name]


@pytest.mark.parametrize("trusted", [False, True])
def test_files_of_the_controller_are_replaced_by_the_hosts(tmp_path: Path, trusted: bool) -> None:
    authority = str(tmp_path / "authority.pem") if trusted else ""
    (tmp_path / "authority.pem").touch()
    path = tmp_path / "endpoints.json"
    path.touch(mode=0o600)
    path.write_text(prober.document(GIVEN, authority))
    (broker,) = endpoints.load(path)
    tls = broker.endpoints["amqp"].tls
    assert tls is not None and (tls.ca_file, tls.cert_file, tls.key_file) == (authority or None, None, None)
    assert broker.endpoints["stomp"].tls is None
    assert BROKER["amqp"]["ca_file"] == "ca.pem"


def test_what_is_right_is_accepted():
    assert prober.refusals(settings(), GIVEN) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"smoke_timer_interval": 5}, "smoke_timer_interval: 5 is out of range; choose 10 to 600 seconds"),
        ({"smoke_timer_interval": 601}, "smoke_timer_interval: 601 is out of range"),
        ({"smoke_timer_probe_timeout": 0}, "smoke_timer_probe_timeout: 0 is out of range"),
        ({"smoke_timer_time_limit": 9}, "smoke_timer_time_limit: 9 is out of range"),
        ({"smoke_timer_directory": "metrics"}, "smoke_timer_directory: 'metrics' is not a path"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(changes, words):
    (sentence,) = prober.refusals(settings(**changes), GIVEN)
    assert words in sentence


def test_no_broker_and_brokers_that_want_certificates_are_refused():
    (none,) = prober.refusals(settings(), {})
    assert none.startswith("smoke_timer_endpoints: holds no broker")
    given = json.loads(json.dumps(GIVEN))
    given["brokers"][0]["amqp"]["client_certificate"] = "required"
    (wants,) = prober.refusals(settings(), given)
    assert "mq1 lets clients in over amqp by their certificate only" in wants
