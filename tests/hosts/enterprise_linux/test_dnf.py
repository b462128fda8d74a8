"""The words and codes of dnf that the roles' refusals rest on: another dnf may have others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import hosts
import pytest
from rpm_repositories import UPSTREAM, Package, Repositories

pytestmark = pytest.mark.drill


@pytest.fixture(scope="module")
def host(fresh: Callable[..., list[hosts.Host]]) -> hosts.Host:
    return fresh("el-stand-in")[0]


@pytest.fixture(scope="module")
def offers(repositories: Repositories) -> Repositories:
    """Beside what `serve` offers: what is signed wrongly, an Erlang that the broker does not run on, and EPEL's."""
    erlang, broker = repositories.real_erlang(), repositories.real_broker()
    for signer in ("nobody", "wrong"):
        repositories.publish(f"metadata-{signer}", erlang, broker, signer=signer)
        repositories.publish(f"package-{signer}", erlang, repositories.real_broker(signer=signer))
    repositories.publish("future", erlang, Package("erlang", "29.0", "1.el9"), broker)
    repositories.later()
    repositories.epel()
    return repositories


REFUSED = {
    "a package that nobody has signed": (
        "package-nobody",
        ["Package rabbitmq-server-4.0.5-1.el8.noarch.rpm is not signed", "Error: GPG check FAILED"],
    ),
    "a package that somebody else has signed": (
        "package-wrong",
        [
            'The GPG keys listed for the "package-wrong-rabbitmq" repository are already installed but they are not '
            "correct for this package.",
            "Failing package is: rabbitmq-server-4.0.5-1.el8.noarch",
            "Error: GPG check FAILED",
        ],
    ),
    "metadata that nobody has signed": (
        "metadata-nobody",
        [
            "GPG verification is enabled, but GPG signature is not available. "
            "This may be an error or the repository does not support GPG verification",
            "repodata/repomd.xml.asc",
        ],
    ),
    "metadata that somebody else has signed": (
        "metadata-wrong",
        ["repomd.xml GPG signature verification error: Bad GPG signature"],
    ),
    "a repository that is not there": (
        "nowhere",
        ["Cannot download repomd.xml: Cannot download repodata/repomd.xml: All mirrors were tried"],
    ),
}


def use(host: hosts.Host, offers: Repositories, name: str = UPSTREAM) -> None:
    """Have dnf know the repositories `name` and no key."""
    host.run("for key in $(rpm -qa gpg-pubkey); do rpm -e $key; done")
    offers.subscribe(host, f"{name}/erlang", f"{name}/rabbitmq")


def refused(host: hosts.Host, command: str) -> str:
    """What a command that fails printed."""
    done = host.attempt(f"{command} 2>&1", timeout=300)
    assert done.returncode == 1, done.stdout
    return done.stdout


def installed(host: hosts.Host) -> list[str]:
    """The releases of Erlang and RabbitMQ that rpm knows."""
    return host.run(
        "rpm -qa --qf '%{name}-%{version}-%{release}\\n' 'erlang*' rabbitmq-server | sort"
    ).split()


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_trusted_is_not_installed(case: str, host: hosts.Host, offers: Repositories) -> None:
    name, words = REFUSED[case]
    use(host, offers, name)
    output = refused(host, "dnf -y install rabbitmq-server")
    assert not [word for word in words if word not in output], output
    assert installed(host) == []


def test_a_version_that_is_not_there_is_named(host: hosts.Host, offers: Repositories) -> None:
    use(host, offers)
    assert "Error: Unable to find a match: rabbitmq-server-9.9" in refused(
        host, "dnf -y install rabbitmq-server-9.9"
    )


def test_a_capped_erlang_is_an_error_or_nothing_to_do(host: hosts.Host, offers: Repositories) -> None:
    use(host, offers, "future")
    host.run("dnf -y install rabbitmq-server", timeout=300)  # the newest pair that fits
    before = installed(host)
    assert before == [f"erlang-{offers.erlang}-1.el9", f"rabbitmq-server-{offers.broker}-1.el8"]
    # With the family's best=True it says so; without it, and for a lock, it has done nothing and is content.
    assert "cannot install the best update candidate for package erlang-" in refused(
        host, "dnf -y upgrade erlang"
    )
    output = host.run("dnf -y --nobest upgrade erlang 2>&1")
    assert "Skipping packages with conflicts" in output
    assert "Nothing to do." in output
    host.run("dnf -y versionlock add erlang rabbitmq-server")
    assert "Nothing to do." in host.run("dnf -y upgrade erlang")
    use(host, offers, "later")
    assert (
        "All matches were filtered out by exclude filtering for argument: rabbitmq-server-4.0.5-2.el8"
        in refused(host, "dnf -y install rabbitmq-server-4.0.5-2.el8")
    )
    host.run("dnf -y versionlock clear")
    assert installed(host) == before
    host.run("dnf -y remove rabbitmq-server erlang", timeout=300)


_HOLD = """
import sys, time, dnf, dnf.lock
conf = dnf.Base().conf
conf.read()
of = {"rpmdb": (dnf.lock.build_rpmdb_lock, conf.persistdir), "metadata": (dnf.lock.build_metadata_lock, conf.cachedir)}
build, folder = of[sys.argv[1]]
with build(folder, True):
    time.sleep(600)
"""


@contextmanager
def held(host: hosts.Host, lock: str, file: str) -> Iterator[None]:
    """One of dnf's locks in somebody else's hands."""
    host.write("/root/hold.py", _HOLD)
    host.run(f"systemd-run --unit=hold --service-type=exec python3 /root/hold.py {lock}")
    hosts.wait_for(f"the lock {lock}", lambda: host.attempt(f"test -s {file}").returncode == 0)
    try:
        yield
    finally:
        host.run("systemctl stop hold")


@pytest.mark.parametrize(
    ("lock", "file", "word"),
    [
        ("rpmdb", "/var/lib/dnf/rpmdb_lock.pid", "RPMDB"),
        ("metadata", "/var/cache/dnf/metadata_lock.pid", "metadata"),
    ],
)
def test_a_lock_is_waited_for_without_an_end(
    lock: str, file: str, word: str, host: hosts.Host, offers: Repositories
) -> None:
    use(host, offers)
    with held(host, lock, file):
        # so does Ansible's module, which has the option lock_timeout and does not use it for dnf
        waits = host.attempt("timeout 20 dnf -y install erlang 2>&1")
        assert waits.returncode == 124
        assert "Waiting for process with pid" in waits.stdout
        ends = host.attempt("dnf -y --setopt=exit_on_lock=True install erlang 2>&1")
        assert ends.returncode == 200
        assert f"{word} already locked by" in ends.stdout
    assert installed(host) == []


def test_an_erlang_in_parts_is_taken_for_the_whole_and_cannot_be_replaced(
    host: hosts.Host, offers: Repositories
) -> None:
    use(host, offers)
    offers.subscribe(host, "upstream/erlang", "upstream/rabbitmq", "epel")
    host.run("dnf -y install erlang-26.2.5.13")
    host.run("dnf -y install rabbitmq-server", timeout=300)  # whose cap it fits
    before = installed(host)
    assert "erlang-erts-26.2.5.13-1.el9" in before
    output = refused(host, "dnf -y upgrade erlang")
    assert "Error: Transaction test error:" in output
    assert "conflicts with file from package erlang-erts-26.2.5.13-1.el9.noarch" in output
    assert installed(host) == before
    host.run("dnf -y remove 'erlang*'", timeout=300)
    assert installed(host) == []  # the broker is gone with them


def test_an_upgrade_that_is_killed_leaves_both_releases_and_a_stopped_broker(
    host: hosts.Host, offers: Repositories
) -> None:
    use(host, offers)
    host.run("dnf -y install rabbitmq-server && systemctl start rabbitmq-server", timeout=300)
    use(host, offers, "later")
    host.run("systemd-run --unit=upgrade --service-type=exec dnf -y upgrade rabbitmq-server")
    hosts.wait_for("both releases", lambda: len(installed(host)) == 3, seconds=120)
    host.run("systemctl kill --signal=KILL --kill-whom=all upgrade")
    both = [f"rabbitmq-server-{offers.broker}-{release}.el8" for release in (1, 2)]
    assert installed(host)[1:] == both
    # dnf sees the newer one and is content; only its check does not miss the other
    assert "Nothing to do." in host.run("dnf -y upgrade rabbitmq-server")
    output = refused(host, "dnf check")
    assert f"{both[0]}.noarch is a duplicate with {both[1]}.noarch" in output
    host.run("dnf -y remove --duplicates", timeout=300)
    assert installed(host)[1:] == both[1:]
    host.run("dnf check")
    host.run("dnf -y remove rabbitmq-server erlang", timeout=300)
