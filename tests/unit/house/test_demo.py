"""`make demo` takes the name of a broker, and refuses another one before it makes a host."""

from __future__ import annotations

import subprocess

from role_files import ROOT


def test_a_broker_that_there_is_not_is_refused_by_name():
    done = subprocess.run(
        [ROOT / "scripts/demo", "artemis"], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 64 and done.stdout == ""
    assert "BROKER is 'artemis'" in done.stderr and "BROKER=activemq" in done.stderr


def test_a_word_for_tls_that_there_is_not_is_refused():
    done = subprocess.run(
        [ROOT / "scripts/demo", "rabbitmq", "yes"], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 64 and done.stdout == ""
    assert "TLS is 'yes'; give TLS=1" in done.stderr
