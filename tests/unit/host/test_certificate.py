"""A certificate and its key on a host: what is wrong with them is said, and no part of a key is."""

from __future__ import annotations

import getpass
import os

import certificates
import pytest
from brokers.host.certificate import pair


@pytest.fixture(scope="module")
def right() -> certificates.Pair:
    return certificates.Authority.new().issue("mq1.example.org")


@pytest.fixture
def paths(right, tmp_path):
    return right.write(tmp_path, "mq1")


def trouble(paths, account=""):
    return pair(*paths, account)["trouble"]


def test_a_pair_that_will_do_is_read_and_the_key_is_not_shown(right, paths):
    assert pair(*paths) == {"text": right.certificate, "trouble": {}}
    assert trouble(paths, getpass.getuser()) == {}


def test_a_file_that_is_not_there_is_named(paths):
    found = trouble((paths[0], "/nowhere/mq1.key"))
    assert set(found) == {"key"}
    assert found["key"].startswith("/nowhere/mq1.key: no such file or directory; correct the path")
    assert set(trouble(("/nowhere/a", "/nowhere/b"))) == {"certificate", "key"}


def test_the_key_of_another_certificate_is_named(paths, tmp_path):
    other = certificates.Authority.new().issue("mq2").write(tmp_path, "other")
    found = trouble((paths[0], other[1]))
    assert found["key"].startswith(f"{other[1]}: is not the key of the certificate in {paths[0]}")


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "holds no private key that can be read"), ("rubbish", "holds no private key that can be read")],
)
def test_a_key_that_is_none_is_named(paths, text, said):
    with open(paths[1], "w", encoding="utf-8") as handle:
        handle.write(text)
    assert said in trouble(paths)["key"]


def test_a_key_with_a_passphrase_is_named_and_nobody_is_asked_for_it(right, paths):
    with open(paths[1], "w", encoding="utf-8") as handle:
        handle.write(right.encrypted_key("secret"))
    assert "has a passphrase" in trouble(paths)["key"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can ask for another user")
def test_a_key_that_the_broker_cannot_read_is_named(paths):
    assert "the user nobody cannot read it" in trouble(paths, "nobody")["key"]
    assert trouble(paths, "no-such-user-yet") == {}, "a package brings the user later"
