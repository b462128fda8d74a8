"""What the other tests stand on: the network of the test hosts."""

from __future__ import annotations

from collections.abc import Callable

import hosts
import pytest


def test_the_way_out_keeps_its_address_while_hosts_come_and_go(
    fresh: Callable[..., list[hosts.Host]],
) -> None:
    (host,) = fresh("it-bed")
    route = host.run("cat /proc/net/arp; ip route 2>/dev/null || cat /proc/net/route")
    # 02:42 and the gateway's own address, 10.61.13.1: the lowest MAC address of a port would be another at each start.
    assert "10.61.13.1 " in route and "02:42:0a:3d:0d:01" in route


@pytest.mark.drill
def test_a_thawed_host_is_what_was_frozen_and_other_variables_are_another_key(
    fresh: Callable[..., list[hosts.Host]], controller: hosts.Controller
) -> None:
    (host,) = fresh("it-bed")
    state = "cat /etc/machine-id /etc/hosts /etc/left-by-a-converge; systemctl is-system-running --wait"
    host.write("/etc/left-by-a-converge", "something\n")
    before = host.run(state)
    values = {"ungrouped": {"hosts": {host.name: {"rabbitmq_heartbeat": 60}}}}
    given = ("-i", str(controller.inventory(values)), host.name)
    hosts.testbed("freeze", *given)
    assert host.run(state) == before  # it goes on where it was
    host.write("/etc/left-by-a-converge", "something else\n")

    values["ungrouped"]["hosts"][host.name]["rabbitmq_heartbeat"] = 30
    other = ("-i", str(controller.inventory(values)), host.name)
    assert hosts.testbed("thaw", *other, codes=(hosts.NOT_FROZEN,)) == hosts.NOT_FROZEN
    assert hosts.testbed("thaw", "--step", "other", *given, codes=(hosts.NOT_FROZEN,)) == hosts.NOT_FROZEN
    assert "something else" in host.run(state)  # and nothing was done

    hosts.testbed("thaw", *given)
    assert host.run(state) == before
