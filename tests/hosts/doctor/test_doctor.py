"""playbooks/doctor.yml on brokers that are really in the state: it names the row, and its remedy cures it."""

from __future__ import annotations

import io
import json
import tarfile
import time
from collections.abc import Callable

import hosts
import pytest
from doctor_cases import Case, cases
from doctor_site import Site, activemq_values, rabbitmq_values

IN_BRIEF = "dr-4-0"
HOSTS = {"dr-3-10": "rabbitmq", "dr-4-0": "rabbitmq", "dr-activemq": "activemq"}


def _marks(name: str, brief: bool) -> list[pytest.MarkDecorator]:
    """The tests of a host follow each other, beside those of another one."""
    group = pytest.mark.xdist_group(name)
    return [group] if brief and name != "dr-3-10" else [group, pytest.mark.drill]


CASES = [
    pytest.param(name, case, id=f"{name}-{case.name}", marks=_marks(name, case.brief))
    for name, kind in HOSTS.items()
    for case in cases(kind)
    if not case.only or name in case.only
]
EACH = [pytest.param(name, marks=_marks(name, True)) for name in HOSTS]


@pytest.fixture(scope="module")
def sites(fresh: Callable[..., list[hosts.Host]], controller: hosts.Controller) -> Callable[[str], Site]:
    """A host with a healthy broker by its name; it is made when it is first asked for."""
    made: dict[str, Site] = {}

    def of(name: str) -> Site:
        if name not in made:
            kind = HOSTS[name]
            values = activemq_values() if kind == "activemq" else rabbitmq_values()
            made[name] = Site(fresh(name)[0], controller, kind, values, values["shop_password"])
            made[name].bare = made[name].findings(time.time())
            made[name].run("site.yml").succeeded()
        return made[name]

    return of


@pytest.mark.parametrize("name", EACH)
def test_a_bare_host_is_told_to_be_one_and_site_yml_cures_it(sites: Callable[[str], Site], name: str) -> None:
    """What cures it is how every host of this file was made: the next test finds nothing."""
    assert [one["id"] for one in sites(name).bare] == ["no-broker"]


@pytest.mark.parametrize("name", EACH)
def test_nothing_is_found_on_a_healthy_broker_and_nothing_is_changed(
    sites: Callable[[str], Site], name: str
) -> None:
    site = sites(name)
    before = site.host.snapshot()
    assert site.findings(time.time() - 3600) == []
    assert site.host.snapshot() == before


@pytest.mark.parametrize(("name", "case"), CASES)
def test_the_cause_is_named_and_its_remedy_cures_it(
    sites: Callable[[str], Site], name: str, case: Case
) -> None:
    site = sites(name)
    if case.metrics and "activemq_prometheus_port" not in site.values:
        pytest.skip("mvn is not on this machine: the agent that serves ActiveMQ's metrics cannot be had")
    began = time.time() - 1
    cure = site.make(case)
    try:
        found = site.findings(began)
    finally:
        cure()
    cured = time.time()
    assert case.row in [one["id"] for one in found][:2], json.dumps(found, indent=1)
    assert "not known)" not in found[0]["cause"] + found[0]["remedy"], found[0]
    assert site.findings(cured) == []


def test_no_secret_is_in_what_it_prints_and_writes(sites: Callable[[str], Site]) -> None:
    site = sites(IN_BRIEF)
    directory = site.controller.directory / "secrets"
    done = site.run("playbooks/doctor.yml", "-vvv", doctor_dir=str(directory))
    written = done.output + "".join(path.read_text(encoding="utf-8") for path in directory.iterdir())
    secrets = [
        site.values[name] for name in ("rabbitmq_erlang_cookie", "rabbitmq_admin_password", "shop_password")
    ]
    assert [one for one in secrets if one in written] == []
    assert {path.stat().st_mode & 0o777 for path in directory.iterdir()} == {0o600}


def test_what_is_packed_for_a_supporter_has_files_logs_and_state_and_no_secret(
    sites: Callable[[str], Site],
) -> None:
    """Secrets are planted in a file of each type, and in a log."""
    site = sites(IN_BRIEF)
    planted = "Zq7-plAnted"
    site.host.run(
        f"""
        echo '{planted}' | tee /var/log/rabbitmq/planted.log
        echo 'default_pass = {planted}' > /etc/rabbitmq/old.conf
        echo '[{{rabbit, [{{default_pass, <<"{planted}">>}}]}}].' > /etc/rabbitmq/old.config
        echo '{{"uri": "amqp://x:{planted}@far/v", "password_hash": "{planted}"}}' > /etc/rabbitmq/old.json
        printf -- '-----BEGIN PRIVATE KEY-----\n{planted}\n-----END PRIVATE KEY-----\n' > /etc/rabbitmq/old.pem
        mkdir -p /etc/activemq/old; echo 'x={planted}' > /etc/activemq/old/users.properties
        """
    )
    directory = site.controller.directory / "bundle"
    try:
        site.run("playbooks/doctor.yml", "-vvv", doctor_dir=str(directory), doctor_bundle=True)
    finally:
        site.host.run("rm -r /etc/rabbitmq/old.* /var/log/rabbitmq/planted.log /etc/activemq/old")
    archive = directory / f"{site.host.name}.tar.gz"
    assert archive.stat().st_mode & 0o777 == 0o600
    with tarfile.open(archive) as packed:
        members = {one.name: (packed.extractfile(one) or io.BytesIO()).read().decode() for one in packed}
    for name in (
        "etc/rabbitmq/rabbitmq.conf",
        "etc/rabbitmq/old.conf",
        "var/log/rabbitmq/planted.log",
        "systemd.txt",
    ):
        assert members[f"{site.host.name}/{name}"].strip()
    everything = "".join(members.values())
    known = ("rabbitmq_erlang_cookie", "rabbitmq_admin_password", "shop_password")
    assert [one for one in (planted, *(site.values[name] for name in known)) if one in everything] == []


def test_hosts_that_cannot_be_reached_are_findings(sites: Callable[[str], Site]) -> None:
    site = sites(IN_BRIEF)
    directory = site.controller.directory / "away"
    path = site.controller.inventory(
        {
            "rabbitmq": {
                "hosts": {"nobody": {"ansible_host": "127.0.0.1", "ansible_port": 9}, site.host.name: {}},
                "vars": {"doctor_dir": str(directory), "doctor_since": time.time()},
            }
        }
    )
    command = [hosts.PLAYBOOK, "-i", site.inventory, "-i", str(path), "playbooks/doctor.yml"]
    done = site.controller.run(command, path.parent)
    assert done.code != 0
    report = json.loads((directory / "report.json").read_text(encoding="utf-8"))
    found = {one["host"]: [row["id"] for row in one["findings"]] for one in report["hosts"]}
    assert found == {"nobody": ["host-unreachable"], site.host.name: []}
