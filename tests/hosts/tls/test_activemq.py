"""A bare host becomes an ActiveMQ broker that speaks TLS only, with clients' certificates, and gets a new one.

Its CA is changed, and where its certificate comes from.
Wrong certificates are refused on the controller, in one run of hosts that do not exist.
"""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import certificates
import pytest
import tls_hosts
from activemq_hosts import Brokers, failures, settings, smoke, unit
from brokers.certificates.issuing import new_authority
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from hosts import Controller, Host, Run, host, listens

NAME = "ta-5-17"
RENEW = "playbooks/activemq_certificates.yml"
PROTOCOLS = ("stomp", "openwire", "mqtt")
PLAIN_PORTS, TLS_PORTS = {61613, 61616, 1883}, {61612, 61617, 8883}
CLIENT = certificates.CLIENT
REFUSAL = re.compile(r"^fatal: \[(?P<name>[^]]+)\]: FAILED!\n(?P<said>(?:  .*\n)+)", re.MULTILINE)
DOOR = "mq1.example.org"  # what clients call the hosts that do not exist


@pytest.fixture(scope="module")
def authority() -> certificates.Authority:
    return certificates.Authority.new()


@pytest.fixture(scope="module")
def broker(
    controller: Controller, fresh: Callable[..., list[Host]], authority: certificates.Authority
) -> Brokers:
    """A bare host, and what it is to be."""
    fresh(NAME)
    where = host(NAME, tls_hosts.INVENTORY)
    certificate, key = authority.issue(usages=[CLIENT], common_name="smoke").write(
        controller.directory, "smoke"
    )
    values = settings(
        activemq_connectors=[{"protocol": name} for name in PROTOCOLS],
        activemq_tls="only",
        activemq_tls_client_certificates="required",
        activemq_tls_authority=authority.certificate,
        **of(issued(authority, where)),
        endpoint_ca_file=authority.write(controller.directory),
        endpoint_cert_file=certificate,
        endpoint_key_file=key,
    )
    return Brokers(controller, {NAME: values}, {NAME: where}, tls_hosts.INVENTORY)


def issued(authority: certificates.Authority, where: Host) -> certificates.Pair:
    """A certificate for a host, by an authority below the topmost one; with a key on a curve, which takes less time."""
    curve = certificates.private_key(curve=ec.SECP256R1())
    return authority.intermediate().issue(where.name, where.address, private=curve)


def of(pair: certificates.Pair) -> dict[str, str]:
    """The variables of a certificate and its key."""
    return {"activemq_tls_certificate": pair.certificate, "activemq_tls_key": pair.key}


@pytest.fixture(scope="module")
def converged(broker: Brokers) -> Run:
    """The run that made a broker of the host."""
    return broker.play("site.yml", "--diff").succeeded()


def served(where: Host) -> set[bytes]:
    """The certificates that the ports with TLS show."""
    found = {ssl.get_server_certificate((where.address, port), timeout=20) for port in TLS_PORTS}
    return {ssl.PEM_cert_to_DER_cert(one) for one in found}


def test_nothing_but_tls_is_open_and_nobody_else_reads_the_key(broker: Brokers, converged: Run) -> None:
    where = broker.hosts[NAME]
    assert {port for port in PLAIN_PORTS | TLS_PORTS if listens(where.address, port)} == TLS_PORTS
    key = where.run("stat -c '%U %a' /etc/activemq/main/tls.key /run/activemq-main").split()
    assert key == ["activemq", "600", "activemq", "700"]
    assert broker.members[NAME]["activemq_tls_key"].splitlines()[3] not in converged.output


def test_the_probes_pass_inside_tls_and_clients_need_a_certificate(converged: Run) -> None:
    report = smoke(converged.directory / "endpoints.json", "--format", "json")
    assert failures(report) == {} and report.returncode == 0, report.stdout + report.stderr
    said = {one["probe"]: one["detail"] for one in json.loads(report.stdout)["results"]}
    assert said["tls.plain"] == "closed: stomp 61613"
    assert said["tls.client"] == "stomp refuses none and a stranger's"
    assert said["tls.version"].startswith("stomp TLSv1.3")


def test_a_new_certificate_restarts_the_broker_and_is_served_everywhere(
    broker: Brokers, converged: Run, authority: certificates.Authority
) -> None:
    where, before = broker.hosts[NAME], unit(broker.hosts[NAME], "MainPID")
    old = served(where)
    new = issued(authority, where)
    said = broker.play(RENEW, "--check", **of(new)).succeeded().sentence
    assert "A run without --check restarts the broker to apply it" in said and "in 59 days" in said
    assert (served(where), unit(where, "MainPID")) == (old, before)
    # A setting that only site.yml applies is left alone, and so are its files.
    run = broker.play(RENEW, "--diff", activemq_log_level="DEBUG", **of(new)).succeeded()
    assert served(where) == {ssl.PEM_cert_to_DER_cert(new.alone)} != old
    assert new.fingerprint in run.sentence.replace(":", "").lower()
    assert "DEBUG" not in where.run("cat /etc/activemq/main/log4j.properties")
    assert new.key.splitlines()[3] not in run.output
    after = unit(where, "MainPID")
    assert after != before
    again = broker.play(RENEW, **of(new)).succeeded()
    assert again.counts(NAME)["changed"] == 0 and unit(where, "MainPID") == after
    assert broker.play("site.yml", **of(new)).succeeded().counts(NAME)["changed"] == 1  # the endpoints file


@pytest.mark.drill
def test_the_audit_looks_at_every_listener_and_at_the_key(broker: Brokers, converged: Run) -> None:
    where, key = broker.hosts[NAME], "/etc/activemq/main/tls.key"
    looked_at = {f"{what} {port}" for what in ("certificate", "TLS versions") for port in TLS_PORTS}
    said = " ".join(broker.play("playbooks/audit.yml").succeeded().output.split())
    assert [name for name in (*looked_at, f"key {key}") if name not in said] == [], said
    where.run(f"chmod 0644 {key}")
    try:
        broker.play("playbooks/audit.yml").refused(
            f"key {key}: it has mode 0644, and every user of the host can take"
        )
    finally:
        where.run(f"chmod 0600 {key}")


# --- other sources, and another CA ------------------------------------------------------------------------------

PEM, KEY = "/etc/ssl/broker/node.pem", "/etc/ssl/broker/node.key"


def put(where: Host, pair: certificates.Pair) -> None:
    """Certificate and key where the broker's user reads them, as an agent of a PKI puts them there."""
    where.run("install -d -g activemq -m 750 /etc/ssl/broker")
    for path, text in ((PEM, pair.certificate), (KEY, pair.key)):
        where.write(path, text, "0640")
        where.run(f"chgrp activemq {path}")


@pytest.mark.drill
def test_the_ca_is_changed_and_then_the_source(
    broker: Brokers, converged: Run, authority: certificates.Authority
) -> None:
    """From an operator's PKI to a CA of the vault, which clients trust beforehand, and to files that the host has."""
    where, made = broker.hosts[NAME], new_authority("the new CA", 90)
    clients = {"activemq_tls_client_authority": authority.certificate}
    trusting = str(broker.controller.directory / "both.pem")
    Path(trusting).write_text(authority.certificate + made.certificate, encoding="ascii")
    of_ca = {
        **{"activemq_tls_source": "ca", "activemq_tls_certificate": "", "activemq_tls_key": ""},
        **{"activemq_tls_ca_certificate": made.certificate, "activemq_tls_ca_key": made.key, **clients},
        **{"activemq_tls_authority": made.certificate, "endpoint_ca_file": trusting},
    }
    said = broker.play(RENEW, "--check", **of_ca).succeeded().sentence
    assert "A run without --check restarts the broker to apply it" in said
    old = served(where)
    broker.play(RENEW, **of_ca).succeeded()
    first = served(where)
    assert len(first) == 1 and first != old, "the CA has issued one"
    again = broker.play(RENEW, **of_ca).succeeded()
    assert again.counts(NAME)["changed"] == 0 and served(where) == first, "and it is kept"
    renewed = broker.play(RENEW, activemq_tls_ca_reissue=True, **of_ca).succeeded()
    assert served(where) != first
    assert made.key.splitlines()[3] not in renewed.output
    key = made.key.splitlines()[3]
    assert where.attempt(f"grep -rqsF -- {key} /etc/activemq /run /var/lib/activemq").returncode == 1
    run = broker.play("site.yml", **of_ca).succeeded()
    report = smoke(run.directory / "endpoints.json", "--format", "json")
    assert failures(report) == {} and report.returncode == 0, report.stdout + report.stderr

    one, other = authority.issue(where.name, where.address), authority.issue(where.name, where.address)
    on_host = {
        **{"activemq_tls_source": "host", "activemq_tls_certificate": "", "activemq_tls_key": ""},
        **{"activemq_tls_certificate_file": PEM, "activemq_tls_key_file": KEY},
    }
    broker.play("site.yml", **on_host).refused(f"activemq_tls_certificate_file: {PEM}: no such file")
    put(where, one)
    broker.play(RENEW, **on_host).refused("TLS is set and has not been applied yet; run site.yml first")
    broker.play("site.yml", **on_host).succeeded()
    assert served(where) == {ssl.PEM_cert_to_DER_cert(one.alone)}
    assert where.run("ls /etc/activemq/main").split().count("tls.key") == 0, "no key stays behind"
    put(where, other)
    said = broker.play(RENEW, "--check", **on_host).succeeded().sentence
    assert "A run without --check restarts the broker to apply it" in said
    assert other.fingerprint in broker.play(RENEW, **on_host).succeeded().sentence.replace(":", "").lower()
    assert served(where) == {ssl.PEM_cert_to_DER_cert(other.alone)}
    pid = unit(where, "MainPID")
    again = broker.play(RENEW, **on_host).succeeded()
    assert again.counts(NAME)["changed"] == 0 and unit(where, "MainPID") == pid
    where.write(KEY, one.key, "0640")
    where.run(f"chgrp activemq {KEY}")
    broker.play(RENEW, **on_host).refused(
        f"activemq_tls_key_file: {KEY}: is not the key of the certificate in {PEM}"
    )
    assert unit(where, "MainPID") == pid


# --- wrong ones -----------------------------------------------------------------------------------------------


Cases = dict[str, tuple[dict[str, Any], str]]


def wrong(authority: certificates.Authority) -> Cases:
    """By a name for each: what is set, and the sentence that has to come of it, from its variable on."""
    issue, address = authority.issue, DOOR
    right, other = issue(address), certificates.Authority.new("somebody else's")
    der = right.x509.public_bytes(Encoding.DER).decode("latin-1")
    unflagged = certificates.Authority.new("no authority", flag=False)

    def cert(sentence: str, pair: certificates.Pair, **more: str) -> tuple[dict[str, Any], str]:
        return {**of(pair), **more}, f"activemq_tls_certificate: {sentence}"

    def key(sentence: str, text: str) -> tuple[dict[str, Any], str]:
        return {**of(right), "activemq_tls_key": text}, f"activemq_tls_key: {sentence}"

    return {
        "expired": cert("CN=test broker expired on", issue(address, ends=-0.5)),
        "too early": cert("CN=test broker is not valid before", issue(address, starts=2)),
        "another name": cert(f"is not for {DOOR}", issue("mq.example.org")),
        "no names": cert(f"is not for {DOOR}", issue()),
        "a client's": cert("its extended key usage leaves out serverAuth", issue(address, usages=[CLIENT])),
        "a small key": cert(
            "the RSA key of CN=test broker has 1024 bits",
            issue(address, private=certificates.private_key(bits=1024)),
        ),
        "SHA-1": cert("CN=test broker is signed with SHA1", issue(address, digest="sha1")),
        "self-signed": cert("CN=test broker is self-signed", certificates.self_signed(address)),
        "another authority's": cert("nothing in activemq_tls_authority issued", other.issue(address)),
        "no intermediate": (
            {**of(right), **half(authority.intermediate().issue(address))},
            "activemq_tls_certificate: nothing in activemq_tls_authority issued",
        ),
        "an authority that is none": (
            {**of(unflagged.issue(address)), "activemq_tls_authority": unflagged.certificate},
            "activemq_tls_authority: CN=no authority is not marked as an authority",
        ),
        "DER": (
            {**of(right), "activemq_tls_certificate": der},
            "activemq_tls_certificate: is not PEM but binary",
        ),
        "no certificate": (
            {"activemq_tls_key": right.key},
            "activemq_tls_certificate: is empty",
        ),
        "another's key": key("is not the key of the certificate", other.issue(address).key),
        "the authority's key": key("is the key of the authority itself", authority.pair.key),
        "a passphrase": key("has a passphrase", right.encrypted_key("secret")),
        "two keys": key("holds 2 private keys", right.key * 2),
        "a path": key("is not PEM, which begins with -----BEGIN", "certificates/mq1.key"),
        "clients of nobody": (
            {**of(right), "activemq_tls_client_authority": "ca.pem"},
            "activemq_tls_client_authority: is not PEM",
        ),
        "the former name": (
            {**of(right), "activemq_tls_client_certificate_required": True},
            "did you mean activemq_tls_client_certificates?",
        ),
        "a plain connector": (
            {**of(right), "activemq_connectors": [{"protocol": "stomp", "transport": "nio"}]},
            "activemq_connectors[0].transport: 'nio' opens a listener without TLS",
        ),
    }


def half(pair: certificates.Pair) -> dict[str, str]:
    """A certificate without those of its issuers."""
    return {"activemq_tls_certificate": pair.alone, "activemq_tls_key": pair.key}


def test_what_is_wrong_with_a_certificate_is_said_before_any_host_is_asked(
    controller: Controller, authority: certificates.Authority
) -> None:
    cases = wrong(authority) | {
        "right": (of(authority.issue(DOOR)), "refused above, and no host was changed")
    }
    common = settings(activemq_tls="only", activemq_tls_authority=authority.certificate)
    common |= {"endpoint_host": DOOR, "testbed_host": True}
    names = {f"door-{number:02}": case for number, case in enumerate(cases)}
    values = {name: {**common, **cases[case][0]} for name, case in names.items()}
    nobody = {name: Host(name, f"10.61.13.{200 + number}") for number, name in enumerate(values)}
    run = Brokers(controller, values, nobody, tls_hosts.INVENTORY).play("site.yml").refused()
    assert "UNREACHABLE" not in run.output
    said = {match["name"]: " ".join(match["said"].split()) for match in REFUSAL.finditer(run.output)}
    for name, case in names.items():
        sentence = cases[case][1]
        assert sentence in said[name], f"{case}: {sentence!r} is not in {said[name]!r}"
    assert not [line for line in authority.pair.key.splitlines()[1:-1] if line in run.output]
