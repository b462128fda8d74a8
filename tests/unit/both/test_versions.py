"""Versions, and which Erlang a RabbitMQ runs on: the table that the role ships."""

from __future__ import annotations

import pytest
from brokers.rabbitmq.erlang_versions import erlang_verdict
from brokers.versions import at_least, number, starts_with, upstream
from role_files import document

TABLE = document("erlang", "vars/main.yml")["__erlang_compatibility"]


@pytest.mark.parametrize(
    ("package", "version"),
    [
        ("3.10.8-1.1+deb12u1", "3.10.8"),
        ("1:25.2.3+dfsg-1+deb12u1", "25.2.3"),
        ("1:29.1", "29.1"),
        ("4.3.6-1", "4.3.6"),
        ("5.17.6+dfsg-1", "5.17.6"),
        ("4.1.0~rc.1-1", "4.1.0"),
        ("", ""),
        ("git20240101", "git20240101"),
    ],
)
def test_upstreams_version_is_read_from_the_packages(package, version):
    assert upstream(package) == version


@pytest.mark.parametrize(
    ("version", "prefix", "starts"),
    [
        ("3.10.8", "3.10", True),
        ("3.10.8", "3.10.8", True),
        ("3.10.8", "3.1", False),
        ("3.10.8", "3", True),
        ("3.10", "3.10.8", False),
        ("4.0.5", "3.10", False),
    ],
)
def test_the_beginning_of_a_version_is_told_by_its_numbers(version, prefix, starts):
    assert starts_with(version, prefix) is starts


def test_versions_compare_by_numbers():
    assert number("3.10.8") == (3, 10, 8)
    assert at_least("3.10.0", "3.9.29")
    assert at_least("4.3.0", "4.3.0")
    assert not at_least("4.2.9", "4.3.0")


def test_the_table_is_sorted_and_its_ranges_are_not_empty():
    starts = [number(row["from"]) for row in TABLE]
    assert starts == sorted(set(starts))
    assert all(number(row["min"])[0] <= number(row["max"])[0] for row in TABLE)


@pytest.mark.parametrize(
    ("broker", "erlang"),
    [
        ("3.8.9", "23.2.6"),
        ("3.8.9", "22.3"),
        ("3.10.8", "25.2.3"),
        ("3.10.8", "23.2"),
        ("3.12.14", "26.2.5"),
        ("3.13.7", "26.0"),
        ("4.0.5", "27.3.4"),
        ("4.0.5", "26.2"),
        ("4.3.6", "28.1"),
        ("4.3.7", "29.1"),
        ("5.0.0", "29.0"),
    ],
)
def test_pairs_that_upstream_supports_are_let_through(broker, erlang):
    assert erlang_verdict(TABLE, broker, erlang) == ""


@pytest.mark.parametrize(
    ("broker", "erlang", "reason"),
    [
        ("3.8.9", "24.0", "RabbitMQ 3.8.9 runs on Erlang/OTP 22.3 to 23.x and would get 24.0"),
        ("3.8.9", "22.2", "RabbitMQ 3.8.9 runs on Erlang/OTP 22.3 to 23.x and would get 22.2"),
        ("3.10.8", "26.0", "RabbitMQ 3.10.8 runs on Erlang/OTP 23.2 to 25.x and would get 26.0"),
        ("3.10.8", "23.1", "RabbitMQ 3.10.8 runs on Erlang/OTP 23.2 to 25.x and would get 23.1"),
        ("4.0.3", "27.0", "RabbitMQ 4.0.3 runs on Erlang/OTP 26.2 to 26.x and would get 27.0"),
        ("4.0.5", "25.3", "RabbitMQ 4.0.5 runs on Erlang/OTP 26.2 to 27.x and would get 25.3"),
        ("4.3.6", "29.1", "RabbitMQ 4.3.6 runs on Erlang/OTP 27.0 to 28.x and would get 29.1"),
        (
            "3.7.28",
            "22.3",
            "RabbitMQ 3.7.28 is older than the table of Erlang versions goes; take 3.8.0 or newer",
        ),
    ],
)
def test_other_pairs_are_named_with_the_range_that_is_right(broker, erlang, reason):
    assert erlang_verdict(TABLE, broker, erlang) == reason
