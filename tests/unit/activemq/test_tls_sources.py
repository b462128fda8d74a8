"""Where an ActiveMQ broker's certificate comes from: texts, files on the host, a CA that issues one for each host."""

from __future__ import annotations

import functools
from typing import Any

import certificates
import pytest
from activemq_node import ETC, HOST, ONLY, authority, bridge, broker, issued
from brokers.activemq.settings import refusals
from brokers.certificates.issuing import new_authority
from templating import Role

from ansible_collections.brokerkit.brokers.plugins.filter import activemq_certificates as filters  # isort: skip - after Ansible's loader

KEYSTORES = "/usr/local/lib/brokerkit/activemq-keystores"
OWN = {"tls.crt": "content", "tls.key": "secret_content"}
ON_HOST = {
    "tls": "only",
    "tls_source": "host",
    "tls_certificate_file": "/etc/ssl/mq1.pem",
    "tls_key_file": "/etc/ssl/private/mq1.key",
}


@functools.cache
def of_ca() -> dict[str, Any]:
    made = new_authority("test", 100)
    return {
        "tls": "only",
        "tls_source": "ca",
        "tls_ca_certificate": made.certificate,
        "tls_ca_key": made.key,
        "tls_authority": made.certificate,
    }


@pytest.mark.parametrize(
    ("changes", "begins", "remedy"),
    [
        ({**ONLY, "tls_ca_key": "x"}, "activemq_tls_ca_key: is not used", "set activemq_tls_source to ca"),
        ({**ON_HOST, "tls_key": "x"}, "activemq_tls_key: is not used", "set activemq_tls_source to files"),
        ({**ON_HOST, "tls_key_file": ""}, "activemq_tls_key_file: is empty", "path of the PEM file"),
        (
            {**ON_HOST, "tls_key_file": "mq1.key"},
            "activemq_tls_key_file: 'mq1.key' is not an abs",
            "/etc/ssl",
        ),
        (
            {**ON_HOST, "tls_key_file": "/root/k"},
            "activemq_tls_key_file: '/root/k' is below /root",
            "/etc/ssl",
        ),
        (
            {"tls": "only", "tls_source": "ca", "tls_ca_valid_days": 14},
            "activemq_tls_ca_valid_days: 14 is no more than activemq_tls_days (14)",
            "make it longer",
        ),
        ({**ONLY, "tls_days": -1}, "activemq_tls_days: -1 is negative", "such as 14"),
    ],
)
def test_a_source_and_its_variables_fit_together(changes: dict[str, Any], begins: str, remedy: str):
    (found,) = refusals(broker(**changes))
    assert found.startswith(begins) and remedy in found, found
    off = {**changes, "tls": "off"}
    assert refusals(broker(**off)) == [], "without TLS nothing is asked"


def test_the_authority_of_the_vault_is_checked_as_an_authority():
    def found(**changes: Any) -> list[str]:
        return filters.activemq_certificate_refusals(broker(**{**of_ca(), **changes}), [HOST])

    assert found() == []
    (key,) = found(tls_ca_key=new_authority("x", 9).key)
    assert key.startswith("activemq_tls_ca_key: is not the key of the first certificate")
    (empty,) = found(tls_ca_certificate="", tls_authority="")
    assert empty.startswith("activemq_tls_ca_certificate: is empty")
    (other,) = found(tls_authority=authority().certificate)
    assert other.startswith(
        "activemq_tls_ca_certificate: CN=test is self-signed, and is not in activemq_tls_aut"
    )


def test_the_authority_issues_where_the_host_has_nothing_good_and_otherwise_keeps():
    def pair(text: str, trouble: dict[str, str], **changes: Any) -> dict[str, Any]:
        host = {"pair": {"text": text, "trouble": trouble}}
        return filters.activemq_certificate_pair(broker(**of_ca(), **changes), [HOST, "mq1"], host)

    new = pair("", {"certificate": "no such file"})
    assert "PRIVATE KEY" in new["key"] and not new["keep"]
    assert pair(new["certificate"], {}) == {"certificate": new["certificate"], "key": "", "keep": True}
    assert pair(new["certificate"], {}, tls_ca_reissue=True)["key"]
    assert pair(new["certificate"], {"key": "is not the key"})["key"]
    assert filters.activemq_certificate_pair(broker(), [HOST], {})["certificate"] == ""


def test_a_certificate_on_the_host_is_checked_like_any_other():
    def found(pair: certificates.Pair, trouble: dict[str, str], **changes: Any) -> list[str]:
        given = broker(**{**ON_HOST, "tls_authority": authority().certificate, **changes})
        host = {"pair": {"text": pair.certificate, "trouble": trouble}}
        return filters.activemq_host_certificate_refusals(given, [HOST], host)

    assert found(issued(), {}) == []
    (use,) = found(issued(certificates.CLIENT), {})
    assert use.startswith("activemq_tls_certificate_file: its extended key usage leaves out serverAuth")
    (missing,) = found(issued(), {"key": "/etc/ssl/private/mq1.key: no such file"})
    assert missing == "activemq_tls_key_file: /etc/ssl/private/mq1.key: no such file"
    assert found(issued(), {"key": "x"}, tls="off") == []
    client = {"tls": "off", "network": bridge("ssl://mq2:61617")}
    assert found(issued(certificates.CLIENT), {}, **client) == []


def test_what_ends_soon_is_named_by_where_it_comes_from():
    def soon(given: dict[str, Any], pem: str) -> list[str]:
        return filters.activemq_certificate_warnings(broker(**given), pem)

    (mine,) = soon({**ON_HOST, "tls_days": 30}, issued().certificate)
    assert mine.startswith("activemq_tls_certificate_file: ends on ")
    assert soon(of_ca(), "") == []
    (authoritys,) = soon({**of_ca(), "tls_days": 101}, "")
    assert authoritys.startswith("activemq_tls_ca_certificate: ends on ")


def test_stores_are_made_of_the_files_that_something_else_keeps():
    bare = {"hostname": "mq1", "os": {}, "files": [], "packages": {}, "unit": {"active_state": "inactive"}}
    host = {**bare, "pair": {"text": "", "trouble": {"key": "x"}}}

    def unit(**changes: Any) -> str:
        files = Role("activemq", __activemq_host=host, **broker(**changes)).files("__activemq_files")
        written = [files[f"{ETC}/{name}"].get(text) for name, text in OWN.items()]
        assert [bool(text) for text in written] == [changes["tls_source"] == "ca"] * 2
        assert "keyStore=" in files[f"{ETC}/activemq.xml"]["content"]
        return str(files["/etc/systemd/system/activemq-main.service"]["content"])

    start = f"ExecStartPre={KEYSTORES} {ETC} /run/activemq-main /usr/bin/java"
    assert f"{start} /etc/ssl/mq1.pem /etc/ssl/private/mq1.key\n" in unit(**ON_HOST)
    assert f"{start}\n" in unit(**of_ca())


def test_whether_tls_has_been_applied_is_seen_by_the_unit():
    bare = {"hostname": "mq1", "os": {}, "files": [], "packages": {}, "unit": {"active_state": "active"}}
    unit = "/etc/systemd/system/activemq-main.service"

    def applied(text: str, **changes: Any) -> Any:
        host = {**bare, "texts": {unit: text}}
        return Role("activemq", __activemq_host=host, **broker(**changes)).variable("__activemq_tls_applied")

    start = f"ExecStartPre={KEYSTORES} {ETC} /run/activemq-main /usr/bin/java"
    assert applied(f"[Service]\n{start}\nExecStart=x\n", **of_ca())
    assert not applied(f"[Service]\n{start}\nExecStart=x\n", **ON_HOST)
    assert applied(f"[Service]\n{start} /etc/ssl/mq1.pem /etc/ssl/private/mq1.key\n", **ON_HOST)
    assert not applied("[Service]\nExecStart=x\n", **of_ca())
