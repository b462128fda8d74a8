"""The small authority of an inventory: what it issues will do everywhere, and a host keeps what is still good."""

from __future__ import annotations

import contextlib
import functools
import ssl
from datetime import UTC, datetime, timedelta

import certificates
import pytest
from brokers.certificates import checks, issuing
from brokers.certificates.reading import certificates as parsed, private_key
from cryptography.x509 import ExtendedKeyUsage, load_pem_x509_certificate
from cryptography.x509.oid import ExtendedKeyUsageOID

NAMES = ("mq1.example.org", "10.0.0.5", "mq1")


def now(days: float = 0) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


@functools.cache
def issuer() -> issuing.Issuer:
    made = issuing.new_authority("Brokerkit CA of test", 100)
    return issuing.Issuer(made.certificate, made.key, "rabbitmq_tls_ca_")


def issued(names=NAMES, days=60):
    return issuing.issue(issuer(), names, days)


def test_what_is_issued_passes_the_checks_of_an_operators_own():
    pair = issued()
    given = checks.Given(pair.certificate, pair.key, issuer().certificate, "rabbitmq_tls_")
    assert checks.refusals(given, NAMES, now()) == []
    assert checks.node_refusals("x", pair.certificate, "mq1") == []
    assert checks.warnings("x", pair.certificate, now(), 30, "playbooks/x.yml") == []


def test_what_is_issued_is_for_servers_and_for_clients():
    certificate = load_pem_x509_certificate(issued().certificate.encode())
    uses = set(certificate.extensions.get_extension_for_class(ExtendedKeyUsage).value)
    assert uses == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}


def test_openssl_accepts_the_chain_by_its_strictest_rules(tmp_path):
    """As Python does by default from 3.13 on."""
    context = ssl.create_default_context(cadata=issuer().certificate)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    pair = issued(("localhost",))
    (tmp_path / "c.pem").write_text(pair.certificate + pair.key, encoding="ascii")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "c.pem")
    a, b, c, d = (ssl.MemoryBIO() for _ in range(4))
    client, other = (
        context.wrap_bio(a, b, server_hostname="localhost"),
        server.wrap_bio(c, d, server_side=True),
    )
    for _ in range(4):
        for side, sent, received in ((client, b, c), (other, d, a)):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
            received.write(sent.read())
    assert client.version() == "TLSv1.3"


def test_certificate_and_key_of_one_set_of_files_belong_together():
    assert issued() is issued()
    assert issued(("other",)).key != issued().key


def test_a_certificate_does_not_outlive_its_authority():
    ends = parsed(issued(days=4000).certificate)[0].not_valid_after_utc
    assert ends == parsed(issuer().certificate)[0].not_valid_after_utc


def good(text=None, names=NAMES, at=0.0, days=30, by=None):
    return issuing.is_good(
        issued().certificate if text is None else text, by or issuer(), names, now(at), days
    )


def test_a_host_keeps_a_certificate_that_is_good_and_one_with_more_names():
    assert good()
    assert good(names=NAMES[:1])


@pytest.mark.parametrize(
    "changes",
    [{"names": (*NAMES, "mq9")}, {"at": 31}, {"at": 61}, {"text": ""}, {"text": "rubbish"}],
    ids=["a name is missing", "ends soon", "has ended", "none", "no certificate"],
)
def test_another_certificate_is_issued(changes):
    assert not good(**changes)


def test_another_certificate_is_issued_after_a_change_of_the_authority():
    other = certificates.Authority.new()
    assert not good(by=issuing.Issuer(other.certificate, other.pair.key, ""))
    # One of the same name is another one all the same.
    same = issuing.new_authority("Brokerkit CA of test", 100)
    assert not good(by=issuing.Issuer(same.certificate, same.key, ""))


def test_where_the_authority_ends_soon_nothing_new_is_issued_every_day():
    """What it would issue would end no later."""
    last = issued(days=4000).certificate
    assert good(last, at=90)


def refused(certificate=None, key=None, at=0.0):
    given = issuing.Issuer(
        issuer().certificate if certificate is None else certificate,
        issuer().key if key is None else key,
        "rabbitmq_tls_ca_",
    )
    return issuing.refusals(given, now(at))


def test_a_right_authority_is_not_spoken_of():
    assert refused() == []


def test_what_is_no_authority_is_refused_by_name():
    leaf = issued()
    (no_flag,) = refused(leaf.certificate, leaf.key)
    assert no_flag.startswith("rabbitmq_tls_ca_certificate: ")
    assert "not marked as an authority" in no_flag
    (other_key,) = refused(key=leaf.key)
    assert other_key.startswith("rabbitmq_tls_ca_key: is not the key of the first certificate")
    (ended,) = refused(at=101)
    assert "rabbitmq_tls_ca_certificate: CN=Brokerkit CA of test expired" in ended
    nothing = refused("", "")
    assert [one.split(" ", 1)[0] for one in nothing] == [
        "rabbitmq_tls_ca_certificate:",
        "rabbitmq_tls_ca_key:",
    ]


def test_an_encrypted_key_is_refused_without_a_word_of_it():
    pair = certificates.Pair(parsed(issuer().certificate)[0], private_key(issuer().key))
    (sentence,) = refused(key=pair.encrypted_key("secret"))
    assert "has a passphrase" in sentence
    assert "secret" not in sentence
