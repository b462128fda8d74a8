"""Types of a role's variables: what is refused, in which words, and what the others become."""

from __future__ import annotations

import pytest
from brokers import role_arguments as arguments

OPTIONS = {
    "port": {"type": "int", "default": 5672},
    "show": {"type": "bool", "default": False},
    "level": {"type": "str", "choices": ["info", "error"]},
    "plugins": {"type": "list", "elements": "str"},
    "free": {"type": "dict"},
    "limit": {"type": "str"},
    "password": {"type": "str"},
}

WRONG = [
    ({"port": "abc"}, "port: 'abc' is a text; write a whole number, such as 5672"),
    ({"port": 56.5}, "port: '56.5' is a number; write a whole number, such as 5672"),
    ({"port": True}, "port: 'True' is true or false; write a whole number, such as 5672"),
    ({"port": None}, "port: is empty; give it a value, or drop the line to get the default"),
    ({"port": [1]}, "port: is a list; write a whole number, such as 5672"),
    ({"show": "maybe"}, "show: 'maybe' is a text; write true or false"),
    ({"level": "loud"}, "level: 'loud' is not one of 'info', 'error'; choose one of them"),
    ({"plugins": "one"}, "plugins: 'one' is a text; write a list (with -e, as JSON)"),
    (
        {"plugins": [1]},
        "plugins: holds a number where a text is wanted; write each item as a text, in quotes if need be",
    ),
    ({"free": []}, "free: is a list; write a dictionary (with -e, as JSON)"),
    ({"level": {}}, "level: is a dictionary; write a text"),
]


@pytest.mark.parametrize(("values", "sentence"), WRONG)
def test_a_wrong_type_is_named_with_its_remedy(values, sentence):
    assert arguments.refusals(OPTIONS, values) == [sentence]


def test_a_number_where_a_text_is_meant_is_refused_because_yaml_changes_it():
    (sentence,) = arguments.refusals(OPTIONS, {"limit": 3.1})
    assert sentence.startswith("limit: '3.1' is a number") and sentence.endswith("put it in quotes")
    assert arguments.refusals(OPTIONS, {"limit": 3.1}, numbers=["limit"]) == []


@pytest.mark.parametrize("value", [12345678, ["hunter2"], {"a": "hunter2"}])
def test_a_secret_is_never_repeated(value):
    (sentence,) = arguments.refusals(OPTIONS, {"password": value})
    assert "hunter2" not in sentence and "12345678" not in sentence


def test_what_can_be_read_as_its_type_is_accepted_and_becomes_it():
    written = {"port": " 5673", "show": "Yes", "limit": 0.4, "plugins": ["a"], "level": "info"}
    assert arguments.refusals(OPTIONS, written, numbers=["limit"]) == []
    read = {"port": 5673, "show": True, "limit": "0.4", "plugins": ["a"], "level": "info"}
    assert arguments.typed(OPTIONS, written) == read


def test_typed_leaves_what_it_cannot_read():
    assert arguments.typed(OPTIONS, {"port": "abc", "other": 1}) == {"port": "abc", "other": 1}


def test_a_misspelt_variable_is_named_with_the_one_that_was_meant():
    (sentence,) = arguments.unknown("broker", ["broker_prot", "broker_port"], ["broker_port", "broker_name"])
    assert sentence.startswith("broker_prot: ") and sentence.endswith("did you mean broker_port?")


def test_a_variable_like_no_other_points_at_the_list():
    (sentence,) = arguments.unknown("broker", ["broker_zzz"], ["x"])
    assert sentence.endswith("docs/variables.md lists those that exist")
