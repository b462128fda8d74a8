"""What the other tests stand on: the network of the test hosts."""

from __future__ import annotations

from collections.abc import Callable

import hosts


def test_the_way_out_keeps_its_address_while_hosts_come_and_go(
    fresh: Callable[..., list[hosts.Host]],
) -> None:
    (host,) = fresh("it-bed")
    route = host.run("cat /proc/net/arp; ip route 2>/dev/null || cat /proc/net/route")
    # 02:42 and the gateway's own address, 10.61.13.1: the lowest MAC address of a port would be another at each start.
    assert "10.61.13.1 " in route and "02:42:0a:3d:0d:01" in route
