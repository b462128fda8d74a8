"""Diffs of configuration files: the lines of a change are seen, and no secret in them."""

from __future__ import annotations

import re

import pytest
from brokers.host.masks import HIDDEN_NEW, HIDDEN_OLD, MASK, NO_FILE, masked
from hypothesis import given, settings, strategies as st

CONF, ENV = "/etc/rabbitmq/rabbitmq.conf", "/etc/rabbitmq/rabbitmq-env.conf"
TERMS, CLASSIC = "/etc/rabbitmq/advanced.config", "/etc/rabbitmq/rabbitmq.config"
UNIT = "/etc/systemd/system/activemq-main.service"
XML, USERS = "/etc/activemq/main/activemq.xml", "/etc/activemq/main/users.properties"
LOG, SOURCES = "/etc/activemq/main/log4j.properties", "/etc/apt/sources.list.d/brokerkit-rabbitmq.sources"
COOKIE = "/var/lib/rabbitmq/.erlang.cookie"

# Where secrets stand in files that this project writes.
NEW = [
    (CONF, "default_pass = {}\n"),
    (CONF, "ssl_options.password = {}\nheartbeat = 60\n"),
    (CONF, "auth_ldap.dn_lookup_bind.password = {}\n"),
    (CONF, "cluster_formation.aws.secret_key = {}\ncluster_formation.aws.access_key_id = {}\n"),
    (CONF, "stomp.default_pass={}\n"),
    (CONF, "auth_http.user_path = http://me:{}@192.0.2.1/auth\n"),
    (TERMS, '[{{rabbit,[{{default_pass,<<"{}">>}},{{heartbeat,60}}]}}].\n'),
    (TERMS, '[{{rabbitmq_auth_backend_ldap,[{{dn_lookup_bind,{{"cn=a","{}"}}}}]}}].\n'),
    (TERMS, '[{{shovel,[{{uris,["amqp://me:{}@192.0.2.1/%2f"]}}]}}].\n'),
    (TERMS, '[{{a,#{{password => "{}", b => 1}}}}].\n'),
    (TERMS, '[{{a,#{{<<"password">> => "{}"}}}}].\n'),
    (CLASSIC, '[{{rabbitmq_stomp,[{{default_user,[{{login,"a"}},{{passcode,"{}"}}]}}]}}].\n'),
    (CLASSIC, "[{{kernel,[{{cookie,'{}'}}]}}].\n"),
    (XML, '<b><authenticationUser username="a" password="{}" groups="g"/></b>\n'),
    (XML, '<b><networkConnector uri="static:(ssl://me:{}@192.0.2.1:61617)"/></b>\n'),
    (XML, '<b><sslContext keyStore="file:/a" keyStorePassword="{}"/></b>\n'),
    (XML, '<b><property name="password" value="{}"/></b>\n'),
    (XML, '<b><property name="password"><value>{}</value></property></b>\n'),
    (XML, '<b><bean url="jdbc:x://h/d?user=a&amp;password={}"/></b>\n'),
    (USERS, "admin={}\nsmoke = {}\n"),
    (ENV, "RABBITMQ_DEFAULT_PASS={}\nNODENAME=rabbit@a\n"),
    (ENV, 'CTL_ERL_ARGS="-setcookie {} -x y"\n'),
    (UNIT, "[Service]\nExecStart=/usr/bin/java \\\n  -Djavax.net.ssl.keyStorePassword={} \\\n  -jar x\n"),
    (LOG, "log4j.appender.db.password={}\n"),
    (SOURCES, "Types: deb\nURIs: https://me:{}@192.0.2.1/debian\nSuites: bookworm\n"),
    ("/etc/activemq/main/tls.crt", "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n"),
]
# And where they stand in files that somebody wrote by hand.
OLD = [
    *NEW,
    (CONF, "# was {}\nheartbeat = 60 # {}\n"),
    (CONF, "default_pass = 'x # {}'\n"),
    (CONF, "this is {} alone\n"),
    (TERMS, "%% was {}\n[{{a,1}}]. % {}\n"),
    (TERMS, '[{{users,[{{"admin","{}"}}]}}].\n'),
    (TERMS, "[{{users,[{{admin,'{}'}}]}}].\n"),
    (TERMS, '[{{a,"{}].\n'),
    (XML, "<b><!-- was {} --><c/></b>\n"),
    (XML, '<b><constructor-arg value="{}"/><list><value>{}</value></list></b>\n'),
    (XML, "<b><![CDATA[{}]]></b>\n"),
    (XML, "<b>{}<b>\n"),
    (USERS, "# was {}\nadmin=\\\n  {}\n"),
    (ENV, "# was {}\n"),
    (ENV, "exec me {}\n"),
    (UNIT, "[Service]\n# {}\nExecStart=/usr/bin/x --login me {} \\\n  {}\n"),
    (COOKIE, "{}"),
]
SECRET = st.text("abcdefXYZ0189+/=_-.%!", min_size=5, max_size=30).filter(
    re.compile("[a-zA-Z].*[a-zA-Z]").search
)


@pytest.mark.parametrize(("path", "form"), OLD)
def test_no_secret_of_an_old_text_is_in_the_diff(path, form):
    @settings(max_examples=15, deadline=None)
    @given(SECRET, SECRET)
    def holds(secret, other):
        before = form.format(*[secret] * form.count("{}"))
        after = "" if path != XML else "<b/>"
        for shown in masked(path, before, after, secret=path == COOKIE), masked(path, before, None, True):
            assert secret not in "".join(shown), shown
        # Beside a new text that has another one in its place.
        assert secret not in "".join(
            masked(path, before, form.format(*[other] * 3) if (path, form) in NEW else after, True)
        ).replace(other, "")

    holds()


@pytest.mark.parametrize(("path", "form"), NEW)
def test_no_secret_of_a_new_text_is_in_the_diff(path, form):
    @settings(max_examples=15, deadline=None)
    @given(SECRET, SECRET)
    def holds(secret, other):
        before, after = (form.format(*[one] * form.count("{}")) for one in (other, secret))
        for old in (None, before, after):
            shown = "".join(masked(path, old, after, secret=True))
            assert secret not in shown and other not in shown, shown

    holds()


@pytest.mark.parametrize(
    ("path", "form"), [(path, form) for path, form in NEW if not path.endswith("tls.crt")]
)
def test_what_is_around_a_secret_is_seen_and_that_it_changed(path, form):
    before, after = (form.format(*[one] * form.count("{}")) for one in ("Hunter-2old", "Hunter-2new"))
    old, new = masked(path, before, after, secret=True)
    for side, text in ((old, before), (new, after)):
        for word in re.findall(r"[a-z]{5,}", re.sub(r"Hunter-2...|cn=a|cookie '|me:", "", text)):
            assert word in side, (word, side)
    assert MASK in old and "# changed" in new and "# changed" not in old
    assert masked(path, after, after, secret=True)[0] == masked(path, after, after, secret=True)[1]


def test_one_secret_does_not_hide_the_settings_around_it():
    before = "# Managed\nheartbeat = 60\nssl_options.password = aaaaaa\nchannel_max = 5\n"
    after = "# Managed\nheartbeat = 30\nssl_options.password = bbbbbbbbb\nchannel_max = 5\n"
    assert masked(CONF, before, after, secret=True) == (
        f"# Managed\nheartbeat = 60\nssl_options.password = {MASK}\nchannel_max = 5\n",
        f"# Managed\nheartbeat = 30\nssl_options.password = {MASK}  # changed\nchannel_max = 5\n",
    )


def test_a_file_that_is_new_or_goes_is_seen_too():
    text = "default_pass = aaaaaa\nheartbeat = 60\n"
    shown = f"default_pass = {MASK}\nheartbeat = 60\n"
    assert masked(CONF, None, text, secret=True) == (NO_FILE, shown)
    assert masked(CONF, None, text, secret=False) == ("", shown)
    assert masked(CONF, text, None, secret=True) == (shown, NO_FILE)


@pytest.mark.parametrize("secret", ["//abX", "=abX", "a://b@c", "abX@", "/abX/", "-abX", "ab=X"])
@pytest.mark.parametrize(("path", "form"), NEW)
def test_secrets_that_look_like_a_part_of_their_file_are_masked(path, form, secret):
    before, after = (form.format(*[one] * form.count("{}")) for one in (f"{secret}1", f"{secret}2"))
    shown = "".join(masked(path, before, after, secret=True))
    assert secret not in shown, shown


def test_a_secret_is_masked_wherever_else_it_stands():
    before = "default_pass = Hunter-22\nlog.file = /var/log/Hunter-22\n"
    assert "Hunter" not in "".join(masked(CONF, before, "log.file = /var/log/Hunter-22\n", secret=False))


def test_a_secret_that_begins_with_another_is_masked_to_its_end():
    text = "default_pass = Hunter\nssl_options.password = Hunter-22\nlog.file = /var/log/Hunter-22\n"
    shown = masked(CONF, "", text, secret=True)[1]
    assert "Hunter" not in shown and "-22" not in shown


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        (CONF, "vm_memory_high_watermark.relative = 0.4\n", "vm_memory_high_watermark.relative = 0.5\n"),
        (CONF, "listeners.tcp.1 = 127.0.0.1:5672\n", "listeners.tcp.1 = [::1]:5672\n"),
        (
            TERMS,
            '[{rabbit,[{tcp_listeners,[{"127.0.0.1",5672}]}]}].\n',
            '[{rabbit,[{tcp_listeners,[{"192.0.2.1",1}]}]}].\n',
        ),
        (
            XML,
            '<b><c name="stomp" uri="stomp://0.0.0.0:1?a=1&amp;b=2"/></b>',
            '<b><c name="stomp" uri="stomp://0.0.0.0:2"/></b>',
        ),
        (ENV, "NODENAME=rabbit@a\n", "NODENAME=rabbit@b\n"),
        (UNIT, "[Service]\nLimitNOFILE=100000\n", "[Service]\nLimitNOFILE=200000\n"),
        (SOURCES, "URIs: https://192.0.2.1/a\n", "URIs: https://192.0.2.1/b\n"),
        (
            LOG,
            "log4j.appender.file.maxFileSize=1024KB\na.b=1\n",
            "log4j.appender.file.maxFileSize=10MB\na.b=12\n",
        ),
    ],
)
def test_an_ordinary_change_is_seen_whole(path, old, new):
    assert masked(path, old, new, secret=False) == (old, new)


def test_a_file_whose_form_nobody_knows_is_not_shown():
    assert masked(COOKIE, "aaaaaa", "bbbbbb", secret=True) == (HIDDEN_OLD, HIDDEN_NEW)
    assert masked("/etc/activemq/main/tls.key", None, "bbbbbb", secret=True) == (NO_FILE, HIDDEN_NEW)
    assert masked(XML, "<broken", "<b/>", secret=True) == (HIDDEN_OLD, "<b/>")
