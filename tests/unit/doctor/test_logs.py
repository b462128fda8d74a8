"""Lines of logs: their times, what matches, what is kept from view."""

from __future__ import annotations

import random
from datetime import datetime

import pytest
from brokers import knowledge
from brokers.doctor import logs


@pytest.mark.parametrize(
    ("line", "at"),
    [
        ("2026-11-29 18:43:51.123456+00:00 [info] <0.1.0> up", 1795977831.0),
        ("2026-11-29T18:43:51+0100 host unit[1]: up", 1795974231.0),
        (" 2026-11-29 18:43:51,123 | INFO | up", datetime(2026, 11, 29, 18, 43, 51).timestamp()),
        ("2026-11-29 18:43:51.123 [error] <0.1.0> down", datetime(2026, 11, 29, 18, 43, 51).timestamp()),
        ("2026-13-99 99:99:99 nonsense", 0.0),
        ("no time at all", 0.0),
    ],
)
def test_a_line_has_the_time_that_it_begins_with(line: str, at: float) -> None:
    assert logs.moment(line) == at


def test_lines_without_a_time_belong_to_the_one_before() -> None:
    found = logs.lines("2026-11-29T18:43:51+0000 a\n  of a\n2026-11-29T18:43:52+0000 b")
    assert [one.at for one in found] == [1795977831.0, 1795977831.0, 1795977832.0]


def test_what_came_before_the_last_start_does_not_count() -> None:
    found = logs.lines("Starting 1\nold\nStarting 2\nnew")
    assert [one.text for one in logs.since_start(found, r"Starting \d")] == ["Starting 2", "new"]
    assert logs.since_start(found, "never") == found


def test_a_match_has_its_number_its_last_words_and_its_fields() -> None:
    text = "\n".join(
        f"2026-11-29T18:43:5{n}+0000 host rabbitmq-server[7]: vhost 'v{n}' is down" for n in range(3)
    )
    found = logs.matches(logs.lines(text), {"vhost-down": "vhost '(?P<vhost>[^']*)' is down"})
    assert found == {
        "vhost-down": {
            "count": 3,
            "at": 1795977832.0,
            "text": "vhost 'v2' is down",
            "said": "vhost 'v2' is down",
            "fields": {"vhost": "v2"},
        }
    }


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        ("default_pass = s3cr3tX", "s3cr3tX"),
        ('{default_pass, <<"s3cr3tX">>}', "s3cr3tX"),
        ("amqp://shop:s3cr3tX@host/v", "s3cr3tX"),
        ("password: s3cr3tX", "s3cr3tX"),
        ('"password":"s3cr3tX"', "s3cr3tX"),
        ("cookie=s3cr3tX", "s3cr3tX"),
    ],
)
def test_secrets_are_kept_from_view(line: str, secret: str) -> None:
    assert secret not in logs.redacted(line)


def test_a_refused_login_is_still_readable() -> None:
    line = "PLAIN login refused: user 'shop' - invalid credentials"
    assert logs.redacted(line) == line


def test_a_log_that_is_not_there_or_is_binary_is_read_all_the_same(tmp_path) -> None:
    assert logs.tail(str(tmp_path / "none")) == ""
    path = tmp_path / "odd.log"
    path.write_bytes(bytes(range(256)) * 50)
    assert logs.lines(logs.tail(str(path), 1000))


@pytest.mark.parametrize(
    ("left", "waits"), [("9", False), ("8", True), ("1", True), ("0", False)], ids=lambda one: str(one)
)
def test_a_node_waits_for_members_from_its_second_attempt_on(left: str, waits: bool) -> None:
    """3.10 writes "0 retries left" while it boots well: a change of a table for a feature flag tries once."""
    found = logs.lines(f"[info] <0.221.0> Waiting for Mnesia tables for 30000 ms, {left} retries left")
    patterns = knowledge.table().patterns()["rabbitmq"]["down"]
    assert ("waiting-for-members" in logs.matches(found, patterns)) is waits


def test_any_bytes_get_an_answer_in_time() -> None:
    seeded = random.Random(7)  # noqa: S311 - not for secrets
    patterns = {
        name: text
        for found in knowledge.table().patterns().values()
        for when in found.values()
        for name, text in when.items()
    }
    for size in (1, 100, 20_000):
        text = bytes(seeded.randrange(256) for _ in range(size)).decode(errors="replace")
        logs.matches(logs.lines(text), patterns)
    for hostile in ("a" * 100_000, "'" * 20_000, "vhost '" * 5_000, "{" * 20_000, "Fatal - " * 4_000):
        logs.matches(logs.lines(hostile), patterns)
