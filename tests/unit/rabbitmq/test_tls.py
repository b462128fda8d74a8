"""TLS of a node: one switch, and its keys in both formats; what no client or no Erlang would take is refused."""

from __future__ import annotations

import certificates
import pytest
from brokers.rabbitmq import listeners, on_host, tls
from brokers.rabbitmq.configuration import classic, conf
from brokers.rabbitmq.settings import listeners as ports, refusals
from brokers.role_arguments import refusals as argument_refusals, typed
from erlang_terms import Atom, consult
from rabbitmq_node import node
from role_files import specs
from templating import Role

OFF, BOTH, ONLY = ({"tls": mode} for mode in ("off", "both", "only"))
EVERY = ["rabbitmq_management", "rabbitmq_stomp", "rabbitmq_mqtt", "rabbitmq_stream", "rabbitmq_prometheus"]
LOGIN = {
    "tls_login": "common_name",
    "tls_client_certificates": "required",
    "plugins": ["rabbitmq_auth_mechanism_ssl", "rabbitmq_stomp"],
}


def keys(**settings):
    """The keys of rabbitmq.conf and their values."""
    return {key: value for _, lines in conf(node(**settings)) for key, value in lines}


def terms(**settings):
    return classic(node(**settings), {})


def given(**settings):
    """Settings of a node to which nothing but what a test says is wrong."""
    return node(**{**BOTH, "tls_authority": "a CA", **settings})


def only(found, *words):
    (sentence,) = found
    assert [word for word in words if word not in sentence] == [], sentence


# --- the switch ---------------------------------------------------------------------------------------------


def test_off_is_the_default_and_writes_nothing():
    assert node()["rabbitmq_tls"] == "off"
    assert [key for key in keys() if "ssl" in key] == []
    assert refusals(node(tls_versions=["tlsv1"], tls_login="common_name")) == []


def test_both_opens_a_twin_beside_each_plain_listener():
    said = keys(**BOTH, plugins=EVERY)
    assert (said["listeners.tcp.default"], said["listeners.ssl.default"]) == ("5672", "5671")
    assert (said["stomp.listeners.tcp.default"], said["stomp.listeners.ssl.default"]) == ("61613", "61614")
    assert (said["management.tcp.port"], said["management.ssl.port"]) == ("15672", "15671")
    assert (said["mqtt.listeners.ssl.default"], said["stream.listeners.ssl.default"]) == ("8883", "5551")
    assert said["prometheus.ssl.port"] == "15691"


def test_only_closes_every_plain_listener():
    said = keys(**ONLY, plugins=EVERY)
    plain = {key: value for key, value in said.items() if "tcp" in key}
    assert plain == {f"{prefix}listeners.tcp": "none" for prefix in ("", "stomp.", "mqtt.", "stream.")}


@pytest.mark.parametrize(
    ("version", "told"),
    [("4.0.5-6", True), ("4.3.6-1", True), ("3.10.8-1.1+deb12u1", False), ("3.8.9-3", False), ("", False)],
)
def test_prometheus_opens_its_plain_listener_from_version_4_on_unless_erlang_is_told(version, told):
    settings = node(**ONLY, plugins=["rabbitmq_prometheus"])
    emptied = {"rabbitmq_prometheus": {"tcp_config": []}} if told else {}
    assert tls.terms(settings, version) == emptied
    for other in (ONLY, {**BOTH, "plugins": ["rabbitmq_prometheus"]}, {"plugins": ["rabbitmq_prometheus"]}):
        assert tls.terms(node(**other), version) == {}
    packages = {"rabbitmq-server": version} if version else {}
    installed = Role("rabbitmq", __rabbitmq_host={"packages": packages}, **settings)
    assert installed.variable("__rabbitmq_advanced") == emptied
    planned = {"packages": {}, "plan": {"packages": packages}}
    coming = Role("rabbitmq", __rabbitmq_host={"packages": {}}, __rabbitmq_candidate=planned, **settings)
    assert coming.variable("__rabbitmq_advanced") == emptied


@pytest.mark.parametrize("mode", [BOTH, ONLY])
def test_a_listener_with_tls_has_the_address_of_the_plain_one(mode):
    said = keys(
        **mode,
        amqp_address="10.0.0.5",
        stomp_address="::1",
        management_address="10.0.0.6",
        tls_amqp_port=5679,
    )
    assert said["listeners.ssl.1"] == "10.0.0.5:5679"
    assert said["stomp.listeners.ssl.1"] == "[::1]:61614"
    assert said["management.ssl.ip"] == "10.0.0.6"


def test_a_plugin_that_is_off_leaves_no_key():
    said = keys(**ONLY, plugins=[])
    assert [
        key for key in said if key.startswith(("stomp", "management", "mqtt", "prometheus", "stream"))
    ] == []


def test_certificate_and_versions_are_the_same_on_all_listeners():
    said = keys(
        **ONLY, plugins=EVERY, tls_ciphers=["ECDHE-ECDSA-AES256-GCM-SHA384", "TLS_AES_256_GCM_SHA384"]
    )
    for prefix in ("ssl_options", "management.ssl", "prometheus.ssl"):
        assert said[f"{prefix}.certfile"] == "/etc/rabbitmq/tls/certificate.pem"
        assert said[f"{prefix}.keyfile"] == "/etc/rabbitmq/tls/key.pem"
        assert (said[f"{prefix}.versions.1"], said[f"{prefix}.versions.2"]) == ("tlsv1.2", "tlsv1.3")
        assert said[f"{prefix}.ciphers.2"] == "TLS_AES_256_GCM_SHA384"
        assert said[f"{prefix}.client_renegotiation"] == "false"


def test_version_3_alone_leaves_out_what_erlang_refuses_with_it():
    said = keys(**ONLY, plugins=EVERY, tls_versions=["tlsv1.3"])
    assert [key for key in said if "honor" in key or "renegotiat" in key] == []
    assert said["ssl_options.versions.1"] == "tlsv1.3"
    assert "honor_ecc_order" in str(terms(**ONLY, tls_versions=["tlsv1.2"]))


def test_the_classic_format_says_the_same():
    said = terms(**ONLY, tls_client_certificates="required", amqp_address="10.0.0.5", config_format="classic")
    rabbit = said["rabbit"]
    assert rabbit["tcp_listeners"] == []
    assert rabbit["ssl_listeners"] == [{"_tuple": ["10.0.0.5", 5671]}]
    assert rabbit["ssl_options"] == {
        "certfile": "/etc/rabbitmq/tls/certificate.pem",
        "keyfile": "/etc/rabbitmq/tls/key.pem",
        "cacertfile": "/etc/rabbitmq/tls/client_authority.pem",
        "versions": [{"_atom": "tlsv1.2"}, {"_atom": "tlsv1.3"}],
        "verify": {"_atom": "verify_peer"},
        "fail_if_no_peer_cert": True,
        "depth": 2,
        "honor_cipher_order": True,
        "honor_ecc_order": True,
        "client_renegotiation": False,
    }
    assert said["rabbitmq_stomp"] == {"tcp_listeners": [], "ssl_listeners": [61614]}
    assert "tcp_config" not in said["rabbitmq_management"]
    assert said["rabbitmq_management"]["ssl_config"]["port"] == 15671


# --- clients ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "verify", "fail"),
    [
        ("none", "verify_none", "false"),
        ("offered", "verify_peer", "false"),
        ("required", "verify_peer", "true"),
    ],
)
def test_what_clients_are_asked_for(wanted, verify, fail):
    said = keys(**BOTH, tls_client_certificates=wanted, tls_depth=3)
    assert (said["ssl_options.verify"], said["ssl_options.fail_if_no_peer_cert"]) == (verify, fail)
    assert said.get("ssl_options.cacertfile") == (None if wanted == "none" else tls.CLIENT_AUTHORITY)
    assert said.get("ssl_options.depth") == (None if wanted == "none" else "3")
    assert "management.ssl.verify" not in said


def test_a_login_by_certificate():
    said = keys(**BOTH, **LOGIN)
    assert said["ssl_cert_login_from"] == "common_name"
    assert [said[f"auth_mechanisms.{n}"] for n in (1, 2, 3)] == ["PLAIN", "AMQPLAIN", "EXTERNAL"]
    assert said["stomp.ssl_cert_login"] == "true"
    assert "mqtt.ssl_cert_login" not in said
    rabbit = terms(**BOTH, **LOGIN)["rabbit"]
    assert rabbit["ssl_cert_login_from"] == {"_atom": "common_name"}
    assert rabbit["auth_mechanisms"][-1] == {"_atom": "EXTERNAL"}


def test_mechanisms_of_the_operators_own_stay():
    said = keys(**BOTH, **LOGIN, config={"auth_mechanisms.1": "EXTERNAL"})
    assert [value for key, value in said.items() if key.startswith("auth_mechanisms")] == ["EXTERNAL"]


# --- keys that an operator may still set --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ({"mqtt.listeners.ssl.x": "10.0.0.5:8884"}, "mqtt.listeners.ssl.default"),
        ({"stream.listeners.ssl.x": 5559}, "stream.listeners.ssl.default"),
    ],
)
def test_a_port_of_a_plugin_is_the_operators_where_there_is_no_variable(config, key):
    assert refusals(given(plugins=EVERY, config=config)) == []
    assert key not in keys(**BOTH, plugins=EVERY, config=config)


def test_prometheus_has_one_address_and_two_ports():
    both = keys(**BOTH, plugins=EVERY, prometheus_address="10.0.0.5", tls_prometheus_port=9419)
    assert (both["prometheus.tcp.ip"], both["prometheus.tcp.port"]) == ("10.0.0.5", "15692")
    assert (both["prometheus.ssl.ip"], both["prometheus.ssl.port"]) == ("10.0.0.5", "9419")
    assert "prometheus.ssl.ip" not in keys(**BOTH, plugins=EVERY, prometheus_address="")


@pytest.mark.parametrize(
    ("key", "variable"),
    [
        ("listeners.ssl.default", "rabbitmq_tls_amqp_port"),
        ("stomp.listeners.ssl.1", "rabbitmq_tls_stomp_port"),
        ("management.ssl.port", "rabbitmq_tls_management_port"),
        ("ssl_options.certfile", "rabbitmq_tls_certificate"),
        ("ssl_options.versions.1", "rabbitmq_tls_versions"),
        ("prometheus.ssl.keyfile", "rabbitmq_tls_key"),
        ("prometheus.ssl.port", "rabbitmq_tls_prometheus_port"),
        ("prometheus.ssl.ip", "rabbitmq_prometheus_address"),
        ("ssl_cert_login_from", "rabbitmq_tls_login"),
    ],
)
def test_a_key_that_tls_writes_is_refused_with_its_variable_and_free_without_tls(key, variable):
    only(refusals(given(config={key: "x"})), f"rabbitmq_config.{key}: is written", f"use {variable}")
    assert refusals(node(config={key: "x"})) == []


def test_every_key_that_tls_writes_is_owned_or_left_to_the_operator():
    free = (
        "mqtt.listeners.ssl",
        "stream.listeners.ssl",
        "prometheus.ssl.idle_timeout",
        "auth_mechanisms",
    )
    closed = ("mqtt.listeners.tcp", "stream.listeners.tcp")
    settings = node(**ONLY, **LOGIN | {"plugins": [*EVERY, tls.EXTERNAL_PLUGIN]})
    for one in tls.wanted(settings):
        for key, _ in one.lines:
            assert key.startswith((*tls.OWNED_KEYS, *free, *closed)), key


# --- refusals -----------------------------------------------------------------------------------------------

WRONG = [
    ({"tls_versions": []}, "rabbitmq_tls_versions: is empty", "tlsv1.2 and tlsv1.3"),
    (
        {"tls_versions": ["tlsv1.1", "tlsv1.2"]},
        "rabbitmq_tls_versions: 'tlsv1.1' is no longer secure",
        "use tlsv1.2",
    ),
    ({"tls_versions": ["tlsv1"]}, "rabbitmq_tls_versions: 'tlsv1' is no longer secure", "use tlsv1.2"),
    ({"tls_versions": ["1.3"]}, "rabbitmq_tls_versions: '1.3' is not a version of TLS", "write tlsv1.2 or"),
    ({"tls_ciphers": ["TLS_AES_256_GCM_SHA384"]}, "rabbitmq_tls_ciphers: holds none for tlsv1.2", "ECDHE"),
    (
        {"tls_ciphers": ["ECDHE-ECDSA-AES256-GCM-SHA384"]},
        "rabbitmq_tls_ciphers: holds none for tlsv1.3",
        "TLS_AES",
    ),
    (
        {"tls_client_certificates": "required", "tls_authority": ""},
        "rabbitmq_tls_client_authority: is empty, and rabbitmq_tls_client_certificates is 'required'",
        "issuers of clients'",
    ),
    (
        {"tls_login": "common_name", "plugins": [tls.EXTERNAL_PLUGIN]},
        "rabbitmq_tls_login: 'common_name' reads names from clients' certificates",
        "offered or required",
    ),
    (
        {"tls_login": "common_name", "tls_client_certificates": "offered"},
        "rabbitmq_tls_login: 'common_name' needs the plugin rabbitmq_auth_mechanism_ssl",
        "add it to rabbitmq_plugins",
    ),
    ({"tls_depth": -1}, "rabbitmq_tls_depth: -1 is out of range", "0 to 100"),
    ({"tls_amqp_port": 0}, "rabbitmq_tls_amqp_port: 0 is not a TCP port", "1 to 65535"),
    (
        {"tls_amqp_port": 61614},
        "rabbitmq_tls_stomp_port: 61614 is rabbitmq_tls_amqp_port as well",
        "another port",
    ),
    ({"tls_amqp_port": 5672}, "rabbitmq_tls_amqp_port: 5672 is rabbitmq_amqp_port as well", "another port"),
    (
        {"advanced_config": {"rabbit": {"ssl_options": {"depth": 3}}}},
        "rabbitmq_advanced_config.rabbit.ssl_options: would be laid over",
        "rabbitmq_tls_*",
    ),
    (
        {"plugins": EVERY, "config_format": "classic"},
        "rabbitmq_config_format: 'classic' has no form of Prometheus's TLS",
        "conf",
    ),
    (
        {**ONLY, "config": {"mqtt.listeners.tcp.default": 1883}},
        "rabbitmq_config.mqtt.listeners.tcp.default: opens a listener without TLS",
        "rabbitmq_tls to both",
    ),
    (
        {**ONLY, "plugins": EVERY, "config": {"prometheus.tcp.idle_timeout": 9419}},
        "rabbitmq_config.prometheus.tcp.idle_timeout: opens a listener without TLS",
        "drop the key",
    ),
    (
        {
            **ONLY,
            "plugins": ["rabbitmq_stomp", "rabbitmq_web_stomp"],
            "config": {"web_stomp.tcp.port": 15684},
        },
        "rabbitmq_config.web_stomp.tcp.port: opens a listener without TLS",
        "drop the key",
    ),
    (
        {**ONLY, "plugins": ["rabbitmq_top"]},
        "rabbitmq_plugins: port 15672 (http) would be open without TLS",
        "name rabbitmq_management, which another plugin brings, in rabbitmq_plugins",
    ),
]


@pytest.mark.parametrize(("settings", "begins", "remedy"), WRONG)
def test_a_wrong_setting_is_refused_by_name(settings, begins, remedy):
    found = refusals(given(**settings))
    assert [one for one in found if one.startswith(begins) and remedy in one], found
    assert len(found) == 1


WEB = ["rabbitmq_stomp", "rabbitmq_web_stomp", "rabbitmq_mqtt", "rabbitmq_web_mqtt"]


def test_websocket_has_a_twin_with_tls_and_none_without_where_that_is_asked():
    both, only = keys(**BOTH, plugins=WEB), keys(**ONLY, plugins=WEB)
    for said in (both, only):
        assert (said["web_stomp.ssl.port"], said["web_mqtt.ssl.port"]) == ("15673", "15676")
        assert said["web_stomp.ssl.certfile"] == said["web_mqtt.ssl.certfile"] == said["ssl_options.certfile"]
        assert said["web_mqtt.ssl.versions.2"] == "tlsv1.3"
    assert (only["web_stomp.tcp.listener"], only["web_mqtt.tcp.listener"]) == ("none", "none")
    assert "web_stomp.tcp.listener" not in both
    found = listeners.with_tls(given(**ONLY, plugins=WEB))
    assert {"https/web-stomp": 15673, "https/web-mqtt": 15676}.items() <= {
        one["protocol"]: one["port"] for one in found
    }.items()
    assert refusals(given(**ONLY, plugins=WEB)) == []
    moved = keys(**BOTH, plugins=WEB, config={"web_stomp.ssl.port": 15683})
    assert moved["web_stomp.ssl.port"] == "15683"


def test_a_plain_listener_may_be_closed_by_hand():
    config = {"web_stomp.tcp.listener": "none", "mqtt.listeners.tcp": "none"}
    assert refusals(given(**ONLY, plugins=["rabbitmq_stomp", "rabbitmq_web_stomp"], config=config)) == []


def test_ciphers_for_each_version_will_do():
    ciphers = ["TLS_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"]
    assert refusals(given(tls_ciphers=ciphers)) == []
    assert refusals(given(tls_ciphers=ciphers[:1], tls_versions=["tlsv1.3"])) == []


def test_what_a_version_of_the_broker_lacks():
    settings = given(tls_login="subject_alternative_name")
    only(
        on_host.version_refusals(settings, "3.8.9"),
        "rabbitmq_tls_login: RabbitMQ 3.8.9 reads no name",
        "common_name",
    )
    assert on_host.version_refusals(settings, "3.10.8") == []
    assert on_host.version_refusals(given(tls_login="common_name"), "3.8.9") == []
    assert on_host.version_refusals({**settings, "rabbitmq_tls": "off"}, "3.8.9") == []


def test_off_without_quotes_is_the_word():
    """YAML reads it as false."""
    options = specs("rabbitmq")["main"]["options"]
    assert argument_refusals(options, {"rabbitmq_tls": False}) == []
    assert typed(options, {"rabbitmq_tls": False}) == {"rabbitmq_tls": "off"}
    assert len(argument_refusals(options, {"rabbitmq_tls": True})) == 1
    assert typed(options, {"rabbitmq_crash_dumps": False}) == {"rabbitmq_crash_dumps": False}


# --- listeners ----------------------------------------------------------------------------------------------


def test_the_ports_that_a_node_needs():
    def needed(mode):
        return {one["name"]: one["port"] for one in ports(node(**mode))}

    secured = {"tls_amqp": 5671, "tls_management": 15671, "tls_stomp": 61614}
    assert needed(BOTH) == {**needed(OFF), **secured}
    assert needed(ONLY) == {**secured, "epmd": 4369, "distribution": 25672}


def test_the_listeners_as_the_broker_names_them():
    def there(**settings):
        return {
            one["protocol"]: (one["port"], one["address"]) for one in listeners.listeners(node(**settings))
        }

    secured = {
        "amqp/ssl": (5671, "::"),
        "https": (15671, "127.0.0.1"),
        "stomp/ssl": (61614, "::"),
        "mqtt/ssl": (8883, "::"),
        "stream/ssl": (5551, "::"),
        "https/prometheus": (15691, "127.0.0.1"),
    }
    assert there(**ONLY, plugins=EVERY) == secured
    assert there(**BOTH, plugins=EVERY) == {**there(plugins=EVERY), **secured}
    assert [one["port"] for one in listeners.with_tls(node(**BOTH))] == [5671, 15671, 61614]


# --- renewal ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "restart"),
    [
        (["certificate", "key"], False),
        (["authority"], False),
        (["certificate", "key", "client_authority"], True),
    ],
)
def test_a_renewed_certificate_needs_no_restart(names, restart):
    pending = {f"/etc/rabbitmq/tls/{name}.pem": [] for name in names}
    assert bool(on_host.restart_reasons(pending, [])) is restart
    assert on_host.restart_reasons({**pending, "/etc/rabbitmq/rabbitmq-env.conf": []}, [])


def test_the_files_of_tls():
    pair = certificates.self_signed("broker-1")
    settings = {"tls_certificate": pair.certificate, "tls_key": pair.key, "tls_authority": pair.certificate}

    def files(**changes):
        host = {
            "hostname": "broker-1",
            "os": {},
            "manager": "apt",
            "unit": {},
            "files": [],
            "users": [],
            "packages": {},
        }
        found = Role("rabbitmq", __rabbitmq_host=host, **node(**settings, **changes)).files(
            "__rabbitmq_files"
        )
        return {path.rpartition("/")[2]: one for path, one in found.items() if "/tls/" in path}

    there = files(**ONLY, tls_client_certificates="offered")
    assert there["certificate.pem"]["content"] == pair.certificate
    assert there["key.pem"]["secret_content"] == pair.key
    assert (there["key.pem"]["group"], there["key.pem"]["mode"]) == ("rabbitmq", "0640")
    assert there["authority.pem"]["content"] == there["client_authority.pem"]["content"] == pair.certificate
    assert files(**BOTH)["client_authority.pem"]["content"] is None
    gone = files()
    assert set(gone) == set(there)
    assert [one.get("content") for one in gone.values()] == [None] * 5
    assert gone["key.pem"]["secret"], "a key that goes is not shown either"


def test_both_formats_are_read_as_they_are_meant():
    role = Role(
        "rabbitmq",
        __rabbitmq_host={"hostname": "b", "os": {}, "manager": "apt", "packages": {}},
        **node(**ONLY, config_format="classic"),
    )
    (applications,) = consult(role.text("etc/rabbitmq/rabbitmq.config.j2"))
    rabbit = dict(dict(applications)[Atom("rabbit")])
    assert rabbit[Atom("tcp_listeners")] == []
    assert dict(rabbit[Atom("ssl_options")])[Atom("versions")] == [Atom("tlsv1.2"), Atom("tlsv1.3")]
