"""What systemd lets a broker do, and the places that it may write to."""

from __future__ import annotations

import pytest
from brokers.host.sandbox import directives, is_writable, path_refusals


def test_the_service_can_write_to_the_given_places_alone():
    lines = directives(["/var/lib/x", "/srv/y"]).splitlines()
    assert lines[-1] == "ReadWritePaths=/var/lib/x /srv/y"
    assert {"NoNewPrivileges=true", "CapabilityBoundingSet=", "ProtectSystem=strict"} <= set(lines)
    # Erlang and Java compile while they run, and read the host's memory.
    assert not [line for line in lines if line.startswith(("MemoryDenyWriteExecute", "ProcSubset"))]


@pytest.mark.parametrize("path", ["/srv/mq", "/srv/mq/", "/var/log/a-b_c.d@1"])
def test_a_place_that_a_unit_can_hold_is_taken(path):
    assert path_refusals("v", [path]) == []


@pytest.mark.parametrize(
    "path", ["", "srv", "/srv/my logs", "/srv/%i", '/srv/"x"', "/srv/../etc", "/a\nb", "/", 7]
)
def test_any_other_is_refused_by_name(path):
    (sentence,) = path_refusals("v_writable_paths", [path])
    assert sentence.startswith(f"v_writable_paths: '{path}' is not a path")


@pytest.mark.parametrize(
    ("path", "answer"),
    [("/srv/mq", True), ("/srv/mq/log", True), ("/srv/mqx", False), ("/srv", False)],
)
def test_what_lies_below_a_writable_place_is_writable(path, answer):
    assert is_writable(path, ["/other", "/srv/mq/"]) is answer
