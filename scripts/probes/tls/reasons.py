"""Why TLS with a broker does not come about: OpenSSL's words, what is presented, and what to do, in sentences.

An alert (its words have "alert" in them) is the broker's own; all other words are OpenSSL's on this side.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from probes.model import CONNECT_SECONDS, Endpoint, Tls, Unreachable
from probes.tls.presented import Certificate, day, is_for_clients, now, presented, subjects
from probes.variables import of_tls


@dataclass(frozen=True)
class _Reason:
    """Words of OpenSSL, and what they mean to an operator. The first reason whose words fit counts."""

    words: str
    meaning: str
    remedy: str


_SHOW_ANOTHER = (
    "Show one of an issuer in {authority} (endpoint_cert_file and endpoint_key_file, or --cert-file and --key-file), "
    "or add its issuer there."
)
_SHOW_ONE = (
    "Show one of an issuer in {authority}: endpoint_cert_file and endpoint_key_file, "
    "or --cert-file and --key-file."
)
_TRUST = "Give the issuer's certificate in endpoint_ca_file (or --ca-file)"

_WEAK_DIGEST = "digest algorithm too weak"
_WEAK = ("md5", "sha1")
_NO_AGREEMENT = "handshake failure"
_NOT_FOR_CLIENTS = "alert unsupported certificate"

_REASONS = (
    # Files of this side.
    _Reason(
        "no certificate or crl found",
        "The file of endpoint_ca_file holds no certificate.",
        "Give a file with the issuer's certificate in PEM (endpoint_ca_file, or --ca-file).",
    ),
    _Reason(
        "key values mismatch",
        "The key in endpoint_key_file is not that of the certificate in endpoint_cert_file.",
        "Give the two files that belong together.",
    ),
    # What the broker presents.
    _Reason(
        "certificate is not valid for",
        "The certificate is not one for {host}; it is for {names}.",
        "Name the host in endpoint_host (or in the URL) as the certificate does, or issue one for {host} "
        "({certificate}).",
    ),
    _Reason(
        "certificate has expired",
        "The time of the certificate {ended} is over{when_over}, or this machine's clock is wrong.",
        "Renew the certificate ({certificate}), and compare the clocks of both hosts.",
    ),
    _Reason(
        "certificate is not yet valid",
        "The time of the certificate {early} has not begun{when_early}, or this machine's clock is wrong.",
        "Compare the clocks of both hosts and of the one that issued the certificate; else issue it again "
        "({certificate}).",
    ),
    _Reason(
        "ee certificate key too weak",
        "The key of the broker's certificate is too small to be trusted (RSA needs 2048 bits).",
        "Issue the certificate again for a new key of at least 2048 bits ({key} and {certificate}).",
    ),
    _Reason(
        "ca certificate key too weak",
        "The key of an authority that issued the certificate is too small to be trusted (RSA needs 2048 bits).",
        "Issue the certificate again from an authority with a larger key ({certificate}), and give that one's "
        "certificate in endpoint_ca_file.",
    ),
    _Reason(
        _WEAK_DIGEST,
        "The certificate is signed over SHA-1 or MD5, which can be forged.",
        "Issue it again with SHA-256 ({certificate}).",
    ),
    _Reason(
        "invalid ca certificate",
        "A certificate in the chain has issued another one and is not marked as an authority's (basic constraints, "
        "CA:TRUE).",
        "Make the authority's certificate again with that mark, and issue the broker's from it ({certificate}).",
    ),
    _Reason(
        "unsuitable certificate purpose",
        "The certificate is not for servers (extended key usage).",
        "Issue it again for serverAuth ({certificate}).",
    ),
    _Reason(
        "unsupported certificate purpose",
        "The certificate is not for servers (extended key usage).",
        "Issue it again for serverAuth ({certificate}).",
    ),
    _Reason(
        "certificate in certificate chain",
        "The broker's chain of certificates ends in {last}, an authority that is not trusted on this machine.",
        f"{_TRUST}, if that authority is yours.",
    ),
    _Reason(
        "self-signed certificate",
        "The certificate {subject} signs itself: no authority that is trusted on this machine has issued it.",
        "Have it issued by the authority of endpoint_ca_file ({certificate}); to trust this very certificate, give "
        "it in endpoint_ca_file (or --ca-file).",
    ),
    _Reason(
        "unable to get local issuer certificate",
        "{unknown_issuer}",
        "{find_issuer}",
    ),
    _Reason(
        "certificate verify failed",
        "Who issued the certificate is not trusted on this machine.",
        f"{_TRUST}.",
    ),
    # What the broker says of the client.
    _Reason(
        "certificate required",
        "The broker lets in only clients that show a certificate.",
        _SHOW_ONE,
    ),
    _Reason(
        "alert certificate expired",
        "The time of the certificate that this client shows is over, or has not begun, or the broker's clock is wrong.",
        "Renew the certificate in endpoint_cert_file, and compare the clocks of both hosts.",
    ),
    _Reason(
        "alert bad certificate",
        "The broker lets in only clients that show a certificate that it trusts, and did not take this one.",
        _SHOW_ANOTHER,
    ),
    _Reason(
        _NOT_FOR_CLIENTS,
        "The broker did not take the certificate that this client shows: it is not for clients.",
        "Issue it again for clientAuth (endpoint_cert_file, or --cert-file).",
    ),
    _Reason(
        "alert unknown ca",
        "The broker does not know who issued the certificate that this client shows.",
        _SHOW_ANOTHER,
    ),
    _Reason(
        "bad signature",
        "The broker's key is not that of the certificate that it presents.",
        "Give the two that belong together ({key} and {certificate}), and run the converge again.",
    ),
    _Reason(
        "alert internal error",
        "The broker cannot use its own certificate or key.",
        "Read the broker's log for this moment: a file is missing or unreadable, or {key} is not the key of "
        "{certificate}.",
    ),
    _Reason(
        "protocol version",
        "The broker and this client share no version of TLS; this client speaks 1.2 and 1.3.",
        "Have the broker speak TLS 1.2 or 1.3.",
    ),
    _Reason(
        "insufficient security",
        "The broker and this client share no cipher, or the broker cannot use its key with those they share.",
        "Leave out the list of ciphers, which makes the defaults count, and read the broker's log for this moment.",
    ),
    _Reason(
        _NO_AGREEMENT,
        "The two share no version of TLS and no cipher, or the broker lets in only clients that show a certificate.",
        f"{_SHOW_ONE} The broker's log names its side.",
    ),
)


def explain(endpoint: Endpoint, words: str, kind: str | None = None) -> Unreachable | None:
    """Put OpenSSL's words into sentences; None for words that are not known to mean one thing.

    `kind` is the broker's, None where nobody knows it. What the broker presents is looked at for the sentence.
    """
    reason = _reason(words)
    if reason is None:
        return None
    facts = presented(endpoint, CONNECT_SECONDS)
    tls = endpoint.tls or Tls()
    fit = is_for_clients(tls.cert_file)
    return sentence(endpoint, words, kind, facts, subjects(tls.ca_file), now(), fit)


def _reason(words: str) -> _Reason | None:
    plain = words.lower().replace("_", " ").replace("self signed", "self-signed")
    return next((reason for reason in _REASONS if reason.words in plain), None)


def sentence(
    endpoint: Endpoint,
    words: str,
    kind: str | None,
    chain: Sequence[Certificate],
    trusted: Sequence[str],
    moment: datetime.datetime,
    fit: bool = True,
) -> Unreachable | None:
    """The sentences for these words; `chain` is what the broker presents, `trusted` whose certificates the CA file has.

    `fit` is whether the certificate that this client shows is for clients. Pure.
    """
    reason = _reason(words)
    if reason is None:
        return None
    if reason.words == _NO_AGREEMENT and any(one.digest in _WEAK and not one.self_signed for one in chain):
        # A broker does not present what this client has said that it does not take, and says no more than this.
        reason = _reason(_WEAK_DIGEST) or reason
    if reason.words == _NO_AGREEMENT and not fit:  # Erlang up to 25 says no more of it
        reason = _reason(_NOT_FOR_CLIENTS) or reason
    settings = of_tls(kind)
    facts = {"host": endpoint.host} | settings | _facts(chain, moment)
    facts |= _issuer(chain, trusted, settings["certificate"])
    meaning = reason.meaning.format(**facts)
    remedy = reason.remedy.format(**facts)
    return Unreachable(f"No TLS with {endpoint}: {words}", meaning, remedy)


def _facts(chain: Sequence[Certificate], moment: datetime.datetime) -> dict[str, str]:
    if not chain:
        nothing = {"subject": "of the broker", "ended": "of the broker", "early": "of the broker"}
        return nothing | {"names": "another one", "last": "an authority", "when_over": "", "when_early": ""}
    own = chain[0]
    over = next((one for one in chain if one.ends <= moment), own)
    early = next((one for one in chain if one.starts > moment), own)
    return {
        "subject": own.subject,
        "names": own.named(),
        "last": chain[-1].subject,
        "ended": over.subject,
        "when_over": f" since {day(over.ends)}",
        "early": early.subject,
        "when_early": f" before {day(early.starts)}",
    }


def _issuer(chain: Sequence[Certificate], trusted: Sequence[str], setting: str) -> dict[str, str]:
    """Who is missing between what the broker presents and what is trusted here."""
    if not chain:
        return {
            "unknown_issuer": "Who issued the certificate is not trusted on this machine.",
            "find_issuer": f"{_TRUST}.",
        }
    missing = chain[-1].issuer
    here = (
        f"endpoint_ca_file has {' and '.join(trusted)}"
        if trusted
        else "no authority of this name is trusted here"
    )
    return {
        "unknown_issuer": f"The broker presents {len(chain)} certificate{'s' * (len(chain) > 1)}, the last of which "
        f"{missing} has issued, and {here}: either the broker leaves out a certificate between the two, or another "
        "authority is to be trusted.",
        "find_issuer": f"If {missing} is an intermediate authority, append its certificate to the broker's "
        f"({setting}); if it is the topmost one, give its certificate in endpoint_ca_file (or --ca-file).",
    }
