"""What is refused of the variables that name an apt repository."""

from __future__ import annotations

import pytest
from brokers.host import apt_repository

KEY = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n...\n-----END PGP PUBLIC KEY BLOCK-----\n"
RIGHT = {
    "rabbitmq_package_source": "custom",
    "rabbitmq_version": "3.10",
    "rabbitmq_repository_uri": "http://repository.example/debian",
    "rabbitmq_repository_suite": "bookworm",
    "rabbitmq_repository_components": ["main"],
    "rabbitmq_repository_key": "key.asc",
}


def refusals(key: str | None = KEY, **changes: object) -> list[str]:
    values = {**RIGHT, **{f"rabbitmq_{name}": value for name, value in changes.items()}}
    return apt_repository.refusals(values, "rabbitmq_", key)


def test_what_is_right_is_let_through():
    assert refusals() == []
    assert refusals(repository_suite="./", repository_components=[]) == []
    assert refusals(None, package_source="distribution", repository_uri="", repository_key="") == []
    assert refusals(package_source="vendor", repository_uri="", version="") == []


@pytest.mark.parametrize(
    ("changes", "name", "remedy"),
    [
        ({"repository_uri": "repository.example"}, "rabbitmq_repository_uri", "http://host/path"),
        ({"repository_uri": "http://a b"}, "rabbitmq_repository_uri", "http://host/path"),
        ({"repository_uri": ""}, "rabbitmq_repository_uri", "needs the URI"),
        ({"package_source": "distribution"}, "rabbitmq_repository_uri", "drop the URI"),
        ({"repository_suite": "two words"}, "rabbitmq_repository_suite", "one word"),
        ({"repository_components": []}, "rabbitmq_repository_components", "[main]"),
        ({"repository_components": ["a b"]}, "rabbitmq_repository_components", "one word each"),
        ({"version": "latest"}, "rabbitmq_version", "in numbers"),
        ({"version": "3.10*"}, "rabbitmq_version", "in numbers"),
        ({"repository_key": ""}, "rabbitmq_repository_key", "give the file"),
        ({"key": None}, "rabbitmq_repository_key", "give the path"),
        ({"key": "\x99\x01"}, "rabbitmq_repository_key", "gpg --armor --export"),
        ({"key": "-----BEGIN PGP PRIVATE KEY BLOCK-----"}, "rabbitmq_repository_key", "public one"),
    ],
)
def test_a_wrong_one_is_named_with_its_remedy(changes, name, remedy):
    (sentence,) = refusals(**changes)
    assert sentence.startswith(f"{name}: ") and remedy in sentence


def test_a_source_becomes_the_words_of_the_script_that_reads_it():
    source = {"name": "erlang", "prefix": "erlang_", "package": "erlang-base", "version": "27"}
    place = {
        "uri": "http://a/b",
        "suite": "trixie",
        "components": ["main", "extra"],
        "key": "",
        "pinned": "erlang*",
    }
    words = ["erlang", "erlang_", "erlang-base", "27", "http://a/b", "trixie", "main extra"]
    assert apt_repository.words({**source, **place}) == words
    assert apt_repository.words({**source, **place, "suite": "./"})[-2:] == ["./", ""]
