"""PEM texts of certificates and keys, read with sentences for what is not one.

The room runs on the controller alone: it needs the library cryptography, which ansible-core brings and hosts lack.
No message holds any part of a key.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Union

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

PrivateKey = Union[rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey]

RSA_BITS = 2048
_BLOCK = re.compile(r"-----BEGIN (?P<kind>[A-Z0-9 ]+)-----.*?-----END (?P=kind)-----", re.DOTALL)
_BEGIN = re.compile(r"-----BEGIN (?P<kind>[A-Z0-9 ]+)-----")
_BINARY = re.compile(r"[^\t\n\r -~\u00a0-\ud7ff\ue000-\uffff]|\ufffd")
_ENCRYPTED = re.compile(r"BEGIN ENCRYPTED PRIVATE KEY|Proc-Type: 4,ENCRYPTED")

_CONVERT = "convert it with `openssl x509 -inform DER`, or PKCS#12 with `openssl pkcs12 -nokeys`"
_CONVERT_KEY = "convert it with `openssl pkey -inform DER`, or PKCS#12 with `openssl pkcs12 -nocerts -nodes`"


class Unreadable(Exception):
    """A text is not what it has to be; the message says how, and what to do, without the name of its variable."""


def _blocks(text: str) -> list[tuple[str, str]]:
    """Return kind and text of each PEM block."""
    return [(match["kind"], match[0]) for match in _BLOCK.finditer(text)]


def _refuse_no_pem(text: str, what: str, convert: str) -> None:
    if not text.strip():
        raise Unreadable(f"is empty; give the PEM text of {what}")
    if _BINARY.search(text):
        raise Unreadable(f"is not PEM but binary, as DER and PKCS#12 are; {convert}")
    if not _BEGIN.search(text):
        hint = " (a path is not read: use lookup('ansible.builtin.file', ...))" if "\n" not in text else ""
        raise Unreadable(f"is not PEM, which begins with -----BEGIN; give the PEM text of {what}{hint}")
    if not _BLOCK.search(text):
        raise Unreadable(
            f"is cut off: a -----BEGIN line has no -----END line after it; give the whole PEM text of {what}"
        )


def certificates(text: str, what: str = "the certificate") -> list[x509.Certificate]:
    """Return the certificates of a PEM text, in its order.

    :raises Unreadable: for a text that holds none, or anything else.
    """
    _refuse_no_pem(text, what, _CONVERT)
    kinds = [kind for kind, _ in _blocks(text)]
    if any("PRIVATE KEY" in kind for kind in kinds):
        raise Unreadable(
            "holds a private key, and is written to a file that others can read; move the key to its own variable, "
            "and replace it if this text has been shown to anybody"
        )
    strange = sorted({kind for kind in kinds if kind not in ("CERTIFICATE", "X509 CERTIFICATE")})
    if strange:
        raise Unreadable(f"holds {strange[0]} where certificates are wanted; leave only those of {what}")
    try:
        return x509.load_pem_x509_certificates(text.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise Unreadable(
            "holds a certificate that cannot be read, most often because lines are missing; give the PEM text of "
            f"{what} as `openssl x509` prints it"
        ) from None


def private_key(text: str) -> PrivateKey:
    """Return the one private key of a PEM text.

    :raises Unreadable: for a text that does not hold one key without a passphrase, of a kind and size that is used.
    """
    what = "the certificate's private key"
    _refuse_no_pem(text, what, _CONVERT_KEY)
    keys = [block for kind, block in _blocks(text) if "PRIVATE KEY" in kind]
    if not keys:
        raise Unreadable(f"holds {_blocks(text)[0][0]} and no private key; give the PEM text of {what}")
    if len(keys) > 1:
        raise Unreadable(f"holds {len(keys)} private keys; leave the one of the certificate")
    if _ENCRYPTED.search(keys[0]):
        raise Unreadable(
            "has a passphrase, which the broker is not given; remove it with `openssl pkey -in KEY`, and keep the "
            "key in a vault"
        )
    try:
        key = load_pem_private_key(keys[0].encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Unreadable(
            "holds a private key that cannot be read, most often because lines are missing; give the PEM text of "
            f"{what} as `openssl pkey` prints it"
        ) from None
    if not isinstance(key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)):
        raise Unreadable(
            "is neither an RSA nor an EC key, which is what every client takes; make one of these"
        )
    return key


def public_bytes(key: CertificatePublicKeyTypes) -> bytes:
    """Return a public key in a form that can be compared."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def title(certificate: x509.Certificate) -> str:
    """Return what a certificate is called in a message: its subject, as `openssl x509 -subject` has it."""
    return certificate.subject.rfc4514_string() or f"(no subject, serial {certificate.serial_number:x})"


def alternative_names(certificate: x509.Certificate) -> list[str]:
    """Return the names and addresses that a certificate is for, as clients compare them."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [
        *found.get_values_for_type(x509.DNSName),
        *(str(address) for address in found.get_values_for_type(x509.IPAddress)),
    ]


def key_usage(one: x509.Certificate) -> x509.KeyUsage | None:
    """Return what the key of a certificate may be used for; None where it is not limited."""
    try:
        return one.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return None
