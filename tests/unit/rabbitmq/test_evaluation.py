"""Questions to a node: how they are asked of rabbitmqctl, and what an answer or a failure becomes."""

from __future__ import annotations

import base64
import json
import os
import re

import pytest
from brokers.rabbitmq import evaluation, members


def printed(data):
    """What rabbitmqctl prints for plain data: a binary of Erlang, in lines of 80."""
    text = base64.b64encode(json.dumps(data).encode()).decode()
    return '<<"' + '"\n  "'.join(text[at : at + 70] for at in range(0, len(text), 70)) + '">>\n'


@pytest.fixture
def rabbitmqctl(tmp_path, monkeypatch):
    """Put a rabbitmqctl in the path that prints words and ends with a code."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    def make(out="", err="", code=0, slow=False):
        for name, text in (("out", out), ("err", err)):
            (tmp_path / name).write_text(text)
        program = tmp_path / "rabbitmqctl"
        wait = "exec sleep 30\n" if slow else ""
        program.write_text(f"#!/bin/sh\n{wait}cat {tmp_path}/out; cat {tmp_path}/err >&2; exit {code}\n")
        program.chmod(0o755)

    return make


def test_an_answer_in_many_lines_is_read_whole(rabbitmqctl):
    data = {"node": "rabbit@a", "queues": list(range(200)), "name": "jürgen"}
    rabbitmqctl(printed(data))
    assert evaluation.ask("Answer = 1") == data


def test_a_failure_is_told_in_the_words_of_the_cause(rabbitmqctl):
    rabbitmqctl("out", "Error:\nunable to connect\nStack trace\n", 69)
    with pytest.raises(evaluation.Unanswered, match=r"^unable to connect out$"):
        evaluation.ask("Answer = 1")


def test_what_is_no_answer_is_a_failure(rabbitmqctl):
    rabbitmqctl("the node is booting\n")
    with pytest.raises(evaluation.Unanswered, match="the node is booting"):
        evaluation.ask("Answer = 1")


def test_a_node_that_says_nothing_in_time_is_given_up(rabbitmqctl, monkeypatch):
    rabbitmqctl(slow=True)
    monkeypatch.setattr(evaluation, "PATIENCE", 0.2)
    with pytest.raises(evaluation.Unanswered, match=r"did not answer within 0\.2 s"):
        evaluation.ask("Answer = 1")


def test_a_host_without_rabbitmqctl_is_told_so(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(evaluation.Unanswered, match="rabbitmqctl is not installed"):
        evaluation.ask("Answer = 1")


def test_of_what_is_said_two_lines_are_told_and_300_characters():
    assert evaluation.first_words("a\n\n b \nc\n") == "a b"
    assert evaluation.first_words("") == "it said nothing"
    assert evaluation.first_words("Error:\n") == "Error:"
    assert len(evaluation.first_words("x" * 400)) == 300


CODES = [evaluation.HOLDINGS, evaluation.PLUGIN_USES, evaluation.SETTINGS, members.question()]


@pytest.mark.parametrize("code", CODES)
def test_debians_wrapper_of_rabbitmqctl_finds_nothing_to_expand(code):
    assert not set("$\\`") & set(evaluation.command(code)[-1])


def test_the_plugins_that_shall_stay_are_in_the_question(monkeypatch):
    asked = []
    monkeypatch.setattr(evaluation, "ask", lambda code: asked.append(code) or [["a"]])
    assert evaluation.plugin_uses(["b", "a"]) == [["a"]]
    assert asked[0].strip().startswith("Wanted = ['a','b'],\n") and "WANTED" not in asked[0]


def test_members_get_the_view_as_text_and_their_patience_in_milliseconds():
    question = members.question(2.5)
    view = re.search(r'decode\(<<"([A-Za-z0-9+/=]+)">>\)', question)[1]
    assert base64.b64decode(view).decode() == members.VIEW.strip() + "."
    assert "+ 2500," in question and "PATIENCE" not in question and "VIEW" not in question.replace(view, "")
    assert f"+ {members.PATIENCE * 1000}," in members.question()


def test_the_view_of_a_node_is_that_of_the_one_that_was_asked():
    views = {"rabbit@a": {"running": True}, "rabbit@b": {"running": False}}
    assert members.own_view({"node": "rabbit@b", "views": views}) == {"running": False}
