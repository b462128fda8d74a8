"""Salted hashes: made, compared and recognised."""

from __future__ import annotations

import pytest
from brokers.rabbitmq import passwords
from hypothesis import given, strategies as st

# From RabbitMQ's guide "Credentials and Passwords": salt 908D C60A and the password "test12".
DOCUMENTED = ("test12", "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR")


def test_the_documented_example_matches():
    password, stored = DOCUMENTED
    assert passwords.matches(password, stored, "sha256")
    assert passwords.make_hash(password, "sha256", bytes.fromhex("908DC60A")) == stored


def test_another_password_does_not_match():
    assert not passwords.matches("test13", DOCUMENTED[1], "sha256")


@given(st.text(min_size=1), st.sampled_from(sorted(passwords.DIGESTS)))
def test_a_made_hash_matches_its_password_and_names_its_algorithm(password, algorithm):
    stored = passwords.make_hash(password, algorithm)
    assert passwords.matches(password, stored, algorithm)
    assert not passwords.matches(password + "x", stored, algorithm)
    assert passwords.algorithm_of(stored) == algorithm


def test_salts_are_fresh():
    assert passwords.make_hash("same") != passwords.make_hash("same")


@pytest.mark.parametrize("stored", ["", "AAAA", "not base64!", "AAAAAA=="])
def test_a_user_without_a_usable_hash_matches_no_password(stored):
    assert not passwords.matches("", stored, "sha256")
    assert not passwords.matches("x", stored, "sha256")


def test_an_algorithm_from_elsewhere_matches_nothing_instead_of_failing():
    assert not passwords.matches("test12", DOCUMENTED[1], "my_own_hashing")
    assert passwords.broker_name(passwords.short_name("my_own_hashing")) == "my_own_hashing"


def test_names_of_algorithms_go_both_ways():
    for name in passwords.DIGESTS:
        assert passwords.short_name(passwords.broker_name(name)) == name
