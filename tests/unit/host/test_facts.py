"""What is read of a host: texts of the kernel and of systemd, and this machine's own sockets."""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import time

import pytest
from brokers.host import facts as hostfacts

OS_RELEASE = """\
PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
# a comment
ID=debian
VERSION_ID='12'

HOME_URL="https://example.org/?a=b"
"""


def raw(address: str) -> str:
    """An address as the kernel prints it: each 32-bit word as a number of this machine."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    packed = socket.inet_pton(family, address)
    return "".join(f"{word:08X}" for (word,) in struct.iter_unpack("=I", packed))


def row(address: str, port: int, state: str, inode: str) -> str:
    unused = "00000000:00000000 00:00000000 0 0 0"
    return f"   0: {raw(address)}:{port:04X} 00000000:0000 {state} {unused} {inode} 1\n"


HEADER = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


def test_os_release_fields_are_unquoted():
    assert hostfacts.os_release(OS_RELEASE) == {
        "PRETTY_NAME": "Debian GNU/Linux 12 (bookworm)",
        "ID": "debian",
        "VERSION_ID": "12",
        "HOME_URL": "https://example.org/?a=b",
    }


@pytest.mark.parametrize("address", ["127.0.0.1", "10.61.13.11", "255.254.253.252", "::", "::1", "fe80::1:2"])
def test_addresses_are_read_from_the_kernels_words(address):
    assert hostfacts.address(raw(address)) == address


def test_only_listening_sockets_are_listeners():
    text = (
        HEADER
        + row("127.0.0.1", 5672, "0A", "17")
        + row("10.0.0.5", 5672, "01", "18")
        + row("::", 22, "0A", "19")
    )
    assert hostfacts.parse_listeners(text) == [("127.0.0.1", 5672, "17"), ("::", 22, "19")]


def test_an_empty_table_and_a_cut_line_are_no_listeners():
    assert hostfacts.parse_listeners("") == []
    assert hostfacts.parse_listeners(HEADER + "   0: 0100007F:1628\n") == []


def test_this_process_is_found_as_the_holder_of_its_listener():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        (found,) = [item for item in hostfacts.listeners() if item["port"] == port]
    with open("/proc/self/comm", encoding="utf-8") as comm:
        name = comm.read().strip()
    assert found == {"address": "127.0.0.1", "port": port, "pid": os.getpid(), "process": name}


def test_on_a_kernel_without_ipv6_the_listeners_of_ipv4_are_found(monkeypatch):
    def without_ipv6(path, *args, **kwargs):
        if path == "/proc/net/tcp6":
            raise FileNotFoundError(path)
        return open(path, *args, **kwargs)

    monkeypatch.setattr(hostfacts, "open", without_ipv6, raising=False)
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert server.getsockname()[1] in [item["port"] for item in hostfacts.listeners()]


def test_a_name_resolves_or_has_no_addresses():
    assert "127.0.0.1" in hostfacts.resolve("localhost") or "::1" in hostfacts.resolve("localhost")
    assert hostfacts.resolve("no-such-name.invalid") == []


def test_a_units_state_is_read_from_systemd(program):
    program(
        "systemctl",
        "MainPID=4711\nLoadState=loaded\nActiveState=active\nUnitFileState=enabled\n"
        f"ExecMainStartTimestampMonotonic={int(time.monotonic() * 1e6) - 60_000_000}\n",
    )
    found = hostfacts.unit("rabbitmq-server.service")
    assert time.time() - found.pop("started") == pytest.approx(60, abs=5)
    assert found == {
        "load_state": "loaded",
        "active_state": "active",
        "unit_file_state": "enabled",
        "main_pid": 4711,
        "process_state": "",
        "started_with": False,
        "mask": "",
    }


def test_a_unit_that_systemd_does_not_know_is_inactive(program):
    program("systemctl", "")
    assert hostfacts.unit("x.service") == {
        "load_state": "not-found",
        "active_state": "inactive",
        "unit_file_state": "",
        "main_pid": 0,
        "process_state": "",
        "started_with": False,
        "started": 0.0,
        "mask": "",
    }


def test_a_process_that_is_stopped_is_seen():
    with subprocess.Popen(["sleep", "60"]) as process:
        process.send_signal(signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)
        assert hostfacts.process_state(process.pid) == "T"
        process.kill()
    assert hostfacts.process_state(process.pid) == ""


def test_a_word_that_a_process_was_started_with_is_a_whole_one(program):
    with subprocess.Popen(["sleep", "60"]) as process:
        program("systemctl", f"MainPID={process.pid}\n")
        assert hostfacts.unit("x.service", "60")["started_with"]
        assert not hostfacts.unit("x.service", "6")["started_with"]
        assert not hostfacts.unit("x.service")["started_with"]
        process.kill()
    assert not hostfacts.started_with(process.pid, "60")


def test_who_is_in_files_of_definitions(tmp_path):
    (tmp_path / "one").write_text('{"users": [{"name": "b", "password_hash": "x"}, {"name": "a"}]}')
    (tmp_path / "two").write_text('{"users": [{"name": "a"}, {"name": "c"}]}')
    (tmp_path / "torn").write_text('{"users": [{"na')
    (tmp_path / "odd").write_text("[1]")
    assert hostfacts.users([str(tmp_path / name) for name in ("one", "two", "torn", "odd", "none")]) == [
        "a",
        "b",
        "c",
    ]


def test_the_shell_of_a_user_of_the_host():
    assert hostfacts.shell("root").startswith("/")
    assert hostfacts.shell("nobody-has-this-name") == ""


def test_a_program_that_is_missing_is_reported_by_its_name(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileNotFoundError) as missing:
        hostfacts.unit("x.service")
    assert missing.value.filename == "systemctl"


def test_an_address_of_another_host_is_foreign():
    # 192.0.2.0/24 and 2001:db8::/32 are for documentation, and no host's own: RFC 5737, RFC 3849.
    others = ["192.0.2.7", "2001:db8::7"]
    assert hostfacts.foreign(["127.0.0.1", "0.0.0.0", *others]) == others  # noqa: S104 - nothing is served there
