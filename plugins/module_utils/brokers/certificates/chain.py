"""Whether a client that trusts an authority comes to trust a certificate: who has issued whom, and whether they may."""

from __future__ import annotations

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from .reading import key_usage, title

Certificates = list[x509.Certificate]

_LONGEST_CHAIN = 10  # a chain that is longer goes in circles


def _is_self_signed(one: x509.Certificate) -> bool:
    return one.subject == one.issuer and is_issued_by(one, one)


def is_issued_by(one: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Return whether an issuer's key has signed a certificate that names it."""
    try:
        one.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def issuer_refusals(name: str, issuer: x509.Certificate) -> list[str]:
    """Return why a certificate may not issue others."""
    try:
        basic = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        basic = None
    if basic is None or not basic.ca:
        return [
            f"{name}: {title(issuer)} is not marked as an authority (basicConstraints CA:TRUE), so that nobody "
            "takes what it issued; make the authority's certificate again with that mark"
        ]
    usage = key_usage(issuer)
    if usage is not None and not usage.key_cert_sign:
        return [
            f"{name}: the key usage of {title(issuer)} leaves out keyCertSign, so that nobody takes what it issued; "
            "make the authority's certificate again with it"
        ]
    return []


def chain_refusals(name: str, authority_name: str, chain: Certificates, authority: Certificates) -> list[str]:
    """Return why a client that trusts the authority would not come to trust the first certificate.

    `name` and `authority_name` are what messages call the two texts.
    """
    leaf = chain[0]
    if _is_self_signed(leaf):
        if leaf in authority:
            return []
        fix = (
            f"give one that {title(authority[0])} issued, or the certificate itself as {authority_name}"
            if authority
            else f"give it as {authority_name} as well"
        )
        return [f"{name}: {title(leaf)} is self-signed, and is not in {authority_name}; {fix}"]
    if not authority:
        return []
    current = leaf
    for below in range(_LONGEST_CHAIN):
        if current in authority and _is_self_signed(current):
            return []
        anchor = next((one for one in authority if one != current and is_issued_by(current, one)), None)
        issuer = anchor or next(
            (one for one in chain[1:] if one != current and is_issued_by(current, one)), None
        )
        if issuer is None:
            break
        wrong = ([] if anchor else issuer_refusals(name, issuer)) or _length_refusals(name, issuer, below)
        if wrong:
            return wrong
        current = issuer
    if current in authority:
        return [
            f"{authority_name}: {title(current)} is not a topmost authority, and many clients trust no other; "
            f"add the certificate of its issuer, {current.issuer.rfc4514_string()}"
        ]
    return [
        f"{name}: nothing in {authority_name} issued {title(current)}, whose issuer is "
        f"{current.issuer.rfc4514_string()}; add the certificates in between behind the broker's own, or the right "
        f"authority to {authority_name}"
    ]


def _length_refusals(name: str, issuer: x509.Certificate, below: int) -> list[str]:
    length = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length
    if length is None or below <= length:
        return []
    return [
        f"{name}: {title(issuer)} allows {length} authorities below itself, and there are {below}; have the "
        "broker's certificate issued by an authority further up"
    ]
