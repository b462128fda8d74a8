"""A certificate authority for tests: right certificates, and each kind of wrong one.

`Authority.new` makes an authority, `intermediate` one below it, `issue` a certificate with its key. What a test does
not name is right: an RSA key of 2048 bits, SHA-256, valid since yesterday and for 60 days, for servers and clients.
"""

from __future__ import annotations

import datetime
import ipaddress
import subprocess
import tempfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
DAYS = 60


@dataclass(frozen=True)
class Pair:
    """A certificate and its private key. `chain` are the certificates of its issuers below the topmost one, PEM."""

    x509: x509.Certificate
    private: PrivateKey
    chain: str = ""

    @property
    def alone(self) -> str:
        """The certificate without those of its issuers, PEM."""
        return self.x509.public_bytes(Encoding.PEM).decode()

    @property
    def certificate(self) -> str:
        """The certificate and those of its issuers, PEM: what a server presents."""
        return self.alone + self.chain

    @property
    def key(self) -> str:
        """The private key, PEM."""
        return self._key(NoEncryption())

    def encrypted_key(self, passphrase: str) -> str:
        """The private key, PEM, which opens with a passphrase only."""
        return self._key(BestAvailableEncryption(passphrase.encode()))

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the certificate, hexadecimal digits."""
        return self.x509.fingerprint(hashes.SHA256()).hex()

    def write(self, directory: Path, name: str) -> tuple[str, str]:
        """Write NAME.pem and NAME.key into `directory`; return their paths."""
        certificate, key = directory / f"{name}.pem", directory / f"{name}.key"
        certificate.write_text(self.certificate, encoding="ascii")
        key.touch(mode=0o600)
        key.write_text(self.key, encoding="ascii")
        return str(certificate), str(key)

    def _key(self, encryption: KeySerializationEncryption) -> str:
        return self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption).decode()


def private_key(*, bits: int = 2048, curve: ec.EllipticCurve | None = None) -> PrivateKey:
    """A new private key: RSA of so many bits, or on a curve."""
    if curve is not None:
        return ec.generate_private_key(curve)
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def self_signed(*names: str, common_name: str = "test broker") -> Pair:
    """A certificate for servers that no authority has issued."""
    private = private_key()
    subject = _subject(common_name)
    builder = _builder(subject, subject, private, -1, DAYS)
    builder = builder.add_extension(_alternative(names), critical=False)
    return Pair(builder.sign(private, hashes.SHA256()), private)


class Authority:
    """Issues certificates; `certificate` is its own, PEM: what those trust who trust it."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair

    @classmethod
    def new(cls, name: str = "test authority", *, flag: bool = True) -> Authority:
        """A topmost authority; without its flag (basic constraints) it is none to whoever looks."""
        private = private_key()
        return cls(_authority(name, flag, _subject(name), private, private, ""))

    def intermediate(self, name: str = "test intermediate", *, flag: bool = True) -> Authority:
        """An authority that this one has issued."""
        chain = self.pair.chain if self._is_topmost else self.pair.certificate
        issuer = self.pair.x509.subject
        return Authority(_authority(name, flag, issuer, private_key(), self.pair.private, chain))

    @property
    def certificate(self) -> str:
        """Its own certificate, PEM."""
        return self.pair.alone

    def write(self, directory: Path, name: str = "ca") -> str:
        """Write NAME.pem with its own certificate into `directory`; return the path."""
        path = directory / f"{name}.pem"
        path.write_text(self.certificate, encoding="ascii")
        return str(path)

    def issue(
        self,
        *names: str,
        common_name: str = "test broker",
        usages: Collection[x509.ObjectIdentifier] = (SERVER, CLIENT),
        starts: float = -1,
        ends: float = DAYS,
        digest: str = "",
        private: PrivateKey | None = None,
    ) -> Pair:
        """A certificate for `names` (host names and addresses), valid from `starts` to `ends` days from now.

        `usages` are its extended key usages, none of them if it is empty; `digest` is that of the signature: a weak
        one such as sha1 is openssl's work, since cryptography makes no such signatures any more.
        """
        private = private or private_key()
        subject = _subject(common_name)
        # What openssl is to sign has to be signed by itself before.
        issuer, signs = (subject, private) if digest else (self.pair.x509.subject, self.pair.private)
        builder = _builder(subject, issuer, private, starts, ends)
        if names:
            builder = builder.add_extension(_alternative(names), critical=False)
        if usages:
            builder = builder.add_extension(x509.ExtendedKeyUsage(list(usages)), critical=False)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        if not digest:
            builder = builder.add_extension(_identifier_of(self.pair.x509), critical=False)
        signed = builder.sign(signs, hashes.SHA256())
        if digest:
            signed = self._sign_again(signed, digest)
        return Pair(signed, private, "" if self._is_topmost else self.pair.certificate)

    def _sign_again(self, certificate: x509.Certificate, digest: str) -> x509.Certificate:
        with tempfile.TemporaryDirectory() as name:
            authority, key = self.pair.write(Path(name), "authority")
            command = ["openssl", "x509", "-CA", authority, "-CAkey", key, "-set_serial", "1", f"-{digest}"]
            command += ["-preserve_dates"]
            text = certificate.public_bytes(Encoding.PEM)
            done = subprocess.run(command, input=text, check=True, capture_output=True, timeout=60)
        return x509.load_pem_x509_certificate(done.stdout)

    @property
    def _is_topmost(self) -> bool:
        return self.pair.x509.subject == self.pair.x509.issuer


def _authority(
    name: str, flag: bool, issuer: x509.Name, private: PrivateKey, signs: PrivateKey, chain: str
) -> Pair:
    builder = _builder(_subject(name), issuer, private, -1, 6 * DAYS)
    if flag:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        builder = builder.add_extension(_signs_certificates(), critical=True)
    identifier = x509.SubjectKeyIdentifier.from_public_key(private.public_key())
    builder = builder.add_extension(identifier, critical=False)
    of_issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(signs.public_key())
    builder = builder.add_extension(of_issuer, critical=False)
    return Pair(builder.sign(signs, hashes.SHA256()), private, chain)


def _builder(
    subject: x509.Name, issuer: x509.Name, private: PrivateKey, starts: float, ends: float
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + datetime.timedelta(days=starts))
        .not_valid_after(now + datetime.timedelta(days=ends))
    )


def _subject(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _alternative(names: Collection[str]) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([_general(name) for name in names])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _identifier_of(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier.value)


def _signs_certificates() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
