"""What apt and dpkg say of packages."""

from __future__ import annotations

import subprocess

import pytest
from brokers.host import apt, commands

APT = """\
Reading package lists...
The following packages were automatically installed and are no longer required:
   libxml-java (1.2)
The following additional packages will be installed:
   erlang-base (1:25.2.3+dfsg-1+deb12u1)
Suggested packages:
   erlang-doc (1:25.2.3+dfsg-1+deb12u1)
The following packages will be REMOVED:
   esl-erlang (1:26.2)
The following NEW packages will be installed:
   erlang-base (1:25.2.3+dfsg-1+deb12u1)
   rabbitmq-server (3.10.8-1.1+deb12u1)
The following packages will be upgraded:
   libc6 (2.36-9+deb12u7 => 2.36-9+deb12u9)
The following packages will be DOWNGRADED:
   tzdata (2026f-0+deb12u1 => 2025b-0+deb12u1)
1 upgraded, 2 newly installed, 1 downgraded, 1 to remove and 0 not upgraded.
'pool/main/r/rabbitmq-server_3.10.8-1.1%2bdeb12u1_all.deb' rabbitmq-server_3.10.8-1.1+deb12u1_all.deb 15208492 MD5Sum:1
"""


def test_the_packages_of_a_simulation_are_those_to_be_installed():
    assert apt.parse_plan(APT) == {
        "erlang-base": "1:25.2.3+dfsg-1+deb12u1",
        "libc6": "2.36-9+deb12u9",
        "rabbitmq-server": "3.10.8-1.1+deb12u1",
        "tzdata": "2025b-0+deb12u1",
    }


def test_a_simulation_that_succeeds_has_packages_and_no_error(program):
    program("apt-get", APT)
    found = apt.simulate(["rabbitmq-server=3.10*"])
    assert found["error"] is None
    assert found["packages"]["rabbitmq-server"] == "3.10.8-1.1+deb12u1"
    options = ["--print-uris", "--verbose-versions", "--no-install-recommends"]
    assert program.asked() == [*options, "install", "rabbitmq-server=3.10*"]


@pytest.mark.parametrize(
    ("stderr", "error"),
    [
        (
            "W: a warning\nE: Unable to locate package rabbitmq-server\n",
            "Unable to locate package rabbitmq-server",
        ),
        ("E: one\nE: two\n", "one; two"),
        ("E: no way:\n   1. a is wanted\nW: else\n   x\n", "no way: 1. a is wanted"),
        ("broken pipe\n", "broken pipe"),
        ("", "apt-get ended with code 100"),
    ],
)
def test_a_simulation_that_fails_has_apts_words(program, stderr, error):
    program("apt-get", stderr=stderr, code=100)
    assert apt.simulate(["rabbitmq-server"]) == {"packages": {}, "removed": [], "error": error}


def test_only_packages_that_are_configured_count_as_installed(program):
    rows = "ii \terlang-base\t1:25.2.3\nrc \trabbitmq-server\t3.10.8\niU \tactivemq\t5.17\nun \tx\t\n"
    program("dpkg-query", rows, "dpkg-query: no packages found matching y\n", 1)
    assert apt.installed(["erlang-base", "rabbitmq-server"]) == {"erlang-base": "1:25.2.3"}
    assert apt.installed([]) == {}


@pytest.mark.parametrize(
    ("states", "cut_off"),
    [
        ("installed\nconfig-files\ntriggers-pending\n", False),
        ("installed\nunpacked\n", True),
        ("half-installed\ninstalled\n", True),
        ("half-configured\n", True),
    ],
)
def test_an_installation_was_cut_off_when_a_package_is_not_set_up(program, states, cut_off):
    program("dpkg-query", states)
    assert apt.interrupted() is cut_off


def test_programs_are_asked_in_plain_english(program):
    program("systemctl", "")
    done = commands.run(["sh", "-c", "echo $LC_ALL $DEBIAN_FRONTEND"])
    assert isinstance(done, subprocess.CompletedProcess)
    assert done.stdout == "C noninteractive\n"
