"""What a broker presents as its certificates, whether they are to be trusted or not, for sentences about them."""

from __future__ import annotations

import contextlib
import datetime
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from probes.model import Endpoint, Tls
from probes.tls.transport import handshake

_DER = 2  # _ssl.ENCODING_DER
SHOWN_NAMES = 4


@dataclass(frozen=True)
class Certificate:
    """One certificate: whose it is, who issued it, the hosts that it is for, when it begins and ends (UTC)."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    starts: datetime.datetime
    ends: datetime.datetime
    digest: str = ""  # that its issuer has signed; empty where the signature is over the certificate itself

    @property
    def self_signed(self) -> bool:
        """Whether it says to be issued by itself."""
        return self.subject == self.issuer

    def days_left(self, now: datetime.datetime) -> float:
        """Return how many days it is still valid; fewer than 0 once it has ended."""
        return (self.ends - now) / datetime.timedelta(days=1)

    def named(self) -> str:
        """Return the hosts that it is for, in words."""
        if not self.names:
            return "no host at all"
        more = len(self.names) - SHOWN_NAMES
        return ", ".join(self.names[:SHOWN_NAMES]) + (f" and {more} more" if more > 0 else "")


def day(moment: datetime.datetime) -> str:
    """Return a moment as reports have it."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def now() -> datetime.datetime:
    """Return this machine's time."""
    return datetime.datetime.now(datetime.UTC)


def _moment(certificate: Any, name: str) -> datetime.datetime:
    """Return a moment of a certificate; Debian 12's cryptography (38) has it without its zone, which is UTC."""
    found: datetime.datetime | None = getattr(certificate, f"{name}_utc", None)
    return found or getattr(certificate, name).replace(tzinfo=datetime.UTC)


def decode(chain: Sequence[bytes]) -> tuple[Certificate, ...]:
    """Return the certificates of DER texts."""
    from cryptography import x509  # 0.1 s that a run without TLS does not need

    found = []
    for text in chain:
        one = x509.load_der_x509_certificate(text)
        names: list[str] = []
        with contextlib.suppress(x509.ExtensionNotFound, ValueError):
            alternative = one.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            names += alternative.get_values_for_type(x509.DNSName)
            names += map(str, alternative.get_values_for_type(x509.IPAddress))
        subject, issuer = one.subject.rfc4514_string(), one.issuer.rfc4514_string()
        found.append(
            Certificate(
                subject,
                issuer,
                tuple(names),
                _moment(one, "not_valid_before"),
                _moment(one, "not_valid_after"),
                one.signature_hash_algorithm.name if one.signature_hash_algorithm else "",
            )
        )
    return tuple(found)


def subjects(ca_file: str | None) -> list[str]:
    """Return whose certificates are in a PEM file; none of one that is not there or holds none."""
    from cryptography import x509

    if ca_file is None:
        return []
    with contextlib.suppress(OSError, ValueError):
        found = x509.load_pem_x509_certificates(Path(ca_file).read_bytes())
        return [one.subject.rfc4514_string() for one in found]
    return []


def is_for_clients(cert_file: str | None) -> bool:
    """Return whether a certificate in PEM may be shown by a client; one that cannot be read counts as if it might."""
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    if cert_file is None:
        return True
    with contextlib.suppress(OSError, ValueError, x509.ExtensionNotFound):
        own = x509.load_pem_x509_certificates(Path(cert_file).read_bytes())[0]
        uses = set(own.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
        return bool(uses & {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE})
    return True


def without_trust(tls: Tls) -> ssl.SSLContext:
    """Return the context of a client that takes any certificate, to look at it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # a small key is to be seen
    if tls.cert_file is not None:
        with contextlib.suppress(OSError):
            context.load_cert_chain(tls.cert_file, tls.key_file)
    return context


def presented(endpoint: Endpoint, seconds: float) -> tuple[Certificate, ...]:
    """Return the certificates that `endpoint` presents, its own first; none where no handshake comes about."""
    tls = endpoint.tls or Tls()
    with (
        contextlib.suppress(OSError, UnicodeError),
        handshake(endpoint, seconds, without_trust(tls)) as peer,
    ):
        return decode(_chain(peer, verified=False))
    return ()


def verified(peer: ssl.SSLSocket) -> tuple[Certificate, ...]:
    """Return the certificates from the peer's own to that of the authority by which it was verified."""
    return decode(_chain(peer, verified=True))


def _chain(peer: ssl.SSLSocket, verified: bool) -> list[bytes]:
    name = "get_verified_chain" if verified else "get_unverified_chain"
    if hasattr(peer, name):  # since Python 3.13
        return list(getattr(peer, name)() or [])
    return [one.public_bytes(_DER) for one in getattr(peer._sslobj, name)() or []]  # type: ignore[attr-defined]
