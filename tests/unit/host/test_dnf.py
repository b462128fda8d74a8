"""What rpm and dnf say of packages; dnf's own library answers on the stand-in hosts of tests/hosts/enterprise_linux."""

from __future__ import annotations

import json
import sys

import pytest
from brokers.host import apt, dnf, dnf_planner, dnf_repository, packages

ROWS = "erlang\t27.3.4-1.el9\t1790000000\nrabbitmq-server\t4.0.5-1.el9\t1790000100\nbash\t5.1.8-9.el9\t1700000000\n"
NINE = {"ID": "rocky", "ID_LIKE": "rhel centos fedora", "VERSION_ID": "9.5", "PRETTY_NAME": "Rocky Linux 9.5"}
SETTINGS = {"erlang_package_source": "vendor", "erlang_repository_suite": ""}


@pytest.fixture
def library(monkeypatch, tmp_path):
    """Let a script stand for dnf, whose interpreter is this Python with a library of that name."""

    def put(text: str) -> None:
        (tmp_path / "dnf.py").write_text(text)
        (tmp_path / "dnf-3").write_text(f"#!{sys.executable} -s\n")
        (tmp_path / "dnf-3").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    return put


def test_only_packages_that_were_asked_for_are_returned(program):
    program("rpm", ROWS)
    assert dnf.installed(["rabbitmq-server", "erlang", "erlang-base"]) == {
        "erlang": "27.3.4-1.el9",
        "rabbitmq-server": "4.0.5-1.el9",
    }
    assert dnf.installed([]) == {}


def test_when_the_newest_was_written(program):
    program("rpm", ROWS)
    assert dnf.written(["rabbitmq-server", "erlang"]) == 1790000100.0
    assert dnf.written([]) == 0.0


@pytest.mark.parametrize(
    ("rows", "cut_off"), [(ROWS, False), (ROWS + "erlang\t27.3.5-1.el9\t1790000200\n", True)]
)
def test_a_transaction_was_cut_off_when_a_package_is_there_twice(program, rows, cut_off):
    program("rpm", rows)
    assert dnf.interrupted() is cut_off
    assert ("erlang" in dnf.installed(["erlang", "rabbitmq-server"])) is not cut_off
    assert dnf.states(["erlang"])["erlang"]["state"] == ("twice" if cut_off else "ii")


def test_a_host_with_dpkg_is_asked_by_apt_even_if_it_has_rpm(monkeypatch):
    have = {"dpkg-query": "/usr/bin/dpkg-query", "rpm": "/usr/bin/rpm"}
    monkeypatch.setattr(packages.shutil, "which", have.get)
    assert packages.manager() is apt
    del have["dpkg-query"]
    assert packages.manager() is dnf
    have.clear()
    assert packages.manager() is apt


def test_a_library_that_fails_is_an_error_and_no_traceback_in_a_result(library):
    library("raise RuntimeError('torn')")
    answer = dnf.simulate(["rabbitmq-server"])
    assert answer["packages"] == {} and "torn" in answer["error"]
    assert "torn" in (dnf.refresh() or "")


def test_a_host_without_dnf_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert dnf.simulate(["x"])["error"] == "there is no dnf on this host"


def test_dnf_that_does_not_end_names_who_holds_its_lock(library, monkeypatch, tmp_path):
    library("import time; time.sleep(20)")
    holder = tmp_path / "x.pid"
    holder.write_text("1")
    monkeypatch.setattr(dnf, "_SECONDS", 0.2)
    monkeypatch.setattr(dnf, "_LOCKS", (str(holder),))
    assert dnf.refresh() == f"dnf gave no answer within 0.2 s; process 1 holds {holder}"


def test_dnfs_lines_become_one():
    words = "\n Problem: conflicting requests\n  - nothing provides erlang < 28 needed by rabbitmq-server\n"
    assert dnf_planner._sentence(words) == "nothing provides erlang < 28 needed by rabbitmq-server"
    words = " Problem: a requires b\n  - cannot install both b and c\n  - c requires d\n  - e requires f\n"
    assert dnf_planner._sentence(words) == "a requires b; c requires d"
    assert dnf_planner._sentence("conflicting requests") == "conflicting requests"


def test_the_planner_prints_one_line(monkeypatch, capsys):
    monkeypatch.setattr(dnf_planner, "plan", lambda request: {"packages": request})
    dnf_planner.main('{"install": ["x"]}')
    assert json.loads(capsys.readouterr().out) == {"packages": {"install": ["x"]}}


@pytest.mark.parametrize(
    ("system", "folder"),
    [
        (NINE, "9"),
        ({**NINE, "ID": "rhel", "VERSION_ID": "10.1"}, "9"),
        ({"ID": "rhel", "VERSION_ID": "8"}, "8"),
        ({"ID": "fedora", "VERSION_ID": "43"}, ""),
        ({**NINE, "VERSION_ID": "7"}, ""),
        ({}, ""),
    ],
)
def test_the_release_as_upstreams_repositories_name_it(system, folder):
    assert dnf_repository.release(system) == folder


@pytest.mark.parametrize(
    ("settings", "host", "words"),
    [
        ({}, {}, []),
        ({}, {"manager": "apt", "os": {}}, []),
        (
            {"erlang_package_source": "distribution"},
            {},
            ["erlang_package_source: is 'distribution'", "vendor"],
        ),
        ({"erlang_repository_suite": "bookworm"}, {}, ["erlang_repository_suite: is 'bookworm'", "_uri"]),
        ({}, {"packages": {"erlang-erts": "26.2-1"}}, ["erlang-erts 26.2-1", "dnf remove"]),
        (
            {},
            {"os": {"ID": "fedora", "VERSION_ID": "43", "PRETTY_NAME": "Fedora 43"}},
            ["Fedora 43", "8, 9, 10"],
        ),
    ],
)
def test_what_does_not_fit_a_host_of_enterprise_linux(settings, host, words):
    whole = {"hostname": "mq1", "manager": "dnf", "os": NINE, "packages": {}, **host}
    found = dnf_repository.host_refusals({**SETTINGS, **settings}, "erlang_", whole)
    assert len(found) == (1 if words else 0)
    assert all(word in found[0] for word in words)


def test_a_source_becomes_the_words_of_the_script_that_reads_it():
    source = {
        "name": "erlang",
        "prefix": "erlang_",
        "package": "erlang",
        "version": 27,
        "uri": "http://a",
        "key": "k",
    }
    assert dnf_repository.words(source) == ["erlang", "erlang_", "erlang", "27", "http://a"]
