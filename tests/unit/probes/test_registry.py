"""The probes that there are, and the choice among them by name, group and pattern."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from probes.endpoints import KINDS
from probes.model import ExitCode, Phase, Refusal
from probes.registry import all_probes, select
from role_files import ROOT

PROBES = all_probes()


def names(only: list[str], skip: list[str] | None = None, phase: Phase = Phase.ALWAYS) -> list[str]:
    return [probe.name for probe in select(PROBES, only, skip or [], phase)]


def test_every_probe_says_what_it_proves_for_which_row() -> None:
    for probe in PROBES:
        assert probe.proves.endswith("."), probe.name
        assert probe.kinds and probe.kinds <= set(KINDS)
        if probe.name.startswith(
            "tls."
        ):  # of whichever endpoints speak it; the write-ups do not speak of TLS
            continue
        assert probe.notes, f"{probe.name} names no row of the field notes"
        assert set(probe.needs) <= {"amqp", "stomp", "management"}
        assert probe.needs or probe.of_relays  # a relay's page is none of its broker's


def test_the_field_notes_rows_about_messages_are_covered() -> None:
    covered = {note for probe in PROBES for note in probe.notes}
    rows = {"1.1", "1.4", "1.5", "2.3", "2.6", "2.9", "2.10", "3.1", "3.2", "3.3", "3.4", "4.1", "4.2"}
    assert rows <= covered


def test_a_group_a_name_and_a_pattern() -> None:
    assert names(["amqp.confirm"]) == ["amqp.confirm"]
    assert all(name.startswith("stomp.") for name in names(["stomp"]))
    assert names(["negative.guest"]) == [
        "negative.guest.amqp",
        "negative.guest.stomp",
        "negative.guest.management",
    ]
    assert names(["*.amqp"]) == ["negative.guest.amqp", "negative.password.amqp", "negative.vhost.amqp"]
    assert names(["amqp.fair", "amqp.connect"]) == ["amqp.connect", "amqp.fair"], "the report's order is kept"


def test_skip_takes_away() -> None:
    assert names(["stomp"], ["stomp.connect"]) == ["stomp.queue", "stomp.topic", "stomp.ack", "stomp.receipt"]
    assert "amqp.connect" not in names([], ["amqp"])


def test_a_phase_has_its_own_probes() -> None:
    for phase, name in (
        (Phase.BEFORE_RESTART, "durability.plant"),
        (Phase.AFTER_RESTART, "durability.collect"),
    ):
        assert name in names([], phase=phase)
        assert all("durability" in one for one in names([], phase=phase))
    assert not any("durability" in name for name in names([]))


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("amqp.confrim", "amqp.confirm"),
        ("stmop", "stomp"),
        ("negative.gest", "negative.guest"),
        ("xyzzy", "--list"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(name: str, hint: str) -> None:
    for only, skip, option in (([name], [], "--only"), ([], [name], "--skip")):
        with pytest.raises(Refusal, match=f"{option} {name}") as refusal:
            select(PROBES, only, skip)
        assert hint in str(refusal.value)
        assert refusal.value.code is ExitCode.USAGE


def test_a_name_of_another_phase_is_unknown() -> None:
    with pytest.raises(Refusal, match="no probe has that name"):
        names(["durability.plant"])


def test_nothing_left_is_refused() -> None:
    with pytest.raises(Refusal, match="leave no probe"):
        names(["amqp.connect"], ["amqp"])


def test_listing_loads_no_client() -> None:
    code = (
        "import json, sys; sys.path.insert(0, 'scripts'); from probes import registry; registry.all_probes();"
        "print(json.dumps(sorted({'pika', 'stomp', 'rich', 'http.client', 'asyncio', 'ssl'} & set(sys.modules))))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
