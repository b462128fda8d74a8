"""What a body says, and what of it can stand in a URL."""

from __future__ import annotations

import pytest
from brokers.relay import message


def code(body: bytes, largest: int = 1000) -> str:
    with pytest.raises(message.Unfit) as caught:
        message.read(body, largest)
    return caught.value.code


def test_a_body_that_is_right_is_read() -> None:
    assert message.read('{"a": "ä"}'.encode(), 100) == {"a": "ä"}


def test_the_largest_body_is_read_and_one_byte_more_is_not() -> None:
    assert message.read(b'"123"', 5) == "123"
    assert code(b'"1234"', 5) == message.TOO_LARGE


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", message.NOT_JSON),
        (b"nope", message.NOT_JSON),
        (b"{'a': 1}", message.NOT_JSON),
        (b'{"a": NaN}', message.NOT_JSON),
        (b'{"a": -Infinity}', message.NOT_JSON),
        (b'{"a": 1, "a": 2}', message.NOT_JSON),
        (b'{"x": {"a": 1, "a": 2}}', message.NOT_JSON),
        (b'{"a": 1} {"a": 2}', message.NOT_JSON),
        (b"\xff\xfe", message.NOT_UTF8),
        ('{"a": "ä"}'.encode("latin-1"), message.NOT_UTF8),
        (b'\xef\xbb\xbf{"a": 1}', message.NOT_JSON),
        (b"\x1f\x8b\x08\x00", message.NOT_UTF8),
    ],
)
def test_a_body_that_is_not_json_says_so(body: bytes, why: str) -> None:
    assert code(body) == why


def test_a_body_nested_too_deeply_ends_no_program() -> None:
    assert code(b"[" * 200_000, 1_000_000) == message.NOT_JSON


def test_a_sentence_has_nothing_of_the_body() -> None:
    with pytest.raises(message.Unfit) as caught:
        message.read(b'{"secret-name": 1, "secret-name": 2}', 1000)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "path", "text"),
    [
        (b'{"a": "x"}', "a", "x"),
        (b'{"a": 1.10}', "a", "1.10"),
        (b'{"a": -0}', "a", "-0"),
        (b'{"a": 12345678901234567890123}', "a", "12345678901234567890123"),
        (b'{"a": ' + b"9" * 5000 + b"}", "a", "9" * 5000),
        (b'{"a": true}', "a", "true"),
        (b'{"a": false}', "a", "false"),
        (b'{"a": {"b": {"c": "deep"}}}', "a.b.c", "deep"),
        (b'{"a": " "}', "a", " "),
    ],
)
def test_a_field_is_the_text_that_its_sender_wrote(body: bytes, path: str, text: str) -> None:
    assert message.field(message.read(body, 10_000), path) == text


@pytest.mark.parametrize(
    ("body", "path", "why", "words"),
    [
        (b"{}", "a", message.MISSING, "no field a"),
        (b'{"A": 1}', "a", message.MISSING, "no field a"),
        (b"[]", "a", message.MISSING, "the body is a list"),
        (b"3", "a", message.MISSING, "the body is a number"),
        (b"null", "a", message.MISSING, "the body is null"),
        (b'{"a": "x"}', "a.b", message.MISSING, "the field a is a text"),
        (b'{"a": {}}', "a.b", message.MISSING, "no field a.b"),
        (b'{"a": null}', "a", message.UNFIT, "null"),
        (b'{"a": []}', "a", message.UNFIT, "a list"),
        (b'{"a": {}}', "a", message.UNFIT, "an object"),
        (b'{"a": ""}', "a", message.UNFIT, "empty"),
        (b'{"a": "\\ud800"}', "a", message.UNFIT, "surrogate"),
    ],
)
def test_a_field_that_cannot_be_used_says_why(body: bytes, path: str, why: str, words: str) -> None:
    with pytest.raises(message.Unfit, match=words) as caught:
        message.field(message.read(body, 1000), path)
    assert caught.value.code == why
