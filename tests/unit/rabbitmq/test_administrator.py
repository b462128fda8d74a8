"""The first administrator, as definitions: the same password gives the same file, and another one another."""

from __future__ import annotations

from brokers.rabbitmq import administrator, passwords

MADE = administrator.definitions("admin", "kq81-Zr3", "of the host")


def hash_of(definitions):
    return definitions["users"][0]["password_hash"]


def test_the_administrator_may_do_everything_on_the_first_virtual_host():
    assert MADE["vhosts"] == [{"name": "/"}]
    assert MADE["users"][0]["tags"] == "administrator"
    assert MADE["permissions"] == [
        {"user": "admin", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}
    ]


def test_the_password_is_a_hash_that_the_broker_takes():
    user = MADE["users"][0]
    assert user["hashing_algorithm"] == passwords.broker_name("sha256")
    assert passwords.matches("kq81-Zr3", user["password_hash"], "sha256")
    assert "kq81" not in str(MADE)


def test_the_same_run_gives_the_same_file_and_any_other_another():
    assert administrator.definitions("admin", "kq81-Zr3", "of the host") == MADE
    others = [
        ("root", "kq81-Zr3", "of the host"),
        ("admin", "other", "of the host"),
        ("admin", "kq81-Zr3", "else"),
    ]
    assert hash_of(MADE) not in [hash_of(administrator.definitions(*other)) for other in others]


def test_a_note_of_who_they_are_is_sorted():
    assert administrator.users(["b", "a"]) == {"users": [{"name": "a"}, {"name": "b"}]}
