"""What OpenSSL's words and the presented certificates become: sentences that name the setting of the broker at hand."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import replace

import certificates
import pytest
from probes import variables
from probes.model import Endpoint, Finding, Tls
from probes.tls.presented import Certificate, is_for_clients
from probes.tls.reasons import sentence

NOW = datetime.datetime(2026, 11, 28, 12, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)
LEAF = Certificate("CN=mq", "CN=branch", ("mq.test", "10.0.0.1"), NOW - DAY, NOW + DAY)
BRANCH = Certificate("CN=branch", "CN=root", (), NOW - DAY, NOW + 9 * DAY)
VERIFY = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: "


def said(
    words: str,
    chain: Sequence[Certificate] = (LEAF, BRANCH),
    kind: str | None = "rabbitmq",
    trusted: Sequence[str] = (),
) -> Finding:
    stop = sentence(Endpoint("h", 5671, Tls()), words, kind, chain, trusted, NOW)
    assert stop is not None
    assert stop.finding.came_back == f"No TLS with h:5671: {words}"
    return stop.finding


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        (
            VERIFY + "Hostname mismatch, certificate is not valid for 'h'.",
            "not one for h; it is for mq.test, 10.0.0.1",
        ),
        (VERIFY + "EE certificate key too weak", "too small"),
        (VERIFY + "CA certificate key too weak", "an authority"),
        (VERIFY + "CA signature digest algorithm too weak", "SHA-1"),
        (VERIFY + "invalid CA certificate", "CA:TRUE"),
        (VERIFY + "unsuitable certificate purpose", "not for servers"),
        (VERIFY + "self-signed certificate in certificate chain", "ends in CN=branch"),
        (VERIFY + "self signed certificate in certificate chain", "ends in CN=branch"),
        (VERIFY + "self-signed certificate", "CN=mq signs itself"),
        (VERIFY + "something new", "not trusted on this machine"),
        (
            "[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required",
            "only clients that show",
        ),
        (
            "[SSL: SSLV3_ALERT_CERTIFICATE_EXPIRED] sslv3 alert certificate expired",
            "this client shows is over",
        ),
        ("[SSL: SSLV3_ALERT_BAD_CERTIFICATE] sslv3 alert bad certificate", "did not take this one"),
        ("[SSL: TLSV1_ALERT_UNKNOWN_CA] tlsv1 alert unknown ca", "does not know who issued"),
        ("[SSL: SSLV3_ALERT_UNSUPPORTED_CERTIFICATE] alert unsupported certificate", "not for clients"),
        ("[SSL: BAD_SIGNATURE] bad signature", "key is not that of the certificate"),
        ("[SSL: TLSV1_ALERT_INTERNAL_ERROR] tlsv1 alert internal error", "cannot use its own certificate"),
        ("[SSL: TLSV1_ALERT_PROTOCOL_VERSION] tlsv1 alert protocol version", "no version of TLS"),
        ("[SSL: TLSV1_ALERT_INSUFFICIENT_SECURITY] alert insufficient security", "no cipher"),
        (
            "[SSL: SSLV3_ALERT_HANDSHAKE_FAILURE] sslv3 alert handshake failure",
            "no version of TLS and no cipher",
        ),
        ("[X509: KEY_VALUES_MISMATCH] key values mismatch", "not that of the certificate"),
        ("[X509: NO_CERTIFICATE_OR_CRL_FOUND] no certificate or crl found", "holds no certificate"),
    ],
)
def test_words_mean_one_thing(words: str, meaning: str) -> None:
    assert meaning in said(words).meaning


def test_other_words_are_left_to_others() -> None:
    endpoint = Endpoint("h", 5671, Tls())
    assert sentence(endpoint, "[Errno 104] Connection reset by peer", None, (), (), NOW) is None


@pytest.mark.parametrize("kind", ["rabbitmq", "activemq"])
def test_the_setting_is_that_of_the_broker(kind: str) -> None:
    names = variables.of_tls(kind)
    assert f"({names['certificate']})" in said(VERIFY + "certificate has expired", kind=kind).remedy
    assert names["authority"] in said("tlsv1 alert unknown ca", kind=kind).remedy
    assert (
        f"({names['key']} and {names['certificate']})"
        in said("EE certificate key too weak", kind=kind).remedy
    )
    assert names["certificate"] in said("unable to get local issuer certificate", kind=kind).remedy


def test_of_a_broker_that_nobody_knows_both_are_named() -> None:
    remedy = said(VERIFY + "certificate has expired", kind=None).remedy
    assert "rabbitmq_tls_certificate" in remedy and "or activemq_tls_certificate" in remedy


def test_the_certificate_of_the_chain_whose_time_is_wrong_is_named() -> None:
    over = Certificate("CN=branch", "CN=root", (), NOW - 9 * DAY, NOW - DAY)
    words = "certificate has expired"
    assert (
        "of the certificate CN=branch is over since 2026-11-27 12:00 UTC" in said(words, (LEAF, over)).meaning
    )
    early = Certificate("CN=branch", "CN=root", (), NOW + DAY, NOW + 9 * DAY)
    words = "certificate is not yet valid"
    assert "CN=branch has not begun before 2026-11-29 12:00 UTC" in said(words, (LEAF, early)).meaning


def test_a_weak_signature_that_the_broker_does_not_even_present_is_named() -> None:
    words = "[SSL: SSLV3_ALERT_HANDSHAKE_FAILURE] sslv3 alert handshake failure"
    weak = replace(LEAF, digest="sha1")
    assert "signed over SHA-1" in said(words, (weak, BRANCH)).meaning
    root = replace(BRANCH, issuer=BRANCH.subject, digest="sha1")  # nobody verifies what signs itself
    assert "no version of TLS" in said(words, (replace(LEAF, digest="sha256"), root)).meaning


def test_what_was_not_seen_is_not_made_up() -> None:
    for words in ("certificate has expired", "certificate is not yet valid", "self-signed certificate"):
        assert "of the broker" in said(words, chain=()).meaning
    assert said("unable to get local issuer certificate", ()).meaning == (
        "Who issued the certificate is not trusted on this machine."
    )


def test_an_issuer_that_is_missing_is_named_with_what_is_trusted() -> None:
    finding = said("unable to get local issuer certificate", (LEAF,), trusted=["CN=root"])
    assert "presents 1 certificate, the last of which CN=branch has issued" in finding.meaning
    assert "endpoint_ca_file has CN=root" in finding.meaning
    assert "If CN=branch is an intermediate authority, append its certificate" in finding.remedy
    nobody = said("unable to get local issuer certificate", trusted=[])
    assert "presents 2 certificates, the last of which CN=root has issued" in nobody.meaning
    assert "no authority of this name is trusted here" in nobody.meaning


def test_braces_of_a_certificate_are_text() -> None:
    odd = Certificate("CN={0}{key}", "CN={x}", ("{host}",), NOW - DAY, NOW + DAY)
    assert "{0}{key} signs itself" in said("self-signed certificate", (odd,)).meaning
    assert "CN={x}" in said("unable to get local issuer certificate", (odd,)).remedy


def test_a_certificate_for_many_hosts_is_named_by_a_few() -> None:
    many = Certificate("CN=mq", "CN=mq", tuple(f"h{number}" for number in range(6)), NOW, NOW)
    assert many.named() == "h0, h1, h2, h3 and 2 more"
    assert Certificate("CN=mq", "CN=mq", (), NOW, NOW).named() == "no host at all"


def test_a_broker_that_says_little_of_a_certificate_for_servers_is_not_left_with_that():
    words = "[SSL: SSLV3_ALERT_HANDSHAKE_FAILURE] sslv3 alert handshake failure"
    endpoint = Endpoint("h", 5671, Tls())
    unfit = sentence(endpoint, words, "rabbitmq", (LEAF,), (), NOW, fit=False)
    assert unfit is not None and "it is not for clients" in unfit.finding.meaning
    assert "clientAuth (endpoint_cert_file" in unfit.finding.remedy
    other = sentence(endpoint, words, "rabbitmq", (LEAF,), (), NOW)
    assert other is not None and "not for clients" not in other.finding.meaning


def test_whether_a_certificate_is_for_clients_is_read_of_its_file(tmp_path):
    authority = certificates.Authority.new()

    def fit(*usages: object) -> bool:
        return is_for_clients(authority.issue("a", usages=usages).write(tmp_path, "a")[0])

    assert fit(certificates.CLIENT) and fit(certificates.SERVER, certificates.CLIENT) and fit()
    assert not fit(certificates.SERVER)
    assert is_for_clients(None) and is_for_clients(str(tmp_path / "nowhere.pem"))
