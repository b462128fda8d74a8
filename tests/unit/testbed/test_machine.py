"""What the test bed concludes from a machine: control groups, limits, programs, taken subnets."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from testbed_lib import machine, namespace, network
from testbed_lib.errors import UNAVAILABLE, TestbedError
from testbed_lib.progress import Progress

PLAIN = """\
23 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 24 0:26 / /sys/fs/cgroup rw,nosuid,nodev shared:9 - cgroup2 cgroup2 rw,nsdelegate
"""
HYBRID = """\
23 1 254:0 / / rw,relatime - ext4 /dev/vda rw
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
"""


def test_plain_control_groups_need_no_mount_of_our_own() -> None:
    assert machine.needs_own_cgroup_mount(PLAIN) is False


def test_hybrid_control_groups_do() -> None:
    assert machine.needs_own_cgroup_mount(HYBRID) is True


def test_the_topmost_mount_counts() -> None:
    covered = HYBRID + "60 31 0:40 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
    assert machine.needs_own_cgroup_mount(covered) is False


def test_no_control_groups_is_refused() -> None:
    with pytest.raises(TestbedError, match="systemd hosts need control groups") as failure:
        machine.needs_own_cgroup_mount(PLAIN.splitlines()[0])
    assert failure.value.code == UNAVAILABLE


def test_a_namespace_file_left_by_an_earlier_boot_is_not_a_namespace() -> None:
    kept = "70 23 0:4 mnt:[4026532300] /run/x/mount-namespace rw - nsfs nsfs rw\n"
    assert namespace.is_mounted(PLAIN + kept, Path("/run/x/mount-namespace"), "nsfs") is True
    assert namespace.is_mounted(PLAIN, Path("/run/x/mount-namespace"), "nsfs") is False


@pytest.mark.parametrize(
    ("hard", "expected"),
    [
        # a machine that cannot raise its limits: never above the hard ones, and below podman's own at nproc
        ((20000, 96365), ["--ulimit=nofile=20000:20000", "--ulimit=nproc=30000:30000"]),
        ((1048576, 4000), ["--ulimit=nofile=524288:524288", "--ulimit=nproc=4000:4000"]),
        ((-1, -1), ["--ulimit=nofile=524288:524288", "--ulimit=nproc=30000:30000"]),
    ],
)
def test_limits_stay_below_the_hard_ones(hard: tuple[int, int], expected: list[str]) -> None:
    assert machine.ulimit_options(*hard) == expected


def test_missing_programs_are_told_with_their_package_and_purpose() -> None:
    def find(name: str) -> str | None:
        return None if name in ("podman", "ssh") else f"/usr/bin/{name}"

    assert machine.missing_programs(find) == {
        "podman": "runs the test hosts",
        "openssh-client": "reaches the hosts",
    }


def finder(*absent: str) -> Callable[[str], str | None]:
    return lambda name: None if name in absent else f"/usr/bin/{name}"


def test_without_permission_to_install_the_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.shutil, "which", finder("podman", "mmdebstrap"))
    expected = "Run as root: apt-get install --no-install-recommends podman mmdebstrap"
    with pytest.raises(TestbedError, match=expected) as failure:
        machine.prepare(Progress(), install=False)
    assert failure.value.code == UNAVAILABLE


def test_a_machine_without_apt_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.shutil, "which", finder("crun", "apt-get"))
    with pytest.raises(TestbedError, match=r"no apt-get.*Debian packages: crun"):
        machine.prepare(Progress(), install=True)


def test_neither_root_nor_sudo_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(machine.shutil, "which", finder("sudo"))
    with pytest.raises(TestbedError, match="run the command as root") as failure:
        machine.become_root(["scripts/testbed", "up"])
    assert failure.value.code == 77


@pytest.mark.parametrize(
    ("routes", "holder"),
    [
        ([{"dst": "default", "dev": "eth0"}, {"dst": "192.0.2.0/24", "dev": "eth0"}], None),
        ([{"dst": "10.61.13.0/24", "dev": "podman1"}], None),  # our own bridge
        ([{"dst": "10.61.13.0/24", "dev": "tun0"}], "interface tun0 (route 10.61.13.0/24)"),
        ([{"dst": "10.0.0.0/8", "dev": "tun0"}], "interface tun0 (route 10.0.0.0/8)"),
        ([{"dst": "10.61.13.77", "dev": "tun0"}], "interface tun0 (route 10.61.13.77)"),
        ([{"dst": "0.0.0.0/0", "dev": "eth0"}], None),
    ],
)
def test_who_holds_the_subnet_by_a_route(routes: list[dict[str, Any]], holder: str | None) -> None:
    assert network.route_holder(routes, "podman1") == holder


def test_who_holds_the_subnet_by_a_container_network() -> None:
    podman = json.dumps({"name": "lab", "subnets": [{"subnet": "10.61.12.0/23", "gateway": "10.61.12.1"}]})
    cni = json.dumps({"name": "old", "plugins": [{"ipam": {"ranges": [[{"subnet": "10.61.13.0/28"}]]}}]})
    other = json.dumps({"name": "podman", "subnets": [{"subnet": "10.88.0.0/16"}]})
    assert network.network_holder({"other.json": other, "broken.json": "{"}) is None
    assert network.network_holder({"lab.json": podman}) == "the container network lab (lab.json)"
    assert network.network_holder({"old.conflist": cni}) == "the container network old (old.conflist)"
