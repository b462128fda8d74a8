"""The certificates that tests are given are what their names say, as OpenSSL sees them."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from certificates import Authority, Pair, self_signed


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.new()


def verdict(pair: Pair, authority: Authority, folder: Path, *flags: str) -> str:
    trusted = authority.write(folder)
    (folder / "chain.pem").write_text(pair.chain + authority.certificate, encoding="ascii")
    (folder / "leaf.pem").write_text(pair.alone, encoding="ascii")
    command = ["openssl", "verify", "-CAfile", trusted, "-untrusted", "chain.pem", *flags, "leaf.pem"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr


def test_what_is_not_named_is_right(authority: Authority, tmp_path: Path) -> None:
    right = authority.issue("broker.test", "10.0.0.1")
    for names in (["-verify_hostname", "broker.test"], ["-verify_ip", "10.0.0.1"], ["-purpose", "sslserver"]):
        assert "OK" in verdict(right, authority, tmp_path, *names)
    assert "OK" in verdict(authority.intermediate().issue("a"), authority, tmp_path, "-purpose", "sslclient")


def test_each_wrong_one_is_wrong_in_its_own_way(authority: Authority, tmp_path: Path) -> None:
    wrong = {
        "expired": authority.issue("a", starts=-3, ends=-1),
        "not yet valid": authority.issue("a", starts=1),
        "self-signed": self_signed("a"),
        "invalid CA certificate": authority.intermediate(flag=False).issue("a"),
        "digest algorithm too weak": authority.issue("a", digest="sha1"),
        "unable to get local issuer": replace(authority.intermediate().issue("a"), chain=""),
    }
    for words, pair in wrong.items():
        assert words in verdict(pair, authority, tmp_path, "-auth_level", "2")
