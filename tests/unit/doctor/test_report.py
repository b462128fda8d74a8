"""A diagnosis as text, JSON and a page."""

from __future__ import annotations

import doctor_readings as sample
import pytest
from brokers.doctor import report
from brokers.doctor.diagnosis import Patient, diagnose


@pytest.fixture
def patients() -> list[Patient]:
    """Three hosts: one is well, one is ill, one could not be read."""
    node = sample.node()
    node["answer"]["view"]["alarms"] = [["memory", "rabbit@mq1"]]
    node["log"]["found"] = {
        "login-refused": {
            "count": 3,
            "at": sample.NOW,
            "text": "refused",
            "said": "<b>refused</b> & so on",
            "fields": {"user": "shop"},
        }
    }
    readings = {"mq1": sample.reading(node), "mq2": sample.reading(sample.node()), "mq3": None}
    return diagnose(readings, {}, {}, 900.0)


def test_the_verdict_counts(patients: list[Patient]) -> None:
    assert report.verdict(patients) == "3 hosts examined: 3 findings on 2 of them, 2 urgent."
    assert report.verdict(patients[1:2]) == "1 host examined, nothing found."


def test_the_text_fits_a_terminal_and_says_cause_remedy_and_where_more_is(patients: list[Patient]) -> None:
    text = report.text(patients)
    assert max(len(line) for line in text.splitlines()) <= 80
    for words in (
        "mq1 (RabbitMQ 4.0.5)",
        "because",
        "what to do",
        "cured when",
        "#memory-alarm",
        "Nothing found on mq2.",
    ):
        assert words in text
    assert " ".join(text.split()).count("The memory alarm is set: 100 MB of 3.0 GB are used.") == 1


def test_the_document_has_every_host(patients: list[Patient]) -> None:
    document = report.document(patients, sample.NOW)
    assert [one["host"] for one in document["hosts"]] == ["mq1", "mq2", "mq3"]
    assert [one["read"] for one in document["hosts"]] == [True, True, False]
    first = document["hosts"][0]["findings"][0]
    assert (first["id"], first["severity"], first["version"]) == ("memory-alarm", "page", "4.0.5")
    assert document["examined"] == "2026-11-29T18:43:51Z"


def test_the_page_escapes_what_logs_say(patients: list[Patient]) -> None:
    page = report.page(patients, sample.NOW)
    assert "<b>refused</b>" not in page
    assert "&lt;b&gt;refused&lt;/b&gt; &amp; so on" in page
    assert "http" not in page.replace("http-equiv", "")


def test_code_is_told_from_text() -> None:
    assert report.coded("run `x`, then `y`.") == [
        (False, "run "), (True, "x"), (False, ", then "), (True, "y"), (False, "."),
    ]  # fmt: skip
