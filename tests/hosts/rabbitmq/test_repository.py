"""Packages from an apt repository of the operator's own: a test host serves one, another host consumes it."""

from __future__ import annotations

import re
from collections.abc import Callable

import hosts
import pytest
from repositories import Repositories, serve

# Older than the distribution's revision: apt takes it only because the repository is preferred.
LOCAL_REVISION = "3.10.8-0local1"

# The whole set of packages that the broker needs. rabbitmq-server gets a revision of its own, so that the installed
# package says where it came from.
BUILD = f"""
set -e
umask 022
pool=/srv/debian/pool
mkdir -p $pool
cd $pool
apt-get -qq download $(apt-get --simulate --no-install-recommends install rabbitmq-server |
    awk '/^Inst/ {{ print $2 }}')
dpkg-deb -R rabbitmq-server_*.deb /tmp/server
rm rabbitmq-server_*.deb
sed -i 's/^Version: .*/Version: {LOCAL_REVISION}/' /tmp/server/DEBIAN/control
dpkg-deb -Zgzip -z1 --build /tmp/server $pool >/dev/null
"""

LIST_APT = "ls -A /etc/apt/sources.list.d /etc/apt/preferences.d /etc/apt/keyrings"


@pytest.fixture(scope="module")
def machines(fresh: Callable[..., list[hosts.Host]]) -> list[hosts.Host]:
    return fresh("it-repo", "it-client")


@pytest.fixture(scope="module")
def client(machines: list[hosts.Host]) -> hosts.Host:
    """The host that shall become a broker."""
    return machines[1]


@pytest.fixture(scope="module")
def repository(machines: list[hosts.Host], controller: hosts.Controller) -> Repositories:
    """Signed repositories: one that holds all, and two with an Erlang that no RabbitMQ of that version runs on."""
    found = serve(machines[0], controller.directory)
    found.server.run(BUILD, timeout=300)
    found.sign("debian")
    for name, erlang in (("future", "1:99.0-1"), ("past", "1:21.0-1")):
        found.dummies(name, "3.10.8-99", erlang)
    return found


REFUSALS = {
    "a key that did not sign it": (
        "rabbitmq_",
        lambda found: {"repository_key": found.key("wrong")},
        ("rabbitmq_repository_key: does not verify the signature", "give the file with the key"),
    ),
    "a version that it does not hold": (
        "rabbitmq_",
        lambda found: {"version": "9.9"},
        ("rabbitmq_version: ", "does not hold rabbitmq-server 9.9", LOCAL_REVISION),
    ),
    "a version that only looks like the beginning": (
        "rabbitmq_",
        lambda found: {"version": "3.1"},
        ("rabbitmq_version: ", "does not hold rabbitmq-server 3.1,"),
    ),
    "an Erlang that it does not hold": (
        "erlang_",
        lambda found: {"version": "99"},
        ("erlang_version: ", "does not hold erlang-base 99"),
    ),
    "a port where nothing listens": (
        "rabbitmq_",
        lambda found: {"repository_uri": f"http://{found.server.address}:9/debian"},
        ("rabbitmq_repository_uri: apt cannot read", "open the way to it"),
    ),
    "a suite that it does not have": (
        "rabbitmq_",
        lambda found: {"repository_suite": "potato"},
        ("rabbitmq_repository_uri: there is no signed repository at", "rabbitmq_repository_suite"),
    ),
    "a component that it does not have": (
        "rabbitmq_",
        lambda found: {"repository_components": ["contrib"]},
        ("rabbitmq_repository_components: ", "correct them"),
    ),
}


# Of each way to fail one: apt cannot read, does not trust, does not find. The others differ in the words of the answer.
BRIEF = ("a key that did not sign it", "a version that it does not hold", "a port where nothing listens")


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=[] if case in BRIEF else pytest.mark.drill) for case in REFUSALS]
)
def test_a_repository_that_cannot_serve_is_refused_before_anything_changes(
    case, client, controller, repository
):
    prefix, changes, words = REFUSALS[case]
    before = client.snapshot()
    values = hosts.settings(**repository.settings(prefix, **changes(repository)))
    controller.converge([client], values).refused(*words)
    assert client.snapshot() == before


@pytest.mark.parametrize(
    ("name", "version"), [("future", "99.0"), pytest.param("past", "21.0", marks=pytest.mark.drill)]
)
def test_an_erlang_that_the_broker_does_not_run_on_is_refused_before_anything_is_installed(
    name, version, client, controller, repository
):
    before = client.snapshot()
    run = controller.converge([client], hosts.settings(**repository.both(name)))
    run.refused("erlang_version: RabbitMQ 3.10.8 runs on Erlang/OTP 23.2 to 25.x and would get " + version)
    assert client.snapshot() == before


def test_check_mode_reads_the_repository_and_changes_nothing(client, controller, repository):
    before = client.snapshot()
    both = {**repository.settings("rabbitmq_", version="3.10"), **repository.settings("erlang_")}
    run = controller.converge([client], hosts.settings(**both), "--check", "--diff").succeeded()
    assert "/etc/apt/sources.list.d/brokerkit-rabbitmq.sources" in run.output
    assert client.snapshot() == before


@pytest.fixture(scope="module")
def secrets() -> hosts.Settings:
    """Settings of one and the same node."""
    return hosts.settings()


def test_the_packages_come_from_the_repository(client, controller, repository, secrets):
    values = {**secrets, **repository.settings("rabbitmq_"), **repository.settings("erlang_")}
    controller.converge([client], values).succeeded()
    assert f"*** {LOCAL_REVISION} 990" in client.run("apt-cache policy rabbitmq-server")
    erlang = client.run("apt-cache policy erlang-base")
    assert f"{repository.uri()} bookworm/main" in erlang and " 990\n" in erlang
    assert client.evaluate("1 + 1.") == "2"
    assert "W:" not in client.run("apt-get update 2>&1"), "apt has something to say about the sources"
    again = controller.converge([client], values).succeeded()
    assert again.counts(client.name)["changed"] == 0


def test_a_version_is_pinned_and_one_that_is_not_there_is_refused(client, controller, repository, secrets):
    both = {
        **repository.settings("rabbitmq_", version="3.10"),
        **repository.settings("erlang_", version="24"),
    }
    refused = controller.converge([client], {**secrets, **both})
    refused.refused("erlang_version: ", "does not hold erlang-base 24")
    controller.converge([client], {**secrets, **both, "erlang_version": "25"}).succeeded()
    for package in ("rabbitmq-server", "erlang-base"):
        policy = client.run(f"apt-cache policy {package}").split("Version table:")[1]
        priorities = re.findall(r"^ (?:\*\*\*|   ) \S+ (-?\d+)$", policy, re.MULTILINE)
        assert priorities and set(priorities) == {"990"}, policy


def test_without_the_repository_its_files_are_gone(client, controller, secrets):
    assert client.run(LIST_APT).count("brokerkit") == 4
    controller.converge([client], secrets).succeeded()
    assert client.run(LIST_APT).count("brokerkit") == 0
