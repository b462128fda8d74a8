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


def test_an_application_that_there_is_not_is_refused():
    done = subprocess.run(
        [ROOT / "scripts/demo", "rabbitmq", "", "", "django"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 64 and done.stdout == ""
    assert "APP is 'django'; give APP=relay" in done.stderr


def test_the_relay_is_shown_with_one_plain_rabbitmq_node():
    for words in (("activemq", "", ""), ("rabbitmq", "1", ""), ("rabbitmq", "", "3")):
        done = subprocess.run(
            [ROOT / "scripts/demo", *words, "relay"], capture_output=True, text=True, timeout=30, check=False
        )
        assert done.returncode == 64 and done.stdout == ""
        assert "leave out BROKER, TLS and CLUSTER" in done.stderr
