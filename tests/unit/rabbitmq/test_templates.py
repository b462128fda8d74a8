"""The files of a node, as Ansible renders them for a host that has none of them yet."""

from __future__ import annotations

import json
from typing import Any

import pytest
from brokers.host import meaning
from brokers.rabbitmq import passwords
from erlang_terms import Atom, consult
from rabbitmq_node import COOKIE, node
from templating import Role

CONF = "/etc/rabbitmq/rabbitmq.conf"
CLASSIC = "/etc/rabbitmq/rabbitmq.config"
ADVANCED = "/etc/rabbitmq/advanced.config"
PLUGINS = "/etc/rabbitmq/enabled_plugins"
ENVIRONMENT = "/etc/rabbitmq/rabbitmq-env.conf"
UNIT = "/etc/systemd/system/rabbitmq-server.service.d/brokerkit.conf"
RESOLVER = "/etc/rabbitmq/erl_inetrc"
EPMD_SOCKET = "/etc/systemd/system/epmd.socket.d/brokerkit.conf"
EPMD_SERVICE = "/etc/systemd/system/epmd.service.d/brokerkit.conf"
COOKIE_FILE = "/var/lib/rabbitmq/.erlang.cookie"
START = "/etc/rabbitmq/start.env"
ADMINISTRATOR = "/var/lib/rabbitmq/administrator.json"
ADMINISTRATORS = "/var/lib/brokerkit/rabbitmq/administrators.json"
PUBLIC = [f"/etc/rabbitmq/tls/{name}.pem" for name in ("certificate", "authority", "client_authority")]
MANAGED = "Managed by Brokerkit (role rabbitmq); changes made here are overwritten."
EVERYWHERE = "0.0.0.0"  # noqa: S104 - written into a configuration, not bound to
BARE_HOST = {
    "hostname": "broker-1",
    "os": {"VERSION_CODENAME": "bookworm"},
    "manager": "apt",
    "unit": {"active_state": "inactive"},
    "files": [],
    "users": [],
    "packages": {},
}


def role(**settings):
    return Role("rabbitmq", __rabbitmq_host=BARE_HOST, **node(**settings))


RENDERED: dict[str, dict[str, dict[str, Any]]] = {}
ALONE: dict[tuple[str, str], dict[str, Any]] = {}


def files(**settings):
    """All files of a node with these settings, rendered once."""
    key = repr(settings)
    if key not in RENDERED:
        RENDERED[key] = role(**settings).files("__rabbitmq_files")
    return RENDERED[key]


def file(path, **settings):
    """One of them, which takes a tenth of the time of all."""
    key = repr(settings)
    if key in RENDERED:
        return RENDERED[key][path]
    if (key, path) not in ALONE:
        ALONE[key, path] = role(**settings).file("__rabbitmq_files", path)
    return ALONE[key, path]


def text_of(entry):
    return entry.get("content") or entry.get("secret_content")


def content(path, **settings):
    return text_of(file(path, **settings))


def lines(path, **settings):
    """The lines of a file that mean something."""
    return [line for line in content(path, **settings).splitlines() if line and not line.startswith("#")]


def test_the_files_of_a_node_by_default():
    present = {path for path, entry in files().items() if entry.get("content") or entry.get("secret_content")}
    own = {ENVIRONMENT, RESOLVER, UNIT, EPMD_SOCKET, EPMD_SERVICE}
    assert present == {CONF, PLUGINS, COOKIE_FILE, ADMINISTRATOR, ADMINISTRATORS, START, *own}


def test_only_the_first_boot_imports_the_administrator():
    assert "administrator.json" in content(START)
    booted = {**BARE_HOST, "files": ["/var/lib/rabbitmq/mnesia/rabbit@broker-1"]}
    later = Role("rabbitmq", __rabbitmq_host=booted, **node()).file("__rabbitmq_files", START)
    assert later.get("content") is None


def test_what_is_absent_is_named_so_that_an_old_one_goes():
    assert {CLASSIC, ADVANCED, EPMD_SOCKET, EPMD_SERVICE} <= set(files())


def test_the_configuration_by_default():
    assert lines(CONF) == [
        "listeners.tcp.default = 5672",
        "management.tcp.port = 15672",
        "management.tcp.ip = 127.0.0.1",
        "stomp.listeners.tcp.default = 61613",
        "loopback_users.guest = true",
        "vm_memory_high_watermark.relative = 0.4",
        "disk_free_limit.absolute = 2GB",
        "heartbeat = 60",
        "channel_max = 2047",
        "log.file.level = info",
        "log.file.rotation.size = 10485760",
        "log.file.rotation.count = 10",
    ]


@pytest.mark.parametrize(
    ("settings", "there", "gone"),
    [
        ({"amqp_port": 5673}, "listeners.tcp.default = 5673", "listeners.tcp.default = 5672"),
        ({"amqp_address": "10.0.0.5"}, "listeners.tcp.1 = 10.0.0.5:5672", "listeners.tcp.default = 5672"),
        ({"amqp_address": "::1"}, "listeners.tcp.1 = [::1]:5672", "listeners.tcp.default = 5672"),
        ({"management_port": 8080}, "management.tcp.port = 8080", "management.tcp.port = 15672"),
        (
            {"management_address": EVERYWHERE},
            f"management.tcp.ip = {EVERYWHERE}",
            "management.tcp.ip = 127.0.0.1",
        ),
        ({"management_address": ""}, "management.tcp.port = 15672", "management.tcp.ip = 127.0.0.1"),
        ({"stomp_port": 61614}, "stomp.listeners.tcp.default = 61614", "stomp.listeners.tcp.default = 61613"),
        (
            {"stomp_address": "127.0.0.1"},
            "stomp.listeners.tcp.1 = 127.0.0.1:61613",
            "stomp.listeners.tcp.default = 61613",
        ),
        ({"loopback_users": []}, "loopback_users = none", "loopback_users.guest = true"),
        ({"loopback_users": ["a", "b"]}, "loopback_users.b = true", "loopback_users.guest = true"),
        ({"loopback_users": ["a.b"]}, r"loopback_users.a\.b = true", "loopback_users.guest = true"),
        (
            {"memory_high_watermark": "2GB"},
            "vm_memory_high_watermark.absolute = 2GB",
            "vm_memory_high_watermark.relative = 0.4",
        ),
        ({"disk_free_limit": "1.5"}, "disk_free_limit.relative = 1.5", "disk_free_limit.absolute = 2GB"),
        (
            {"disk_free_limit": "50000000"},
            "disk_free_limit.absolute = 50000000",
            "disk_free_limit.absolute = 2GB",
        ),
        ({"heartbeat": 0}, "heartbeat = 0", "heartbeat = 60"),
        ({"channel_max": 100}, "channel_max = 100", "channel_max = 2047"),
        ({"default_queue_type": "quorum"}, "default_queue_type = quorum", "default_queue_type = classic"),
        ({"log_level": "debug"}, "log.file.level = debug", "log.file.level = info"),
        ({"log_rotation_size": 0}, "log.file.level = info", "log.file.rotation.size = 10485760"),
        ({"log_rotation_count": 3}, "log.file.rotation.count = 3", "log.file.rotation.count = 10"),
        (
            {"plugins": ["rabbitmq_stomp"]},
            "stomp.listeners.tcp.default = 61613",
            "management.tcp.port = 15672",
        ),
        (
            {"plugins": ["rabbitmq_management"]},
            "management.tcp.port = 15672",
            "stomp.listeners.tcp.default = 61613",
        ),
        ({"config": {"queue_index_embed_msgs_below": 4096}}, "queue_index_embed_msgs_below = 4096", ""),
        ({"config": {"mqtt.allow_anonymous": False}}, "mqtt.allow_anonymous = false", ""),
        ({"config": {"log.console": True}}, "log.console = true", ""),
        ({"config": {"cluster_name": "two words"}}, "cluster_name = two words", ""),
    ],
)
def test_a_setting_is_a_line_of_the_configuration(settings, there, gone):
    said = lines(CONF, **settings)
    assert there in said
    assert gone not in said


def test_the_plugins_are_the_exact_list_as_the_broker_writes_it():
    assert content(PLUGINS) == "[rabbitmq_management,rabbitmq_stomp].\n"
    assert content(PLUGINS, plugins=[]) == "[].\n"
    assert consult(content(PLUGINS, plugins=["b", "a"])) == [[Atom("a"), Atom("b")]]


@pytest.mark.parametrize(
    ("settings", "there"),
    [
        ({}, "NODENAME=rabbit@broker-1"),
        ({"node_name": "hare@warren"}, "NODENAME=hare@warren"),
        ({"node_name": "hare@warren.example.org"}, "USE_LONGNAME=true"),
        ({"distribution_port": 25680}, "DIST_PORT=25680"),
        (
            {"distribution_address": "10.0.0.5"},
            'SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {10,0,0,5}"',
        ),
        ({"epmd_port": 4370}, "export ERL_EPMD_PORT=4370"),
        ({}, "export ERL_CRASH_DUMP_SECONDS=0"),
    ],
)
def test_a_setting_is_a_line_of_the_environment(settings, there):
    assert there in lines(ENVIRONMENT, **settings)


def test_a_crash_dump_is_for_who_asks():
    assert not [line for line in lines(ENVIRONMENT, crash_dumps=True) if "CRASH_DUMP" in line]


def test_a_short_node_name_asks_for_no_long_ones():
    assert "USE_LONGNAME=true" not in lines(ENVIRONMENT)


LIMITS = ["[Service]", "EnvironmentFile=-/etc/rabbitmq/start.env", "LimitNOFILE=100000", "TimeoutStartSec=90"]


def test_the_units_drop_in_has_the_limits():
    limits = {"open_files_limit": 100000, "start_timeout": 90}
    assert lines(UNIT, **limits, hardening=False) == [*LIMITS, "LimitCORE=0"]
    assert lines(UNIT, **limits, hardening=False, crash_dumps=True) == LIMITS


def test_the_node_can_write_to_its_own_places_and_those_that_are_named():
    said = lines(UNIT, writable_paths=["/srv/log"])
    assert "ProtectSystem=strict" in said
    assert said[-1] == "ReadWritePaths=/var/lib/rabbitmq /var/log/rabbitmq /srv/log"


@pytest.mark.parametrize(
    "settings", [{}, {"node_name": "rabbit@mq1.example.org", "distribution_address": "127.0.0.2"}]
)
def test_a_node_listens_for_its_own_host_alone_and_finds_itself(settings):
    wanted = role(**settings)
    address = settings.get("distribution_address", "127.0.0.1").replace(".", ",")
    said = lines(ENVIRONMENT, **settings)
    for name in ("SERVER_ADDITIONAL_ERL_ARGS", "CTL_ERL_ARGS"):
        assert f'{name}="-kernel inet_dist_use_interface {{{address}}}"' in said
    assert "export ERL_INETRC=/etc/rabbitmq/erl_inetrc" in said
    assert f"inet_dist_use_interface {{{address}}} -rabbit load_definitions" in content(START, **settings)
    name = wanted.variable("__rabbitmq_node").split("@")[1]
    host, lookup = consult(content(RESOLVER, **settings))
    assert host == (Atom("host"), tuple(map(int, address.split(","))), [name])
    assert lookup == (Atom("lookup"), [Atom("file"), Atom("native")])


@pytest.mark.parametrize("address", ["", EVERYWHERE, "10.0.0.5"])
def test_a_node_that_others_reach_leaves_its_name_to_the_resolver(address):
    settings = {"distribution_address": address, "epmd_address": address}
    assert file(RESOLVER, **settings)["content"] is None
    said = lines(ENVIRONMENT, **settings)
    assert not [line for line in said if "INETRC" in line or line.startswith("CTL_")]
    assert bool([line for line in said if "inet_dist_use_interface" in line]) is (address == "10.0.0.5")


@pytest.mark.parametrize("address", ["", EVERYWHERE, "::"])
def test_epmd_that_is_open_is_the_packages_own(address):
    found = [file(path, epmd_address=address) for path in (EPMD_SOCKET, EPMD_SERVICE)]
    assert [entry["content"] for entry in found] == [None, None]
    assert "EPMD_ADDRESS" not in content(ENVIRONMENT, epmd_address=address)
    moved = content(EPMD_SOCKET, epmd_address=address, epmd_port=4370).splitlines()
    assert [line for line in moved if line.startswith("ListenStream")] == [
        "ListenStream=",
        "ListenStream=4370",
    ]


@pytest.mark.parametrize(
    ("address", "listens"),
    [
        ("127.0.0.1", ["127.0.0.1:4369"]),
        ("10.0.0.5", ["10.0.0.5:4369", "127.0.0.1:4369"]),
        ("fd00::5", ["[fd00::5]:4369", "127.0.0.1:4369"]),
    ],
)
def test_epmd_listens_on_its_address_and_for_its_own_host(address, listens):
    said = content(EPMD_SOCKET, epmd_address=address).splitlines()
    assert [line.partition("=")[2] for line in said if line.startswith("ListenStream")] == ["", *listens]


@pytest.mark.parametrize("settings", [{"epmd_port": 4370}, {"epmd_address": "127.0.0.1"}])
def test_epmd_follows_its_variables(settings):
    found = [file(path, **settings)["content"] for path in (EPMD_SOCKET, EPMD_SERVICE)]
    assert all(found)
    assert str(next(iter(settings.values()))) in found[0]


@pytest.mark.parametrize(
    "settings",
    [{}, {"config_format": "classic"}, {"mnesia_dc_dump_limit": 40}, {"epmd_port": 4370}],
)
def test_every_file_says_who_manages_it_unless_its_owner_rewrites_it(settings):
    for path, entry in files(**settings).items():
        if entry.get("content") and path not in (PLUGINS, ADMINISTRATORS):
            assert MANAGED in entry["content"].splitlines()[0], path


def test_the_cookie_is_secret_and_readable_by_the_broker_alone():
    entry = files()[COOKIE_FILE]
    assert entry["secret_content"] == COOKIE
    assert (entry["owner"], entry["group"], entry["mode"]) == ("rabbitmq", "rabbitmq", "0400")
    assert "content" not in entry


def test_files_that_may_hold_a_secret_are_not_for_everybody():
    for settings in ({}, {"config_format": "classic"}):
        for path, entry in files(**settings).items():
            if path.startswith("/etc/rabbitmq/") and path != PLUGINS and path not in PUBLIC:
                assert (entry.get("group"), entry.get("mode")) == ("rabbitmq", "0640"), path


# --- Erlang terms -------------------------------------------------------------------------------------------


def test_mnesias_thresholds_are_terms_of_the_advanced_configuration():
    text = content(ADVANCED, mnesia_dump_log_write_threshold=50000, mnesia_dc_dump_limit=40)
    assert consult(text) == [
        [(Atom("mnesia"), [(Atom("dump_log_write_threshold"), 50000), (Atom("dc_dump_limit"), 40)])]
    ]


def test_free_terms_come_out_with_their_types():
    wanted = {"rabbit": {"a": {"_tuple": [{"_atom": "b"}, 'say "x"', {"_binary": "ü"}]}, "c": [True, 1.5]}}
    assert consult(content(ADVANCED, advanced_config=wanted)) == [
        [
            (
                Atom("rabbit"),
                [
                    (Atom("a"), (Atom("b"), 'say "x"', "ü".encode())),
                    (Atom("c"), [Atom("true"), 1.5]),
                ],
            )
        ]
    ]


def test_the_classic_format_is_one_file_of_terms():
    settings = {"config_format": "classic", "management_port": 8080, "management_address": EVERYWHERE}
    assert [file(path, **settings).get("content") for path in (CONF, ADVANCED)] == [None, None]
    (applications,) = consult(content(CLASSIC, **settings))
    assert dict(applications)[Atom("rabbitmq_management")] == [
        (Atom("tcp_config"), [(Atom("port"), 8080), (Atom("ip"), EVERYWHERE)])
    ]
    rabbit = dict(dict(applications)[Atom("rabbit")])
    assert rabbit[Atom("tcp_listeners")] == [5672]
    assert rabbit[Atom("loopback_users")] == [b"guest"]
    assert rabbit[Atom("vm_memory_high_watermark")] == 0.4
    assert rabbit[Atom("log")] == [
        (Atom("file"), [(Atom("level"), Atom("info")), (Atom("size"), 10485760), (Atom("count"), 10)])
    ]


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({"config": {"ssl_options.password": "x"}}, CONF),
        ({"advanced_config": {"rabbit": {"ssl_options": {"password": "x"}}}}, ADVANCED),
        (
            {"config_format": "classic", "advanced_config": {"rabbit": {"default_pass": {"_binary": "x"}}}},
            CLASSIC,
        ),
    ],
)
def test_a_file_that_holds_a_secret_is_never_shown(settings, path):
    entry = file(path, **settings)
    assert entry["secret_content"]
    assert "content" not in entry


# --- the administrator --------------------------------------------------------------------------------------


def test_the_administrators_definitions_hold_no_password():
    entry = file(ADMINISTRATOR, admin_user="boss", admin_password="Kq7w2Zr9")
    assert (entry["owner"], entry["group"], entry["mode"]) == ("rabbitmq", "rabbitmq", "0400")
    assert "Kq7w2Zr9" not in entry["secret_content"]
    definitions = json.loads(entry["secret_content"])
    (user,) = definitions["users"]
    assert (user["name"], user["tags"]) == ("boss", "administrator")
    assert passwords.matches("Kq7w2Zr9", user["password_hash"], "sha256")
    assert definitions["permissions"] == [
        {"user": "boss", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}
    ]


def test_the_administrators_definitions_change_with_the_password_alone():
    """Another text in every run would be a change in every run; one salt for all would tell equal passwords."""

    def text(**settings):
        return text_of(role(**settings).file("__rabbitmq_files", ADMINISTRATOR))

    assert text() == text()
    assert text() != text(admin_password="another-Kq7w2")
    assert text() != text(erlang_cookie=COOKIE[::-1])


# --- what a running node takes ------------------------------------------------------------------------------


def test_limits_and_log_level_have_commands_for_a_running_node():
    commands = {item["key"]: item["command"] for item in role().variable("__rabbitmq_online")}
    assert commands == {
        "vm_memory_high_watermark.relative": "set_vm_memory_high_watermark 0.4",
        "disk_free_limit.absolute": "set_disk_free_limit 2GB",
        "log.file.level": "set_log_level info",
    }
    other = role(memory_high_watermark="2GB", disk_free_limit="1.5").variable("__rabbitmq_online")
    assert [item["command"] for item in other[:2]] == [
        "set_vm_memory_high_watermark absolute 2GB",
        "set_disk_free_limit mem_relative 1.5",
    ]


@pytest.mark.parametrize("form", ["conf", "classic"])
def test_a_comment_in_any_file_of_a_node_says_nothing_else(form):
    settings = {"config_format": form, "advanced_config": {"rabbit": {"a": "x % y"}}}
    written = [
        path for path in (CONF, CLASSIC, ADVANCED, PLUGINS, ENVIRONMENT, UNIT) if content(path, **settings)
    ]
    assert len(written) == (5 if form == "conf" else 4)
    for path in written:
        text, mark = content(path, **settings), "%%" if path in (CLASSIC, ADVANCED, PLUGINS) else "#"
        assert meaning.same(path, text, f"{mark} by hand\n{text}\n{mark} 'more'\n"), path


def test_what_an_uninstallation_removes_is_every_file_that_a_run_writes():
    # Those that say whose the data is go with the data.
    of_the_data = {"/var/lib/rabbitmq/administrator.json", "/var/lib/brokerkit/rabbitmq/administrators.json"}
    assert set(files()) - of_the_data <= set(role().variable("__rabbitmq_paths"))


GUARDS = {
    "/usr/local/lib/brokerkit/rabbitmq-apt-guard",
    "/etc/apt/apt.conf.d/90brokerkit-rabbitmq",
    "/etc/needrestart/conf.d/brokerkit-rabbitmq.conf",
}


def guards(**settings):
    """Which of the files that keep a member from being stopped are to be there."""
    found = role(**settings).files("__rabbitmq_guard_files")
    assert set(found) == GUARDS
    return {path for path, entry in found.items() if entry.get("content") is not None}


def test_only_a_member_is_kept_from_being_stopped():
    assert guards(cluster_name="prod") == GUARDS
    assert guards(cluster_name="prod", cluster_guard=False) == set()
    assert guards() == set()


def test_what_keeps_a_member_from_being_stopped_goes_with_the_node_and_restarts_nothing():
    assert set(role().variable("__rabbitmq_paths")) >= GUARDS
    assert not GUARDS & set(files())


def test_the_packet_filter_lets_in_every_member_and_what_is_added():
    found = {
        f"broker-{number}": {"rabbitmq_cluster_name": "prod", "ansible_host": f"10.0.0.{number}"}
        for number in (1, 2, 3)
    }
    settings = node(cluster_name="prod", cluster_filter=True, cluster_filter_also=["10.9.0.0/24"])
    rules = "/etc/brokerkit/rabbitmq.nft"
    one = Role(
        "rabbitmq", __rabbitmq_host=BARE_HOST, hostvars=found, groups={"rabbitmq": list(found)}, **settings
    )
    text = one.file("__rabbitmq_filter_files", rules)["content"]
    assert "elements = { 10.0.0.1, 10.0.0.2, 10.0.0.3, 10.9.0.0/24 }" in text
    assert "tcp dport { 4369, 25672, 35672-35682 } tcp flags & (fin | syn | rst | ack) == syn jump" in text
    unit = one.file("__rabbitmq_filter_files", "/etc/systemd/system/brokerkit-rabbitmq-filter.service")
    assert f"ExecStart=/usr/sbin/nft -f {rules}\n" in unit["content"]


def test_enterprise_linux_has_neither_epmds_socket_nor_the_hook_of_apt():
    rocky = {"ID": "rocky", "ID_LIKE": "rhel", "VERSION_ID": "9.5"}
    settings = node(cluster_name="prod", epmd_port=4370, package_source="vendor")
    one = Role("rabbitmq", __rabbitmq_host={**BARE_HOST, "manager": "dnf", "os": rocky}, **settings)
    for path in (EPMD_SOCKET, EPMD_SERVICE):
        assert one.file("__rabbitmq_files", path)["content"] is None
    assert {entry["content"] for entry in one.files("__rabbitmq_guard_files").values()} == {None}
    assert "export ERL_EPMD_PORT=4370" in one.file("__rabbitmq_files", ENVIRONMENT)["content"]
    assert one.variable("__rabbitmq_source") == {
        "name": "rabbitmq",
        "prefix": "rabbitmq_",
        "package": "rabbitmq-server",
        "version": "",
        "uri": "https://yum2.rabbitmq.com/rabbitmq/el/9/noarch",
        "key": "",
    }
