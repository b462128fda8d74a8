"""The seconds of a probe: what is left of them, and what comes on top."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from probes import model
from probes.model import GOODBYE_SECONDS, Deadline, DeadlineExceeded


@pytest.fixture
def at(monkeypatch):
    """Set the clock of the deadlines."""
    return lambda now: monkeypatch.setattr(model, "time", SimpleNamespace(monotonic=lambda: now))


def test_what_is_left_is_at_most_what_is_asked_for_and_nothing_is_an_error(at):
    at(100.0)
    deadline = Deadline(5, "waiting", started=100.0)
    assert deadline.left() == 5 and deadline.left(2) == 2
    at(104.0)
    assert deadline.left() == deadline.left(2) == 1 and deadline.elapsed() == 4
    at(105.0)
    with pytest.raises(DeadlineExceeded, match="waiting"):
        deadline.left()


def test_a_handshake_leaves_time_to_look_into_its_failure(at):
    at(0.0)
    assert Deadline(1, started=0.0).handshake() == pytest.approx(0.6)
    assert Deadline(12, started=0.0).handshake() == model.HANDSHAKE_SECONDS
    assert Deadline(30, started=0.0).handshake() == 12, "whoever waits longer lets a handshake take longer"


@pytest.mark.parametrize(
    ("after", "seconds"),
    [(0, GOODBYE_SECONDS), (5, GOODBYE_SECONDS), (5.5, 0.5), (6, 0.05), (600, 0.05)],
)
def test_taking_leave_has_its_seconds_on_top_of_the_probes_but_once(at, after, seconds):
    deadline = Deadline(5, started=100.0)
    at(100.0 + after)
    assert deadline.goodbye() == pytest.approx(seconds)
