"""Texts that mean the same to a broker, and texts that only look as if they did."""

from __future__ import annotations

import pytest
from brokers.host import file_sets as files
from brokers.host.file_sets import FileSet, Wanted, compare
from brokers.host.meaning import changed_keys, conf, same
from hypothesis import given, settings, strategies as st

CONF, ENV = "/etc/rabbitmq/rabbitmq.conf", "/etc/rabbitmq/rabbitmq-env.conf"
TERMS, PLUGINS = "/etc/rabbitmq/advanced.config", "/etc/rabbitmq/enabled_plugins"
DROP_IN = "/etc/systemd/system/rabbitmq-server.service.d/brokerkit.conf"
XML, PROPERTIES = "/etc/activemq/main/activemq.xml", "/etc/activemq/main/log4j.properties"
COOKIE = "/var/lib/rabbitmq/.erlang.cookie"

ALIKE = [
    (CONF, "a = 1\n", "# by hand\na = 1\n\n"),
    (CONF, "a = 1\n", "  a=1   # until Monday"),
    (CONF, "a = 1\nb = 2\n", "b = 2\r\na = 1\r\n"),
    (CONF, "a = 2\n", "a = 1\na = 2\n"),
    (CONF, "a = b = c\n", "a =  b = c\t\n"),
    (TERMS, "[{rabbit,[{a,1}]}].\n", "%% by hand\n[\n  {rabbit, [{a, 1}]} % here\n].\n"),
    (TERMS, '[{a,"x % y"}].', '[ {a, "x % y"} ].'),
    (PLUGINS, "[rabbitmq_management,rabbitmq_stomp].\n", "[rabbitmq_management, rabbitmq_stomp]."),
    (ENV, "NODENAME=rabbit@a\n", "# by hand\n  NODENAME=rabbit@a  # here\n\n"),
    (ENV, 'A="x # y"\n', '#\nA="x # y"\n'),
    (DROP_IN, "[Service]\nLimitNOFILE=1\n", "; by hand\n[Service]\n\n# more\nLimitNOFILE=1\n"),
    (
        XML,
        '<a b="1" c="2"><d/></a>',
        "<?xml version='1.0' encoding='UTF-8'?>\n<a c='2'\n b='1'>\n <!-- x --><d></d>\n</a>\n",
    ),
    (PROPERTIES, "a=1\nb=2\n", "! by hand\n b = 2\n\n# more\na:1"),
    (COOKIE, "ABCDEF", "ABCDEF\n"),
]
DIFFERENT = [
    (CONF, "a = 1\n", "a = 2 # was 1\n"),
    (CONF, "a = 2\n", "a = 2\na = 1\n"),
    (CONF, "a = 1\n", "# a = 1\n"),
    (CONF, "a = 1\n", "a = 1\nno setting\n"),
    (CONF, "a = 1\n", "a = 1\ninclude more.conf\n"),
    (CONF, "a = 'x'\n", "a = 'x' # y'\n"),
    (CONF, "auth.1 = x\nauth.2 = y\n", "auth.2 = y\nauth.1 = x\n"),
    (CONF, "a = 1\n", "a = 1\x0c\n"),
    (CONF, "a = 1\n", "a = \n"),
    (TERMS, '[{a,"x % y"}].', '[{a,"x % z"}].'),
    (TERMS, '[{a,"x y"}].', '[{a,"x  y"}].'),
    (TERMS, "[{a,'%'}].", "[{a,'%%'}]."),
    (TERMS, "[{a,$%}].", "[{a,$%%}]."),
    (TERMS, "[{a,ab}].", "[{a,a b}]."),
    (TERMS, "[{a,1.5}].", "[{a,1. 5}]."),
    (TERMS, "[].", '[]. "'),
    (TERMS, "[].", "%% -*- coding: latin-1 -*-\n[]."),
    (TERMS, '[{a,"b"}].', '%%\n[{a,"""\n%\n"""}].'),
    (ENV, "A=1\n", "A=2\n"),
    (ENV, "A='\n# x\n'\n", "A='\n\n'\n"),
    (ENV, "A=1\\\n# x\n", "A=1\\\n# y\n"),
    (ENV, "A=1\nA=2\n", "A=2\nA=1\n"),
    (DROP_IN, "[Service]\nEnvironment=A=1 # x\n", "[Service]\nEnvironment=A=1\n"),
    (DROP_IN, "A=\\\n# x\nb\n", "A=\\\nb\n"),
    (DROP_IN, "", "# nothing\n"),
    (XML, "<a><b>x</b></a>", "<a><b> x </b></a>"),
    (XML, '<a b="1"/>', '<a b="2"/>'),
    (XML, "<a><b/><c/></a>", "<a><c/><b/></a>"),
    (XML, "<a/>", "<!DOCTYPE a><a/>"),
    (XML, "<a/>", "<a>"),
    (XML, '<a xmlns="u:1"/>', '<a xmlns="u:2"/>'),
    (PROPERTIES, "a=1\n", "a=1 \n"),
    (PROPERTIES, "a=1\\\n#b=2\n", "a=1\\\n#b=3\n"),
    (COOKIE, "ABCDEF", "ABCDEG"),
    ("/etc/activemq/main/login.config", "a {\n}\n", "// x\na {\n}\n"),
    (CONF, None, "# nothing\n"),
    (CONF, "", None),
]


@pytest.mark.parametrize(("path", "one", "other"), ALIKE)
def test_comments_blanks_and_an_order_that_nobody_reads_change_nothing(path, one, other):
    assert same(path, one, other) and same(path, other, one)


@pytest.mark.parametrize(("path", "one", "other"), DIFFERENT)
def test_what_says_something_else_or_is_not_understood_is_another_text(path, one, other):
    assert not same(path, one, other) and not same(path, other, one)


@pytest.mark.parametrize("path", [CONF, TERMS, ENV, DROP_IN, XML, PROPERTIES, COOKIE])
def test_a_text_that_cannot_be_read_does_not_end_the_run(path):
    for text in ("\udcff", "\x00", "'", '"', "{", "<", "\\", "$", "=", "a = '\udcff' #"):
        same(path, text, "a = 1\n")
        same(path, "a = 1\n", text)


WORDS = st.text("abz019_", min_size=1, max_size=4)
VALUES = st.text("ab 1:=%;'\"{}[]", min_size=1, max_size=6).map(str.strip).filter(bool)
NOISE = st.sampled_from(["", "\n", "# x = 1\n", "  #\n", "\t\n"])


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(WORDS, VALUES, min_size=1, max_size=5), st.data())
def test_a_conf_of_any_keys_keeps_its_meaning_among_comments_and_loses_it_with_a_value(values, data):
    plain = "".join(f"{key} = {value}\n" for key, value in values.items())
    noisy = "".join(data.draw(NOISE) + f" {key}={value} \n" for key, value in values.items())
    assert conf(plain) == values and same(CONF, plain, noisy)
    key = data.draw(st.sampled_from(sorted(values)))
    changed = plain.replace(f"{key} = {values[key]}\n", f"{key} = {values[key]}0\n", 1)
    assert changed == plain or not same(CONF, changed, noisy)


TERM = st.recursive(
    st.one_of(
        st.integers(-9, 9).map(str),
        st.sampled_from(["a", "'%'", "'a b'", '"% x"', '"\\""', '<<"%">>', "$%", "1.5"]),
    ),
    lambda inner: st.lists(inner, max_size=3).flatmap(
        lambda parts: st.sampled_from(["[" + ",".join(parts) + "]", "{" + ",".join(parts) + "}"])
    ),
    max_leaves=6,
)


@settings(max_examples=40, deadline=None)
@given(TERM, TERM)
def test_terms_mean_the_same_with_blanks_around_their_parts_and_never_as_other_terms(one, other):
    assert same(TERMS, f"[{one}].\n", f"%% x \"\n[ {one} ] % y '\n.\n")
    assert same(TERMS, f"[{one}].", f"[{other}].") == (one == other)


def test_keys_that_differ_are_told_as_the_broker_reads_them():
    assert changed_keys(CONF, "a = 1 # x\nb = 1\n", "b = 2\na = 1\n") == ["b"]
    assert changed_keys(CONF, "a = 1\nno setting\n", "a = 2\n") == []
    assert changed_keys(ENV, "A=1\n", "A=2\n") == ["A"]


def test_a_comment_added_by_hand_is_put_back_and_owes_no_restart(tmp_path):
    path = tmp_path / "etc/rabbitmq.conf"
    path.parent.mkdir()
    path.write_text("# by hand\nheartbeat = 60\n")
    chosen = FileSet("rabbitmq", str(tmp_path / "state"))
    changes = compare([Wanted(str(path), "heartbeat = 60\n", "", "", 0o640)])
    assert [(change.content, change.meaning) for change in changes] == [(True, False)]
    chosen.swap(changes)
    assert path.read_text() == "heartbeat = 60\n"
    assert chosen.pending() == {} and chosen.roll_back() == []


def test_what_an_earlier_change_owes_stays_owed_beside_a_comment(tmp_path):
    path = tmp_path / "rabbitmq.conf"
    chosen = FileSet("rabbitmq", str(tmp_path / "state"))
    path.write_text("heartbeat = 60\n")
    chosen.swap(compare([Wanted(str(path), "heartbeat = 30\n", "", "", 0o640)]))
    path.write_text("heartbeat = 30 # by hand\n")
    chosen.swap(compare([Wanted(str(path), "heartbeat = 30\n", "", "", 0o640)]))
    assert chosen.pending() == {str(path): ["heartbeat"]}
    chosen.roll_back()
    assert files.read(str(path)) == "heartbeat = 60\n"
