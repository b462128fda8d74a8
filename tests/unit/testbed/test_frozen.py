"""What a frozen host is kept under, and which are kept."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest
from testbed_lib import frozen, hosts, inputs, keys
from testbed_lib.frozen import Frozen
from testbed_lib.inventory import Host
from testbed_lib.settings import FROZEN_MOST, FROZEN_SECONDS

RABBIT = Host("rabbit1", "bookworm", "10.61.13.11")
LISTING = {
    "_meta": {
        "hostvars": {
            "rabbit1": {"ansible_host": "10.61.13.11", "rabbitmq_heartbeat": 60},
            "active1": {"ansible_host": "10.61.13.11", "activemq_heap": "256m"},
            "other": {"ansible_host": "10.61.13.12", "rabbitmq_heartbeat": 30},
        }
    },
    "all": {"children": ["ungrouped", "brokers"]},
    "brokers": {"children": ["rabbitmq", "activemq"]},
    "rabbitmq": {"hosts": ["rabbit1", "other"]},
    "activemq": {"hosts": ["active1"]},
}
NOW = 1_800_000_000.0


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of a few files."""
    for name in ("roles/rabbitmq/tasks/main.yml", "plugins/filter/one.py", "site.yml", "docs/decisions.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


@pytest.fixture
def _keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys as this machine would have them, were the test bed used here."""
    for name in ("LOGIN_KEY", "HOST_KEY"):
        path = tmp_path / name
        path.write_text("private")
        path.with_name(f"{name}.pub").write_text("public")
        monkeypatch.setattr(keys, name, path)


def digest(project: Path) -> str:
    return inputs.digest(inputs.files(project), project)


def test_each_file_that_a_play_reads_changes_the_key(project: Path) -> None:
    before = digest(project)
    (project / "roles/rabbitmq/tasks/main.yml").write_text("other")
    changed = digest(project)
    (project / "roles/rabbitmq/tasks/main.yml").rename(project / "roles/rabbitmq/tasks/more.yml")
    renamed = digest(project)
    (project / "plugins/filter/two.py").write_text("two")
    assert len({before, changed, renamed, digest(project)}) == 4


def test_what_no_play_reads_does_not_change_the_key(project: Path) -> None:
    before = digest(project)
    (project / "docs/decisions.md").write_text("other")
    (project / "plugins/filter/__pycache__").mkdir()
    (project / "plugins/filter/__pycache__/one.pyc").write_text("compiled")
    assert digest(project) == before


def test_all_that_a_play_reads_is_among_the_sources() -> None:
    found = {str(path.relative_to(inputs.PROJECT)) for path in inputs.files()}
    assert {"site.yml", "ansible.cfg", "requirements.txt", "roles/rabbitmq/tasks/main.yml"} <= found
    assert all((inputs.PROJECT / source).exists() for source in inputs.SOURCES)


def test_the_variables_are_those_of_every_broker_on_the_machine_with_their_groups() -> None:
    found = inputs.variables(LISTING, "10.61.13.11")
    assert found["rabbit1"]["variables"]["rabbitmq_heartbeat"] == 60
    assert found["rabbit1"]["groups"] == ["all", "brokers", "rabbitmq"]
    assert found["active1"]["groups"] == ["activemq", "all", "brokers"]
    assert "other" not in found


@pytest.mark.parametrize(
    "change",
    [
        {"machine": ["another image"]},
        {"sources": "other roles"},
        {"inventory": {"rabbit1": {"variables": {"rabbitmq_heartbeat": 30}, "groups": []}}},
        {"inventory": {"rabbit1": {"variables": {"rabbitmq_heartbeat": 60}, "groups": ["rabbitmq"]}}},
        {"step": "clustered"},
    ],
)
def test_everything_that_went_into_a_host_is_in_its_key(change: dict[str, object]) -> None:
    given = {
        "machine": ["image"],
        "sources": "roles",
        "inventory": {"rabbit1": {"variables": {"rabbitmq_heartbeat": 60}, "groups": []}},
        "step": "converged",
    }
    assert inputs.key(**given) == inputs.key(**dict(given))  # type: ignore[arg-type]
    assert inputs.key(**{**given, **change}) != inputs.key(**given)  # type: ignore[arg-type]


def test_a_key_shows_nothing_of_a_secret() -> None:
    key = inputs.key(["image"], "roles", {"variables": {"password": "test-host-only-x"}}, "converged")
    assert key.isalnum() and len(key) == 24


@pytest.mark.usefixtures("_keys")
@pytest.mark.parametrize("change", [{"suite": "sid"}, {"address": "10.61.13.12"}, {"name": "rabbit2"}])
def test_a_frozen_host_is_given_to_no_other(change: dict[str, str]) -> None:
    other = dataclasses.replace(RABBIT, **change)
    assert hosts.made_from(other, [RABBIT]) != hosts.made_from(RABBIT, [RABBIT])


@pytest.mark.usefixtures("_keys")
def test_neighbours_and_keys_are_what_a_host_is_made_from() -> None:
    alone = hosts.made_from(RABBIT, [RABBIT])
    assert hosts.made_from(RABBIT, [RABBIT, Host("rabbit2", "sid", "10.61.13.12")]) != alone
    keys.LOGIN_KEY.with_name("LOGIN_KEY.pub").write_text("of another day")
    assert hosts.made_from(RABBIT, [RABBIT]) != alone


def test_a_file_that_was_written_while_the_host_was_up_is_found(project: Path) -> None:
    for path in inputs.files(project):
        os.utime(path, (NOW, NOW))
    late = project / "site.yml"
    os.utime(late, (NOW + 10, NOW + 10))
    assert inputs.changed_since(inputs.files(project), NOW + 5) == [late]
    assert inputs.changed_since(inputs.files(project), NOW + 10) == []


def made(image: str, age: float = 0, name: str = "", step: str = "converged") -> Frozen:
    return Frozen(image, name or image, step, int(NOW - age))


def test_the_newest_of_a_host_and_step_is_kept() -> None:
    new, old = made("new", 1, name="rabbit1"), made("old", 2, name="rabbit1")
    other = made("other", 3, name="rabbit1", step="clustered")
    assert frozen.superseded([new, old, other], NOW) == [old]


def test_those_of_last_week_go_and_no_more_are_kept_than_fit() -> None:
    fresh = [made(f"host{number}", number) for number in range(FROZEN_MOST + 2)]
    assert frozen.superseded(fresh, NOW) == fresh[FROZEN_MOST:]
    old = made("old", FROZEN_SECONDS)
    assert frozen.superseded([made("new"), old], NOW) == [old]
