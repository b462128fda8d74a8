"""What an answer means, and for how long it asks."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from brokers.relay.outcomes import Outcome, key, retry_after, table

NOW = datetime(2026, 11, 29, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, "done"),
        (204, "done"),
        (299, "done"),
        (301, "stop"),
        (304, "stop"),
        (400, "never"),
        (401, "stop"),
        (403, "stop"),
        (404, "never"),
        (407, "stop"),
        (408, "later"),
        (409, "never"),
        (410, "never"),
        (422, "never"),
        (425, "later"),
        (429, "later"),
        (499, "never"),
        (500, "later"),
        (503, "later"),
        (599, "later"),
        (600, "never"),
        (199, "never"),
    ],
)
def test_without_a_declaration_a_status_means(status: int, outcome: str) -> None:
    assert table({}).of(status) is Outcome(outcome)


def test_a_declared_status_beats_its_class() -> None:
    found = table({"done": [404, "409"], "never": [501], "later": [423]})
    assert [found.of(one) for one in (404, 409, 501, 423)] == [
        Outcome.DONE,
        Outcome.DONE,
        Outcome.NEVER,
        Outcome.LATER,
    ]
    assert found.of(410) is Outcome.NEVER
    assert found.of(500) is Outcome.LATER


def test_a_declared_class_beats_the_defaults_of_its_statuses() -> None:
    found = table({"later": ["4xx"], "stop": [403]})
    assert found.of(401) is Outcome.LATER
    assert found.of(404) is Outcome.LATER
    assert found.of(403) is Outcome.STOP
    assert found.of(500) is Outcome.LATER
    assert found.of(204) is Outcome.DONE


@pytest.mark.parametrize(
    ("word", "meant"),
    [(404, "404"), ("404", "404"), (" 5XX ", "5xx"), ("2xx", "2xx"), (599, "599"), (200, "200")],
)
def test_a_status_or_class_is_read(word: object, meant: str) -> None:
    assert key(word) == meant


@pytest.mark.parametrize(
    "word", [True, 199, 600, "1xx", "6xx", "4x", "40", "4044", "", None, "ok", [404], -404]
)
def test_what_is_no_status_is_not_read(word: object) -> None:
    assert key(word) is None


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 7 ", 7),
        ("Sun, 29 Nov 2026 12:01:00 GMT", 60),
        ("Sun, 29 Nov 2026 11:00:00 GMT", 0),
        ("Sun, 29 Nov 2026 13:00:00 +0100", 0),
    ],
)
def test_a_wait_that_is_asked_for(header: str, seconds: float) -> None:
    assert retry_after(header, NOW) == seconds


@pytest.mark.parametrize("header", [None, "", "soon", "-5", "1.5", "9" * 10, "Sun, 99 Nov 2026 12:00:00 GMT"])
def test_a_wait_that_is_not_right_is_none(header: str | None) -> None:
    assert retry_after(header, NOW) is None
