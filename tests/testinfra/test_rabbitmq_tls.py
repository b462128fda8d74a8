"""What a node that speaks TLS only looks like from inside, on every release it is put on."""

from __future__ import annotations

from typing import Any

import pytest

# Listeners beside those of AMQP, STOMP and management, where the plugin is on.
_FURTHER = {"rabbitmq_mqtt": 8883, "rabbitmq_stream": 5551, "rabbitmq_prometheus": 15691}


def test_only_listeners_with_tls_are_open(host: Any) -> None:
    plugins = host.check_output("rabbitmq-plugins list -q -m -E").split()
    wanted = {22, 5671, 15671, 61614} | {port for name, port in _FURTHER.items() if name in plugins}
    found = {line.split()[3].rpartition(":")[::2] for line in host.check_output("ss -ltnH").splitlines()}
    reachable = {int(port) for address, port in found if not address.startswith(("127.", "[::1]"))}
    local = {int(port) for address, port in found if address.startswith(("127.", "[::1]"))}
    assert reachable == wanted
    assert local == {4369, 25672}


@pytest.mark.parametrize(
    "command", ["rabbitmqctl ping", "rabbitmq-diagnostics check_running", "rabbitmq-plugins list"]
)
def test_the_tools_work_as_before_although_nodes_speak_tls(host: Any, command: str) -> None:
    assert "Failed" not in host.check_output(f"{command} --quiet")


def test_between_nodes_nobody_is_spoken_to_without_tls(host: Any) -> None:
    """As a node that was not told of TLS: the same cookie and tools, without the options. A plain node answers it."""
    plain = (
        "RABBITMQ_CONF_ENV_FILE=/dev/null ERL_INETRC=/etc/rabbitmq/erl_inetrc rabbitmqctl ping --timeout 10"
    )
    node = host.check_output("sed -n 's/^NODENAME=//p' /etc/rabbitmq/rabbitmq-env.conf")
    done = host.run(f"{plain} --node {node}")
    assert done.rc != 0
    assert host.run(f"rabbitmqctl ping --timeout 10 --node {node}").rc == 0


def test_the_key_is_the_brokers_alone(host: Any) -> None:
    path = host.check_output(
        'sed -nE \'s/.*keyfile, "([^"]+)".*/\\1/p\' /etc/rabbitmq/tls/inter_node.config | head -1'
    )
    key = host.file(path)
    assert (key.user, key.group, key.mode) == ("root", "rabbitmq", 0o640)


def test_no_restart_is_owed(host: Any) -> None:
    assert not host.file("/var/lib/brokerkit/rabbitmq/pending.json").exists


def test_a_renewal_did_not_restart_the_node(host: Any) -> None:
    """The node that create and converge have started has been renewed since: its files are younger."""
    started = int(
        host.check_output('date +%s -d "$(systemctl show -p ActiveEnterTimestamp --value rabbitmq-server)"')
    )
    path = host.check_output(
        'sed -nE \'s/.*certfile, "([^"]+)".*/\\1/p\' /etc/rabbitmq/tls/inter_node.config | head -1'
    )
    assert host.file(path).mtime.timestamp() > started
