"""A URL with fields: what is taken, what a message makes of it, and what it cannot make of it."""

from __future__ import annotations

import pytest
from brokers.relay import message, url
from hypothesis import given, strategies

DELETE = url.parsed("http://app:8000/credit/apply-del/{applyId}")


def made(value: str, template: str = "http://app:8000/credit/apply-del/{applyId}") -> str:
    return url.parsed(template).filled(lambda _: value)


def test_a_url_is_taken_apart() -> None:
    assert (DELETE.scheme, DELETE.host, DELETE.port) == ("http", "app", 8000)
    assert DELETE.fields == ["applyId"]
    assert DELETE.authority == "app:8000"


@pytest.mark.parametrize(
    ("text", "port", "authority", "target"),
    [
        ("http://app", 80, "app", "/"),
        ("https://app/x", 443, "app", "/x"),
        ("https://app:443/x", 443, "app", "/x"),
        ("http://[::1]:80/x", 80, "[::1]", "/x"),
        ("http://[fd00::1]:8080", 8080, "[fd00::1]:8080", "/"),
        ("http://app?a=%20b", 80, "app", "/?a=%20b"),
    ],
)
def test_what_a_url_leaves_out_is_filled_in(text: str, port: int, authority: str, target: str) -> None:
    found = url.parsed(text)
    assert (found.port, found.authority, found.target) == (port, authority, target)


def test_fields_stand_in_path_and_query_and_inside_others() -> None:
    found = url.parsed("http://app/{a}/x-{b.c}?q={a}&r=1")
    assert found.fields == ["a", "b.c", "a"]
    assert found.filled({"a": "1", "b.c": "2"}.__getitem__) == "/1/x-2?q=1&r=1"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("app:8000/x", "does not begin with http"),
        ("ftp://app/x", "does not begin with http"),
        ("http://", "does not begin with http"),
        ("http:///x", "no host"),
        ("http://app:port/x", "no host, or a port"),
        ("http://app:99999/x", "no host, or a port"),
        ("http://app:0/x", "the port 0"),
        ("http://app:/x", "no host, or a port"),
        ("http://a b/x", "a blank"),
        ("http://app/a b", "a blank"),
        ("http://app/a\r\nHost: other", "a blank"),
        ("http://app/\u200b", "a blank"),
        ("http://app/x#part", "fragment"),
        ("http://user:secret@app/x", "a login"),
        ("http://{host}/x", "from the message"),
        ("http://app:{port}/x", "from the message"),
        ("http://app/{}", "no name"),
        ("http://app/{apply id}", "a blank"),
        ("http://app/{1}", "no name"),
        ("http://app/{a..b}", "no name"),
        ("http://app/{a", "a brace"),
        ("http://app/a}", "a brace"),
        ("http://app/{{a}}", "a brace"),
        ("http://app/ä", "percent-encoded"),
        ("http://app/100%", "percent-encoded"),
        ("http://app/%zz", "percent-encoded"),
        ("http://app/a\\b", "percent-encoded"),
        ('http://app/"', "percent-encoded"),
        ("http://app/a/../b", "for a step"),
        ("http://ap_p!/x", "no host"),
    ],
)
def test_a_url_that_is_wrong_is_refused_by_name(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        url.parsed(text)


@pytest.mark.parametrize(
    ("value", "step"),
    [
        ("7", "7"),
        ("a b", "a%20b"),
        ("a/b", "a%2Fb"),
        ("ä", "%C3%A4"),
        ("a?b#c&d=e", "a%3Fb%23c%26d%3De"),
        ("x HTTP/1.1\r\nHost: other\r\n\r\n", "x%20HTTP%2F1.1%0D%0AHost%3A%20other%0D%0A%0D%0A"),
        ("\0", "%00"),
        ("%2e%2e", "%252e%252e"),
        ("...", "..."),
        ("{b}", "%7Bb%7D"),
        ("a+b", "a%2Bb"),
    ],
)
def test_a_value_stays_in_its_place(value: str, step: str) -> None:
    assert made(value) == f"/credit/apply-del/{step}"


@pytest.mark.parametrize("value", [".", "..", "../admin", "a/../b", "..\\admin", "a/.", "/.."])
def test_a_value_that_walks_up_the_path_is_refused(value: str) -> None:
    with pytest.raises(message.Unfit, match="leave its place") as caught:
        made(value)
    assert caught.value.code == message.UNFIT


def test_fields_that_make_a_step_together_are_refused() -> None:
    found = url.parsed("http://app/.{a}/x")
    assert found.filled(lambda _: "b") == "/.b/x"
    with pytest.raises(message.Unfit, match="leave its place"):
        found.filled(lambda _: ".")
    pair = url.parsed("http://app/{a}.{b}/x")
    assert pair.filled(lambda _: "v") == "/v.v/x"


def test_a_url_that_gets_too_long_is_refused() -> None:
    room = url.LONGEST - len("/credit/apply-del/")
    assert len(made("x" * room)) == url.LONGEST
    with pytest.raises(message.Unfit, match="8001 characters, and 8000"):
        made("x" * (room + 1))
    with pytest.raises(message.Unfit, match="is the most"):
        made("x" * 1_000_000)


@given(strategies.text(strategies.characters(exclude_categories=["Cs"]), min_size=1, max_size=50))
def test_no_value_makes_more_than_one_step_or_leaves_the_request_line(value: str) -> None:
    try:
        target = made(value)
    except message.Unfit:
        return
    assert target.startswith("/credit/apply-del/")
    step = target.removeprefix("/credit/apply-del/")
    assert step.isascii() and step.isprintable()
    assert not set(step) & set("/?# {}\\")
    assert step not in (".", "..")
