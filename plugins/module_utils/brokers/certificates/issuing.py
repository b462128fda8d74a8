"""A small authority on the controller: issues each host's certificate, and says whether one is still good.

The authority's key is in the operator's vault and in this process; a host is given its own key and certificate. The
library cryptography does the work. Keys are RSA of 2048 bits, which the clients of every Erlang take: from RabbitMQ
3.13 on, some refuse certificates on curves (rabbitmq-server#10966).
"""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from . import checks
from .chain import is_issued_by
from .reading import (
    RSA_BITS,
    PrivateKey,
    Unreadable,
    alternative_names,
    certificates,
    private_key,
    public_bytes,
)

_COMMON_NAME = 64  # characters: RFC 5280, ub-common-name
_SLACK = timedelta(hours=1)  # by which the clocks of hosts may be behind


@dataclass(frozen=True)
class Issuer:
    """The PEM texts of an authority, and what messages call them: `prefix` before `certificate` and `key`."""

    certificate: str
    key: str
    prefix: str


@dataclass(frozen=True)
class Issued:
    """A certificate and its key, PEM."""

    certificate: str
    key: str


def refusals(issuer: Issuer, now: datetime) -> list[str]:
    """Return a sentence for each thing that is wrong with an authority that is to issue certificates."""
    name, key_name = f"{issuer.prefix}certificate", f"{issuer.prefix}key"
    found = checks.authority_refusals(name, issuer.certificate, now)
    try:
        key = private_key(issuer.key)
    except Unreadable as error:
        return [*found, f"{key_name}: {error}"]
    if not found and public_bytes(certificates(issuer.certificate)[0].public_key()) != public_bytes(
        key.public_key()
    ):
        found.append(
            f"{key_name}: is not the key of the first certificate in {name}; give the two that belong together"
        )
    return found


def is_good(text: str, issuer: Issuer, names: Sequence[str], now: datetime, days: int) -> bool:
    """Return whether a host may keep a certificate: of this authority, for all these names, good for so many days."""
    try:
        mine, authority = certificates(text)[0], certificates(issuer.certificate)[0]
    except Unreadable:
        return False
    ends = mine.not_valid_after_utc
    # One that ends with the authority stays to the end: a new one would end no later.
    soon = ends - now < timedelta(days=days) and ends < authority.not_valid_after_utc
    covered = {checks.plain(name) for name in names} <= set(alternative_names(mine))
    return is_issued_by(mine, authority) and covered and ends > now and not soon


@functools.lru_cache(maxsize=64)
def issue(issuer: Issuer, names: tuple[str, ...], days: int) -> Issued:
    """Return a new certificate and key for `names`, the first of which is its subject.

    Remembered within a process: certificate and key of a set of files are worked out one after the other, and have to
    belong together. A certificate never outlives its authority.
    """
    authority, signs = certificates(issuer.certificate)[0], private_key(issuer.key)
    private = rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    now = datetime.now(timezone.utc)
    # A node is a client of the others.
    usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    certificate = (
        _builder(_subject(names[0]), authority.subject, private, now)
        .not_valid_after(min(now + timedelta(days=days), authority.not_valid_after_utc))
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(_authority_identifier(authority, signs), critical=False)
        .sign(signs, hashes.SHA256())
    )
    chain = "" if authority.subject == authority.issuer else _pem(authority)
    return Issued(_pem(certificate) + chain, _key_pem(private))


def new_authority(name: str, days: int) -> Issued:
    """Return the certificate and key of a new authority, which issues for hosts and for no other authority."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=4096)
    now = datetime.now(timezone.utc)
    certificate = (
        _builder(_subject(name), _subject(name), private, now)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs=True), critical=True)
        .sign(private, hashes.SHA256())
    )
    return Issued(_pem(certificate), _key_pem(private))


def _builder(
    subject: x509.Name, issuer: x509.Name, private: rsa.RSAPrivateKey, now: datetime
) -> x509.CertificateBuilder:
    identifier = x509.SubjectKeyIdentifier.from_public_key(private.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SLACK)
        .add_extension(identifier, critical=False)
    )


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:_COMMON_NAME])])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_usage(signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_encipherment=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _authority_identifier(authority: x509.Certificate, key: PrivateKey) -> x509.AuthorityKeyIdentifier:
    try:
        identifier = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def _key_pem(private: rsa.RSAPrivateKey) -> str:
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
