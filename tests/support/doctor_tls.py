"""Clients and listeners that do not agree on TLS. What a function returns is the cure."""

from __future__ import annotations

import contextlib
import socket
import ssl
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hosts
from certificates import Authority, Pair, self_signed
from doctor_cases import script

FOLDER = "/var/lib/rabbitmq"
REFUSED = (ssl.SSLError, OSError)
VERIFY = "{verify, verify_peer}, {fail_if_no_peer_cert, true}"


def _serve(site: Any, port: int, pair: Pair, options: str = "", **files: str) -> None:
    """Open a listener with a certificate; `files` are written instead of those of the pair."""
    node: hosts.Host = site.host
    texts = {"certfile": pair.certificate, "keyfile": pair.key, "cacertfile": pair.certificate, **files}
    given = []
    for option, text in texts.items():
        path = f"{FOLDER}/doctor-{port}-{option}.pem"
        node.write(path, text, "0644")
        if not text:
            node.run(f"rm {path}")
        given.append(f'{{{option}, "{path}"}}')
    node.evaluate("ssl:clear_pem_cache().")
    listener = ", ".join([*given, options] if options else given)
    node.evaluate(f"rabbit_networking:start_ssl_listener({port}, [{listener}], 2).")


def _client(trusts: str = "", own: Pair | None = None) -> ssl.SSLContext:
    """What a client connects with: the authority that it trusts, and a certificate of its own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    if trusts:
        context.load_verify_locations(cadata=trusts)
    else:
        context.verify_mode = ssl.CERT_NONE
    if own:
        with tempfile.TemporaryDirectory() as name:
            context.load_cert_chain(*own.write(Path(name), "own"))
    return context


def _talk(site: Any, port: int, context: ssl.SSLContext) -> bytes:
    """What the broker answers inside TLS to the first words of a client."""
    with socket.create_connection((site.host.address, port), 5) as line:
        line.settimeout(5)
        with context.wrap_socket(line, server_hostname=site.host.address) as inside:
            inside.sendall(b"AMQP\0\0\x09\x01")
            return inside.recv(10)


def _fails(site: Any, port: int, context: ssl.SSLContext) -> None:
    with contextlib.suppress(*REFUSED):
        assert not _talk(site, port, context), "it was let in"


def _works(site: Any, port: int, context: ssl.SSLContext) -> None:
    assert _talk(site, port, context), "the remedy does not help"


def trusts_another_authority(site: Any) -> Callable[[], None]:
    authority = Authority.new()
    _serve(site, 5671, authority.issue(site.host.address))
    _fails(site, 5671, _client(Authority.new("another").certificate))
    return lambda: _works(site, 5671, _client(authority.certificate))


def sees_an_expired_certificate(site: Any) -> Callable[[], None]:
    authority = Authority.new()
    _serve(site, 5681, authority.issue(site.host.address, starts=-9, ends=-1))
    _fails(site, 5681, _client(authority.certificate))

    def renews() -> None:
        fresh = authority.issue(site.host.address)
        site.host.write(f"{FOLDER}/doctor-5681-certfile.pem", fresh.certificate)
        site.host.write(f"{FOLDER}/doctor-5681-keyfile.pem", fresh.key)
        site.host.evaluate("ssl:clear_pem_cache().")
        _works(site, 5681, _client(authority.certificate))

    return renews


def has_no_certificate(site: Any) -> Callable[[], None]:
    authority = Authority.new()
    _serve(site, 5682, authority.issue(site.host.address), VERIFY, cacertfile=authority.certificate)
    _fails(site, 5682, _client(authority.certificate))
    return lambda: _works(site, 5682, _client(authority.certificate, authority.issue("client")))


def has_a_certificate_of_somebody_else(site: Any) -> Callable[[], None]:
    authority = Authority.new()
    _serve(site, 5683, authority.issue(site.host.address), VERIFY, cacertfile=authority.certificate)
    _fails(site, 5683, _client(authority.certificate, self_signed("client")))
    return lambda: _works(site, 5683, _client(authority.certificate, authority.issue("client")))


def has_an_expired_certificate(site: Any) -> Callable[[], None]:
    authority = Authority.new()
    _serve(site, 5684, authority.issue(site.host.address), VERIFY, cacertfile=authority.certificate)
    _fails(site, 5684, _client(authority.certificate, authority.issue("client", starts=-9, ends=-1)))
    return lambda: _works(site, 5684, _client(authority.certificate, authority.issue("client")))


def has_no_version_in_common(site: Any) -> Callable[[], None]:
    authority = Authority.new()
    _serve(site, 5685, authority.issue(site.host.address), "{versions, ['tlsv1.3']}")
    old = _client(authority.certificate)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    _fails(site, 5685, old)
    return lambda: _works(site, 5685, _client(authority.certificate))


def has_no_cipher_in_common(site: Any) -> Callable[[], None]:
    authority = Authority.new()
    _serve(
        site,
        5686,
        authority.issue(site.host.address),
        "{versions, ['tlsv1.2']}, {ciphers, [\"ECDHE-RSA-AES256-GCM-SHA384\"]}",
    )
    poor = _client(authority.certificate)
    poor.maximum_version = ssl.TLSVersion.TLSv1_2
    poor.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
    _fails(site, 5686, poor)
    return lambda: _works(site, 5686, _client(authority.certificate))


def speaks_plainly(site: Any) -> Callable[[], None]:
    authority = Authority.new()
    _serve(site, 5687, authority.issue(site.host.address))
    with contextlib.suppress(OSError), socket.create_connection((site.host.address, 5687), 5) as line:
        line.settimeout(5)
        line.sendall(b"AMQP\0\0\x09\x01")
        line.recv(10)
    return lambda: _works(site, 5687, _client(authority.certificate))


def meets_a_broker_with_the_key_of_another(site: Any) -> Callable[[], None]:
    return _unusable(site, 5688, lambda authority: authority.issue("another").key)


def meets_a_broker_without_its_key(site: Any) -> Callable[[], None]:
    return _unusable(site, 5689, lambda _: "")


def meets_a_broker_that_may_not_read_its_key(site: Any) -> Callable[[], None]:
    return _unusable(site, 5690, lambda authority: authority.issue("hidden").key, "0600")


def _unusable(
    site: Any, port: int, key: Callable[[Authority], str], mode: str = "0644"
) -> Callable[[], None]:
    """Have the broker serve a certificate with a key that does not do; put the right one in its place as the cure."""
    authority = Authority.new()
    right = authority.issue(site.host.address)
    certificate, path = (f"{FOLDER}/doctor-{port}-{option}.pem" for option in ("certfile", "keyfile"))
    text = key(authority)
    _serve(site, port, right, keyfile=text)
    if text:
        site.host.run(f"chmod {mode} {path}")
    files = f'[{{certfile, "{certificate}"}}, {{keyfile, "{path}"}}]'
    site.host.evaluate(f"application:set_env(rabbit, ssl_options, {files}).")
    _fails(site, port, _client(authority.certificate))

    def cure() -> None:
        site.host.write(path, right.key)
        site.host.run(f"chown rabbitmq {path}; chmod 400 {path}")
        site.host.evaluate("ssl:clear_pem_cache().")
        _works(site, port, _client(authority.certificate))

    return cure


def certificate_on_disk_is_over(site: Any) -> None:
    """The configuration names it since before the start; nobody has connected since."""
    over = Authority.new().issue(site.host.address, starts=-9, ends=-1)
    site.host.write("/etc/rabbitmq/x.pem", over.certificate)
    site.host.run(script("rabbitmq", "quietly 'ssl_options.certfile = /etc/rabbitmq/x.pem'"))
