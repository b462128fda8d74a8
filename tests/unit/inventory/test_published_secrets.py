"""Secrets that everybody can read are refused on every host that is not the test bed's."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from brokers.inventory import published_secrets as published
from brokers.rabbitmq import passwords
from role_files import ROOT

OURS, THEIRS = "10.61.13.120", "192.0.2.7"
# Where an operator looks for an example: what stands there is copied.
EXAMPLES = ("README.md", "docs", "inventory", "molecule", "playbooks", "scripts/demo", "site.yml", "tests")
SECRET_NAME = re.compile(
    r"(^|[_.-])(pass|passw(or)?d|passcode|passphrase|cookie|secret|token)$", re.IGNORECASE
)
# name: value, name=value, "name": "value", name="value", or the second half of a URI's login.
WRITTEN = re.compile(
    r"""(?:[\w.]*(?:passw(?:or)?d|passcode|cookie|secret))["']?\s*[:=]\s*f?(?P<quote>["']?)(?P<value>[^\s"'`]{2,})
    |://[\w.-]+:(?P<login>[^\s@/"'`{}]+)@""",
    re.IGNORECASE | re.VERBOSE,
)
# What stands for a secret without being one: masks, names of what is to be put there, variables, code, prose.
NO_SECRET = re.compile(
    r"\*+|\.{3}|[A-Z_]+|[A-Za-z_.]+[,)]|.*(\{\{|\}\}|\$[{(]).*|[\w.]*[\[({<|>&].*|the|str|none|null|true|false"
)


def tracked() -> Iterator[Path]:
    """The files of the examples that git keeps; what unit tests feed to functions is no example."""
    listed = subprocess.run(
        ["git", "ls-files", *EXAMPLES], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if path.suffix == ".png":  # a picture
            continue
        if path.is_file() and not name.startswith("tests/unit/") and "inventory/group_vars" not in name[6:]:
            yield path


def written(path: Path) -> Iterator[str]:
    """The secrets that stand in a file of an example."""
    text = path.read_text(encoding="utf-8")
    if path.suffix in (".yml", ".json") and not text.lstrip().startswith("- "):
        whole = path.name == "vault.yml"
        for key, value in pairs(yaml.load(text, Loader=yaml.CSafeLoader)):
            if (whole or SECRET_NAME.search(key)) and isinstance(value, str):
                yield value
    # What a test feeds to something on purpose is no example; the settings of its hosts are.
    elif path.suffix != ".py" or "bench" in path.parts or path.name.endswith("hosts.py"):
        for match in WRITTEN.finditer(text):
            yield match["login"] or match["value"]


def pairs(value: Any) -> Iterator[tuple[str, Any]]:
    """Every key of a document with its value."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield str(key), part
            yield from pairs(part)
    elif isinstance(value, list):
        for part in value:
            yield from pairs(part)


def literal(text: str) -> bool:
    return not NO_SECRET.fullmatch(text)


def test_every_secret_that_this_project_publishes_is_known_to_be_published():
    found = {
        f"{path.relative_to(ROOT)}: {secret}"
        for path in tracked()
        for secret in written(path)
        if literal(secret) and not published.is_published(secret)
    }
    assert found == set(), "let it begin with test-host-only-"


def test_the_walk_sees_the_secrets_of_the_examples():
    seen = {secret for path in tracked() for secret in written(path)}
    vaults = {path.resolve() for path in ROOT.glob("inventory/*/group_vars/*/vault.yml")}
    assert len(vaults) == 2
    for vault in vaults:
        assert set(yaml.load(vault.read_text(), Loader=yaml.CSafeLoader).values()) <= seen
    assert any(secret.startswith("test-host-only-by-hand") for secret in seen)


@pytest.mark.parametrize(
    "text",
    [
        "password: hunter2",
        'the "password": "hunter2" of',
        "`--password=hunter2`",
        "amqp://shop:hunter2@mq1:5672/shop",
    ],
)
def test_the_walk_sees_a_secret_in_prose(text, tmp_path):
    (tmp_path / "guide.md").write_text(text)
    assert list(written(tmp_path / "guide.md")) == ["hunter2"]


def test_hashes_of_the_examples_passwords_are_known():
    for vault in ROOT.glob("inventory/*/group_vars/*/vault.yml"):
        for name, secret in yaml.load(vault.read_text(), Loader=yaml.CSafeLoader).items():
            if "cookie" not in name:
                assert published.is_hash_of_published(passwords.make_hash(secret))
    assert published.is_hash_of_published(passwords.make_hash("guest", "sha512"))
    assert not published.is_hash_of_published(passwords.make_hash("Rt5"))
    assert not published.is_hash_of_published("no hash")


@pytest.mark.parametrize("name", ["single", "activemq"])
def test_only_the_file_that_a_copy_leaves_out_says_that_a_host_is_a_test_host(name):
    said = [
        path
        for path in (ROOT / "inventory" / name).rglob("*.yml")
        if "testbed_host" in (yaml.load(path.read_text(), Loader=yaml.CSafeLoader) or {})
    ]
    assert [path.name for path in said] == ["testbed.yml"]


@pytest.mark.parametrize(
    ("said", "address", "test_host"),
    [
        (True, OURS, True),
        ("true", OURS, True),
        (False, OURS, False),
        ("", OURS, False),
        (True, THEIRS, False),
        (True, "mq1.example.org", False),
        (True, "10.61.130.1", False),
    ],
)
def test_a_test_host_says_so_and_is_in_the_test_beds_network(said, address, test_host):
    assert published.is_test_host(said, address) is test_host


def test_the_test_beds_network_is_the_one_that_it_makes_hosts_in():
    settings = (ROOT / "scripts/testbed_lib/settings.py").read_text()
    assert f'SUBNET = ipaddress.IPv4Network("{published.TESTBED}")' in settings


KNOWN = "test-host-only-x"
VALUES = [
    ({"rabbitmq_erlang_cookie": "5f0d2a7c91b84e36a0c4d7f2e8b1963a"}, "rabbitmq_erlang_cookie"),
    ({"rabbitmq_erlang_cookie": KNOWN}, "rabbitmq_erlang_cookie"),
    ({"rabbitmq_admin_password": KNOWN.upper()}, "rabbitmq_admin_password"),
    ({"rabbitmq_config": {"ssl_options.password": "t0p$3kRe7"}}, "rabbitmq_config.ssl_options.password"),
    (
        {"rabbitmq_advanced_config": {"rabbit": {"x": [{"_tuple": [KNOWN]}]}}},
        "rabbitmq_advanced_config.rabbit.x[0]",
    ),
    ({"rabbitmq_topology_users": [{"name": "a", "password": KNOWN}]}, "rabbitmq_topology_users[0].password"),
    (
        {"rabbitmq_topology_users": [{"name": "a", "password": "Change-Me!"}]},
        "rabbitmq_topology_users[0].password",
    ),
    (
        {"rabbitmq_topology_users": [{"name": "guest", "password": "guest"}]},
        "rabbitmq_topology_users[0].password",
    ),
    (
        {
            "rabbitmq_topology_users": [
                {"name": "a", "password_hash": passwords.make_hash("test-host-only-Xn4t8Lm1")}
            ]
        },
        "rabbitmq_topology_users[0].password_hash",
    ),
    (
        {"rabbitmq_topology_parameters": [{"value": {"src-uri": [f"amqp://shop:{KNOWN}@mq1/shop"]}}]},
        "rabbitmq_topology_parameters[0].value.src-uri[0]",
    ),
    ({"activemq_users": [{"name": "a", "password": "test-only-Rz81kq"}]}, "activemq_users[0].password"),
    ({"activemq_network": [{"name": "b", "password": KNOWN}]}, "activemq_network[0].password"),
    ({"activemq_admin_password": "2a55f70a841f18b97c3a7db939b7adc9e34a0f1d"}, "activemq_admin_password"),
]


@pytest.mark.parametrize(
    ("values", "path"), VALUES, ids=[f"{path}-{n}" for n, (_, path) in enumerate(VALUES)]
)
def test_a_published_secret_is_refused_by_its_variable_on_a_host_of_ones_own(values, path):
    for said, address, reason in (
        (False, THEIRS, f"mq1 ({THEIRS}) is not in the test bed's network 10.61.13.0/24"),
        (True, THEIRS, f"mq1 ({THEIRS}) is not in the test bed's network 10.61.13.0/24"),
        (False, OURS, "mq1 is not a test host (testbed_host is not true)"),
    ):
        (sentence,) = published.refusals(values, "mq1", said, address, "rabbitmq")
        assert sentence.startswith(f"{path}")
        assert ": is published" in sentence and reason in sentence
        assert "`openssl rand -hex 24`" in sentence and "`make inventory NAME=prod`" in sentence
        assert KNOWN not in sentence.lower()
    assert published.refusals(values, "mq1", True, OURS, "rabbitmq") == []


def test_the_command_names_the_broker():
    (sentence,) = published.refusals({"activemq_admin_password": KNOWN}, "mq1", False, THEIRS, "activemq")
    assert "`make inventory NAME=prod BROKER=activemq`" in sentence


@pytest.mark.parametrize(
    "secret", ["9c1e7f3b5d2a486f80b4c6d8e0a2f491", "latest-only-if-asked", "contest-only-Rz81kq"]
)
def test_ones_own_secret_is_taken(secret):
    assert published.refusals({"rabbitmq_admin_password": secret}, "mq1", False, THEIRS, "rabbitmq") == []


def test_a_placeholder_is_refused_where_a_password_is_wanted_alone():
    values = {"rabbitmq_topology_vhosts": [{"name": "test", "description": "secret"}]}
    assert published.refusals(values, "mq1", False, THEIRS, "rabbitmq") == []


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("http://127.0.0.1:15672", OURS),
        ("http://localhost:15672", OURS),
        ("http://[::1]:15672", OURS),
        ("https://mq1.example.org", "mq1.example.org"),
        (f"http://{THEIRS}:8080", THEIRS),
    ],
)
def test_a_broker_is_where_its_url_says_and_on_the_host_itself_for_loopback(url, where):
    assert published.broker_address(url, OURS) == where


class Untemplated(dict):
    """Variables of which one refers to what is not there yet."""

    def __getitem__(self, name):
        if name == "rabbitmq_config":
            raise KeyError(name)
        return super().__getitem__(name)


def test_an_inventory_is_told_of_all_its_published_secrets_at_once():
    users = [{"name": "shop", "password": KNOWN}]
    theirs = {"rabbitmq_admin_password": KNOWN, "rabbitmq_topology_users": users, "endpoint_password": KNOWN}
    hosts = {
        "mq1": Untemplated(theirs, ansible_host=THEIRS, testbed_host=True, rabbitmq_config={}),
        "mq2": {**theirs, "ansible_host": OURS, "testbed_host": True},
        "mq3": {"endpoint_password": "Rt5", "activemq_users": users, "rabbitmq_admin_password": KNOWN},
        "mq4": {},
    }
    found = published.inventory_refusals(hosts, {"rabbitmq": ["mq1", "mq2"], "activemq": ["mq3", "mq4"]})
    assert [(one.split(":")[0], re.search(r"mq\d", one)[0]) for one in found] == [
        ("endpoint_password", "mq1"),
        ("rabbitmq_admin_password", "mq1"),
        ("rabbitmq_topology_users[0].password", "mq1"),
        ("activemq_users[0].password", "mq3"),
    ]


def test_the_roles_ask():
    """Each role's own check of its variables, so that a play that is not ours is held to it too."""
    for role in ("rabbitmq", "activemq"):
        text = (ROOT / f"roles/{role}/tasks/validate.yml").read_text()
        assert "published_secret_refusals(inventory_hostname, testbed_host" in text
    assert (
        "broker=__rabbitmq_topology_where"
        in (ROOT / "roles/rabbitmq_topology/tasks/validate.yml").read_text()
    )
