"""Bounded waiting for anything that may hang: a client library's call, a name that does not resolve.

Sockets' own timeouts bound a single read, so that a peer which hands out a byte now and then holds a client for
minutes; resolving a name has none at all. Calls of that kind run in a thread of their own here, which is left behind
when its time is over (it is a daemon, the process ends without it).
"""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any, TypeVar

T = TypeVar("T")

_names: dict[str, Future[list[Any]]] = {}
_names_lock = threading.Lock()


def spawn(call: Callable[[], T]) -> Future[T]:
    """Run `call` in a thread that does not keep the process from ending; return its future."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # whoever waits for it gets it
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


def ended(future: Future[Any], seconds: float) -> bool:
    """Whether a call is over within `seconds`, with a result or an exception."""
    return bool(wait([future], max(0.0, seconds)).done)


def within(seconds: float, call: Callable[[], T]) -> T:
    """Return what `call` returns, or raise what it raises. Raises TimeoutError when that takes too long."""
    going = spawn(call)
    if not ended(going, seconds):
        raise TimeoutError(f"no end within {seconds:.1f} s")
    return going.result()


def dial(host: str, port: int, seconds: float, connect_seconds: float | None = None) -> socket.socket:
    """Connect within `seconds`, the resolution of the name and all its addresses included.

    `connect_seconds` bounds what comes after the resolution. The socket's timeout is what was left. Raises OSError, and
    UnicodeError for what can be no name.
    """
    ends = time.monotonic() + seconds
    addresses = _addresses(host, port, seconds)
    if connect_seconds is not None:
        ends = min(ends, time.monotonic() + connect_seconds)
    failure: OSError = TimeoutError("timed out")
    for number, (family, address) in enumerate(addresses):
        left = ends - time.monotonic()
        if left <= 0:
            break
        peer = socket.socket(family, socket.SOCK_STREAM)
        try:
            peer.settimeout(
                left / (len(addresses) - number)
            )  # an address that is dead leaves time for the next one
            peer.connect(address)
            peer.settimeout(left)
        except OSError as error:
            peer.close()
            failure = error
        else:
            return peer
    raise failure


def _addresses(host: str, port: int, seconds: float) -> list[tuple[int, Any]]:
    """Return (family, address) of each address of `host`; a name is asked for once, however many wait for it."""
    if _is_address(host):
        found = _resolve(host)
    else:
        with _names_lock:
            going = _names.get(host)
            if going is None or (going.done() and going.exception() is not None):
                going = _names[host] = spawn(lambda: _resolve(host))
        if not ended(going, seconds):
            raise socket.gaierror(socket.EAI_AGAIN, f"the resolver gave no answer within {seconds:.1f} s")
        found = going.result()
    return [(family, (address[0], port, *address[2:])) for family, _, _, _, address in found]


def _resolve(host: str) -> list[Any]:
    return socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
