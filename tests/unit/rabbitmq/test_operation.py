"""The lock of an operation: what is asked, and what whoever finds it held is told."""

from __future__ import annotations

import base64

import pytest
from brokers.rabbitmq import operation

ME = {"by": "alice@deploy", "run": "alice@deploy/12", "what": 'restart "now" $HOME'}


def test_the_question_holds_no_placeholder_and_nothing_that_a_shell_reads():
    asked = operation.question(ME, "held", ("bob@x/1",), take_over=True)
    assert not [word for word in ("PARAMETER", "STATE", "BREAK", "LEASE", "GONE", "HOLDER") if word in asked]
    assert "$" not in asked and "\\" not in asked and "`" not in asked
    assert base64.b64encode(b"bob@x/1").decode() in asked


@pytest.mark.parametrize(("age", "told"), [(40, "heard of 40 s ago"), (600, "heard of 10 minutes ago")])
def test_a_refusal_names_who_what_since_when_and_the_way_out(age, told):
    holder = {"by": "bob@mars", "what": "a restart", "since": 1795934363, "seen": 0, "age": age}
    sentence = operation.refusal("mq1", holder)
    assert "bob@mars has an operation on this cluster under way (a restart)" in sentence
    assert "since 2026-11-29 06:39 UTC" in sentence and told in sentence
    assert "-e rabbitmq_break_lock=true" in sentence


def test_a_lock_is_good_for_as_long_as_whoever_took_it_may_be_silent():
    asked = operation.question(ME, "held", lease=4000)
    assert '<<"lease">> => 4000' in asked and 'maps:get(<<"lease">>, H, 4000)' in asked
    holder = {"by": "bob@mars", "since": 1795934363, "age": 40, "lease": 4000}
    assert "the cluster is free 66 minutes after" in operation.refusal("mq1", holder)


def test_two_runs_at_once_are_told_to_try_again():
    assert "at the same moment; try again" in operation.refusal("mq1", None)


def test_a_lock_that_is_taken_over_is_reported():
    before = {"by": "bob@mars", "what": "a restart", "since": 1795934363, "age": 900}
    assert operation.notice("mq1", before).startswith(
        "mq1: bob@mars began an operation on this cluster (a restart)"
    )
    assert operation.notice("mq1", None) == ""
