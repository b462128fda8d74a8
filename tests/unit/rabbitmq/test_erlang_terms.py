"""Plain data as Erlang terms: whatever a value holds, the broker reads back the same."""

from __future__ import annotations

import math

import pytest
from brokers.rabbitmq import erlang_terms as erlang
from erlang_terms import Atom, consult, parse
from hypothesis import given, strategies as st


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-7, "-7"),
        (2**70, str(2**70)),
        (0.4, "0.4"),
        (1.0, "1.0"),
        (1e-07, "1.0e-07"),
        (1e22, "1.0e+22"),
        (-2.5e-300, "-2.5e-300"),
        ("", '""'),
        ("2GB", '"2GB"'),
        ('a "quoted" word', r'"a \"quoted\" word"'),
        (r"C:\dir\n", r'"C:\\dir\\n"'),
        ("it's", '"it\'s"'),
        ("two\nlines\tand a tab", r'"two\x{a}lines\x{9}and a tab"'),
        ("Käse €", r'"K\x{e4}se \x{20ac}"'),
        ("🐇", r'"\x{1f407}"'),
        ("\x00", r'"\x{0}"'),
        ([], "[]"),
        ({}, "[]"),
        ([1, "a", True], '[1, "a", true]'),
        ([[1], []], "[[1], []]"),
        ({"port": 8080, "ip": "0.0.0.0"}, '[{port, 8080}, {ip, "0.0.0.0"}]'),  # noqa: S104
        ({"a": {"b": {"c": 1}}}, "[{a, [{b, [{c, 1}]}]}]"),
        ({"_atom": "pause_minority"}, "pause_minority"),
        ({"_atom": "rabbit@host"}, "rabbit@host"),
        ({"_atom": "rabbit@my-host"}, "'rabbit@my-host'"),
        ({"_atom": "Upper"}, "'Upper'"),
        ({"_atom": "_x"}, "'_x'"),
        ({"_atom": "two words"}, "'two words'"),
        ({"_atom": ""}, "''"),
        ({"_atom": "it's"}, r"'it\'s'"),
        ({"_atom": r"back\slash"}, r"'back\\slash'"),
        ({"_atom": "end"}, "'end'"),
        ({"_atom": "maybe"}, "'maybe'"),
        ({"_atom": "größe"}, r"'gr\x{f6}\x{df}e'"),
        ({"_binary": "guest"}, '<<"guest"/utf8>>'),
        ({"_binary": ""}, '<<""/utf8>>'),
        ({"_binary": 'ü"'}, r'<<"\x{fc}\""/utf8>>'),
        ({"_tuple": []}, "{}"),
        ({"_tuple": ["127.0.0.1", 5672]}, '{"127.0.0.1", 5672}'),
        ({"_tuple": [{"_atom": "absolute"}, "2GB"]}, '{absolute, "2GB"}'),
        ({"_tuple": [{"_tuple": [1]}, {"_binary": "x"}]}, '{{1}, <<"x"/utf8>>}'),
        ({"log.file": 1}, "[{'log.file', 1}]"),
        ({"_a": 1, "b": 2}, "[{'_a', 1}, {b, 2}]"),
    ],
)
def test_a_value_has_one_erlang_form(value, text):
    assert erlang.term(value) == text


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"a": None}, "a: None has no Erlang form"),
        ({"a": [1, None]}, "a[1]: None has no Erlang form"),
        ({"a": {"_tuple": [1, {"b": None}]}}, "a._tuple[1].b: None has no Erlang form"),
        (math.inf, "inf is not a number"),
        (math.nan, "nan is not a number"),
        ({"a": -math.inf}, "a: -inf is not a number"),
        ({"_bin": "x"}, "'_bin' is not one of _atom"),
        ({"a": {"_atom": 1}}, "a: '_atom' is not one of _atom (a string)"),
        ({"_binary": ["x"]}, "'_binary' is not one of"),
        ({"_tuple": "ab"}, "'_tuple' is not one of"),
        ({"_atom": "x" * 256}, "at most 255 characters"),
        ({"x" * 256: 1}, "at most 255 characters"),
        (b"bytes", "has no Erlang form"),
        ({"a": {"_atom": "x" * 256}}, "a: an atom holds at most 255 characters"),
        ({"a": {"b": "x\uffff"}}, "a.b: Erlang does not read the character U+FFFF"),
        ({"a": {"_binary": "\ufffe"}}, "a: Erlang does not read the character U+FFFE"),
        ({"a": ["\udc80"]}, "a[0]: Erlang does not read the character U+DC80"),
        ({"k\ufffe": 1}, "Erlang does not read the character U+FFFE"),
    ],
)
def test_what_has_no_erlang_form_is_refused_where_it_stands(value, words):
    with pytest.raises(erlang.TermError) as refused:
        erlang.term(value)
    assert words in str(refused.value)


def test_an_atom_may_have_255_characters():
    assert parse(erlang.term({"_atom": "ü" * 255})) == Atom("ü" * 255)


READABLE = st.characters(exclude_categories=["Cs"], exclude_characters="\ufffe\uffff")
TEXT = st.text(READABLE)
ATOM = st.text(READABLE, max_size=255)
NUMBER = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
LEAF = (
    st.booleans()
    | NUMBER
    | TEXT
    | ATOM.map(lambda text: {"_atom": text})
    | TEXT.map(lambda text: {"_binary": text})
)
KEY = ATOM.filter(lambda text: not text.startswith("_"))
VALUE = st.recursive(
    LEAF,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(lambda items: {"_tuple": items})
        | st.dictionaries(KEY, inner, max_size=4)
    ),
    max_leaves=12,
)


def meaning(value):
    """What the broker has to read for a value."""
    if isinstance(value, bool):
        return Atom("true" if value else "false")
    if isinstance(value, list):
        return [meaning(item) for item in value]
    if isinstance(value, dict):
        match list(value.items()):
            case [("_atom", text)]:
                return Atom(text)
            case [("_binary", text)]:
                return text.encode()
            case [("_tuple", items)]:
                return tuple(meaning(item) for item in items)
        return [(Atom(key), meaning(item)) for key, item in value.items()]
    return value


def same(read, wanted):
    """Equal in value and in type: 1 is not 1.0, and "" is not []."""
    if type(read) is not type(wanted):
        return False
    if isinstance(wanted, list | tuple):
        return len(read) == len(wanted) and all(
            same(one, other) for one, other in zip(read, wanted, strict=True)
        )
    return read == wanted


@given(VALUE)
def test_every_value_is_read_back_as_it_was_meant(value):
    text = erlang.term(value)
    assert same(parse(text), meaning(value)), text
    assert text.isascii()


@given(st.dictionaries(KEY, st.dictionaries(KEY, VALUE, max_size=3), max_size=3))
def test_a_configuration_file_holds_one_list_of_applications(applications):
    (terms,) = consult(erlang.config_file(applications))
    assert same(terms, [(Atom(app), meaning(settings)) for app, settings in applications.items()])


def test_a_configuration_file_is_laid_out_for_people():
    text = erlang.config_file({"rabbit": {"heartbeat": 60, "tcp_listeners": [5672]}, "mnesia": {}})
    assert (
        text
        == "[\n  {rabbit, [\n    {heartbeat, 60},\n    {tcp_listeners, [5672]}\n  ]},\n  {mnesia, []}\n].\n"
    )


def test_an_application_without_a_mapping_is_refused():
    with pytest.raises(erlang.TermError, match="rabbit: an application's settings are a mapping, not list"):
        erlang.config_file({"rabbit": [1]})


@pytest.mark.parametrize(
    "text", ['"open', "{1,", "[1", "'a", "end", "<<1>>", "1e-07", "Upper", "[1,]", "]", "[1 2]", '"a" "b"']
)
def test_the_reader_of_these_tests_refuses_what_erlang_refuses(text):
    with pytest.raises(ValueError):
        parse(text)
