"""Wrong settings of a node: each is refused by the name of its variable, from the variables alone."""

from __future__ import annotations

import pytest
from brokers.rabbitmq import settings as rabbitmq_settings
from brokers.rabbitmq.settings import listeners, refusals
from brokers.secret_words import holds_secret, is_secret_key
from rabbitmq_node import COOKIE, node

EVERYWHERE = "0.0.0.0"  # noqa: S104 - written into a configuration, not bound to
ADDRESSES = [f"rabbitmq_{name}_address" for name in ("amqp", "management", "stomp", "epmd", "distribution")]
PORTS = [name.replace("address", "port") for name in ADDRESSES]


def test_the_defaults_need_nothing_but_the_secrets():
    assert refusals(node()) == []


# (what is set, how the refusal begins, a word of its remedy)
WRONG = [
    ({"erlang_cookie": ""}, "rabbitmq_erlang_cookie: has 0 characters", "openssl rand"),
    ({"erlang_cookie": "short"}, "rabbitmq_erlang_cookie: has 5 characters", "20 to 255"),
    ({"erlang_cookie": "x1" * 128}, "rabbitmq_erlang_cookie: has 256 characters", "20 to 255"),
    ({"erlang_cookie": COOKIE + "\n"}, "rabbitmq_erlang_cookie: has 33 characters", "letters"),
    ({"erlang_cookie": "blanks are not allowed here"}, "rabbitmq_erlang_cookie: has 27", "letters"),
    ({"erlang_cookie": "ABABABABABABABABABABABAB"}, "rabbitmq_erlang_cookie: is a placeholder", "openssl"),
    ({"erlang_cookie": "anyAlphaNumericStringWillDo"}, "rabbitmq_erlang_cookie: is a placeholder", "openssl"),
    ({"admin_password": ""}, "rabbitmq_admin_password: is empty", "vault"),
    ({"admin_password": "ChangeMe"}, "rabbitmq_admin_password: is a placeholder", "another"),
    ({"admin_password": "admin"}, "rabbitmq_admin_password: is a placeholder", "another"),
    ({"admin_user": ""}, "rabbitmq_admin_user: '' is not a user name", "1 to 255"),
    ({"admin_user": " admin"}, "rabbitmq_admin_user: ' admin' is not a user name", "blanks"),
    ({"admin_user": "ü" * 128}, "rabbitmq_admin_user: 'ü", "1 to 255"),
    ({"admin_user": "guest"}, "rabbitmq_admin_user: 'guest'", "another"),
    ({"node_name": "rabbit"}, "rabbitmq_node_name: 'rabbit' is not a node name", "name@host"),
    ({"node_name": "rabbit@"}, "rabbitmq_node_name: 'rabbit@'", "name@host"),
    ({"node_name": "rab bit@host"}, "rabbitmq_node_name: 'rab bit@host'", "name@host"),
    ({"plugins": ["Rabbitmq-Stomp"]}, "rabbitmq_plugins: 'Rabbitmq-Stomp' is not a plugin's name", "list"),
    (
        {"plugins": ["rabbitmq_stomp", "rabbitmq_stomp"]},
        "rabbitmq_plugins: 'rabbitmq_stomp' is listed twice",
        "remove",
    ),
    (
        {"hosts_entries": {"rabbit2": "rabbit2.lan"}},
        "rabbitmq_hosts_entries.rabbit2: 'rabbit2.lan'",
        "address",
    ),
    ({"hosts_entries": {"rabbit2": "10.0.0.256"}}, "rabbitmq_hosts_entries.rabbit2: '10.0.0.256'", "address"),
    ({"heartbeat": -1}, "rabbitmq_heartbeat: -1 is out of range", "0 to 65535 seconds"),
    ({"heartbeat": 65536}, "rabbitmq_heartbeat: 65536 is out of range", "0 to 65535 seconds"),
    ({"channel_max": 0}, "rabbitmq_channel_max: 0 is out of range", "1 to 65535 channels"),
    ({"open_files_limit": 512}, "rabbitmq_open_files_limit: 512 is out of range", "1024 to 1048576"),
    ({"start_timeout": 5}, "rabbitmq_start_timeout: 5 is out of range", "10 to 3600 seconds"),
    ({"log_rotation_size": -1}, "rabbitmq_log_rotation_size: -1 is out of range", "bytes"),
    ({"log_rotation_count": 10001}, "rabbitmq_log_rotation_count: 10001 is out of range", "0 to 10000 files"),
    ({"mnesia_dump_log_write_threshold": -1}, "rabbitmq_mnesia_dump_log_write_threshold: -1", "writes"),
    ({"mnesia_dc_dump_limit": -1}, "rabbitmq_mnesia_dc_dump_limit: -1 is out of range", "choose 0 to"),
    ({"memory_high_watermark": "half"}, "rabbitmq_memory_high_watermark: 'half' is neither", "0.4 or 2GB"),
    ({"memory_high_watermark": "2 GB"}, "rabbitmq_memory_high_watermark: '2 GB' is neither", "0.4 or 2GB"),
    ({"memory_high_watermark": "0"}, "rabbitmq_memory_high_watermark: 0 is not a share", "0.4"),
    ({"memory_high_watermark": "1.5"}, "rabbitmq_memory_high_watermark: 1.5 is not a share", "0.4"),
    ({"memory_high_watermark": "40"}, "rabbitmq_memory_high_watermark: 40 is not a share", "2GB"),
    ({"disk_free_limit": "2 gigabytes"}, "rabbitmq_disk_free_limit: '2 gigabytes' is neither", "2GB or 1.5"),
    ({"disk_free_limit": "-1.0"}, "rabbitmq_disk_free_limit: '-1.0' is neither", "2GB or 1.5"),
    ({"disk_free_limit": ""}, "rabbitmq_disk_free_limit: '' is neither", "2GB or 1.5"),
    ({"config": {"no key": 1}}, "rabbitmq_config: 'no key' is not a key", "dots"),
    ({"config": {"a..b": 1}}, "rabbitmq_config: 'a..b' is not a key", "dots"),
    ({"config": {"mqtt": {"port": 1}}}, "rabbitmq_config.mqtt: dict is not a value", "string"),
    ({"config": {"a": [1]}}, "rabbitmq_config.a: list is not a value", "string"),
    ({"config": {"a": None}}, "rabbitmq_config.a: null is not a value", "string"),
    (
        {"config": {"a": "1\nloopback_users = none"}},
        "rabbitmq_config.a: the value",
        "rabbitmq_advanced_config",
    ),
    ({"config": {"a": "pass#word"}}, "rabbitmq_config.a: the value holds", "rabbitmq_advanced_config"),
    ({"config": {"a": " x"}}, "rabbitmq_config.a: the value holds", "rabbitmq_advanced_config"),
    ({"config": {"a": "größe"}}, "rabbitmq_config.a: the value holds", "rabbitmq_advanced_config"),
    ({"loopback_users": ["me@example.org"]}, "rabbitmq_loopback_users: 'me@example.org'", "classic"),
    (
        {"config_format": "classic", "config": {"a": 1}},
        "rabbitmq_config: holds keys",
        "rabbitmq_advanced_config",
    ),
    ({"advanced_config": {"rabbit": [1]}}, "rabbitmq_advanced_config.rabbit: is list", "mapping"),
    ({"advanced_config": {"rabbit": {"a": None}}}, "rabbitmq_advanced_config.rabbit.a: None", "drop the key"),
    ({"advanced_config": {"rabbit": {"_atm": "x"}}}, "rabbitmq_advanced_config.rabbit: '_atm'", "_atom"),
]
WRONG += [
    ({name.removeprefix("rabbitmq_"): "localhost"}, f"{name}: 'localhost' is not an IP address", "interface")
    for name in ADDRESSES
]
WRONG += [
    ({name.removeprefix("rabbitmq_"): port}, f"{name}: {port} is not a TCP port", "1 to 65535")
    for name in PORTS
    for port in (0, 65536, -1)
]


@pytest.mark.parametrize(("settings", "begins", "remedy"), WRONG, ids=[begins for _, begins, _ in WRONG])
def test_a_wrong_setting_is_refused_by_its_name_with_a_remedy(settings, begins, remedy):
    (sentence,) = refusals(node(**settings))
    assert sentence.startswith(begins)
    assert remedy in sentence


def test_everything_that_is_wrong_is_said_at_once():
    said = refusals(node(erlang_cookie="", amqp_port=0, heartbeat=-1, config={"no key": 1}))
    assert len(said) == 4


@pytest.mark.parametrize(
    "settings", [{"erlang_cookie": "secret words of mine"}, {"admin_password": "password"}]
)
def test_a_refusal_never_repeats_a_secret(settings):
    (secret,) = settings.values()
    assert all(f"'{secret}'" not in sentence for sentence in refusals(node(**settings)))


@pytest.mark.parametrize(
    "settings",
    [
        {"memory_high_watermark": "1"},
        {"memory_high_watermark": "0.65"},
        {"memory_high_watermark": "2GB"},
        {"memory_high_watermark": "512MiB"},
        {"disk_free_limit": "1.5"},
        {"disk_free_limit": "50000000"},
        {"disk_free_limit": "0"},
        {"node_name": "rabbit@broker-1.example.org"},
        {"heartbeat": 0},
        {"amqp_address": "::1"},
        {"hosts_entries": {"rabbit2": "10.0.0.2", "rabbit3": "fd00::3"}},
        {"config": {"queue_master_locator": "min-masters", "mqtt.listeners.tcp.default": 1883, "a.b": True}},
        {"advanced_config": {"rabbit": {"a": {"_tuple": [1, {"_atom": "b"}]}}}},
        {"plugins": []},
    ],
)
def test_what_a_broker_takes_is_not_refused(settings):
    assert refusals(node(**settings)) == []


# --- ports --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        {"stomp_port": 5672},
        {"stomp_port": 5672, "stomp_address": "10.0.0.1"},
        {"stomp_port": 5672, "stomp_address": "10.0.0.1", "amqp_address": "10.0.0.1"},
        {"stomp_port": 5672, "stomp_address": "10.0.0.1", "amqp_address": EVERYWHERE},
    ],
)
def test_two_listeners_cannot_share_a_port(settings):
    assert refusals(node(**settings)) == [
        "rabbitmq_stomp_port: 5672 is rabbitmq_amqp_port as well; give one of the two another port"
    ]


@pytest.mark.parametrize(
    "settings",
    [
        {"stomp_port": 5672, "stomp_address": "10.0.0.1", "amqp_address": "10.0.0.2"},
        {"stomp_port": 5672, "plugins": ["rabbitmq_management"]},
        {"management_port": 5672, "plugins": []},
    ],
)
def test_other_addresses_and_plugins_that_are_off_are_no_clash(settings):
    assert refusals(node(**settings)) == []


def test_erlangs_distribution_is_bound_by_an_ipv4_address():
    (sentence,) = refusals(node(distribution_address="::1"))
    assert sentence.startswith("rabbitmq_distribution_address: '::1' is not an IPv4 address")


# --- who reaches a node ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "cause"),
    [
        (
            {"config": {"cluster_formation.peer_discovery_backend": "classic_config"}},
            "rabbitmq_config.cluster_formation.peer_discovery_backend",
        ),
        (
            {"advanced_config": {"rabbit": {"cluster_nodes": {"_tuple": [[], {"_atom": "disc"}]}}}},
            "rabbitmq_advanced_config.rabbit.cluster_nodes",
        ),
        (
            {"config_format": "classic", "advanced_config": {"rabbit": {"cluster_formation": []}}},
            "rabbitmq_advanced_config.rabbit.cluster_formation",
        ),
    ],
)
def test_a_member_of_a_cluster_that_no_other_could_reach_is_refused(settings, cause):
    (sentence,) = refusals(node(**settings))
    assert sentence.startswith(
        f"rabbitmq_distribution_address: 127.0.0.1 lets no other member reach the node, which {cause}"
    )
    assert "rabbitmq_epmd_address to the address that the members use, or both to ''" in sentence
    for address in ("", EVERYWHERE, "10.0.0.5"):
        assert refusals(node(distribution_address=address, epmd_address=address, **settings)) == []


def test_a_member_of_a_cluster_whose_epmd_no_other_could_ask_is_refused():
    config = {"cluster_formation.peer_discovery_backend": "classic_config"}
    (sentence,) = refusals(node(distribution_address="", config=config))
    assert sentence.startswith("rabbitmq_epmd_address: 127.0.0.1 lets no other member reach the node")


@pytest.mark.parametrize("name", ["ERL_INETRC", "CTL_ERL_ARGS", "RABBITMQ_CTL_ERL_ARGS"])
def test_what_leads_the_tools_to_the_node_is_not_written_over(name):
    (sentence,) = refusals(node(environment={name: "x"}))
    assert (
        sentence.startswith(f"rabbitmq_environment.{name}: ") and "rabbitmq_distribution_address" in sentence
    )
    assert refusals(node(environment={name: "x"}, distribution_address="")) == []


def test_the_listeners_are_those_of_the_enabled_plugins():
    assert [item["name"] for item in listeners(node())] == [
        "amqp",
        "management",
        "stomp",
        "epmd",
        "distribution",
    ]
    assert [item["name"] for item in listeners(node(plugins=[]))] == ["amqp", "epmd", "distribution"]


# --- keys that the role writes itself -----------------------------------------------------------------------


@pytest.mark.parametrize(("key", "owner"), sorted(rabbitmq_settings.OWNED_KEYS.items()))
def test_a_key_that_the_role_writes_is_refused_with_the_variable_to_use(key, owner):
    for written in (key, f"{key}.more"):
        (sentence,) = refusals(node(config={written: 1}))
        assert sentence == f"rabbitmq_config.{written}: is written by the role already; use {owner}"


def test_a_key_that_only_begins_like_one_is_free():
    assert refusals(node(config={"heartbeat_of_something": 1, "log.console": True})) == []


# --- secrets ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key",
    [
        "default_pass",
        "auth_ldap.dn_lookup_bind.password",
        "ssl_options.password",
        "definitions.tls.password",
        "stomp.default_pass",
        "management.oauth_client_secret",
        "passphrase",
        "erlang_cookie",
        "auth_backend.TOKEN",
        "mqtt.pass.word",
    ],
)
def test_names_that_speak_of_a_secret_are_known(key):
    assert is_secret_key(key)


@pytest.mark.parametrize(
    "key", ["heartbeat", "passive", "bypass_checks", "compass.north", "log.file.level", "tcp_listeners"]
)
def test_other_names_are_not_taken_for_secrets(key):
    assert not is_secret_key(key)


@pytest.mark.parametrize(
    ("value", "secret"),
    [
        ({}, False),
        ({"heartbeat": 1}, False),
        ({"ssl_options.password": "x"}, True),
        ({"rabbit": {"ssl_options": [{"password": "x"}]}}, True),
        ({"rabbit": {"a": {"_tuple": [1, {"secret": 2}]}}}, True),
        ({"rabbit": ["password"]}, False),
    ],
)
def test_a_file_with_a_secret_is_kept_out_of_diffs(value, secret):
    assert holds_secret(value) is secret


# --- administrators of before --------------------------------------------------------------------------


def test_an_administrator_of_before_may_be_removed():
    assert refusals(node(former_admin_users=["root.2"]), [{"name": "root.2", "state": "absent"}]) == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("admin", "'admin' is rabbitmq_admin_user, the administrator in use"),
        ("shop", "'shop' is declared in rabbitmq_topology_users"),
        ("a`b`", "with state: absent"),
        ("-x", "with state: absent"),
    ],
)
def test_who_is_no_administrator_of_before_is_refused(name, words):
    (sentence,) = refusals(node(former_admin_users=[name]), [{"name": "shop"}])
    assert sentence.startswith(f"rabbitmq_former_admin_users: '{name}'") and words in sentence
