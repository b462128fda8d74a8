"""Logs as files: those without times have that of the file, and the last start is what counts."""

from __future__ import annotations

import os
import re

from brokers.doctor import logs


def test_a_log_without_times_has_that_of_its_file(tmp_path) -> None:
    path = tmp_path / "error.log"
    path.write_text("\n".join(f"line {n}" for n in range(100)))
    os.utime(path, (5000.0, 5000.0))
    found = logs.of_file(str(path))
    assert [found[0], found[-1]] == [logs.Line(5000.0, "line 40"), logs.Line(5000.0, "line 99")]
    assert logs.of_file(str(tmp_path / "none")) == []


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
