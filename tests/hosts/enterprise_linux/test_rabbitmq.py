"""RabbitMQ by dnf on a stand-in for Enterprise Linux: what is refused, by which sentence, before anything is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import hosts
import pytest
from rpm_repositories import Package, Repositories

OLDER = "ID=rocky\nID_LIKE='rhel centos fedora'\nVERSION_ID=7.9\nPRETTY_NAME='Rocky Linux 7.9'\n"


@pytest.fixture(scope="module")
def client(fresh: Callable[..., list[hosts.Host]]) -> hosts.Host:
    """The host that shall become a broker."""
    return fresh("el-client")[0]


@pytest.fixture(scope="module")
def offers(repositories: Repositories) -> Repositories:
    """Beside the right ones: an Erlang that is too new, and what nobody or somebody else has signed."""
    broker = repositories.real_broker()
    repositories.publish(
        "future", Package("erlang", "99.0", "1.el9"), Package("rabbitmq-server", "4.0.5", "9.el8")
    )
    repositories.publish("capped", repositories.real_erlang(), Package("erlang", "29.0", "1.el9"), broker)
    repositories.publish("bare", repositories.real_erlang(), broker, signer="nobody")
    for signer in ("nobody", "wrong"):
        repositories.publish(
            f"by-{signer}", repositories.real_erlang(), repositories.real_broker(signer=signer)
        )
    return repositories


REFUSALS = {
    "a key that did not sign it": (
        lambda found: found.settings("rabbitmq_", repository_key=found.key("wrong")),
        ("rabbitmq_repository_key: does not verify the metadata of", "give the file with the key"),
    ),
    "metadata that nobody has signed": (
        lambda found: found.both("bare"),
        ("_repository_uri: the metadata of", "are not signed", "repomd.xml.asc"),
    ),
    "a package that nobody has signed": (
        lambda found: found.both("by-nobody"),
        ("dnf does not install", "rabbitmq-server", "is not signed"),
    ),
    "a package that somebody else has signed": (
        lambda found: found.both("by-wrong"),
        ("dnf does not install", "rabbitmq-server"),
    ),
    "a version that it does not hold": (
        lambda found: found.settings("rabbitmq_", version="9.9"),
        ("rabbitmq_version: ", "does not hold rabbitmq-server 9.9, but 4.0.5"),
    ),
    "an Erlang of which dnf knows that it is too new": (
        lambda found: {**found.both("capped"), "erlang_version": "29"},
        ("rabbitmq_version: dnf cannot install rabbitmq-server", "requires erlang"),
    ),
    "an Erlang of which only upstream's table knows it": (
        lambda found: found.both("future"),
        ("erlang_version: RabbitMQ 4.0.5 runs on Erlang/OTP 26.2 to 27.x and would get 99.0",),
    ),
    "a port where nothing listens": (
        lambda found: found.settings("rabbitmq_", repository_uri=f"http://{found.server.address}:9/el"),
        ("rabbitmq_repository_uri: dnf cannot read", "open the way to it"),
    ),
    "the packages of a release that has none": (
        lambda found: {"rabbitmq_package_source": "distribution", "rabbitmq_repository_uri": ""},
        ("rabbitmq_package_source: is 'distribution'", "Rocky Linux 9.5", "ships no such package"),
    ),
    "a suite": (
        lambda found: {"rabbitmq_repository_suite": "bookworm"},
        ("rabbitmq_repository_suite: is 'bookworm'", "drop it"),
    ),
}
# Of each way to fail one; the others differ in the words of the answer.
BRIEF = (
    "metadata that nobody has signed",
    "a package that nobody has signed",
    "an Erlang of which dnf knows that it is too new",
)


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=[] if case in BRIEF else pytest.mark.drill) for case in REFUSALS]
)
def test_what_cannot_be_installed_is_refused_before_anything_changes(case, client, controller, offers):
    changes, words = REFUSALS[case]
    before = client.snapshot()
    values = hosts.settings(**{**offers.both(), **changes(offers)})
    controller.converge([client], values).refused(*words)
    assert client.snapshot() == before


@pytest.fixture
def older(client: hosts.Host) -> Iterator[None]:
    """A host that says it is of a release that nobody knows."""
    kept = client.run("cat /usr/lib/os-release")
    client.write("/usr/lib/os-release", OLDER)
    yield
    client.write("/usr/lib/os-release", kept)


@pytest.mark.drill
def test_a_release_that_is_not_known_is_refused(client, controller, offers, older):
    run = controller.converge([client], hosts.settings(**offers.both()))
    run.refused("is Rocky Linux 7.9, and the roles know Enterprise Linux 8, 9, 10")


@pytest.mark.drill
def test_a_dnf_that_does_not_end_is_named(client, controller, offers):
    holder = client.run("sleep 900 >/dev/null 2>&1 & echo $! | tee /var/cache/dnf/metadata_lock.pid").strip()
    try:
        run = controller.converge([client], hosts.settings(**offers.both()))
        run.refused("dnf gave no answer within", f"process {holder} holds /var/cache/dnf/metadata_lock.pid")
    finally:
        client.run(f"kill {holder}; rm -f /var/cache/dnf/metadata_lock.pid")


@pytest.mark.drill
def test_an_erlang_in_parts_is_refused_with_the_command_that_removes_it(client, controller, offers):
    offers.publish("epel", Package("erlang-erts", "26.2", "1.el9"))
    client.write("/etc/yum.repos.d/epel.repo", f"[epel]\nname=epel\nbaseurl={offers.uri('epel/erlang')}\n")
    client.run("dnf -q -y --nogpgcheck install erlang-erts; rm /etc/yum.repos.d/epel.repo")
    try:
        run = controller.converge([client], hosts.settings(**offers.both()))
        run.refused("an Erlang in parts (erlang-erts 26.2-1.el9", "dnf remove 'erlang*'")
    finally:
        client.run("dnf -q -y remove erlang-erts")


def test_a_node_by_pins_is_upgraded_no_further(client, controller, offers):
    values = hosts.settings(**offers.both("pinned"), rabbitmq_version="4.0.5", erlang_version="27.3")
    offers.publish("pinned", offers.real_erlang(), offers.real_broker())
    controller.converge([client], values).succeeded()
    assert controller.converge([client], values).succeeded().counts(client.name)["changed"] == 0
    # A newer one by name, which nothing is to take: neither dnf by hand nor a run.
    offers.publish("pinned", Package("rabbitmq-server", "4.1.0", "1.el8"), Package("erlang", "28.1", "1.el9"))
    client.run("dnf -q -y --refresh upgrade")
    assert client.run("rpm -q rabbitmq-server erlang").split() == [
        f"rabbitmq-server-{offers.broker}-1.el8.noarch",
        f"erlang-{offers.erlang}-1.el9.x86_64",
    ]
    assert client.evaluate("1 + 1.") == "2"


@pytest.mark.drill
def test_a_transaction_that_was_cut_off_is_finished(client, controller, offers):
    values = hosts.settings(**offers.both("later"))
    offers.later()
    controller.converge([client], values).succeeded()
    # rpm has put the next release beside this one and was killed before it removed it.
    broker = f"rabbitmq-server-{offers.broker}"
    client.run("rm -rf /var/tmp/two; mkdir /var/tmp/two; systemctl stop rabbitmq-server")
    older = f"{offers.uri('later/rabbitmq')}/{broker}-1.el8.noarch.rpm"
    client.python(
        "import sys, urllib.request as u; u.urlretrieve(*sys.argv[1:])", older, "/var/tmp/two/1.rpm"
    )
    client.run("rpm --install --force --nodeps --noscripts /var/tmp/two/1.rpm")
    assert len(client.run("rpm -q rabbitmq-server").split()) == 2
    controller.converge([client], values).succeeded()
    assert client.run("rpm -q rabbitmq-server").split() == [f"{broker}-2.el8.noarch"]
    assert client.run("rpm --verify --nomtime --nomode --nouser --nogroup rabbitmq-server").strip() == ""
    assert client.evaluate("1 + 1.") == "2"
