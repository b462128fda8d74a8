"""What a converged RabbitMQ node looks like from inside, on every release it is put on."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

FILES = {
    "/etc/rabbitmq/rabbitmq.conf": ("root", "rabbitmq", 0o640),
    "/etc/rabbitmq/enabled_plugins": ("root", "root", 0o644),
    "/etc/rabbitmq/rabbitmq-env.conf": ("root", "rabbitmq", 0o640),
    "/etc/rabbitmq/erl_inetrc": ("root", "rabbitmq", 0o640),
    "/var/lib/rabbitmq/administrator.json": ("rabbitmq", "rabbitmq", 0o400),
    "/var/lib/rabbitmq/.erlang.cookie": ("rabbitmq", "rabbitmq", 0o400),
    "/etc/systemd/system/rabbitmq-server.service.d/brokerkit.conf": ("root", "root", 0o644),
}
HEADED = [path for path in FILES if not path.endswith((".cookie", ".json", "enabled_plugins"))]


def ctl(host: Any, *words: str) -> Any:
    """Return what rabbitmqctl answers, parsed."""
    return json.loads(host.check_output("rabbitmqctl --quiet --formatter json " + " ".join(words)))


def test_the_service_runs_and_starts_at_boot(host: Any) -> None:
    service = host.service("rabbitmq-server")
    assert service.is_running
    assert service.is_enabled


@pytest.mark.parametrize("path", sorted(FILES))
def test_files_belong_to_root_and_strangers_cannot_read_them(host: Any, path: str) -> None:
    owner, group, mode = FILES[path]
    file = host.file(path)
    assert (file.user, file.group, file.mode) == (owner, group, mode)


@pytest.mark.parametrize("path", sorted(HEADED))
def test_files_say_who_manages_them(host: Any, path: str) -> None:
    assert "Managed by Brokerkit" in host.file(path).content_string


@pytest.mark.parametrize("port", [5672, 8080, 61613])
def test_the_listeners_are_open(host: Any, port: int) -> None:
    assert host.socket(f"tcp://0.0.0.0:{port}").is_listening or host.socket(f"tcp://:::{port}").is_listening


@pytest.mark.parametrize("port", [25672, 4369])
def test_what_is_for_the_host_alone_listens_for_it_alone(host: Any, port: int) -> None:
    assert host.socket(f"tcp://127.0.0.1:{port}").is_listening
    assert not host.socket(f"tcp://0.0.0.0:{port}").is_listening
    assert not host.socket(f"tcp://:::{port}").is_listening


@pytest.mark.parametrize(
    "command", ["rabbitmqctl ping", "rabbitmq-diagnostics ping", "rabbitmq-plugins list"]
)
def test_the_tools_find_the_node_on_the_host(host: Any, command: str) -> None:
    """Though the host's name resolves to an address that the node does not listen on."""
    assert "127.0.0.1" not in host.check_output("getent ahosts $(hostname)")
    assert "Failed" not in host.check_output(f"{command} --quiet")


def test_the_default_management_port_is_closed(host: Any) -> None:
    assert not host.socket("tcp://15672").is_listening


def test_guest_does_not_exist(host: Any) -> None:
    assert "guest" not in {user["user"] for user in ctl(host, "list_users")}


def test_the_administrator_and_the_declared_users_exist(host: Any) -> None:
    users = {user["user"]: user["tags"] for user in ctl(host, "list_users")}
    assert users == {"admin": ["administrator"], "shop": [], "smoke": ["monitoring"]}


def test_the_declared_vhosts_exist(host: Any) -> None:
    assert {vhost["name"] for vhost in ctl(host, "list_vhosts")} == {"/", "shop", "brokerkit-smoke"}


def test_the_plugins_are_the_list_and_what_it_needs(host: Any) -> None:
    listed = host.check_output("rabbitmq-plugins list -q -m -E").split()
    assert set(listed) == {"rabbitmq_management", "rabbitmq_stomp"}


def test_nothing_of_the_first_boot_is_left(host: Any) -> None:
    assert not host.file("/etc/rabbitmq/start.env").exists


def test_no_restart_is_owed(host: Any) -> None:
    assert not host.file("/var/lib/brokerkit/rabbitmq/pending.json").exists


def open_files(host: Any, pid: str) -> int:
    """Return the hard limit on open files of a process."""
    limits = host.file(f"/proc/{pid}/limits").content_string
    return next(int(line.split()[4]) for line in limits.splitlines() if line.startswith("Max open files"))


def test_the_file_limit_reached_the_process(host: Any) -> None:
    shown = host.check_output("systemctl show rabbitmq-server --property MainPID,LimitNOFILE")
    unit = dict(line.split("=") for line in shown.splitlines())
    assert unit["LimitNOFILE"] == "65536"
    # A container's own limit stands above what its systemd may give.
    assert open_files(host, unit["MainPID"]) == min(65536, open_files(host, "1"))


def test_nothing_else_listens(host: Any) -> None:
    """The table in docs/operations.md, "Ports for a firewall", holds for a host with these settings."""
    found = {line.split()[3].rpartition(":")[::2] for line in host.check_output("ss -ltnH").splitlines()}
    reachable = {int(port) for address, port in found if not address.startswith(("127.", "[::1]"))}
    local = {int(port) for address, port in found if address.startswith(("127.", "[::1]"))}
    assert reachable == {22, 5672, 8080, 61613}
    assert local == {4369, 25672}


def test_systemd_confines_the_node(host: Any) -> None:
    said = host.check_output("systemd-analyze security --no-pager rabbitmq-server.service")
    exposure = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
    assert exposure and float(exposure[1]) <= 3.0


def test_a_strangers_eyes_end_at_the_directories(host: Any) -> None:
    for path in ("/var/lib/rabbitmq", "/var/log/rabbitmq"):
        assert (host.file(path).user, host.file(path).mode) == ("rabbitmq", 0o750)
    assert host.user("rabbitmq").shell in ("/usr/sbin/nologin", "/sbin/nologin", "/bin/false")
