"""Which certificate a listener serves, seen by a client on its own host. Nothing is trusted and nobody logs in."""

from __future__ import annotations

import hashlib
import socket
import ssl
import warnings
from typing import Any

_RECORD, _HANDSHAKE, _CERTIFICATE = 5, 22, 11  # bytes before a record; its type; a message's type
_PIECE = 65536
_BEGIN, END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
_LOOPBACK = {"": "127.0.0.1", "::": "127.0.0.1", "0.0.0.0": "127.0.0.1"}  # noqa: S104 - connected to


Pair = tuple[str, str]


class NotServed(Exception):
    """No certificate was seen; the message says why."""


def leaf(text: str) -> bytes:
    """Return the first certificate of a PEM text, in DER."""
    begin = text.index(_BEGIN)
    return ssl.PEM_cert_to_DER_cert(text[begin : text.index(END, begin) + len(END)])


def fingerprint(certificate: bytes) -> str:
    """Return a certificate's SHA-256 as `openssl x509 -fingerprint -sha256` prints it."""
    digest = hashlib.sha256(certificate).hexdigest().upper()
    return ":".join(digest[n : n + 2] for n in range(0, len(digest), 2))


def _reached(address: str) -> str:
    """Return where a listening address is reached from its own host."""
    return _LOOPBACK.get(address, address)


def certificate_of(address: str, port: int, seconds: float, pair: Pair | None = None) -> bytes:
    """Return the certificate that a listener serves, in DER; one that any interface has is asked on loopback.

    A listener that requires a certificate of its clients shows its own before it refuses. `pair` are the paths of a
    certificate and its key to show it.

    :raises NotServed: where nothing listens, or no TLS is spoken.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if pair:
        context.load_cert_chain(*pair)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = context.wrap_bio(incoming, outgoing)
    try:
        with socket.create_connection((_reached(address), port), seconds) as peer:
            seen = _shake_hands(session, incoming, outgoing, peer)
    except OSError as error:
        raise NotServed(str(error.strerror or error)) from None
    found = session.getpeercert(binary_form=True) if seen is None else certificate_in(seen)
    if found is None:
        raise NotServed("the handshake ended before a certificate was shown")
    return found


def old_version(address: str, port: int, seconds: float) -> str:
    """Return the withdrawn version of TLS (1.0, 1.1) that a listener agrees to, empty for none.

    An OpenSSL that has neither cannot offer them.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("ALL:@SECLEVEL=0")  # or OpenSSL would not even offer them
        peer = socket.create_connection((_reached(address), port), seconds)
        with peer, context.wrap_socket(peer) as session:
            return str(session.version())
    except (OSError, ValueError):
        return ""


def _shake_hands(
    session: ssl.SSLObject, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, peer: Any
) -> bytes | None:
    """Shake hands; return None where that worked, and otherwise all that the listener said."""
    said = b""
    while True:
        try:
            session.do_handshake()
            return None
        except ssl.SSLWantReadError:
            peer.sendall(outgoing.read())
            data = peer.recv(_PIECE)
            if not data:
                return said
            said += data
            incoming.write(data)
        except ssl.SSLError:
            return said


def certificate_in(said: bytes) -> bytes | None:
    """Return the first certificate that a listener has sent in the clear, as TLS 1.2 does; None if it sent none."""
    messages = b""
    while len(said) >= _RECORD and said[0] == _HANDSHAKE:
        size = int.from_bytes(said[3:_RECORD], "big")
        messages, said = messages + said[_RECORD : _RECORD + size], said[_RECORD + size :]
    while len(messages) >= 4:
        size = int.from_bytes(messages[1:4], "big")
        if messages[0] == _CERTIFICATE and size > 6:
            length = int.from_bytes(messages[7:10], "big")
            return messages[10 : 10 + length]
        messages = messages[4 + size :]
    return None


def all_closed(listeners: list[dict[str, Any]], seconds: float) -> bool:
    """Return whether nothing listens on any of the ports."""
    for one in listeners:
        try:
            socket.create_connection((_reached(one["address"]), one["port"]), seconds).close()
        except ConnectionRefusedError:
            continue
        except OSError:
            return False
        return False
    return True


def refusals(
    listeners: list[dict[str, Any]], wanted: str, seconds: float, pair: Pair | None = None
) -> list[str]:
    """Return a sentence for each listener that does not serve the first certificate of a PEM text."""
    mine, found = leaf(wanted), []
    for one in listeners:
        where = f"port {one['port']} ({one['protocol']})"
        try:
            served = certificate_of(one["address"], one["port"], seconds, pair)
        except NotServed as error:
            found.append(f"{where} serves no certificate: {error}; see the broker's log")
            continue
        if served != mine:
            found.append(
                f"{where} serves another certificate than the one on the host (SHA-256 "
                f"{fingerprint(served)}, and not "
                f"{fingerprint(mine)}); restart the broker if it goes on to"
            )
    return found
