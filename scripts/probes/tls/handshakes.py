"""Handshakes with a broker that are no client's: to see what is agreed, and who is refused."""

from __future__ import annotations

import datetime
import ssl
import tempfile
import warnings
from pathlib import Path

from probes.model import Endpoint, Tls
from probes.tls.presented import Certificate, verified
from probes.tls.transport import handshake, new_client
from probes.wire.classify import AMQP_0_9_1_HEADER, STOMP_QUESTION
from probes.wire.waiting import dial

# What each protocol answers without a login.
_QUESTIONS = {
    "amqp": AMQP_0_9_1_HEADER,
    "stomp": STOMP_QUESTION,
    "management": b"GET / HTTP/1.0\r\n\r\n",
}


def agreed(endpoint: Endpoint, seconds: float) -> str:
    """Return the version of TLS and the cipher that a client agrees on with `endpoint`. Raises OSError."""
    with handshake(endpoint, seconds) as peer:
        cipher = peer.cipher()
        return f"{peer.version()} {cipher[0] if cipher else ''}".strip()


def verified_chain(endpoint: Endpoint, seconds: float) -> tuple[Certificate, ...]:
    """Return the certificates of `endpoint` up to the authority that is trusted. Raises OSError where none is."""
    with handshake(endpoint, seconds) as peer:
        return verified(peer)


def old_version(endpoint: Endpoint, seconds: float) -> str:
    """Return the withdrawn version of TLS (1.0, 1.1) that `endpoint` agrees to, empty if it agrees to neither.

    Raises OSError where neither could be offered: no answer in time, or an OpenSSL without them.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")  # or OpenSSL would not even offer them
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    _show(context, endpoint.tls or Tls())
    try:
        with handshake(endpoint, seconds, context) as peer:
            return str(peer.version())
    except TimeoutError:
        raise
    except OSError as error:
        if "no protocols available" in str(error).lower().replace("_", " "):
            raise
        return ""


def _show(context: ssl.SSLContext, tls: Tls) -> None:
    if tls.cert_file is not None:
        context.load_cert_chain(tls.cert_file, tls.key_file)


def let_in(protocol: str, endpoint: Endpoint, seconds: float, stranger: bool) -> bool:
    """Whether `endpoint` answers a client without a certificate, or a `stranger` with one that signs itself.

    With TLS 1.3 the handshake ends before the broker has looked at the certificate, so its answer is waited for.
    Raises OSError where there is no connection, and TimeoutError where there is no answer.
    """
    trusting = new_client(Tls((endpoint.tls or Tls()).ca_file))
    if stranger:
        _load_a_strangers(trusting)
    with dial(endpoint.host, endpoint.port, seconds) as plain:
        try:
            with trusting.wrap_socket(plain, server_hostname=endpoint.host) as peer:
                peer.sendall(_QUESTIONS[protocol])
                return bool(peer.recv(1))
        except TimeoutError:
            raise
        except OSError:
            return False


def _load_a_strangers(context: ssl.SSLContext) -> None:
    certificate, key = _stranger()
    with tempfile.TemporaryDirectory() as directory:
        paths = Path(directory) / "certificate.pem", Path(directory) / "key.pem"
        paths[0].write_bytes(certificate)
        paths[1].touch(mode=0o600)
        paths[1].write_bytes(key)
        context.load_cert_chain(*paths)


def _stranger() -> tuple[bytes, bytes]:
    """Return a certificate for clients that signs itself, and its key, both PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a stranger to this broker")])
    begins = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(begins).not_valid_after(begins + datetime.timedelta(days=2))
    signed = builder.sign(key, hashes.SHA256())
    return (
        signed.public_bytes(Encoding.PEM),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )
