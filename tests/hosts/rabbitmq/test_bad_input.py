"""Wrong input: each is refused in a sentence that names the variable and the remedy, before the host is changed.

What the controller can see is refused in the play's first part. The rest (packages, ports, names, privilege, the
broker's own parser) is refused on the host, a bare one, after it was read and before it was changed: the snapshot at
the end shows it.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hosts
import pytest

EVERYTHING = {"configure": ".*", "write": ".*", "read": ".*"}
VHOSTS = [{"name": "/"}, {"name": "shop"}]


def user(**fields: Any) -> dict[str, Any]:
    """The variables of a document with one user, right but for `fields`."""
    return {"rabbitmq_topology_users": [{"name": "shop", "password": "test-host-only-shop", **fields}]}


def permission(**fields: Any) -> dict[str, Any]:
    """The variables of a document with one permission, right but for `fields`."""
    wanted = {"user": "smoke", "vhost": "shop", **EVERYTHING, **fields}
    return {"rabbitmq_topology_permissions": [wanted], "rabbitmq_topology_references": "declared"}


Cases = dict[str, tuple[dict[str, Any], tuple[str, ...]]]
# What is set, and the words that the refusal has to hold: the variable, and what to do.
AT_THE_DOOR: Cases = {
    "port that is a word": ({"rabbitmq_amqp_port": "amqp"}, ("rabbitmq_amqp_port", "whole number")),
    "list that is a text": ({"rabbitmq_plugins": "rabbitmq_stomp"}, ("rabbitmq_plugins", "a list")),
    "dictionary that is a list": ({"rabbitmq_config": ["heartbeat"]}, ("rabbitmq_config", "a dictionary")),
    "unknown variable": (
        {"rabbitmq_managment_port": 8080},
        ("rabbitmq_managment_port", "rabbitmq_management_port"),
    ),
    "unknown choice": ({"rabbitmq_log_level": "loud"}, ("rabbitmq_log_level", "loud", "warning")),
    "port out of range": ({"rabbitmq_stomp_port": 70000}, ("rabbitmq_stomp_port: 70000", "1 to 65535")),
    "port zero": ({"rabbitmq_management_port": 0}, ("rabbitmq_management_port: 0", "1 to 65535")),
    "port used twice": ({"rabbitmq_amqp_port": 61613}, ("61613", "rabbitmq_amqp_port", "another port")),
    "address that is none": (
        {"rabbitmq_amqp_address": "eth0"},
        ("rabbitmq_amqp_address: 'eth0'", "IP address"),
    ),
    "empty password": ({"rabbitmq_admin_password": ""}, ("rabbitmq_admin_password", "vault")),
    "guest as administrator": (
        {"rabbitmq_admin_user": "guest"},
        ("rabbitmq_admin_user: 'guest'", "another name"),
    ),
    "cookie missing": ({"rabbitmq_erlang_cookie": ""}, ("rabbitmq_erlang_cookie", "openssl rand")),
    "cookie too short": ({"rabbitmq_erlang_cookie": "tooshort"}, ("rabbitmq_erlang_cookie", "20 to 255")),
    "cookie that others know": (
        {"rabbitmq_erlang_cookie": "AnyAlphaNumericStringWillDo"},
        ("rabbitmq_erlang_cookie", "placeholder", "openssl rand"),
    ),
    "node name without a host": (
        {"rabbitmq_node_name": "rabbit"},
        ("rabbitmq_node_name: 'rabbit'", "name@host"),
    ),
    "watermark above one": (
        {"rabbitmq_memory_high_watermark": "1.5"},
        ("rabbitmq_memory_high_watermark", "0.4"),
    ),
    "limit without a number": (
        {"rabbitmq_disk_free_limit": "plenty"},
        ("rabbitmq_disk_free_limit: 'plenty'", "2GB"),
    ),
    "pinned name that is no address": (
        {"rabbitmq_hosts_entries": {"rabbit2": "rabbit2.lan"}},
        ("rabbitmq_hosts_entries.rabbit2", "IP address"),
    ),
    "version that is none": ({"rabbitmq_version": "latest"}, ("rabbitmq_version: 'latest'", "in numbers")),
    "repository without a URI": (
        {"rabbitmq_package_source": "custom", "rabbitmq_repository_key": __file__},
        ("rabbitmq_repository_uri",),
    ),
    "repository without a key": ({"rabbitmq_package_source": "vendor"}, ("rabbitmq_repository_key",)),
    "key of the role itself": (
        {"rabbitmq_config": {"heartbeat": 5}},
        ("rabbitmq_config.heartbeat", "use rabbitmq_heartbeat"),
    ),
    "value that would be cut": (
        {"rabbitmq_config": {"cluster_name": "a#b"}},
        ("rabbitmq_config.cluster_name", "rabbitmq_advanced_config"),
    ),
    "keys of another format": (
        {"rabbitmq_config_format": "classic", "rabbitmq_config": {"cluster_name": "x"}},
        ("rabbitmq_config", "classic", "rabbitmq_advanced_config"),
    ),
    "term without an Erlang form": (
        {"rabbitmq_advanced_config": {"rabbit": {"tcp_listen_options": None}}},
        ("rabbitmq_advanced_config.rabbit.tcp_listen_options", "Erlang"),
    ),
    "vhost that is not declared": (
        permission(vhost="shpo"),
        ("rabbitmq_topology_permissions[0]", "shpo", "declared"),
    ),
    "user who is not declared": (
        permission(user="smok"),
        ("rabbitmq_topology_permissions[0]", "smok", "declared"),
    ),
    "regular expression that is none": (
        permission(read="orders("),
        ("rabbitmq_topology_permissions[0].read", "orders("),
    ),
    "tag that does not exist": (
        user(tags=["admin"]),
        ("rabbitmq_topology_users[0]", "admin", "administrator"),
    ),
    "user without a password": (user(password=""), ("rabbitmq_topology_users[0]", "password")),
    "password and hash": (user(password_hash="AAAA"), ("rabbitmq_topology_users[0]", "password_hash")),
    "unknown key of a user": (user(tgas=["monitoring"]), ("rabbitmq_topology_users", "tgas", "tags")),
    "vhost declared twice": (
        {"rabbitmq_topology_vhosts": [*VHOSTS, {"name": "shop"}]},
        ("rabbitmq_topology_vhosts[2]", "shop"),
    ),
    "probes without a vhost": ({"endpoint_vhost": None}, ("endpoint_vhost",)),
    "objects, and no plugin to declare them by": (
        {"rabbitmq_plugins": ["rabbitmq_stomp"]},
        ("rabbitmq_plugins: has no rabbitmq_management", "add rabbitmq_management to the plugins"),
    ),
}

# What is refused for the inventory as a whole, before a host's own settings are looked at.
IN_THE_INVENTORY: Cases = {
    "cookie of the example, on a host that is not a test host": (
        {"testbed_host": False, "rabbitmq_erlang_cookie": "test-host-only-Wd3k9Qf6Lz1s"},
        ("rabbitmq_erlang_cookie: is published", "testbed_host is not true", "`make inventory NAME=prod`"),
    ),
    "the example copied whole, with its secrets": (
        {"ansible_host": "192.0.2.7", **user(), "endpoint_password": "test-host-only-Bv6y3Pd5"},
        ("rabbitmq_topology_users[0].password: is published", "endpoint_password: is published", "192.0.2.7"),
    ),
}

# The hosts of the runs, with a wrong input each but one.
RIGHT = "door-right"
NAMES = {case: f"door-{number:02}" for number, case in enumerate([*AT_THE_DOOR, *IN_THE_INVENTORY])}

# What is set in one run: its step refuses all of it at once.
ON_THE_HOST: tuple[Cases, ...] = (
    {"no privilege": ({"ansible_become": False}, ("ansible_become", "uid", "true"))},
    {
        "name that does not resolve": (
            {"rabbitmq_node_name": "rabbit@nowhere"},
            ("rabbitmq_node_name", "'nowhere'", "does not resolve", "rabbitmq_hosts_entries"),
        ),
        "port that another process holds": (
            {"rabbitmq_amqp_port": 22},
            ("rabbitmq_amqp_port: 22 is held by 'sshd'", "another port"),
        ),
        "address of another host": (
            {"rabbitmq_stomp_address": "192.0.2.7"},
            ("rabbitmq_stomp_address: 192.0.2.7 is not an address of it-input", "empty for every interface"),
        ),
    },
    {
        "version that no repository holds": (
            {"rabbitmq_version": "9.9"},
            ("rabbitmq_version: 9.9 is wanted", "hold 3.10.8", "correct"),
        )
    },
    {
        "setting that this version lacks": (
            {"rabbitmq_default_queue_type": "quorum"},
            ("rabbitmq_default_queue_type", "3.10.8", "since 3.13"),
        )
    },
    {
        "setting that no version knows": (
            {"rabbitmq_config": {"max_chanels": 7}},
            ("unknown variable: max_chanels", "rabbitmq_config"),
        ),
        "plugin that does not exist": (
            {"rabbitmq_plugins": ["rabbitmq_management", "rabbitmq_stmop"]},
            ("rabbitmq_plugins: 'rabbitmq_stmop' does not exist", "rabbitmq-plugins list"),
        ),
    },
)


@pytest.fixture(scope="module")
def bare(fresh: Callable[..., list[hosts.Host]]) -> Iterator[hosts.Host]:
    """A host without a broker, which every refusal of this file has to leave as it was."""
    (host,) = fresh("it-input")
    before = host.snapshot()
    yield host
    after = host.snapshot()
    assert {key for key in before if before[key] != after[key]} == set()


REFUSAL = re.compile(r"^fatal: \[(?P<hosts>[^]]+)\]: FAILED!\n(?P<sentences>(?:  .*\n)+)", re.MULTILINE)


def at_the_door(controller: hosts.Controller, cases: Cases) -> hosts.Run:
    """One converge of a host for each of these wrong inputs, and of one with nothing wrong.

    None of these hosts exists: whoever asked one of them before the refusal would find it unreachable.
    """
    wrong = {NAMES[case]: changes for case, (changes, _) in cases.items()}
    values = {
        name: {"ansible_host": f"10.61.13.{200 + number}", **hosts.settings(**wrong.get(name, {}))}
        for number, name in enumerate([RIGHT, *wrong])
    }
    path = controller.inventory({group: {"hosts": values} for group in ("rabbitmq", "integration")})
    return controller.run([hosts.PLAYBOOK, "-i", hosts.INVENTORY, "-i", str(path), "site.yml"], path.parent)


@pytest.fixture(scope="module")
def door(controller: hosts.Controller) -> hosts.Run:
    """The run that looks at each host's settings."""
    return at_the_door(controller, AT_THE_DOOR)


@pytest.fixture(scope="module")
def whole_inventory(controller: hosts.Controller) -> hosts.Run:
    """The run that ends before."""
    return at_the_door(controller, IN_THE_INVENTORY)


def said_of(name: str, run: hosts.Run) -> str:
    """The sentences in which the run refused a host, or named it, on one line."""
    found = []
    for refusal in REFUSAL.finditer(run.output):
        sentences = " ".join(refusal["sentences"].split()).split("* ")
        of_the_host = name in refusal["hosts"].replace(",", " ").split()
        found += [one for one in sentences if of_the_host or name in one]
    return " ".join(found)


def assert_refused(case: str, words: tuple[str, ...], run: hosts.Run) -> None:
    """The run says of the case's host all of these words, and has asked no host."""
    said = said_of(NAMES[case], run.refused())
    missing = [word for word in words if word not in said]
    assert not missing, f"{missing} not in {said!r} of:\n{run.output}"
    for late in ("Read the host", "UNREACHABLE"):
        assert late not in run.output, "a host was read before the refusal"


@pytest.mark.parametrize("case", AT_THE_DOOR)
def test_it_is_refused_at_the_door(case: str, door: hosts.Run) -> None:
    assert_refused(case, AT_THE_DOOR[case][1], door)


@pytest.mark.parametrize("case", IN_THE_INVENTORY)
def test_it_is_refused_for_the_whole_inventory(case: str, whole_inventory: hosts.Run) -> None:
    assert_refused(case, IN_THE_INVENTORY[case][1], whole_inventory)


def test_one_run_names_every_host_with_something_wrong_and_no_other(door: hosts.Run) -> None:
    wrong = ", ".join(NAMES[case] for case in AT_THE_DOOR)
    assert said_of(RIGHT, door).strip() == f"{wrong}: refused above, and no host was changed."


@pytest.mark.parametrize("cases", ON_THE_HOST, ids=" and ".join)
def test_it_is_refused_on_the_host(cases: Cases, bare: hosts.Host, controller: hosts.Controller) -> None:
    wrong = {name: value for changes, _ in cases.values() for name, value in changes.items()}
    run = controller.converge([bare], hosts.settings(), "-e", json.dumps(wrong))
    run.refused(*(word for _, words in cases.values() for word in words))


def test_an_inventory_without_brokers_is_refused(controller: hosts.Controller) -> None:
    controller.converge([], hosts.settings()).refused("inventory", "rabbitmq", "-i inventory/prod")


def test_a_host_that_does_not_answer_is_named(controller: hosts.Controller) -> None:
    nobody = hosts.Host("it-input", "10.61.13.83")
    wrong = {"ansible_host": "10.61.13.254", "ansible_ssh_timeout": 3}
    run = controller.converge([nobody], hosts.settings(), "-e", json.dumps(wrong))
    assert run.code == 4
    assert "UNREACHABLE" in run.output
    assert "10.61.13.254" in run.output


def smoke(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run scripts/smoke.py."""
    command = [sys.executable, str(hosts.ROOT / "scripts" / "smoke.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("content", "mode", "code", "word"),
    [
        (None, 0o600, 66, "ansible-playbook"),
        ('{"schema": 1, "brokers": [', 0o600, 65, "line 1"),
        ('{"schema": 99, "brokers": []}', 0o600, 65, "schema"),
        ('{"schema": 1, "brokers": []}', 0o644, 77, "chmod"),
    ],
    ids=["missing", "truncated", "of another schema", "readable by others"],
)
def test_an_endpoints_file_that_is_wrong_is_refused(
    tmp_path: Path, content: str | None, mode: int, code: int, word: str
) -> None:
    path = tmp_path / "endpoints.json"
    if content is not None:
        path.write_text(content)
        path.chmod(mode)
    done = smoke("--endpoints", str(path))
    assert done.returncode == code, done.stderr
    assert str(path) in done.stderr.replace("\n", "")
    assert word in done.stderr
    assert "Traceback" not in done.stderr
