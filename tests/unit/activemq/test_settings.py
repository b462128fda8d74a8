"""Wrong settings of an ActiveMQ broker: each is refused by the name of its variable, from the variables alone."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml
from brokers.activemq.access import groups, property_text
from brokers.activemq.advisories import java_refusal, open_advisories, security_verdict
from brokers.activemq.connectors import connector_uri, connectors
from brokers.activemq.on_host import host_refusals, restart_reasons
from brokers.activemq.settings import archive_refusals, refusals, static_uri
from role_files import ROOT

DEFAULTS = yaml.safe_load((ROOT / "roles/activemq/defaults/main.yml").read_text())
USER = {"name": "shop", "password": "kq81-Zr3", "groups": ["shop"]}


def broker(**changes: Any) -> dict[str, Any]:
    """Settings that are right, with `changes` (without the prefix) laid over them."""
    found = copy.deepcopy(DEFAULTS) | {"activemq_admin_password": "Tz5c-9Hw2", "activemq_users": [USER]}
    return found | {f"activemq_{name}": value for name, value in changes.items()}


def test_the_defaults_need_nothing_but_a_password():
    assert refusals(broker()) == []


def entry(**changes: Any) -> dict[str, Any]:
    return {"queue": "orders.>", "read": ["shop"], "write": [], "admin": [], **changes}


def bridge(**changes: Any) -> list[dict[str, Any]]:
    right = {"name": "other", "brokers": ["mq2:61616"], "user": "bridge", "password": "kq81-Zr3"}
    return [{**right, **changes}]


ARCHIVE = {"installation": "archive", "version": "6.3.2"}
OLDER = {"installation": "archive", "version": "5.18.3"}

# (what is set, how the refusal begins, a word of its remedy)
WRONG = [
    ({"admin_password": ""}, "activemq_admin_password: is empty", "vault"),
    ({"admin_password": "admin"}, "activemq_admin_password: is a placeholder", "another"),
    ({"admin_password": "Manager"}, "activemq_admin_password: is a placeholder", "another"),
    ({"admin_password": "two\nlines"}, "activemq_admin_password: has a line break", "one line"),
    ({"admin_user": "a,b"}, "activemq_admin_user: 'a,b' is not a user name", "commas"),
    ({"instance": "Main!"}, "activemq_instance: 'Main!'", "small letters"),
    ({"broker_name": "a b"}, "activemq_broker_name: 'a b'", "letters"),
    ({"version": "newest"}, "activemq_version: 'newest' is not a version", "5.17.6"),
    ({"data_directory": "var/lib"}, "activemq_data_directory: 'var/lib'", "absolute"),
    ({"store_directory": "/a b"}, "activemq_store_directory: '/a b'", "absolute"),
    ({"java_options": ["Xss1m"]}, "activemq_java_options: 'Xss1m'", "begins with '-'"),
    ({"java_options": ["-Xmx2g"]}, "activemq_java_options: '-Xmx2g'", "activemq_heap"),
    ({"users": [{**USER, "password": ""}]}, "activemq_users[0].password: is empty", "vault"),
    ({"users": [{**USER, "password": "shop"}]}, "activemq_users[0].password: is a placeholder", "own name"),
    ({"users": [USER, USER]}, "activemq_users[1].name: 'shop' is listed already", "once"),
    ({"users": [{**USER, "name": "admin"}]}, "activemq_users[0].name: 'admin' is listed already", "once"),
    ({"users": [{**USER, "role": "x"}]}, "activemq_users[0]: has no key 'role'", "groups"),
    ({"users": ["shop"]}, "activemq_users[0]: is str", "mapping"),
    ({"users": [{**USER, "groups": ["a b"]}]}, "activemq_users[0].groups: 'a b'", "letters"),
    ({"authorization": [entry(read=["shops"])]}, "activemq_authorization[0].read: no user is in", "shop"),
    ({"authorization": [entry(read="shop")]}, "activemq_authorization[0].read: is str", "list"),
    ({"authorization": [entry(topic="x")]}, "activemq_authorization[0]: names both", "one of them"),
    ({"authorization": [{"read": []}]}, "activemq_authorization[0]: names neither", "queue"),
    (
        {"authorization": [entry(queue="queue://a")]},
        "activemq_authorization[0].queue: 'queue://a'",
        "without",
    ),
    ({"authorization": [entry(configure=[])]}, "activemq_authorization[0]: has no key 'configure'", "admin"),
    (
        {"temporary_destination_groups": ["nobody"]},
        "activemq_temporary_destination_groups: no user is in the group 'nobody'",
        "activemq_users",
    ),
    ({"connectors": []}, "activemq_connectors: is empty", "protocol: stomp"),
    ({"connectors": [{"protocol": "http"}]}, "activemq_connectors[0].protocol: 'http'", "stomp"),
    (
        {"connectors": [{"protocol": "amqp"}]},
        "activemq_connectors[0].protocol: amqp does not work",
        "archive",
    ),
    (
        {"connectors": [{"protocol": "ws"}]},
        "activemq_connectors[0].protocol: ws does not work",
        "archive",
    ),
    ({"connectors": [{"protocol": "stomp", "port": 0}]}, "activemq_connectors[0].port: 0 is not", "65535"),
    ({"connectors": [{"protocol": "stomp", "address": "mq"}]}, "activemq_connectors[0].address: 'mq'", "IP"),
    ({"connectors": [{"protocol": "stomp", "transport": "udp"}]}, "activemq_connectors[0].transport", "nio"),
    (
        {"connectors": [{"protocol": "stomp"}, {"protocol": "stomp", "port": 1}]},
        "activemq_connectors[1].name: 'stomp' is another",
        "own",
    ),
    (
        {"connectors": [{"protocol": "stomp"}, {"protocol": "openwire", "port": 61613}]},
        "activemq_connectors[1].port: 61613 is the port of the connector 'stomp'",
        "another port",
    ),
    (
        {"connectors": [{"protocol": "stomp", "options": {"maxFrameSize": 1}}]},
        "activemq_connectors[0].options.maxFrameSize: the broker ignores",
        "wireFormat.maxFrameSize",
    ),
    (
        {**ARCHIVE, "connectors": [{"protocol": "ws", "transport": "nio"}]},
        "activemq_connectors[0].transport: 'nio'",
        "tcp, ssl",
    ),
    ({"jmx_port": 70000}, "activemq_jmx_port: 70000", "0 to have no JMX"),
    (
        {"jmx_port": 1099, "admin_password": "kq 81"},
        "activemq_admin_password: has a blank",
        "activemq_jmx_port",
    ),
    ({"prometheus_port": -1}, "activemq_prometheus_port: -1 is not a TCP port", "0 to have no metrics"),
    (
        {"prometheus_port": 61613},
        "activemq_prometheus_port: 61613 is the port of the connector 'stomp'",
        "another port",
    ),
    (
        {"prometheus_address": "mq1"},
        "activemq_prometheus_address: 'mq1' is not an IP address",
        "or 127.0.0.1",
    ),
    ({"jmx_port": 61613}, "activemq_jmx_port: 61613 is the port of the connector 'stomp'", "another port"),
    (
        {"authentication": "simple", "admin_password": "#Tz5c"},
        "activemq_admin_password: begins with '#'",
        "jaas",
    ),
    (
        {"authentication": "simple", "users": [{**USER, "password": "#Tz5c"}]},
        "activemq_users[0].password: begins with '#'",
        "another",
    ),
    ({"console": True}, "activemq_console: the distribution's package", "archive"),
    (
        {**OLDER, "console": True, "console_port": 61613},
        "activemq_console_port: 61613 is the port of the connector 'stomp'",
        "another port",
    ),
    ({**OLDER, "console": True, "console_port": 0}, "activemq_console_port: 0 is not a TCP port", "65535"),
    ({**OLDER, "console": True, "admin_password": "kq,81"}, "activemq_admin_password: has a comma", "false"),
    ({"memory_percent": 120}, "activemq_memory_percent: 120 is out of range", "1 to 90"),
    ({"store_limit": "plenty"}, "activemq_store_limit: 'plenty'", "10 gb"),
    ({"heap": "512"}, "activemq_heap: '512'", "512m"),
    ({"start_timeout": 1}, "activemq_start_timeout: 1 is out of range", "seconds"),
    ({"maximum_frame_size": 10}, "activemq_maximum_frame_size: 10 is out of range", "bytes"),
    ({"kahadb": {"directory": "/x"}}, "activemq_kahadb.directory: is written", "activemq_data_directory"),
    ({"kahadb": {"locker": {}}}, "activemq_kahadb.locker: is dict", "text"),
    (
        {"destination_policies": [{"memoryLimit": "1mb"}]},
        "activemq_destination_policies[0]: does not name",
        "queue:",
    ),
    (
        {"destination_policies": [{"queue": ">", "x": []}]},
        "activemq_destination_policies[0].x: is list",
        "'xml'",
    ),
    ({"network": bridge(brokers=["tcp://mq2"])}, "activemq_network[0].brokers: 'tcp://mq2'", "host:port"),
    ({"network": bridge(brokers=[])}, "activemq_network[0].brokers: is not a list", "61616"),
    ({"network": bridge(password="#1")}, "activemq_network[0].password: begins with '#'", "another"),
    ({"network": bridge(user="")}, "activemq_network[0].user: is empty", "user"),
    ({"network": bridge(ttl=2)}, "activemq_network[0]: has no key 'ttl'", "options"),
    ({"network": bridge() * 2}, "activemq_network[1].name: 'other'", "own"),
    ({"archive_url": "x"}, "activemq_archive_url: is not used", "archive"),
    ({**ARCHIVE, "version": "6.3"}, "activemq_version: '6.3' does not name one archive", "6.3.2"),
    ({**ARCHIVE, "archive_source": "url"}, "activemq_archive_url: is empty", "needs"),
    ({**ARCHIVE, "archive_file": "/x"}, "activemq_archive_file: is not used", "file"),
    ({**ARCHIVE, "archive_checksum": "sha1:12"}, "activemq_archive_checksum: is not a checksum", "sha512"),
]


@pytest.mark.parametrize(("changes", "begins", "remedy"), WRONG)
def test_a_wrong_setting_is_refused_by_name_with_a_remedy(changes: dict[str, Any], begins: str, remedy: str):
    found = refusals(broker(**changes))
    assert len(found) == 1, found
    assert found[0].startswith(begins) and remedy in found[0]


def test_passwords_never_stand_in_a_refusal():
    assert "s3cr3t" not in " ".join(refusals(broker(admin_password="s3cr3t\n", admin_user="s 3")))


def test_what_is_wrong_is_named_all_at_once():
    assert len(refusals(broker(heap="x", instance="X", connectors=[]))) == 3


def test_an_archive_without_a_known_checksum_is_refused():
    assert (
        "6.2.10"
        in archive_refusals(broker(installation="archive", version="6.2.10"), {"6.3.2": "sha256:x"})[0]
    )
    assert archive_refusals(broker(**ARCHIVE), {"6.3.2": "sha256:x"}) == []
    assert archive_refusals(broker(), {}) == []


@pytest.mark.parametrize("port", [1, 65535])
def test_the_first_and_the_last_port_are_taken(port: int):
    assert refusals(broker(connectors=[{"protocol": "stomp", "port": port}])) == []


def test_connectors_get_the_ports_limits_and_options_of_their_protocol():
    given = [
        {"protocol": "stomp", "options": {"transport.hbGracePeriodMultiplier": 2}},
        {"protocol": "openwire", "transport": "nio", "address": "::1"},
    ]
    stomp, openwire = connectors(broker(connectors=given))
    assert connector_uri(stomp) == (
        "stomp://0.0.0.0:61613?maximumConnections=1000&transport.hbGracePeriodMultiplier=2"
        "&wireFormat.maxFrameSize=10485760"
    )
    assert connector_uri(openwire).startswith("nio://[::1]:61616?")


def test_one_broker_is_reached_directly_and_several_as_masters_and_slaves():
    assert static_uri(["a:1"]) == "static:(tcp://a:1)"
    assert static_uri(["a:1", "b:2"]) == "masterslave:(tcp://a:1,tcp://b:2)"


def test_the_administrator_is_in_a_group_and_groups_have_their_users():
    users = [USER, {**USER, "name": "other", "groups": ["shop", "admins"]}]
    assert groups(broker(users=users)) == {"admins": ["admin", "other"], "shop": ["other", "shop"]}


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("plain", "plain"),
        (" a b ", "\\ a b "),
        ("a=b:c#d!e\\f", "a\\=b\\:c\\#d\\!e\\\\f"),
        ("ü€", "\\u00fc\\u20ac"),
        ("\U0001f600", "\\ud83d\\ude00"),
        ("tab\t", "tab\\u0009"),
    ],
)
def test_properties_are_written_so_that_java_reads_the_same(text: str, written: str):
    assert property_text(text) == written
    assert property_text("a b", key=True) == "a\\ b"


def names(version: str, package: bool = False) -> set[str]:
    return {one.name for one in open_advisories(version, package)}


def test_fixes_are_looked_up_in_the_line_of_the_version():
    assert names("6.3.2") == names("5.19.11") == set()
    assert names("6.2.10") == names("5.19.10") == {"CVE-2026-74761"}
    assert "CVE-2026-49432" in names("6.1.9") and "CVE-2025-27533" not in names("6.1.9")
    assert "CVE-2023-46604" not in names("5.18.3") and "CVE-2023-46604" in names("5.16.6")
    assert names("7.0.0") == set()


def test_backports_of_the_distribution_count_and_so_does_what_it_does_not_build():
    assert "CVE-2023-46604" in names("5.17.2", package=True)
    debian = names("5.17.2+dfsg-2+deb12u1", package=True)
    assert "CVE-2023-46604" not in debian and "CVE-2026-49432" in debian
    assert "CVE-2026-45505" not in debian, "there is no Jolokia in it"
    assert "6.3.2 or 5.19.11" in security_verdict("5.17.2+dfsg-2+deb12u1", True)
    assert security_verdict("6.3.2", False) == ""


def test_java_is_checked_per_version():
    assert java_refusal("6.3.2", 'openjdk version "17.0.15" 2025-04-15') == ""
    assert "needs Java 17 or newer and would get 11" in java_refusal("6.3.2", 'openjdk version "11.0.2"')
    assert "would get 8" in java_refusal("5.19.11", 'java version "1.8.0_392"')
    assert "path of java" in java_refusal("5.19.11", "No such file")


def unit(**fields):
    """A unit that does not run, and what a test says of it."""
    return {"active_state": "inactive", "main_pid": 0, "process_state": "", "mask": "", **fields}


def machine(**changes: Any) -> dict[str, Any]:
    found = {
        "hostname": "mq",
        "uid": 0,
        "manager": "apt",
        "listeners": [],
        "foreign": [],
        "places": {},
        "packages": {},
        "files": [],
        "unit": unit(),
    }
    return found | changes


def test_a_port_of_another_process_is_refused_and_the_brokers_own_is_not():
    held = [{"address": "::", "port": 61613, "pid": 7, "process": "java"}]
    assert host_refusals(broker(), machine(listeners=held, unit=unit(main_pid=7))) == []
    (found,) = host_refusals(broker(), machine(listeners=held, unit=unit(main_pid=8)))
    assert found.startswith("activemq_connectors: port 61613") and "'java' (pid 7)" in found


def test_a_port_that_is_held_twice_is_refused_once():
    held = [
        {"address": address, "port": 61613, "pid": 7, "process": "java"} for address in ("127.0.0.1", "::")
    ]
    assert len(host_refusals(broker(), machine(listeners=held))) == 1


def test_an_address_that_is_not_the_hosts_is_refused():
    settings = broker(connectors=[{"protocol": "stomp", "address": "10.9.8.7"}])
    assert host_refusals(settings, machine()) == []
    (found,) = host_refusals(settings, machine(foreign=["10.9.8.7"]))
    assert found.startswith("activemq_connectors: 10.9.8.7 of the connector 'stomp' is not an address of mq")


@pytest.mark.parametrize(
    ("changes", "files", "package", "refused"),
    [
        ({}, [], "", False),
        ({}, ["/d/version-package"], "5.17.6-1", False),
        ({"version": "5.17"}, ["/d/version-package"], "5.17.6-1", False),
        ({"version": "5.16"}, ["/d/version-package"], "5.17.6-1", True),
        ({}, ["/d/version-5.18.3"], "", True),
        (ARCHIVE, ["/d/version-package"], "5.17.6-1", True),
        (ARCHIVE, ["/d/version-5.18.3"], "", True),
        (ARCHIVE, ["/d/version-6.3.2"], "", False),
    ],
)
def test_a_version_is_not_changed_in_passing(changes: Any, files: list[str], package: str, refused: bool):
    host = machine(files=files, packages={"activemq": package} if package else {})
    found = host_refusals(broker(**changes), host)
    assert [line.startswith("activemq_version: mq has ActiveMQ") for line in found] == [True] * refused


def test_users_are_read_without_a_restart_and_the_rest_is_not():
    assert restart_reasons({"/etc/activemq/main/users.properties": []}) == []
    assert restart_reasons({"/etc/systemd/system/activemq.service": []}) == []
    assert restart_reasons({"/etc/activemq/main/activemq.xml": []}) == ["/etc/activemq/main/activemq.xml"]


# --- a unit that somebody has taken in hand ------------------------------------------------------------


def test_a_mask_is_an_operators_word():
    masked = machine(unit=unit(mask="/etc/systemd/system/activemq-main.service"))
    (sentence,) = host_refusals(broker(), masked)
    assert sentence.startswith(
        "activemq_service_state: 'started' is wanted, but an operator has masked activemq-main.service"
    )
    assert (
        "`systemctl unmask activemq-main.service`" in sentence and "to 'stopped', which leaves it" in sentence
    )
    assert host_refusals(broker(service_state="stopped"), masked) == []


def test_a_broker_that_is_sigstopped_is_said_to_be():
    (sentence,) = host_refusals(
        broker(), machine(unit=unit(main_pid=7, active_state="active", process_state="T"))
    )
    assert (
        "the broker's process 7 is stopped (state T in /proc/7/stat" in sentence
        and "`kill -CONT 7`" in sentence
    )


def test_a_writable_place_that_is_missing_would_keep_the_unit_from_starting():
    settings = broker(writable_paths=["/srv/mq"])
    (sentence,) = host_refusals(settings, machine())
    assert sentence.startswith("activemq_writable_paths: /srv/mq is not on")
    assert host_refusals(settings, machine(places={"/srv/mq": "/srv/mq"})) == []
