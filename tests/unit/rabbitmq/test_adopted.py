"""A node's settings become variables that the role accepts, and that make the same node."""

from __future__ import annotations

import pytest
import yaml
from brokers.rabbitmq.adopted_settings import NotAdoptable, Reference, adopt, conf_keys, environment, render
from brokers.rabbitmq.settings import refusals
from rabbitmq_node import node as role_settings

CONF, ENV = "/etc/rabbitmq/rabbitmq.conf", "/etc/rabbitmq/rabbitmq-env.conf"


def found(conf="", env="", terms=None, files=(CONF,), rabbit=None, **node):
    """What was read of a node on its defaults, and what a test says of it."""
    defaults = {
        "tcp_listeners": [{"_tuple": ["auto", 5672]}],
        "vm_memory_high_watermark": 0.4,
        "disk_free_limit": 50000000,
        "heartbeat": 60,
        "channel_max": 2047,
        "loopback_users": [{"_binary": "guest"}],
    }
    return {
        "node": {
            "node": "rabbit@broker-1",
            "files": [*files],
            "terms": terms or {},
            "enabled": ["rabbitmq_management"],
            "distribution_port": 25672,
            "distribution_address": None,
            "epmd_port": None,
            "epmd_address": None,
            "crash_dump_seconds": None,
            "rabbit": {**defaults, **(rabbit or {})},
            "management": {"tcp_config": None, "ssl_config": None, "listener": None},
            "stomp": None,
            **node,
        },
        "texts": {CONF: conf, ENV: env},
        "cookie": "eiY/FOMQnXtDjLkzcLcBsefCSFgyzHpEDmeLrEqAcOgPxzShDEmuRlSn",
        "epmd": ["::"],
        "unit": {"files": 65536, "start_timeout": 0},
    }


def resolved(adopted):
    """The variables with what they refer to, as Ansible makes them."""

    def look(value):
        if isinstance(value, Reference):
            return adopted.vault[value.name]
        return {key: look(part) for key, part in value.items()} if isinstance(value, dict) else value

    return {name: look(value) for name, value in adopted.variables.items()}


def accepted(adopted):
    """The variables, which the role's own checks have to accept."""
    variables = resolved(adopted)
    assert refusals({**role_settings(), **variables}) == []
    return variables


def test_a_node_on_its_defaults_keeps_what_the_roles_defaults_would_change():
    variables = accepted(adopt(found()))
    assert variables["rabbitmq_management_address"] == ""
    assert variables["rabbitmq_disk_free_limit"] == "50000000"
    assert variables["rabbitmq_log_rotation_size"] == 0
    assert variables["rabbitmq_crash_dumps"] is True
    assert (variables["rabbitmq_epmd_address"], variables["rabbitmq_distribution_address"]) == ("", "")
    assert "rabbitmq_advanced_config" not in variables
    assert "rabbitmq_config" not in variables


def test_the_cookie_that_erlang_makes_is_accepted_and_stands_in_the_vault():
    adopted = adopt(found())
    assert isinstance(adopted.variables["rabbitmq_erlang_cookie"], Reference)
    assert "/" in accepted(adopted)["rabbitmq_erlang_cookie"]


@pytest.mark.parametrize(
    ("listeners", "address", "port", "term"),
    [
        ([5673], "", 5673, False),
        ([{"_tuple": ["auto", 5672]}], "", 5672, False),
        ([{"_tuple": ["10.0.0.5", 5673]}], "10.0.0.5", 5673, False),
        ([{"_tuple": ["127.0.0.1", 5673]}, {"_tuple": ["::1", 5673]}], "127.0.0.1", 5673, True),
        ([{"_tuple": ["broker.example", 5673]}], None, None, True),
        ([], None, None, True),
    ],
)
def test_listeners_that_two_variables_cannot_express_are_carried_over(listeners, address, port, term):
    adopted = adopt(found(rabbit={"tcp_listeners": listeners}))
    variables = accepted(adopted)
    assert variables.get("rabbitmq_amqp_address") == address
    assert variables.get("rabbitmq_amqp_port") == port
    carried = variables.get("rabbitmq_advanced_config", {}).get("rabbit", {}).get("tcp_listeners")
    assert carried == (listeners if term else None)
    assert bool(adopted.notes) is term


def test_management_keeps_what_its_two_variables_do_not_say():
    tcp = {"port": 8081, "ip": "10.0.0.5", "cowboy_opts": {"compress": True}}
    adopted = adopt(found(management={"tcp_config": tcp, "ssl_config": None, "listener": None}))
    variables = accepted(adopted)
    assert variables["rabbitmq_management_port"] == 8081
    assert variables["rabbitmq_advanced_config"] == {"rabbitmq_management": {"tcp_config": tcp}}


def test_free_keys_stay_and_owned_keys_do_not():
    conf = """
    # since 2021
    listeners.tcp.1 = 5673
    heartbeat = 30
    log.file.level = warning
    default_user = boss
    load_definitions = /etc/rabbitmq/definitions.json
    queue_master_locator = min-masters # comment
    mqtt.listeners.tcp.1 = 1884
    ssl_options.password = hush
    """
    adopted = adopt(found(conf))
    assert accepted(adopted)["rabbitmq_config"] == {
        "queue_master_locator": "min-masters",
        "mqtt.listeners.tcp.1": "1884",
        "ssl_options.password": "hush",
    }
    assert adopted.variables["rabbitmq_log_level"] == "warning"
    assert [note.split()[0] for note in adopted.notes] == ["default_user", "load_definitions"]
    assert "hush" not in render(adopted.variables, adopted.notes)


def test_a_classic_file_is_carried_over_less_what_variables_say():
    terms = {
        "rabbit": {
            "tcp_listeners": [5680],
            "heartbeat": 45,
            "default_pass": {"_binary": "hush"},
            "cluster_partition_handling": {"_atom": "pause_minority"},
            "log": {"file": {"level": {"_atom": "warning"}}},
        },
        "kernel": {"inet_dist_listen_min": 25700, "inet_dist_listen_max": 25700},
    }
    path = "/etc/rabbitmq/rabbitmq.config"
    variables = accepted(adopt(found(terms={path: terms}, files=[path], rabbit={"tcp_listeners": [5680]})))
    assert variables["rabbitmq_config_format"] == "classic"
    assert variables["rabbitmq_log_level"] == "warning"
    assert variables["rabbitmq_advanced_config"] == {
        "rabbit": {
            "cluster_partition_handling": {"_atom": "pause_minority"},
            "log": {"file": {"level": {"_atom": "warning"}}},
        }
    }


@pytest.mark.parametrize(
    "terms",
    [
        {"rabbitmq_auth_backend_ldap": {"dn_lookup_bind": {"password": "hush"}}},
        {"rabbitmq_shovel": {"shovels": {"x": {"uris": ["amqp://boss:hush@other"]}}}},
    ],
)
def test_terms_with_a_secret_stand_in_the_vault(terms):
    adopted = adopt(found(terms={"/etc/rabbitmq/advanced.config": terms}))
    assert "hush" not in render(adopted.variables, adopted.notes)
    assert accepted(adopted)["rabbitmq_advanced_config"] == terms


def test_a_term_without_a_form_is_refused_in_a_sentence():
    terms = {"rabbit": {"x": [{"_unknown": "#Fun<a.1>"}]}}
    with pytest.raises(NotAdoptable, match=r"rabbitmq_advanced_config.rabbit.x: #Fun<a.1> has no form"):
        adopt(found(terms={"/etc/rabbitmq/advanced.config": terms}))


def test_the_environment_keeps_what_no_variable_says():
    text = (
        "# X=1\nNODENAME=rabbit@a\nRABBITMQ_DIST_PORT=25700\nexport ERL_MAX_PORTS=9\nIO_THREAD_POOL_SIZE=64\n"
    )
    assert environment(text) == {"ERL_MAX_PORTS": "9", "IO_THREAD_POOL_SIZE": "64"}
    adopted = adopt(found(env=text))
    assert accepted(adopted)["rabbitmq_environment"] == {"ERL_MAX_PORTS": "9", "IO_THREAD_POOL_SIZE": "64"}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("NODENAME", "use rabbitmq_node_name"),
        ("RABBITMQ_MNESIA_BASE", "elsewhere"),
        ("A B", "is not a name of a shell variable"),
    ],
)
def test_names_of_the_environment_that_are_not_free_are_refused(name, words):
    (sentence,) = refusals(role_settings(environment={name: "x"}))
    assert sentence.startswith(f"rabbitmq_environment.{name}: ")
    assert words in sentence


def test_the_last_of_two_keys_counts():
    assert conf_keys("a = 1\n#a = 2\na = 3\n") == {"a": "3"}


def test_what_is_written_is_what_is_read_back():
    adopted = adopt(
        found("a.b = {{ x }}\n", terms={"/etc/rabbitmq/advanced.config": {"rabbit": {"y": [1, "z"]}}})
    )

    class Loader(yaml.SafeLoader):
        pass

    Loader.add_constructor("!unsafe", lambda loader, value: loader.construct_scalar(value))
    text = render(adopted.variables, adopted.notes)
    read = yaml.load(text, Loader)  # noqa: S506 - a safe loader with one more tag
    assert read["rabbitmq_config"] == {"a.b": "{{ x }}"}
    assert "!unsafe" in text
    assert read["rabbitmq_advanced_config"] == {"rabbit": {"y": [1, "z"]}}
    assert read["rabbitmq_erlang_cookie"] == "{{ vault_rabbitmq_erlang_cookie }}"


def test_metrics_are_served_where_they_were():
    variables = accepted(adopt(found(enabled=["rabbitmq_prometheus"])))
    assert (variables["rabbitmq_prometheus_port"], variables["rabbitmq_prometheus_address"]) == (15692, "")
    assert "rabbitmq_prometheus_per_object" not in variables
    assert "rabbitmq_prometheus_port" not in adopt(found()).variables


def test_keys_of_metrics_become_variables():
    text = """
    prometheus.tcp.port = 9419
    prometheus.tcp.ip = 10.0.0.5
    prometheus.tcp.idle_timeout = 60000
    prometheus.return_per_object_metrics = true
    prometheus.authentication.enabled = true
    """
    variables = accepted(adopt(found(text, enabled=["rabbitmq_prometheus"])))
    assert (variables["rabbitmq_prometheus_port"], variables["rabbitmq_prometheus_address"]) == (
        9419,
        "10.0.0.5",
    )
    assert variables["rabbitmq_prometheus_per_object"] and variables["rabbitmq_prometheus_authentication"]
    assert variables["rabbitmq_config"] == {"prometheus.tcp.idle_timeout": "60000"}


def test_erlang_settings_of_metrics_become_variables_and_what_they_cannot_say_stays():
    def held(tcp):
        terms = {"/etc/rabbitmq/advanced.config": {"rabbitmq_prometheus": {"tcp_config": tcp, **flags}}}
        return accepted(adopt(found(enabled=["rabbitmq_prometheus"], terms=terms)))

    flags = {"return_per_object_metrics": True, "authentication": {"enabled": False}}
    plain = held({"port": 9419, "ip": "127.0.0.1"})
    assert (plain["rabbitmq_prometheus_port"], plain["rabbitmq_prometheus_address"]) == (9419, "127.0.0.1")
    assert plain["rabbitmq_prometheus_per_object"] is True
    assert "rabbitmq_advanced_config" not in plain and "rabbitmq_prometheus_authentication" not in plain
    more = {"port": 9419, "cowboy_opts": {"idle_timeout": 60000}}
    assert held(more)["rabbitmq_advanced_config"] == {"rabbitmq_prometheus": {"tcp_config": more}}
