"""Dead letters are counted by reason, and go back by reason: as their senders sent them, and no more than are there."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import relay_archive
from relay_sample import RIGHT
from relaying import amqp, replay
from relaying.cli import main
from relaying.files import Refused
from relaying.link import CODE, REPLAYED, NotPutAway, Taken


def letter(number: int, **headers: Any) -> Taken:
    return Taken(number, False, headers, None, b"{}")


class Queue:
    """Dead letters in memory; each look begins at the oldest."""

    def __init__(self, *codes: str) -> None:
        self.letters = [letter(number, **{CODE: code}) for number, code in enumerate(codes)]
        self.source: list[Taken] = []
        self.room = 100
        self.looks = 0

    def __call__(self) -> Queue:
        self._rest = iter(list(self.letters))
        self.looks += 1
        return self

    def next(self) -> Taken | None:
        return next(self._rest, None)

    def code_of(self, one: Taken) -> str:
        return amqp.code_of(one, "source")

    def put_back(self, one: Taken, headers: dict[str, Any]) -> None:
        if not self.room:
            raise NotPutAway("the queue is full")
        self.room -= 1
        self.source.append(one)
        self.letters.remove(one)

    def close(self) -> None:
        """It has no connection."""


def run(queue: Queue, *codes: str, most: int = 100, yes: bool = True) -> str:
    stdout = io.StringIO()
    assert replay.run(queue, "source", codes, most, yes, stdout) == 0
    return stdout.getvalue()


def test_reasons_are_counted_and_nothing_is_moved() -> None:
    queue = Queue("a", "b", "a")
    assert run(queue) == "3 dead letters\n       2  a\n       1  b\n"
    assert (len(queue.letters), queue.source) == (3, [])
    assert run(Queue()) == "no dead letters\n"


def test_without_yes_it_says_what_would_go_back() -> None:
    queue = Queue("a", "b", "a")
    said = run(queue, "a", yes=False)
    assert said.endswith("2 of them would go back into source; with --yes they do\n")
    assert queue.source == []


def test_the_chosen_go_back_in_their_order_and_the_others_stay() -> None:
    queue = Queue("a", "b", "c", "a")
    assert run(queue, "a", "c").endswith("3 of 3 are back in source\n")
    assert [one.tag for one in queue.source] == [0, 2, 3]
    assert [one.tag for one in queue.letters] == [1]


def test_all_means_every_reason() -> None:
    queue = Queue("a", "b")
    run(queue, "all")
    assert queue.letters == []


@pytest.mark.parametrize(("there", "said"), [(["b", "a"], "there are a, b"), ([], "there is none at all")])
def test_a_reason_that_no_letter_has_is_refused_with_those_that_are_there(
    there: Sequence[str], said: str
) -> None:
    queue = Queue(*there)
    with pytest.raises(Refused, match=rf"the reason x; {said}\. Nothing was brought back"):
        run(queue, "x", *there)
    assert queue.source == []


def test_no_more_than_the_limit_are_looked_at() -> None:
    queue = Queue("a", "a", "b", "a")
    said = run(queue, "a", most=3)
    assert "3 dead letters; only so many were looked at" in said
    assert [one.tag for one in queue.source] == [0, 1]
    with pytest.raises(Refused, match="the reason b; there are a"):
        run(Queue("a", "b"), "b", most=1)


def test_letters_that_die_again_meanwhile_are_not_brought_back_for_ever() -> None:
    class Refilled(Queue):
        def put_back(self, one: Taken, headers: dict[str, Any]) -> None:
            super().put_back(one, headers)
            self.letters.append(letter(99, **{CODE: "a"}))
            self._rest = iter([*self._rest, self.letters[-1]])

    queue = Refilled("a", "a")
    assert run(queue, "a").endswith("2 of 2 are back in source\n")
    assert [one.tag for one in queue.source] == [0, 1]


def test_a_source_that_takes_no_more_ends_it_and_the_rest_stay() -> None:
    queue = Queue("a", "a", "a")
    queue.room = 1
    stdout = io.StringIO()
    with pytest.raises(
        Refused, match=r"the queue is full\. What was not brought back is still a dead letter"
    ):
        replay.run(queue, "source", ["a"], 100, True, stdout)
    assert stdout.getvalue().endswith("1 of 3 are back in source\n")
    assert [one.tag for one in queue.letters] == [1, 2]


def test_a_letter_goes_back_as_its_sender_sent_it() -> None:
    dead = letter(
        1,
        **{
            "own": 7,
            "x-relay-attempts": 20,
            "x-relay-reason": "why",
            "x-relay-code": "attempts",
            "x-death": [{}],
            "x-first-death-queue": "q",
            "x-last-death-reason": "expired",
            "x-delivery-count": 3,
        },
    )
    assert replay.revived(dead) == {"own": 7, REPLAYED: 1}
    assert replay.revived(letter(1, **{REPLAYED: 4})) == {REPLAYED: 5}
    assert replay.revived(letter(1, **{REPLAYED: "a lot"})) == {REPLAYED: 1}


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({CODE: "not-json"}, "not-json"),
        ({}, "unknown"),
        ({CODE: "status-503", "x-death": [{"queue": "relay.r.wait-5", "reason": "expired"}]}, "status-503"),
        (
            {
                CODE: "status-503",
                "x-death": [
                    {"queue": "source", "reason": "delivery_limit"},
                    {"queue": "relay.r.wait-5", "reason": "expired"},
                ],
            },
            "delivery_limit",
        ),
        ({"x-death": "a sender wrote it"}, "unknown"),
    ],
)
def test_the_reason_is_the_broker_s_where_it_gave_the_message_up(headers: dict[str, Any], code: str) -> None:
    assert amqp.code_of(letter(1, **headers), "source") == code


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--check", "--dead-letters"], "--check does nothing else"),
        (["--yes"], "--yes is about --replay"),
        (["--replay", "a", "--user", "u"], "--user and --password-file belong together"),
        (["--user", "u", "--password-file", "p"], "--user is for --dead-letters and --replay"),
    ],
)
def test_options_that_say_nothing_together_are_refused(words: list[str], said: str) -> None:
    stderr = io.StringIO()
    assert main([*words, "relay.json"], {}, io.StringIO(), stderr) == 64
    assert said in stderr.getvalue()


def test_a_broker_that_is_away_is_said_by_the_archive(tmp_path: Path) -> None:
    (tmp_path / "relay.pyz").write_bytes(relay_archive.build())
    source = {**RIGHT["source"], "hosts": ["127.0.0.1"], "port": 1}
    (tmp_path / "relay.json").write_text(json.dumps({**RIGHT, "source": source}), encoding="utf-8")
    secret = tmp_path / "amqp-password"
    secret.write_text("s3cret", encoding="utf-8")
    secret.chmod(0o600)
    command = [sys.executable, "-I", "-S", str(tmp_path / "relay.pyz"), "--dead-letters", "relay.json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 69
    assert done.stderr.startswith(
        "relay: the broker does not do its part: Connection refused; see that it is up"
    )
