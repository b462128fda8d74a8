"""TLS for clients of brokers, one way for every protocol: trust, sockets, and the words of a failed handshake.

stomp.py reads and hangs up in two threads, and before 3.13 Python does not guard the TLS of one socket against two: the
process dies of a broken heap. So one thread here owns it, and stomp.py speaks in the clear to that thread.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import ssl
import threading
import time

from probes.model import CONNECT_SECONDS, Endpoint, Tls
from probes.wire.waiting import dial

# With TLS 1.3, a broker complains about a missing client certificate only after the handshake.
_AFTERWARDS_SECONDS = 0.5
_PIECE = 65536  # bytes that are handed on at once


_contexts: dict[tuple[Tls, tuple[object, ...]], ssl.SSLContext] = {}
_contexts_lock = threading.Lock()


def client(tls: Tls) -> ssl.SSLContext:
    """Return the context of a client: it checks who issued the certificate, and for which host.

    Connections share it while its files are the same: the machine's own authorities take a tenth of a second to load.
    Raises OSError for files that are not there or are no PEM.
    """
    key = tls, tuple(map(_stamp, (tls.ca_file, tls.cert_file, tls.key_file)))
    with _contexts_lock:
        if key not in _contexts:
            _contexts[key] = new_client(tls)
        return _contexts[key]


def _stamp(path: str | None) -> object:
    if path is None:
        return None
    found = os.stat(path)
    return found.st_ino, found.st_size, found.st_mtime_ns


def new_client(tls: Tls) -> ssl.SSLContext:
    """Return such a context that nobody else uses."""
    context = ssl.create_default_context(cafile=tls.ca_file)
    if tls.cert_file is not None:
        context.load_cert_chain(tls.cert_file, tls.key_file)
    return context


def open_socket(
    endpoint: Endpoint,
    seconds: float,
    connect_seconds: float | None = None,
    context: ssl.SSLContext | None = None,
) -> socket.socket:
    """Connect to `endpoint`, inside TLS where it speaks that; for one thread. See `dial` for the seconds.

    `context` takes the place of the one that the endpoint's files make. Raises OSError, of a handshake in OpenSSL's
    words.
    """
    if endpoint.tls is None and context is None:
        return dial(endpoint.host, endpoint.port, seconds, connect_seconds)
    return handshake(endpoint, seconds, context, connect_seconds)


def handshake(
    endpoint: Endpoint,
    seconds: float,
    context: ssl.SSLContext | None = None,
    connect_seconds: float | None = CONNECT_SECONDS,
) -> ssl.SSLSocket:
    """Connect to `endpoint` and return the socket once TLS is agreed; see `open_socket`.

    What the connection did not take of `seconds` is left to TLS: a busy broker takes longer for that.
    """
    context = client(endpoint.tls or Tls()) if context is None else context
    ends = time.monotonic() + seconds
    peer = dial(endpoint.host, endpoint.port, seconds, connect_seconds)
    peer.settimeout(max(0.05, ends - time.monotonic()))
    try:
        return context.wrap_socket(peer, server_hostname=endpoint.host)
    except BaseException:
        peer.close()
        raise


def connect(endpoint: Endpoint, seconds: float) -> socket.socket:
    """Return a socket that speaks in the clear what goes to and comes from `endpoint` inside TLS; for any thread.

    Raises OSError, in OpenSSL's words, where the handshake does not come about within `seconds`.
    """
    outside = handshake(endpoint, seconds)
    near, far = _loopback_pair()
    threading.Thread(target=_carry, args=(far, outside), daemon=True).start()
    return near


def _loopback_pair() -> tuple[socket.socket, socket.socket]:
    """Return two sockets that are connected to each other; stomp.py asks its own for a port, so a Unix pair is none."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        near = socket.create_connection(door.getsockname())
        far, who = door.accept()
    if who != near.getsockname():
        near.close()
        far.close()
        raise OSError("another program has connected to the prober's own socket")
    return near, far


def _carry(inside: socket.socket, outside: ssl.SSLSocket) -> None:
    """Relay data in both directions until one side ends."""
    outside.setblocking(False)
    with inside, outside, contextlib.suppress(OSError):
        while True:
            # What TLS has decrypted already does not show in select.
            ready = [outside] if outside.pending() else select.select([inside, outside], [], [])[0]
            if outside in ready:
                try:
                    data = outside.recv(_PIECE)
                except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    continue  # a record of TLS itself, or the first part of one
                if not data:
                    return
                inside.sendall(data)
            else:
                data = inside.recv(_PIECE)
                if not data:
                    return
                _send(outside, data)


def _send(outside: ssl.SSLSocket, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[outside.send(rest) :]
        except ssl.SSLWantWriteError:
            select.select([], [outside], [])
        except ssl.SSLWantReadError:
            select.select([outside], [], [])


def trouble(endpoint: Endpoint, seconds: float) -> str | None:
    """Shake hands with an endpoint; return in OpenSSL's words why that does not come about, None where it does."""
    try:
        with handshake(endpoint, seconds) as outside:
            outside.settimeout(min(seconds, _AFTERWARDS_SECONDS))
            with contextlib.suppress(TimeoutError):
                outside.recv(1)
    except OSError as error:
        return str(error)
    return None
