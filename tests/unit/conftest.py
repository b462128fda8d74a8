"""The library that ships to the hosts has no import path on the controller: here it is ``brokers``."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import HealthCheck, Phase, settings

# How long data takes to generate says how busy the machine is, and nothing about the code.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")

# For `make mutants`, which asks only whether a property fails: the same examples each time, and none made smaller.
settings.register_profile("first-failure", derandomize=True, phases=(Phase.explicit, Phase.generate))


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A certificate for 127.0.0.1 that signs itself, and its key: the paths of both."""
    folder = tmp_path_factory.mktemp("tls")
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    name = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *name, *files]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return str(folder / "cert.pem"), str(folder / "key.pem")
