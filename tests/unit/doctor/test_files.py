"""Logs as files: those without times have that of the file, and the last start is what counts."""

from __future__ import annotations

import os
import re
import time

import pytest
from brokers.doctor import logs, machine, rabbitmq
from certificates import Authority


def test_a_log_without_times_has_that_of_its_file(tmp_path) -> None:
    path = tmp_path / "error.log"
    path.write_text("\n".join(f"line {n}" for n in range(100)))
    os.utime(path, (5000.0, 5000.0))
    found = logs.of_file(str(path))
    assert [found[0], found[-1]] == [logs.Line(5000.0, "line 40"), logs.Line(5000.0, "line 99")]
    assert logs.of_file(str(tmp_path / "none")) == []


@pytest.mark.parametrize("after", ["", "\n\n", "\nGracefully halting Erlang VM\nbooting"])
def test_what_an_earlier_run_has_printed_is_not_why_the_last_one_failed(tmp_path, after: str) -> None:
    path = tmp_path / "error.log"
    runs = [f"BOOT FAILED\n{why}\nKernel pid terminated (x)" for why in ("old", "older", "the reason")]
    path.write_text("\n".join(runs) + after)
    texts = [line.text for line in logs.of_file(str(path)) if line.text]
    assert texts == (["booting"] if "booting" in after else runs[-1].splitlines())


def test_of_a_start_that_is_repeated_the_one_before_counts() -> None:
    journal = logs.lines(
        "2026-11-29T18:00:00+0000 Starting it\n"
        "2026-11-29T18:00:05+0000 old failure\n"
        "2026-11-29T18:00:10+0000 Starting it\n"
        "2026-11-29T18:00:15+0000 failure\n"
        "2026-11-29T18:00:20+0000 Starting it"
    )
    own = logs.lines("2026-11-29 18:00:12+00:00 why\n2026-11-29 17:00:00+00:00 before")

    def texts(again: bool) -> list[str]:
        found = logs.of_last_start([own], journal, "Starting", again)
        return [re.split(r"[+]00:?00 ", line.text)[1] for line in found]

    assert texts(again=True) == ["why", "Starting it", "failure", "Starting it"]
    assert texts(again=False) == ["Starting it"]
    assert logs.of_last_start([own], [], "never", False) == own


@pytest.mark.parametrize(
    ("state", "sub", "restarts", "again"),
    [
        ("activating", "start", "2", True),
        ("activating", "start", "0", False),
        ("activating", "auto-restart", "2", False),
        ("failed", "failed", "2", False),
    ],
)
def test_a_start_that_follows_a_failed_one_is_told_from_the_wait_for_it(
    state: str, sub: str, restarts: str, again: bool
) -> None:
    assert logs.starts_again({"ActiveState": state, "SubState": sub, "NRestarts": restarts}) is again
    assert not logs.starts_again({})


@pytest.fixture
def pair(tmp_path) -> tuple[str, str]:
    """A certificate and its key."""
    return Authority.new().issue("mq1").write(tmp_path, "own")


def test_the_key_of_a_certificate_is_no_trouble(pair: tuple[str, str]) -> None:
    found = machine.certificate(*pair)
    assert found["key_trouble"] == "" and 59 < (found["ends"] - time.time()) / 86_400 < 61


def test_the_key_of_another_and_one_that_is_not_there_are_named(pair: tuple[str, str], tmp_path) -> None:
    _, other = Authority.new().issue("mq2").write(tmp_path, "other")
    assert machine.key_trouble(pair[0], other, "") == "is not that of the certificate"
    assert machine.key_trouble(pair[0], str(tmp_path / "none"), "") == "is not there"


def test_of_a_key_with_a_passphrase_nothing_is_said(pair: tuple[str, str], tmp_path) -> None:
    closed = tmp_path / "closed.key"
    closed.write_text(Authority.new().issue("mq2").encrypted_key("open sesame"))
    assert machine.key_trouble(pair[0], str(closed), "") == ""


def test_a_user_who_does_not_exist_is_not_asked(pair: tuple[str, str]) -> None:
    assert machine.key_trouble(*pair, "nobody-of-that-name") == ""


def test_keys_are_found_beside_their_certificates(tmp_path, monkeypatch) -> None:
    (tmp_path / "rabbitmq.conf").write_text(
        "ssl_options.cacertfile = /ca\nssl_options.certfile = /a\nssl_options.keyfile = /a.key\n"
        "management.ssl.certfile = /b\n"
    )
    (tmp_path / "advanced.config").write_text(
        '[{rabbit, [{ssl_options, [{certfile, "/c"}, {keyfile, "/c.key"}]}]}].'
    )
    monkeypatch.setattr(rabbitmq, "CONFIGURATION", str(tmp_path))
    answer = {"certificates": [["/b", "/b.key"], ["", ""]]}
    assert rabbitmq._certificates(answer) == [
        ("/a", "/a.key"),
        ("/b", "/b.key"),
        ("/c", "/c.key"),
        ("/ca", ""),
    ]
    assert ("/b", "") in rabbitmq._certificates(None)


def test_libraries_that_were_replaced_are_told_from_files_that_were_removed() -> None:
    maps = (
        "7f00-7f01 r-xp 00000000 00:50 12  /usr/lib/x86_64-linux-gnu/libz.so.1.3 (deleted)\n"
        "7f01-7f02 r--p 00000000 00:50 12  /usr/lib/x86_64-linux-gnu/libz.so.1.3 (deleted)\n"
        "7f02-7f03 r-xp 00000000 00:50 13  /usr/lib/x86_64-linux-gnu/libc.so.6\n"
        "7f03-7f04 rw-s 00000000 00:50 14  /tmp/snappy-1.so (deleted)\n"
    )
    assert machine.replaced(maps) == ["/usr/lib/x86_64-linux-gnu/libz.so.1.3"]
    assert machine.process(os.getpid())["replaced"] == []


def test_definitions_that_are_no_json_are_found_and_others_are_not(tmp_path, monkeypatch) -> None:
    folder = tmp_path / "definitions"
    folder.mkdir()
    for name, text in (("good", "{}"), ("bad", '{"users": ['), ("odd", "\xff")):
        (folder / f"{name}.json").write_text(text, encoding="latin-1")
    (tmp_path / "10.conf").write_text(f"load_definitions = {folder}\nheartbeat = 5\n")
    (tmp_path / "20.conf").write_text(f"  definitions.local.path = {tmp_path}/gone.json\n")
    monkeypatch.setattr(rabbitmq, "CONFIGURATION", str(tmp_path))
    found = rabbitmq._broken_definitions()
    assert {path.rpartition("/")[2] for path in found} == {"bad.json", "odd.json"}
    assert "users" not in " ".join(found.values()), "what is in the file is not shown"
