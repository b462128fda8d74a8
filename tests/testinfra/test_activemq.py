"""What converged ActiveMQ brokers look like from inside, by package and by archive, every instance of a host."""

from __future__ import annotations

import re
from typing import Any

import pytest

# Of an instance's directory: owner, group, mode.
FILES = {
    "activemq.xml": ("root", "activemq", 0o640),
    "users.properties": ("activemq", "activemq", 0o600),
    "groups.properties": ("activemq", "activemq", 0o600),
    "login.config": ("root", "root", 0o644),
}
SHIPPED = r"^(admin *= *admin|system *= *manager|user *= *(user|password)|guest *= *(guest|password))"


@pytest.fixture
def instances(host: Any) -> list[str]:
    """The names of the instances that the host has units of."""
    found = host.check_output("ls /etc/systemd/system/ | grep -E '^activemq-.*[.]service$'").split()
    return [re.sub(r"^activemq-(.*)[.]service$", r"\1", name) for name in found]


def process(host: Any, instance: str) -> int:
    return int(host.check_output(f"systemctl show --property=MainPID --value activemq-{instance}.service"))


def ports(host: Any, instance: str) -> set[int]:
    """The TCP ports on which the process of an instance listens."""
    pid = process(host, instance)
    links = host.check_output(f"ls -l /proc/{pid}/fd")
    sockets = set(re.findall(r"socket:\[(\d+)\]", links))
    found = set()
    for line in host.check_output("cat /proc/net/tcp /proc/net/tcp6").splitlines():
        fields = line.split()
        if fields[3] == "0A" and fields[9] in sockets:
            found.add(int(fields[1].rsplit(":", 1)[1], 16))
    return found


def configuration(host: Any, instance: str) -> str:
    return str(host.file(f"/etc/activemq/{instance}/activemq.xml").content_string)


def declared(host: Any, instance: str) -> set[int]:
    """The ports of the connectors of an instance's configuration."""
    uris = re.findall(
        r"<transportConnector [^>]*uri=\"[a-z+]+://[^\"]*?:(\d+)", configuration(host, instance)
    )
    return {int(port) for port in uris}


def test_every_instance_runs_and_starts_at_boot(host: Any, instances: list[str]) -> None:
    assert instances
    for instance in instances:
        service = host.service(f"activemq-{instance}")
        assert service.is_running and service.is_enabled
        assert host.process.get(pid=process(host, instance)).user == "activemq"


def test_exactly_what_is_declared_listens_and_on_a_slave_nothing(host: Any, instances: list[str]) -> None:
    for instance in instances:
        assert declared(host, instance)
        found = ports(host, instance)
        if "shared-file-locker" in configuration(host, instance):
            assert found in (set(), declared(host, instance))
        else:
            assert found == declared(host, instance)


def test_of_those_that_share_a_store_one_listens(host: Any, instances: list[str]) -> None:
    sharing = [one for one in instances if "shared-file-locker" in configuration(host, one)]
    if not sharing:
        pytest.skip("no instances of this host share a store")
    assert [bool(ports(host, one)) for one in sharing].count(True) == 1


def test_strangers_read_no_passwords_and_files_say_who_manages_them(host: Any, instances: list[str]) -> None:
    for instance in instances:
        for name, (owner, group, mode) in FILES.items():
            file = host.file(f"/etc/activemq/{instance}/{name}")
            assert (file.user, file.group, file.mode) == (owner, group, mode), name
            assert "Managed by Brokerkit" in file.content_string


def test_no_shipped_credentials_are_in_force_or_lie_about(host: Any, instances: list[str]) -> None:
    for instance in instances:
        users = host.file(f"/etc/activemq/{instance}/users.properties").content_string
        assert not re.search(SHIPPED, users, re.MULTILINE)
    # The package keeps its examples, which no instance of the role reads.
    assert (
        host.check_output("find /opt/activemq -name '*.properties' -path '*/conf/*' 2>/dev/null | head -1")
        == ""
    )


def test_the_packages_own_service_is_out_of_use(host: Any) -> None:
    if not host.package("activemq").is_installed:
        pytest.skip("the broker comes from an archive, which brings no service")
    assert host.run("systemctl is-enabled activemq.service").stdout.strip() == "masked"


def test_a_bridge_that_is_declared_stands(host: Any, instances: list[str]) -> None:
    places = [
        place
        for one in instances
        for place in re.findall(r"static:\(tcp://([0-9.]+):(\d+)\)", configuration(host, one))
    ]
    if not places:
        pytest.skip("no instance of this host forwards to another broker")
    for address, port in places:
        raw = "".join(f"{int(part):02X}" for part in reversed(address.split("."))) + f":{int(port):04X}"
        table = host.check_output("cat /proc/net/tcp /proc/net/tcp6")
        # 01 is TCP_ESTABLISHED in include/net/tcp_states.h.
        assert re.search(rf" [0-9A-F:]+ [0-9A-F]*{raw} 01 ", table)


def test_no_restart_is_owed(host: Any, instances: list[str]) -> None:
    for instance in instances:
        assert not host.file(f"/var/lib/brokerkit/activemq-{instance}/pending.json").exists


def test_systemd_confines_every_instance(host: Any, instances: list[str]) -> None:
    for name in instances:
        said = host.check_output(f"systemd-analyze security --no-pager activemq-{name}.service")
        exposure = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
        assert exposure and float(exposure[1]) <= 2.5


def test_nobody_logs_in_as_the_broker(host: Any) -> None:
    assert host.user("activemq").shell == "/usr/sbin/nologin"
