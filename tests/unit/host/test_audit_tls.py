"""The audit of listeners with TLS: certificates, old versions, keys; and the connectors of an ActiveMQ broker."""

from __future__ import annotations

import ssl

import certificates
import pytest
from brokers.activemq import audit as activemq
from brokers.host import audit_tls, served
from brokers.rabbitmq import audit as rabbitmq
from loopback import server
from templating import audit_filters

SHOWN = {"protocol": "amqp/ssl", "port": 5671, "days": 14, "old": "", "trouble": ""}


def findings(kind="rabbitmq", keys=None, **changes):
    rows = audit_tls.rows({"listeners": [{**SHOWN, **changes}], "keys": keys or {}}, kind)
    return {row.name: row.finding for row in rows if row.finding}


@pytest.mark.parametrize("changes", [{}, {"days": None}, {"keys": {"/k": 0o640}}, {"keys": {"/k": 0o600}}])
def test_what_is_as_it_should_be_is_no_finding(changes):
    assert findings(**changes) == {}


@pytest.mark.parametrize(
    ("changes", "name", "words"),
    [
        ({"days": 13}, "certificate 5671", ["ends in 13 days", "playbooks/rabbitmq_certificates.yml"]),
        ({"days": -1}, "certificate 5671", ["is over since 1 days", "renew it"]),
        ({"trouble": "Connection refused"}, "certificate 5671", ["serves none: Connection refused"]),
        ({"old": "TLSv1.1"}, "TLS versions 5671", ["agrees to TLSv1.1", "rabbitmq_tls_versions"]),
        ({"keys": {"/k": 0o644}}, "key /k", ["mode 0644", "chmod o= /k", "replace certificate and key"]),
    ],
)
def test_each_has_a_sentence_with_its_cure(changes, name, words):
    found = findings(**changes)
    assert list(found) == [name]
    assert [word for word in words if word not in found[name]] == []


def test_the_cure_for_activemq_names_its_own_variables():
    found = findings("activemq", keys={"/k": 0o644}, days=1, old="TLSv1")
    assert len(found) == 3
    assert not [sentence for sentence in found.values() if "rabbitmq" in sentence]


# --- what an ActiveMQ broker listens on ---------------------------------------------------------------------

XML = """<beans xmlns="http://www.springframework.org/schema/beans">
<broker xmlns="http://activemq.apache.org/schema/core"><transportConnectors>
<transportConnector name="stomp" uri="stomp://0.0.0.0:61613?maximumConnections=1000"/>
<transportConnector name="stomp-tls" uri="stomp+ssl://0.0.0.0:61612?transport.needClientAuth=true"/>
<transportConnector name="ws-tls" uri="wss://127.0.0.1:61619"/>
<transportConnector name="none" uri="vm://local"/>
</transportConnectors></broker></beans>"""
UNIT = "[Service]\nExecStartPre=/usr/local/lib/brokerkit/activemq-keystores /etc/activemq/main /run/a /usr/bin/java{}\n"
EVERYWHERE = "0.0.0.0"  # noqa: S104 - compared with, not bound to


def test_connectors_and_the_key_are_read_from_the_brokers_files():
    found = activemq.configured(XML, UNIT.format(""), "/etc/activemq/main")
    assert [(one["protocol"], one["port"], one["secured"]) for one in found["connectors"]] == [
        ("stomp", 61613, False),
        ("stomp-tls", 61612, True),
        ("ws-tls", 61619, True),
    ]
    assert found["key"] == "/etc/activemq/main/tls.key"
    on_host = UNIT.format(" /etc/ssl/mq1.pem /etc/ssl/mq1.key")
    assert activemq.configured(XML, on_host, "/etc/activemq/main")["key"] == "/etc/ssl/mq1.key"
    for xml in ("", "<broken"):
        assert activemq.configured(xml, "[Service]\n", "/etc") == {"connectors": [], "key": ""}


def test_a_connector_in_the_clear_that_others_reach_is_a_finding():
    connectors = activemq.configured(XML, "", "/etc")["connectors"]

    def found(address, connectors=connectors):
        rows = activemq.rows(connectors, [{"address": address, "port": 61613}])
        return {row.name: row.finding for row in rows}

    sentence = found(EVERYWHERE)["stomp 61613"]
    assert "it listens on 0.0.0.0, beside one with TLS, and passwords" in sentence
    assert "set activemq_tls to only" in sentence
    assert found("127.0.0.1") == {"stomp 61613": ""}
    assert "beside one with TLS" not in found(EVERYWHERE, connectors[:1])["stomp 61613"]


def test_a_listener_of_rabbitmq_in_the_clear_is_said_to_stand_beside_one_with_tls():
    row = rabbitmq._listener("amqp", 5672, {5672: EVERYWHERE}, also=True)
    assert "it listens on 0.0.0.0, beside one with TLS, and passwords" in row.finding
    names = ("amqp/ssl", "https", "https/prometheus", "amqp", "http", "clustering")
    assert [rabbitmq.is_secured(name) for name in names] == [True] * 3 + [False] * 3


def test_the_filters_speak_of_all_of_it():
    host = {
        **{"kind": "activemq", "exposure": 1.0, "shell": "", "modes": {}, "clock": True, "node": None},
        "unit": {"active_state": "active", "unit_file_state": "enabled", "files": 65536, "core": 0},
        **{"listeners": [{"address": EVERYWHERE, "port": 61613}], "unanswered": ""},
        "connectors": activemq.configured(XML, "", "/etc")["connectors"],
        "tls": {"listeners": [{**SHOWN, "days": 3}], "keys": {}},
    }
    first, second = audit_filters.findings(host, "mq1", [])
    assert first.startswith("mq1 (activemq), certificate 5671: that of amqp/ssl ends in 3 days")
    assert second.startswith("mq1 (activemq), stomp 61613: ")


# --- what a listener agrees to ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "agrees"), [(ssl.TLSVersion.TLSv1_2, ""), (ssl.TLSVersion.TLSv1_1, "TLSv1.1")]
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_old_version_is_offered(version, agrees, tmp_path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.load_cert_chain(*certificates.self_signed("mq1").write(tmp_path, "mq1"))
    context.minimum_version = context.maximum_version = version

    def inside(peer):
        with context.wrap_socket(peer, server_side=True) as wrapped:
            wrapped.recv(1)

    with server(inside) as port:
        assert served.old_version("", port, 10) == agrees
    assert served.old_version("", port, 1) == "", "nothing listens there any more"
