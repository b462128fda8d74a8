"""The knowledge table: every row is whole, reads as a sentence, and is on the page."""

from __future__ import annotations

import io
import re

import knowledge as script
import pytest
from brokers import knowledge
from brokers.doctor import judging
from role_files import ROLES, ROOT, specs

ROWS = list(knowledge.table().rows.values())
VARIABLES = {name for role in ROLES for entry in specs(role).values() for name in entry.get("options") or {}}
each_row = pytest.mark.parametrize("row", ROWS, ids=[row.id for row in ROWS])


def test_there_are_at_least_sixty() -> None:
    assert len(ROWS) >= 60


@each_row
def test_a_row_reads_as_sentences(row: knowledge.Row) -> None:
    for text in (row.cause, row.cured, *(one.text for one in row.remedies)):
        assert re.search(r"[.!?`)]$", text), text
        assert text.count("`") % 2 == 0, text
    assert row.heading.count("`") % 2 == 0


@each_row
def test_its_placeholders_can_be_filled(row: knowledge.Row) -> None:
    for text in (row.cause, row.cured, row.question, *(one.text for one in row.remedies)):
        assert "{" not in judging.filled(text, {}).replace("{NAME: ADDRESS}", "")


# What the agent serves of ActiveMQ has names that begin as those of variables do.
METRICS = set((ROOT / "tests/unit/monitoring/scrapes/activemq.txt").read_text().split())


@each_row
def test_the_variables_that_it_names_exist(row: knowledge.Row) -> None:
    words = " ".join((row.cause, row.cured, *(one.text for one in row.remedies)))
    named = set(re.findall(r"\b((?:rabbitmq|activemq|erlang)_[a-z_]+[a-z])(?!\*)", words))
    named = {one for one in named if f"{one}.yml" not in words and f"{one}_*" not in words}
    assert named - VARIABLES - METRICS == set()


@each_row
def test_the_playbooks_that_it_names_exist(row: knowledge.Row) -> None:
    words = " ".join((row.cause, row.cured, *(one.text for one in row.remedies)))
    assert [one for one in re.findall(r"playbooks/[\w.]+\.yml", words) if not (ROOT / one).exists()] == []


def test_the_page_has_the_table() -> None:
    out, err = io.StringIO(), io.StringIO()
    assert script.main(["--check"], out, err) == 0, err.getvalue()


def test_a_page_that_is_not_current_is_named_and_written(tmp_path) -> None:
    (tmp_path / "docs").mkdir()
    page = tmp_path / knowledge.PAGE
    out, err = io.StringIO(), io.StringIO()
    assert script.main(["--check"], out, err, tmp_path) == script.STALE
    assert "make docs" in err.getvalue()
    page.write_text("a line of somebody else\n")
    assert script.main(["--check"], out, err, tmp_path) == script.STALE
    assert script.main(["--write"], out, err, tmp_path) == script.OK
    assert script.main(["--check"], out, err, tmp_path) == script.OK
    assert "somebody else\n" not in page.read_text(), "the page is made whole"


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"id": "A b"}, "no name"),
        ({"id": "a", "heading": "x"}, "lacks"),
        ({"id": "a", "heading": "x", "cause": "c", "remedy": "r", "cured": "d", "odd": 1}, "odd"),
        ({"id": "a", "heading": "x", "cause": "c", "remedy": "r", "cured": "d", "when": "never"}, "when"),
    ],
)
def test_a_row_that_is_none_is_refused_by_name(entry: dict[str, str], words: str) -> None:
    with pytest.raises(knowledge.Unfit, match=words):
        knowledge._row(entry, "section")
