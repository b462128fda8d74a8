"""Watches a host for a broker that nobody declared: what listens, whom it lets in, and with which cookie it runs.

Runs on the host, on its own Python, until its standard input is closed, and looks once more then. One argument, a
JSON object: `addresses` and `ports` to look at, the `management` ports among them, the `amqp` ports among them, and
the `cookie`'s SHA-256. It prints `ready` after its first round and one JSON object at its end.
"""

from __future__ import annotations

import base64
import contextlib
import glob
import hashlib
import http.client
import json
import os
import select
import socket
import struct
import sys
import time

COOKIE = "/var/lib/rabbitmq/.erlang.cookie"
SECONDS = 900  # nobody watches for longer, whatever became of the one who asked
PAUSE = 0.1
TIMEOUT = 2.0
GUEST = "guest"


def connect(address: str, port: int) -> socket.socket | None:
    """A TCP connection, or none where nobody accepts one."""
    try:
        return socket.create_connection((address, port), timeout=TIMEOUT)
    except OSError:
        return None


def whoami(address: str, port: int) -> str:
    """What the management API answers guest: the HTTP status, or an empty text where nobody answers."""
    login = base64.b64encode(f"{GUEST}:{GUEST}".encode()).decode()
    connection = http.client.HTTPConnection(address, port, timeout=TIMEOUT)
    try:
        connection.request("GET", "/api/whoami", headers={"Authorization": f"Basic {login}"})
        return str(connection.getresponse().status)
    except (OSError, http.client.HTTPException):
        return ""
    finally:
        connection.close()


def method(stream: socket.socket) -> tuple[int, int]:
    """Class and method of the next AMQP 0-9-1 frame."""
    kind, _, size = struct.unpack(">BHI", exactly(stream, 7))
    payload = exactly(stream, size + 1)
    return struct.unpack(">HH", payload[:4]) if kind == 1 else (0, 0)


def exactly(stream: socket.socket, size: int) -> bytes:
    """The next `size` bytes; ConnectionError where the peer hangs up before."""
    data = b""
    while len(data) < size:
        part = stream.recv(size - len(data))
        if not part:
            raise ConnectionError("hung up")
        data += part
    return data


def short(text: bytes) -> bytes:
    """A text as AMQP's short string."""
    return bytes([len(text)]) + text


def long(text: bytes) -> bytes:
    """Bytes as AMQP's long string, or as the table that they are the fields of."""
    return struct.pack(">I", len(text)) + text


def amqp_login(stream: socket.socket) -> str:
    """Whether an AMQP broker lets guest in by PLAIN: Connection.Tune (10, 30) comes only after a login."""
    # Without this capability RabbitMQ keeps quiet for seconds before it hangs up on a login that it refuses.
    answer = short(b"authentication_failure_close") + b"t\1"
    properties = short(b"capabilities") + b"F" + long(answer)
    # Connection.Start-Ok: client properties, mechanism, response, locale.
    start_ok = struct.pack(">HH", 10, 11) + long(properties) + short(b"PLAIN")
    start_ok += long(f"\0{GUEST}\0{GUEST}".encode()) + short(b"en_US")
    try:
        stream.sendall(b"AMQP\0\0\x09\x01")
        if method(stream) != (10, 10):
            return ""
        stream.sendall(struct.pack(">BHI", 1, 0, len(start_ok)) + start_ok + b"\xce")
        return "accepted" if method(stream) == (10, 30) else "refused"
    except ConnectionError:
        return "refused"
    except OSError:
        return ""


def node_runs() -> bool:
    """Whether an Erlang machine of the broker's account runs; one of root's, such as the parser, is no node."""
    for path in glob.glob("/proc/[0-9]*/comm"):
        with contextlib.suppress(OSError), open(path) as handle:
            if handle.read().strip() == "beam.smp" and os.stat(path).st_uid != 0:
                return True
    return False


def cookie() -> str:
    """SHA-256 of the cookie that a node runs with; empty where there is none.

    Debian's package makes a random one when it is installed, which is no alarm before a node has it.
    """
    if not node_runs():
        return ""
    try:
        with open(COOKIE, "rb") as handle:
            return hashlib.sha256(handle.read().strip()).hexdigest()
    except OSError:
        return ""


def look(wanted: dict, seen: dict) -> None:
    """One round: add what was found to `seen`."""
    for address in wanted["addresses"]:
        for port in wanted["ports"]:
            name = f"{address}:{port}"
            stream = connect(address, port)
            if stream is None:
                continue
            with stream:
                seen["open"].add(name)
                login = amqp_login(stream) if port in wanted["amqp"] else ""
            status = whoami(address, port) if port in wanted["management"] else ""
            for what, answer in (("amqp", login), ("http", status)):
                if answer:
                    seen[what].add(f"{name} {answer}")
    seen["cookies"].add(cookie())


def main() -> None:
    """Watch until told to stop, then print what was seen."""
    wanted = json.loads(sys.argv[1])
    seen: dict = {"open": set(), "http": set(), "amqp": set(), "cookies": set()}
    rounds, deadline, told = 0, time.monotonic() + SECONDS, False
    while time.monotonic() < deadline:
        look(wanted, seen)
        rounds += 1
        if rounds == 1:
            print("ready", flush=True)
        if told:
            break
        # What came up just before it was told to stop is seen by a round that begins after that.
        told = bool(select.select([sys.stdin], [], [], PAUSE)[0])
    print(json.dumps({"rounds": rounds, **{name: sorted(found - {""}) for name, found in seen.items()}}))


if __name__ == "__main__":
    main()
