"""Small servers on loopback that send the bytes of a protocol, or none."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Handler = Callable[[socket.socket], None]


@contextmanager
def server(*handlers: Handler) -> Iterator[int]:
    """Serve on loopback, the n-th connection by the n-th handler (the last one from then on); yield the port."""
    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def serve() -> None:
        number = 0
        while not stop.is_set():
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            handler = handlers[min(number, len(handlers) - 1)]
            number += 1
            threading.Thread(target=handle, args=(handler, peer), daemon=True).start()

    def handle(handler: Handler, peer: socket.socket) -> None:
        with peer, suppress(OSError):  # the client may be gone before the handler is done
            handler(peer)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        stop.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)  # else it listens on for the thread that waits in accept
        listener.close()


def speaks_first(data: bytes) -> Handler:
    def handler(peer: socket.socket) -> None:
        peer.sendall(data)
        peer.recv(64)

    return handler


def answers(answer: bytes) -> Handler:
    def handler(peer: socket.socket) -> None:
        peer.recv(64)
        peer.sendall(answer)

    return handler


def silent(peer: socket.socket) -> None:
    while peer.recv(64):
        pass


def closes(_peer: socket.socket) -> None:
    return


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
