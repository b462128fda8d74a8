"""The bridge that the test hosts share, and conflicts over its subnet."""

from __future__ import annotations

import ipaddress
import json
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from testbed_lib.errors import UNAVAILABLE, TestbedError
from testbed_lib.podman import Podman
from testbed_lib.settings import GATEWAY, LABEL, NETWORK, SUBNET

# where the machine's own podman keeps its networks: podman-network(1)
MACHINE_NETWORKS = (Path("/etc/containers/networks"), Path("/etc/cni/net.d"))


def ensure(podman: Podman) -> None:
    """Create the network unless it is there; TestbedError when its subnet belongs to somebody else."""
    bridge = _bridge(podman)
    holder = route_holder(_routes(), bridge) or network_holder(_machine_networks())
    if holder:
        raise TestbedError(
            f"The test hosts' subnet {SUBNET} is taken by {holder}. "
            "Their addresses are fixed in the inventories: free the subnet, or use another machine.",
            UNAVAILABLE,
        )
    if bridge is None:
        # Names are resolved by each host's /etc/hosts, as on servers without a name server of their own.
        podman.run(
            "network",
            "create",
            f"--subnet={SUBNET}",
            f"--gateway={GATEWAY}",
            "--disable-dns",
            f"--label={LABEL}=1",
            NETWORK,
        )


def keep_address(podman: Podman) -> None:
    """Give the bridge a MAC address of its own; it is there as soon as the first container runs.

    A bridge without one takes the lowest of its ports, which changes as hosts come and go. Whoever is on it, the
    package cache above all, then sends to an address that nobody has until its neighbour table forgets it: ten
    seconds without a way out.
    """
    bridge, wanted = _bridge(podman), mac_address(str(GATEWAY))
    if bridge and (Path("/sys/class/net") / bridge / "address").read_text(encoding="ascii").strip() != wanted:
        command = ["ip", "link", "set", "dev", bridge, "address", wanted]
        subprocess.run(command, check=True, capture_output=True, timeout=30)


def mac_address(address: str) -> str:
    """A locally administered MAC address made of the IPv4 address.

    A host that was reset keeps it. With a new one at each start, whoever talked to the host a moment ago
    would go on sending to the old one until its neighbour table forgets it, which takes up to a minute.
    """
    return "02:42:" + ":".join(f"{number:02x}" for number in ipaddress.IPv4Address(address).packed)


def remove(podman: Podman) -> None:
    """Remove the network if it is there."""
    if _bridge(podman) is not None:
        podman.run("network", "rm", "--force", NETWORK)


def route_holder(routes: Iterable[Mapping[str, Any]], bridge: str | None) -> str | None:
    """The interface other than our bridge whose route overlaps the subnet.

    ``routes`` is what ``ip -json route`` prints.
    """
    for route in routes:
        destination = str(route.get("dst", "default"))
        if destination == "default" or route.get("dev") == bridge:
            continue
        if _overlaps(destination):
            return f"interface {route.get('dev')} (route {destination})"
    return None


def network_holder(networks: Mapping[str, str]) -> str | None:
    """The machine's own container network that overlaps the subnet.

    ``networks`` maps file names to their text.
    """
    for name, text in networks.items():
        try:
            definition = json.loads(text)
        except ValueError:
            continue
        if any(_overlaps(subnet) for subnet in _subnets(definition)):
            return f"the container network {definition.get('name', name)} ({name})"
    return None


def _subnets(node: Any) -> Iterable[str]:
    """Every value of a key ``subnet``, however deep: podman and CNI nest them differently."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "subnet" and isinstance(value, str):
                yield value
            else:
                yield from _subnets(value)
    elif isinstance(node, list):
        for value in node:
            yield from _subnets(value)


def _overlaps(destination: str) -> bool:
    try:
        other = ipaddress.ip_network(destination, strict=False)
    except ValueError:
        return False
    return isinstance(other, ipaddress.IPv4Network) and other.prefixlen > 0 and other.overlaps(SUBNET)


def _bridge(podman: Podman) -> str | None:
    """The name of our bridge interface, None where the network does not exist."""
    run = podman.attempt("network", "inspect", NETWORK)
    if run.returncode != 0:
        return None
    return str(json.loads(run.stdout)[0]["network_interface"])


def _routes() -> list[dict[str, Any]]:
    run = subprocess.run(
        ["ip", "-json", "-4", "route", "show"], capture_output=True, text=True, timeout=30, check=True
    )
    routes: list[dict[str, Any]] = json.loads(run.stdout or "[]")
    return routes


def _machine_networks() -> dict[str, str]:
    files = [path for folder in MACHINE_NETWORKS if folder.is_dir() for path in sorted(folder.iterdir())]
    return {str(path): path.read_text(errors="replace") for path in files if path.is_file()}
