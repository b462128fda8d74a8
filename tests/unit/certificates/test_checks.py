"""A broker's certificate, key and authority: each wrong one is refused by the name of its variable, with the cure."""

from __future__ import annotations

import base64
import functools
from datetime import UTC, datetime, timedelta

import certificates
import pytest
from brokers.certificates.checks import (
    Given,
    authority_refusals,
    client_refusals,
    refusals,
    warnings,
    words,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

HOST = "mq1.example.org"
CLIENT = certificates.CLIENT


def now(days: float = 0) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


@functools.cache
def authority() -> certificates.Authority:
    return certificates.Authority.new()


def issue(*names, issuer=None, **settings):
    """A certificate with a key on a curve, which takes less time to make."""
    settings.setdefault("private", certificates.private_key(curve=ec.SECP256R1()))
    return (issuer or authority()).issue(*names, **settings)


@functools.cache
def right() -> certificates.Pair:
    return authority().issue(HOST, "10.0.0.5", "*.mq.example.org")


def judged(certificate=None, key=None, trusted=None, hosts=(HOST,), at=None):
    given = Given(
        right().certificate if certificate is None else certificate,
        right().key if key is None else key,
        authority().certificate if trusted is None else trusted,
        "rabbitmq_tls_",
    )
    return refusals(given, hosts, at or now())


def of(pair, **changes):
    return judged(pair.certificate, pair.key, **changes)


def only(found, variable, *words):
    """The one sentence, of that variable, that holds all the words."""
    (sentence,) = found
    assert sentence.startswith(f"rabbitmq_tls_{variable}: "), sentence
    assert [word for word in words if word not in sentence] == [], sentence
    return sentence


@pytest.mark.parametrize(
    "hosts", [(), (HOST,), ("MQ1.Example.org.",), ("10.0.0.5",), ("a.mq.example.org", HOST)]
)
def test_a_certificate_that_will_do_is_not_spoken_of(hosts):
    assert judged(hosts=hosts) == []


def test_a_chain_below_intermediates_will_do():
    below = authority().intermediate("first").intermediate("second")
    assert of(below.issue(HOST)) == []


def test_the_authority_may_bring_those_between():
    below = authority().intermediate()
    pair = below.issue(HOST)
    assert judged(pair.alone, pair.key, trusted=below.certificate + authority().certificate) == []


def test_an_authority_in_between_alone_is_not_trusted_by_all():
    """OpenSSL does only where it is told so, as Python does from 3.13 on."""
    below = authority().intermediate()
    found = of(below.issue(HOST), trusted=below.certificate)
    only(found, "authority", "CN=test intermediate is not a topmost authority", "CN=test authority")


def test_a_topmost_authority_that_only_the_certificates_text_holds_is_trusted_by_nobody():
    pair = authority().intermediate().issue(HOST)
    other = certificates.Authority.new("another authority").certificate
    found = judged(pair.certificate + authority().certificate, pair.key, trusted=other)
    only(found, "certificate", "nothing in rabbitmq_tls_authority issued CN=test authority")


def test_one_of_several_authorities_will_do():
    both = certificates.Authority.new("another").certificate + authority().certificate
    assert judged(trusted=both) == []


def test_without_an_authority_of_its_own_a_chain_is_not_followed():
    assert judged(trusted="") == []


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1()])
def test_keys_on_curves_will_do(curve):
    assert of(authority().issue(HOST, private=certificates.private_key(curve=curve))) == []


def test_parameters_before_a_key_as_openssl_writes_them_are_no_error():
    pair = authority().issue(HOST, private=certificates.private_key(curve=ec.SECP256R1()))
    head = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    assert judged(pair.certificate, head + pair.key) == []


# --- texts that are something else --------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["certificate", "key"])
@pytest.mark.parametrize("text", ["", "  \n"])
def test_an_empty_text(part, text):
    only(judged(**{part: text}), part, "is empty", "PEM text of the")


@pytest.mark.parametrize("part", ["certificate", "key", "trusted"])
def test_a_path_in_the_place_of_a_text(part):
    variable = {"trusted": "authority"}.get(part, part)
    only(judged(**{part: "/etc/ssl/mq1.pem"}), variable, "is not PEM", "lookup('ansible.builtin.file'")


@pytest.mark.parametrize(
    "decode", [("utf-8", "surrogateescape"), ("utf-8", "replace"), ("latin-1", "strict")]
)
@pytest.mark.parametrize("part", ["certificate", "key"])
def test_der(part, decode):
    der = {
        "certificate": right().x509.public_bytes(Encoding.DER),
        "key": right().private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
    }[part]
    only(judged(**{part: der.decode(*decode)}), part, "not PEM but binary", "openssl p", "-inform DER")


def test_base64_without_its_lines():
    text = base64.b64encode(right().x509.public_bytes(Encoding.DER)).decode()
    only(judged(certificate=text), "certificate", "-----BEGIN")


@pytest.mark.parametrize("part", ["certificate", "key"])
def test_a_text_that_is_cut_off(part):
    text = getattr(right(), part)
    only(judged(**{part: text[: len(text) // 2]}), part, "is cut off")


@pytest.mark.parametrize(("part", "words"), [("certificate", "openssl x509"), ("key", "openssl pkey")])
def test_a_text_with_a_line_missing(part, words):
    lines = getattr(right(), part).splitlines(keepends=True)
    only(judged(**{part: "".join(lines[:5] + lines[6:])}), part, "cannot be read", words)


def test_a_key_in_the_certificates_text_would_be_read_by_others():
    found = only(
        judged(certificate=right().key + right().certificate), "certificate", "holds a private key", "move"
    )
    assert right().key.splitlines()[3] not in found


def test_a_request_in_the_place_of_a_certificate():
    builder = x509.CertificateSigningRequestBuilder().subject_name(right().x509.subject)
    request = builder.sign(right().private, hashes.SHA256()).public_bytes(Encoding.PEM).decode()
    only(judged(certificate=request), "certificate", "CERTIFICATE REQUEST")


def test_a_certificate_in_the_keys_text():
    only(judged(key=right().certificate), "key", "holds CERTIFICATE and no private key")


def test_several_keys():
    only(judged(key=right().key * 2), "key", "holds 2 private keys")


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_a_key_with_a_passphrase(form):
    text = right().private.private_bytes(Encoding.PEM, form, BestAvailableEncryption(b"Kq7w2Zr9")).decode()
    only(judged(key=text), "key", "has a passphrase", "openssl pkey", "vault")


def test_a_key_of_a_kind_that_few_clients_take():
    key = ed25519.Ed25519PrivateKey.generate()
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    only(judged(key=text), "key", "neither an RSA nor an EC key")


# --- what does not belong together --------------------------------------------------------------------------


def test_another_certificates_key():
    only(judged(key=issue(HOST).key), "key", "is not the key of", "CN=test broker")


def test_the_authoritys_key_belongs_to_no_host():
    only(judged(key=authority().pair.key), "key", "key of the authority itself")


def test_an_order_of_the_chain_that_nobody_reads():
    below = authority().intermediate()
    pair = below.issue(HOST)
    only(
        judged(below.certificate + pair.alone, pair.key), "certificate", "certificate 2 of the text", "first"
    )


def test_another_authority():
    other = certificates.Authority.new("another authority")
    only(
        judged(trusted=other.certificate),
        "certificate",
        "nothing in rabbitmq_tls_authority",
        "CN=test authority",
    )


def test_an_authority_of_the_same_name_with_another_key():
    only(
        judged(trusted=certificates.Authority.new().certificate),
        "certificate",
        "nothing in rabbitmq_tls_authority",
    )


def test_a_chain_without_its_middle():
    pair = authority().intermediate().issue(HOST)
    only(judged(pair.alone, pair.key), "certificate", "CN=test intermediate", "behind the broker's own")


def test_a_middle_that_may_not_issue_anything():
    only(
        of(authority().intermediate(flag=False).issue(HOST)), "certificate", "CN=test intermediate", "CA:TRUE"
    )


def test_an_authority_without_its_flag():
    plain = certificates.Authority.new(flag=False)
    only(
        of(plain.issue(HOST), trusted=plain.certificate), "authority", "not marked as an authority", "CA:TRUE"
    )


def test_self_signed_where_an_authority_is_given():
    only(of(certificates.self_signed(HOST)), "certificate", "self-signed", "CN=test authority issued")


def test_self_signed_where_none_is_given():
    only(
        of(certificates.self_signed(HOST), trusted=""),
        "certificate",
        "self-signed",
        "give it as rabbitmq_tls_authority",
    )


def test_self_signed_that_clients_are_told_to_trust():
    pair = certificates.self_signed(HOST)
    assert of(pair, trusted=pair.certificate) == []


# --- names, dates, sizes, uses ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["mq2.example.org", "10.0.0.6", "mq.example.org", "a.b.mq.example.org", "fd00::5"]
)
def test_a_name_that_the_certificate_is_not_for(host):
    only(judged(hosts=[HOST, host]), "certificate", f"is not for {host},", HOST, "endpoint_host")


def test_a_certificate_without_alternative_names():
    only(of(issue(common_name=HOST)), "certificate", "no subject alternative names")


def test_an_address_written_in_another_way():
    assert of(issue("fd00::5"), hosts=["fd00:0:0::0005"]) == []


def test_an_expired_one():
    only(
        of(issue(HOST, starts=-9, ends=-1)),
        "certificate",
        "CN=test broker expired on 20",
        "valid now",
    )


def test_one_that_is_not_valid_yet():
    only(of(issue(HOST, starts=2)), "certificate", "not valid before", "clock")


def test_a_clock_that_is_minutes_off_is_no_reason():
    assert of(issue(HOST, starts=2 / 24 / 60)) == []


def test_an_authority_that_has_expired():
    found = judged(at=now(40000))
    assert [one.split(":")[0] for one in found] == ["rabbitmq_tls_authority"]
    assert "CN=test authority expired" in found[0]


def test_a_key_that_is_too_small():
    weak = issue(HOST, private=certificates.private_key(bits=1024))
    only(of(weak), "certificate", "has 1024 bits", "2048")


@pytest.mark.parametrize("digest", ["sha1", "md5"])
def test_a_signature_that_clients_refuse(digest):
    only(of(issue(HOST, digest=digest)), "certificate", f"signed with {digest.upper()}", "SHA-256")


def test_a_certificate_for_clients():
    only(of(issue(HOST, usages=[CLIENT])), "certificate", "leaves out serverAuth")


def test_a_certificate_without_extended_uses_is_for_everything():
    assert of(issue(HOST, usages=[])) == []


def by_hand(*extensions):
    """The right certificate with these extensions and no others."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(right().x509.subject)
        .issuer_name(authority().pair.x509.subject)
        .public_key(right().private.public_key())
        .serial_number(1)
        .not_valid_before(now(-1))
        .not_valid_after(now(9))
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(authority().pair.private, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def test_a_key_usage_without_signatures():
    usage = x509.KeyUsage(False, False, True, False, False, False, False, False, False)
    text = by_hand(x509.SubjectAlternativeName([x509.DNSName(HOST)]), usage)
    only(judged(certificate=text), "certificate", "leaves out digitalSignature")


def test_everything_that_is_wrong_is_said_at_once():
    pair = issue("other.example.org", usages=[CLIENT], starts=-9, ends=-1)
    assert len(of(pair)) == 3
    assert len(judged("", "", "/etc/ca.pem")) == 3


def test_no_sentence_holds_a_line_of_a_key():
    texts = [right().key, right().key * 2, right().key[:900], authority().pair.key]
    for text in texts:
        for sentence in judged(key=text) + judged(certificate=text) + judged(trusted=text):
            assert not [line for line in right().key.splitlines()[1:-1] if line in sentence]


# --- how long it lasts --------------------------------------------------------------------------------------


def test_days_that_are_left():
    ends = right().x509.not_valid_after_utc
    name, playbook = "rabbitmq_tls_certificate", "playbooks/x.yml"
    assert warnings(name, right().certificate, now(), 5, playbook) == []
    (sentence,) = warnings(name, right().certificate, ends - timedelta(days=5), 6, playbook)
    assert sentence == f"{name}: ends on {ends:%Y-%m-%d}, in 5 days; renew it and run {playbook}"
    assert warnings(name, right().certificate, ends - timedelta(days=5), 5, playbook) == []


def test_a_certificate_that_newer_clients_refuse():
    (sentence,) = warnings("rabbitmq_tls_certificate", by_hand(), now(), 5, "playbooks/x.yml")
    assert "CN=test broker has no authority key identifier, and Python from 3.13 on" in sentence


def test_a_certificate_in_words():
    ends = right().x509.not_valid_after_utc
    said = words(right().certificate, ends - timedelta(days=3))
    names = f"{HOST}, *.mq.example.org, 10.0.0.5"
    assert said == f"The certificate CN=test broker for {names} ends on {ends:%Y-%m-%d}, in 3 days."


def test_an_authority_of_clients_is_looked_at_in_the_same_way():
    name = "rabbitmq_tls_client_authority"
    assert authority_refusals(name, authority().certificate, now()) == []
    assert authority_refusals(name, right().certificate, now())[0].startswith(
        f"{name}: CN=test broker is not marked"
    )
    assert authority_refusals(name, "", now())[0].startswith(f"{name}: is empty")


# --- what a client shows ------------------------------------------------------------------------------------


def shown(pair, key=None, certificate=None):
    called = ("endpoint_cert_file", "endpoint_key_file")
    return client_refusals(
        called, certificate or pair.certificate, key if key is not None else pair.key, now()
    )


@pytest.mark.parametrize("usages", [[CLIENT], [], [CLIENT, certificates.SERVER]])
def test_a_clients_certificate_that_will_do_is_not_spoken_of(usages):
    assert shown(issue(common_name="smoke", usages=usages)) == []
    assert client_refusals(("a", "b"), issue(usages=[CLIENT]).certificate, None, now()) == []


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"usages": [certificates.SERVER]}, "leaves out clientAuth, so that brokers refuse it for a client"),
        ({"ends": -0.5}, "expired on"),
        ({"starts": 2}, "not valid before"),
        ({"private": certificates.private_key(bits=1024)}, "has 1024 bits"),
        ({"digest": "sha1"}, "signed with SHA1"),
    ],
)
def test_a_clients_certificate_that_a_broker_refuses(settings, words):
    (sentence,) = shown(issue(common_name="smoke", **settings))
    assert sentence.startswith("endpoint_cert_file: ") and words in sentence


def test_a_clients_key_that_is_not_its_certificates():
    pair = issue(usages=[CLIENT])
    (other,) = shown(pair, issue().key)
    assert other.startswith("endpoint_key_file: is not the key of the certificate in endpoint_cert_file")
    (closed,) = shown(pair, pair.encrypted_key("word"))
    assert closed.startswith("endpoint_key_file: has a passphrase")
    (text,) = shown(pair, certificate="smoke.pem")
    assert text.startswith("endpoint_cert_file: is not PEM")
