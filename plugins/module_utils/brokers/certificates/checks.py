"""Whether a broker's certificate will do, before a host is given it: pure, and all errors at once.

What is checked is what a client refuses, or a broker fails on: the key is the certificate's, the chain reaches the
authority that clients trust, the names are those that clients use, the dates, the sizes and the uses.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from .chain import chain_refusals, issuer_refusals
from .reading import (
    RSA_BITS,
    PrivateKey,
    Unreadable,
    alternative_names,
    certificates,
    key_usage,
    private_key,
    public_bytes,
    title,
)

Certificates = list[x509.Certificate]

_WEAK_HASHES = ("md5", "sha1")


@dataclass(frozen=True)
class Given:
    """The three PEM texts of a broker, and what messages call them. A key that stays on the host is None.

    `prefix` is what the variables begin with; `called` is what a part is called instead of its variable.
    """

    certificate: str
    key: str | None
    authority: str
    prefix: str
    called: Mapping[str, str] = field(default_factory=dict)

    def name(self, part: str) -> str:
        """Return what a message calls a part."""
        return self.called.get(part, f"{self.prefix}{part}")


def refusals(given: Given, hosts: Sequence[str], now: datetime, client: bool = False) -> list[str]:
    """Return a sentence for each thing that is wrong with a broker's certificate, key and authority.

    `hosts` are the names and addresses by which clients reach the broker. A certificate that the broker only shows to
    other brokers, as their `client`, has to be fit for that instead.
    """
    found: list[str] = []
    chain: Certificates = []
    key: PrivateKey | None = None
    authority: Certificates = []
    try:
        chain = certificates(given.certificate, "the broker's certificate, followed by those of its issuers")
    except Unreadable as error:
        found.append(f"{given.name('certificate')}: {error}")
    try:
        key = None if given.key is None else private_key(given.key)
    except Unreadable as error:
        found.append(f"{given.name('key')}: {error}")
    if given.authority:
        found += authority_refusals(given.name("authority"), given.authority, now, chain[:1])
    if given.authority and not found:
        authority = certificates(given.authority)
    if key is not None and chain:
        found += _key_refusals(given, key, chain, authority)
    if found or not chain:
        return found
    name = given.name("certificate")
    weak = [sentence for one in chain for sentence in _strength_refusals(name, one)]
    return [
        *_date_refusals(name, chain, now),
        *_use_refusals(name, chain[0], client),
        *weak,
        *_name_refusals(given, chain[0], hosts),
        *([] if weak else _chain_refusals(given, chain, authority)),  # a weak signature cannot be checked
    ]


def warnings(name: str, certificate: str, now: datetime, days: int, playbook: str) -> list[str]:
    """Return what is no error yet: a certificate or an issuer's that ends within so many days, or that some refuse.

    `playbook` renews the broker's certificate.
    """
    chain = certificates(certificate)
    found = [
        f"{name}: {title(one)} has no authority key identifier, and Python from 3.13 on refuses it; have it issued "
        "again with one"
        for one in chain
        if one.subject != one.issuer and not _has_authority_key_identifier(one)
    ]
    ends = min(one.not_valid_after_utc for one in chain)
    left = (ends - now).days
    if left >= days:
        return found
    return [
        *found,
        f"{name}: ends on {ends:%Y-%m-%d}, in {left} days; renew it and run {playbook}",
    ]


def node_refusals(name: str, certificate: str, host: str) -> list[str]:
    """Return why a node's certificate will not do for TLS between nodes, where `host` is the host part of its name.

    A node is a client of the others as well. Erlang compares the name by which it looks for a node, which is that.
    """
    leaf, found = certificates(certificate)[0], []
    names = alternative_names(leaf)
    if not any(_covers(one, host) for one in names):
        found.append(
            f"{name}: is not for {host}, by which other nodes and rabbitmqctl reach this one "
            f"(rabbitmq_tls_inter_node): it is for {', '.join(names)}; issue one with that name as well"
        )
    uses = _extended_uses(leaf)
    if uses and not uses & {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}:
        found.append(
            f"{name}: its extended key usage leaves out clientAuth, so that other nodes refuse it "
            "(rabbitmq_tls_inter_node); issue one with serverAuth and clientAuth"
        )
    return found


def client_refusals(called: tuple[str, str], certificate: str, key: str | None, now: datetime) -> list[str]:
    """Return what is wrong with a client's certificate and key, whoever has issued it; `called` are their names.

    A key that cannot be read here is None.
    """
    given = Given(certificate, key, "", "", {"certificate": called[0], "key": called[1]})
    found = _text_refusals(given)
    if found:
        return found
    chain, mine = certificates(certificate), None if key is None else private_key(key)
    return [
        *([] if mine is None else _key_refusals(given, mine, chain, [])),
        *_date_refusals(called[0], chain, now),
        *_use_refusals(called[0], chain[0], client=True),
        *(sentence for one in chain for sentence in _strength_refusals(called[0], one)),
    ]


def _text_refusals(given: Given) -> list[str]:
    """Return what keeps the texts of a client's certificate and key from being read."""
    found = []
    try:
        certificates(given.certificate, "the client's certificate, followed by those of its issuers")
    except Unreadable as error:
        found.append(f"{given.name('certificate')}: {error}")
    try:
        if given.key is not None:
            private_key(given.key)
    except Unreadable as error:
        found.append(f"{given.name('key')}: {error}")
    return found


def _has_authority_key_identifier(one: x509.Certificate) -> bool:
    try:
        one.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    except x509.ExtensionNotFound:
        return False
    return True


def words(certificate: str, now: datetime) -> str:
    """Return a sentence on a certificate that `refusals` lets pass: whose it is, for which names, until when."""
    one = certificates(certificate)[0]
    ends = one.not_valid_after_utc
    names = ", ".join(alternative_names(one))
    return f"The certificate {title(one)} for {names} ends on {ends:%Y-%m-%d}, in {(ends - now).days} days."


def authority_refusals(
    name: str, text: str, now: datetime, pinned: Sequence[x509.Certificate] = ()
) -> list[str]:
    """Return what is wrong with certificates of authorities that somebody is to trust.

    Those of `pinned` are trusted themselves and need not be allowed to issue others.
    """
    try:
        found = certificates(text, "the certificate of the authority")
    except Unreadable as error:
        return [f"{name}: {error}"]
    return [
        sentence
        for one in found
        for sentence in (
            *([] if one in pinned else issuer_refusals(name, one)),
            *_date_refusals(name, [one], now),
            *_strength_refusals(name, one),
        )
    ]


def trust_refusals(given: Given) -> list[str]:
    """Return why somebody who trusts the authority does not come to trust the first certificate.

    Both are texts that `authority_refusals` lets pass.
    """
    return _chain_refusals(given, certificates(given.certificate), certificates(given.authority))


def _chain_refusals(given: Given, chain: Certificates, authority: Certificates) -> list[str]:
    return chain_refusals(given.name("certificate"), given.name("authority"), chain, authority)


def _key_refusals(given: Given, key: PrivateKey, chain: Certificates, authority: Certificates) -> list[str]:
    own = public_bytes(key.public_key())
    if public_bytes(chain[0].public_key()) == own:
        return []
    where = given.name("key")
    if any(public_bytes(one.public_key()) == own for one in authority):
        return [
            f"{where}: is the key of the authority itself, which no host may have; give the key that "
            f"{given.name('certificate')} was requested with"
        ]
    place = next((n for n, one in enumerate(chain) if public_bytes(one.public_key()) == own), None)
    if place:
        return [
            f"{given.name('certificate')}: the key is that of certificate {place + 1} of the text; put the broker's "
            "own certificate first, its issuer's after it, and so on"
        ]
    return [
        f"{where}: is not the key of the certificate in {given.name('certificate')} ({title(chain[0])}); give the "
        "two that belong together"
    ]


def _date_refusals(name: str, chain: Certificates, now: datetime) -> list[str]:
    found = []
    for one in chain:
        if one.not_valid_after_utc < now:
            found.append(
                f"{name}: {title(one)} expired on {one.not_valid_after_utc:%Y-%m-%d}; give one that is "
                "valid now"
            )
        elif one.not_valid_before_utc > now + timedelta(minutes=5):
            found.append(
                f"{name}: {title(one)} is not valid before {one.not_valid_before_utc:%Y-%m-%d %H:%M} UTC; wait "
                "until then, or correct the clock of whoever issued it, or of this machine"
            )
    return found


def _extended_uses(one: x509.Certificate) -> set[x509.ObjectIdentifier]:
    """Return what a certificate is limited to; nothing where it is not limited."""
    try:
        return set(one.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        return set()


def _use_refusals(name: str, leaf: x509.Certificate, client: bool) -> list[str]:
    found = []
    wanted = ExtendedKeyUsageOID.CLIENT_AUTH if client else ExtendedKeyUsageOID.SERVER_AUTH
    use, refusing = (
        ("clientAuth", "brokers refuse it for a client")
        if client
        else ("serverAuth", "clients refuse it for a server")
    )
    usage = key_usage(leaf)
    if usage is not None and not usage.digital_signature:
        found.append(
            f"{name}: its key usage leaves out digitalSignature, which TLS 1.3 needs; issue one with "
            "digitalSignature (and keyEncipherment for an RSA key)"
        )
    uses = _extended_uses(leaf)
    if uses and not uses & {wanted, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}:
        found.append(
            f"{name}: its extended key usage leaves out {use}, so that {refusing}; issue one with {use}"
        )
    return found


def _strength_refusals(name: str, one: x509.Certificate) -> list[str]:
    key, found = one.public_key(), []
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < RSA_BITS:
            found.append(
                f"{name}: the RSA key of {title(one)} has {key.key_size} bits, which clients refuse; make one of at "
                f"least {RSA_BITS}"
            )
    elif not isinstance(key, ec.EllipticCurvePublicKey):
        found.append(f"{name}: the key of {title(one)} is neither RSA nor EC; make one of these")
    digest = one.signature_hash_algorithm
    # Nobody checks the signature of a root: it is trusted as it stands.
    if digest is not None and digest.name in _WEAK_HASHES and one.subject != one.issuer:
        found.append(
            f"{name}: {title(one)} is signed with {digest.name.upper()}, which clients refuse; have it issued again "
            "with SHA-256"
        )
    return found


def _covers(pattern: str, host: str) -> bool:
    """Whether a name of a certificate is for a host; a wildcard stands for one label, the first. Source: RFC 6125."""
    pattern, host = pattern.lower().rstrip("."), host.lower().rstrip(".")
    if pattern.startswith("*."):
        return "." in host and host.split(".", 1)[1] == pattern[2:]
    return pattern == host


def plain(host: str) -> str:
    """Return a name as it is, and an address in its shortest form."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return host


def _name_refusals(given: Given, leaf: x509.Certificate, hosts: Sequence[str]) -> list[str]:
    names = alternative_names(leaf)
    missing = [host for host in hosts if not any(_covers(one, plain(host)) for one in names)]
    if not missing:
        return []
    has = (
        f"it is for {', '.join(names)}"
        if names
        else "it has no subject alternative names, and clients read no others"
    )
    return [
        f"{given.name('certificate')}: is not for {', '.join(missing)}, by which clients reach the broker: {has}; "
        f"issue one with that name, or correct endpoint_host or {given.name('names')}"
    ]
