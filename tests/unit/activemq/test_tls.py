"""TLS of an ActiveMQ broker: one switch over its connectors, what their URIs say, and what is refused."""

from __future__ import annotations

from typing import Any

import certificates
import pytest
from activemq_node import ETC, HOST, ONLY, authority, bridge, broker, issued
from brokers.activemq import connectors as library, tls
from brokers.activemq.management import listeners
from brokers.activemq.settings import refusals
from templating import Role

from ansible_collections.brokerkit.brokers.plugins.filter import activemq_certificates as filters  # isort: skip - after Ansible's loader

STOMP, WEB = {"protocol": "stomp"}, {"protocol": "ws"}
STOMPS = {"protocol": "stomp", "transport": "nio+ssl", "name": "stomps"}
ARCHIVE = {"installation": "archive", "version": "6.3.2"}


def seen(**changes: Any) -> list[tuple[str, str, int]]:
    """Name, scheme and port of each listener."""
    return [(one["name"], one["scheme"], one["port"]) for one in library.connectors(broker(**changes))]


PLAIN, SECURED = ("stomp", "stomp", 61613), ("stomp-tls", "stomp+ssl", 61612)


@pytest.mark.parametrize(
    ("mode", "there"), [("off", [PLAIN]), (False, [PLAIN]), ("both", [PLAIN, SECURED]), ("only", [SECURED])]
)
def test_a_connector_without_a_transport_speaks_what_the_switch_says(mode: Any, there: list[Any]):
    assert seen(tls=mode) == there


def test_a_transport_that_is_named_stays_and_so_do_ports_and_addresses():
    given = [{**STOMP, "port": 62613, "tls_port": 62612, "address": "10.0.0.5"}, STOMPS]
    found = library.connectors(broker(tls="both", connectors=given))
    assert [(one["name"], one["port"], one["address"]) for one in found] == [
        ("stomp", 62613, "10.0.0.5"),
        ("stomp-tls", 62612, "10.0.0.5"),
        ("stomps", 61612, "0.0.0.0"),  # noqa: S104 - written into a configuration, not bound to
    ]
    assert library.tls_listeners(broker(tls="both", connectors=given)) == [
        {"protocol": "stomp+ssl", "address": one["address"], "port": one["port"]} for one in found[1:]
    ]


@pytest.mark.parametrize(
    ("protocol", "scheme", "port"),
    [
        ("openwire", "ssl", 61617),
        ("amqp", "amqp+ssl", 5671),
        ("mqtt", "mqtt+ssl", 8883),
        ("ws", "wss", 61619),
    ],
)
def test_each_protocol_has_a_usual_port_with_tls(protocol: str, scheme: str, port: int):
    assert seen(tls="only", connectors=[{"protocol": protocol}]) == [(f"{protocol}-tls", scheme, port)]


def uris(**changes: Any) -> list[str]:
    return [library.connector_uri(one) for one in library.connectors(broker(**changes))]


def test_a_uri_with_tls_names_its_versions_and_one_without_does_not():
    plain, secured = uris(tls="both")
    assert "transport." not in plain
    assert "?maximumConnections=1000&transport.enabledProtocols=TLSv1.2,TLSv1.3&wireFormat" in secured
    (newest,) = uris(tls="only", tls_versions=["tlsv1.3"], tls_ciphers=["TLS_AES_256_GCM_SHA384"])
    assert "transport.enabledProtocols=TLSv1.3&" in newest
    assert "transport.enabledCipherSuites=TLS_AES_256_GCM_SHA384&" in newest


@pytest.mark.parametrize(
    ("wanted", "option"),
    [("none", None), ("offered", "transport.wantClientAuth"), ("required", "transport.needClientAuth")],
)
def test_what_clients_are_asked_for(wanted: str, option: str | None):
    given = [STOMP, {**WEB, "transport": "ssl"}]
    found = library.connectors(broker(tls="only", tls_client_certificates=wanted, connectors=given))
    assert [tls.client_certificate(one["options"]) for one in found] == [wanted, wanted]
    assert [name for name in found[0]["options"] if "ClientAuth" in name] == ([option] if option else [])


def test_a_connectors_own_options_have_the_last_word():
    own = {"transport.needClientAuth": "FALSE", "transport.enabledProtocols": "TLSv1.3"}
    settings = broker(tls="only", tls_client_certificates="required", connectors=[{**STOMP, "options": own}])
    (found,) = library.connectors(settings)
    assert tls.client_certificate(found["options"]) == "none"
    assert found["options"]["transport.enabledProtocols"] == "TLSv1.3"


def test_websocket_takes_what_java_allows():
    assert "enabledProtocols" not in uris(tls="only", connectors=[WEB])[0]


def test_the_port_that_has_to_be_closed():
    def closed(**changes: Any) -> int | None:
        return library.closed_port(broker(**changes), "stomp")

    assert (closed(tls="off"), closed(tls="both"), closed(tls="only")) == (None, None, 61613)
    assert closed(tls="only", connectors=[{**STOMP, "port": 62613}]) == 62613
    assert closed(tls="only", connectors=[{**STOMP, "tls_port": 61613}]) is None, "TLS is spoken there"
    assert closed(tls="only", connectors=[STOMPS]) is None
    assert closed(tls="only", connectors=[{"protocol": "openwire"}]) is None


def test_every_listener_is_known_to_those_who_look_for_held_ports():
    found = listeners(broker(tls="both", jmx_port=1099))
    assert [(one["what"], one["port"]) for one in found] == [
        ("the connector 'stomp'", 61613),
        ("the connector 'stomp-tls'", 61612),
        ("JMX", 1099),
    ]


# --- whom the broker trusts ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "serves", "uses"),
    [
        ({}, False, False),
        ({"tls": "both"}, True, True),
        ({"connectors": [STOMPS]}, True, True),
        ({"tls": "both", "connectors": [{**STOMP, "transport": "nio"}]}, False, False),
        ({"network": bridge("mq2:61616")}, False, False),
        ({"network": bridge("mq2:61616", "ssl://mq2:61617")}, False, True),
        ({"connectors": ["stomp"], "network": ["mq2"]}, False, False),
    ],
)
def test_connectors_serve_tls_and_bridges_use_it_as_well(changes: Any, serves: bool, uses: bool):
    settings = broker(**changes)
    assert (library.serves_tls(settings), library.uses_tls(settings)) == (serves, uses)


@pytest.mark.parametrize(
    ("changes", "trusted"),
    [
        ({"tls_client_authority": "clients", "tls_authority": "own"}, ""),
        ({"tls": "only", "tls_authority": "own"}, ""),
        ({"tls": "only", "tls_authority": "own", "tls_client_certificates": "offered"}, "own"),
        ({"tls": "only", "tls_authority": "own", "tls_client_authority": "clients"}, "clients"),
        ({"tls_authority": "own", "network": bridge("ssl://mq2:61617")}, "own"),
        ({"network": bridge("ssl://mq2:61617")}, ""),
    ],
)
def test_an_authority_is_trusted_where_there_is_somebody_to_trust(changes: Any, trusted: str):
    assert library.trusted(broker(**changes)) == trusted


# --- what is refused ----------------------------------------------------------------------------------------

# (what is set, how the refusal begins, a word of its remedy)
WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"connectors": [{**STOMP, "tls_port": 0}]}, "activemq_connectors[0].tls_port: 0 is not", "65535"),
    (
        {"connectors": [{**STOMPS, "tls_port": 1}]},
        "activemq_connectors[0].tls_port: is not used beside the key transport",
        "drop one",
    ),
    (
        {**ONLY, "connectors": [{**STOMP, "transport": "tcp"}]},
        "activemq_connectors[0].transport: 'tcp' opens a listener without TLS, and activemq_tls is 'only'",
        "activemq_tls to both",
    ),
    (
        {"tls": "both", "connectors": [STOMP, STOMPS]},
        "activemq_connectors[1].port: 61612 is the port of the connector 'stomp-tls' as well",
        "or drop the connector that activemq_tls makes needless",
    ),
    (
        {"tls": "both", "connectors": [{**STOMPS, "name": "stomp-tls", "port": 1}, STOMP]},
        "activemq_connectors[1].name: 'stomp-tls' is another connector's name already",
        "or drop the connector that activemq_tls makes needless",
    ),
    (
        {"tls": "both", "connectors": [{**STOMP, "tls_port": 61613}]},
        "activemq_connectors[0].tls_port: 61613 is the port of the connector 'stomp' as well",
        "give one of the two another port",
    ),
    (
        {"tls": "both", "connectors": [STOMP, {"protocol": "openwire", "tls_port": 61612}]},
        "activemq_connectors[1].tls_port: 61612 is the port of the connector 'stomp-tls' as well",
        "another port",
    ),
    ({**ONLY, "tls_versions": []}, "activemq_tls_versions: is empty", "tlsv1.2 and tlsv1.3"),
    ({**ONLY, "tls_versions": ["tlsv1.1"]}, "activemq_tls_versions: 'tlsv1.1' is no longer secure", "use"),
    ({**ONLY, "tls_versions": ["TLSv1.3"]}, "activemq_tls_versions: 'TLSv1.3' is not a version", "write"),
    (
        {**ONLY, "tls_ciphers": ["TLS_AES_256_GCM_SHA384"]},
        "activemq_tls_ciphers: holds none for tlsv1.2",
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    ),
    (
        {**ONLY, "tls_ciphers": ["TLS_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384"]},
        "activemq_tls_ciphers: 'ECDHE-RSA-AES256-GCM-SHA384' is not a cipher by Java's name",
        "TLS_ECDHE_RSA_WITH",
    ),
    (
        {**ONLY, **ARCHIVE, "connectors": [WEB], "tls_versions": ["tlsv1.3"]},
        "activemq_tls_versions: has no effect on the connector 'ws-tls'",
        "drop the variable",
    ),
    (
        {"tls": "only", "tls_client_certificates": "offered"},
        "activemq_tls_client_authority: is empty, and activemq_tls_client_certificates is 'offered'",
        "issuers of clients'",
    ),
]


@pytest.mark.parametrize(("changes", "begins", "remedy"), WRONG)
def test_a_wrong_setting_is_refused_by_name_with_a_remedy(changes: dict[str, Any], begins: str, remedy: str):
    (found,) = refusals(broker(**changes))
    assert found.startswith(begins) and remedy in found, found
    assert "needless" in remedy or "needless" not in found


@pytest.mark.parametrize(
    "changes",
    [
        {"tls_versions": [], "tls_client_certificates": "required"},  # without TLS nothing is asked
        {"tls": "both", "connectors": [{**STOMP, "transport": "tcp"}]},
        {**ONLY, "connectors": [{**STOMP, "tls_port": 61613}]},
        {**ONLY, "tls_client_certificates": "required"},
        {"tls": "only", "tls_client_certificates": "required", "tls_client_authority": "a CA"},
        {**ONLY, **ARCHIVE, "connectors": [WEB], "tls_versions": ["tlsv1.3", "tlsv1.2"]},
    ],
)
def test_what_will_do_is_not_spoken_of(changes: dict[str, Any]):
    assert refusals(broker(**changes)) == []


# --- certificates -------------------------------------------------------------------------------------------


def judged(pair: certificates.Pair, *names: str, **changes: Any) -> list[str]:
    given = {
        "tls_certificate": pair.certificate,
        "tls_key": pair.key,
        "tls_authority": authority().certificate,
    }
    return filters.activemq_certificate_refusals(broker(**{**given, **changes}), names or (HOST,))


def test_the_certificate_of_a_broker_that_serves_tls_is_checked_by_the_names_of_its_variables():
    assert judged(issued(), tls="only") == []
    (name,) = judged(issued(), "mq2.example.org", tls="only")
    assert name.startswith("activemq_tls_certificate: is not for mq2") and "or activemq_tls_names" in name
    (key,) = judged(issued(), connectors=[STOMPS], tls_key="")
    assert key.startswith("activemq_tls_key: is empty; give the PEM text")
    (use,) = judged(issued(certificates.CLIENT), tls="both")
    assert "leaves out serverAuth, so that clients refuse it for a server" in use
    (clients,) = judged(issued(), tls="both", tls_client_authority="ca.pem")
    assert clients.startswith("activemq_tls_client_authority: is not PEM")


def test_a_certificate_that_nothing_uses_is_not_looked_at():
    assert judged(issued(), "mq2.example.org", tls_key="x", tls_client_authority="x") == []


def test_a_broker_whose_bridges_alone_use_tls_is_a_client():
    network = bridge("ssl://mq2:61617")
    assert judged(issued(certificates.CLIENT), "mq2.example.org", network=network) == []
    assert judged(issued(), network=network, tls_certificate="", tls_key="") == []
    (use,) = judged(issued(certificates.SERVER), network=network)
    assert "leaves out clientAuth, so that brokers refuse it for a client" in use
    (trusted,) = judged(issued(), network=network, tls_authority="ca.pem")
    assert trusted.startswith("activemq_tls_authority: is not PEM")


def test_a_certificate_that_ends_soon_is_named_with_the_playbook_that_renews_it():
    given = {"tls_certificate": issued().certificate, "tls": "only"}
    pem = issued().certificate
    assert filters.activemq_certificate_warnings(broker(**given), pem) == []
    (soon,) = filters.activemq_certificate_warnings(broker(**given, tls_days=30), pem)
    assert soon.startswith("activemq_tls_certificate: ends on ")
    assert soon.endswith("run playbooks/activemq_certificates.yml")
    off = broker(**given, tls_days=30) | {"activemq_tls": "off"}
    assert filters.activemq_certificate_warnings(off, pem) == []


# --- files --------------------------------------------------------------------------------------------------


def test_the_files_of_tls_and_what_activemq_xml_says_of_them():
    host = {"hostname": "mq1", "os": {}, "files": [], "packages": {}, "unit": {"active_state": "inactive"}}

    def role(**changes: Any) -> Role:
        return Role("activemq", __activemq_host=host, **broker(**changes))

    def wanted(found: Role) -> set[str]:
        files = found.variable("__activemq_files")
        return {one["path"] for one in files if one.get("wanted", True) and "/tls" in one["path"]}

    pair = issued()
    given = {
        "tls_certificate": pair.certificate,
        "tls_key": pair.key,
        "tls_authority": authority().certificate,
    }
    assert wanted(role(**given)) == set()
    assert wanted(role(**given, tls="only")) == {f"{ETC}/tls.crt", f"{ETC}/tls.key"}
    asking = role(**given, tls="only", tls_client_certificates="offered")
    assert wanted(asking) == {f"{ETC}/tls.crt", f"{ETC}/tls.key", f"{ETC}/tls-clients.crt"}
    assert asking.file("__activemq_files", f"{ETC}/tls-clients.crt")["content"] == authority().certificate
    xml = asking.file("__activemq_files", f"{ETC}/activemq.xml")["content"]
    assert "trustStore=" in xml and 'name="stomp-tls" uri="stomp+ssl://0.0.0.0:61612?' in xml
    assert "transport.wantClientAuth=true" in xml and 'name="stomp"' not in xml
