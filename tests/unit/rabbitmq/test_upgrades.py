"""Upgrades in place: what changes on a host, which steps are allowed, and the way back."""

from __future__ import annotations

import json

import pytest
from brokers.host import apt
from brokers.rabbitmq import upgrades

SETTINGS = {"rabbitmq_version": "", "rabbitmq_service_state": "started"}
INSTALLED = {"rabbitmq-server": "4.0.5-8", "erlang-base": "1:27.3.4+dfsg-1", "erlang-ssl": "1:27.3.4+dfsg-1"}


def host(**changes):
    return {
        "hostname": "mq1",
        "manager": "apt",
        "plan": {"packages": {}, "removed": [], "error": None},
        **changes,
    }


def step(old, new, **settings):
    found = upgrades.changes({"rabbitmq-server": old}, {"rabbitmq-server": new})
    return upgrades.refusals({**SETTINGS, **settings}, host(), found, khepri=False, member=True)


def erlang(old, new, khepri=True, member=True):
    found = upgrades.changes({"erlang-base": old}, {"erlang-base": new})
    return upgrades.refusals(SETTINGS, host(), found, khepri, member)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("4.0.5-8", "4.0.5-8+local1"),
        ("4.0.5-8", "4.0.9-1"),
        ("4.0.9-1", "4.0.5-8"),
        ("3.9.13-1", "3.10.8-1"),
        ("3.13.7-1", "4.2.1-1"),
        ("4.2.4-1", "4.3.6-1"),
    ],
)
def test_a_step_that_upstream_allows_is_let_through(old, new):
    assert step(old, new) == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("3.10.8-1", "4.0.5-8", "upgrade to 3.11 first (rabbitmq_version), then to 3.12, 3.13, 4.0"),
        ("3.8.9-3", "3.10.8-1", "upgrade to 3.9 first (rabbitmq_version), then to 3.10"),
        ("4.0.5-8", "4.3.6-1", "upgrade to 4.2 first (rabbitmq_version), then to 4.3"),
        ("4.3.6-1", "4.4.0-1", "the table of upgrades ends with 4.3"),
        ("3.7.1-1", "3.8.9-3", "the table of upgrades says nothing; it begins with 3.8"),
        ("4.1.2-1", "4.0.5-8", "4.0 does not read what 4.1 has written"),
        ("4.0.5-8", "3.13.7-1", "its data cannot go back to 3.13.7"),
    ],
)
def test_another_step_is_refused_with_the_way_that_works(old, new, told):
    sentence = " ".join(step(old, new))
    assert told in sentence and sentence.startswith("rabbitmq_version: ")


def test_the_table_names_only_series_that_it_knows():
    known = {*upgrades.STEPS, "4.3"}
    assert {after for ways in upgrades.STEPS.values() for after in ways} <= known
    assert upgrades.route("3.8", "4.3") == ["3.9", "3.10", "3.11", "3.12", "3.13", "4.2", "4.3"]
    assert upgrades.route("4.3", "3.8") == []


def test_erlang_27_and_28_do_not_run_side_by_side_on_khepri():
    assert "Erlang 28 is for new clusters" in " ".join(erlang("1:27.3-1", "1:28.1-1"))
    assert erlang("1:28.1-1", "1:27.3-1")
    assert erlang("1:27.3-1", "1:27.4-1") == erlang("1:28.1-1", "1:29.0-1") == []
    assert erlang("1:27.3-1", "1:28.1-1", khepri=False) == []
    assert erlang("1:27.3-1", "1:28.1-1", member=False) == []


def test_what_apt_cannot_do_or_would_remove_is_refused():
    failed = host(plan={"packages": {}, "removed": [], "error": "Version '9' was not found."})
    assert "apt cannot upgrade mq1: Version '9' was not found. `apt-cache" in " ".join(
        upgrades.refusals(SETTINGS, failed, [], khepri=False, member=True)
    )
    removes = host(plan={"packages": {}, "removed": ["erlang-x"], "error": None})
    found = upgrades.refusals(SETTINGS, removes, [], khepri=False, member=True)
    assert len(found) == 1 and "apt would remove erlang-x" in found[0]


def test_a_node_that_is_to_stay_down_is_not_upgraded():
    stopped = {**SETTINGS, "rabbitmq_service_state": "stopped"}
    found = upgrades.refusals(stopped, host(), [], khepri=False, member=True)
    assert len(found) == 1 and found[0].startswith("rabbitmq_service_state: ")


def test_a_declared_version_is_asked_for_as_the_repositories_hold_it():
    available = {
        "rabbitmq-server": ["4.1.2-1", "4.0.9-1", "4.0.5-8"],
        "erlang-base": ["1:27.3.5-1", "1:26.2-1"],
        "erlang-ssl": ["1:27.3.5-1"],
    }
    asked = upgrades.specifications({**SETTINGS, "rabbitmq_version": "4.0"}, "27", INSTALLED, available)
    assert asked == ["erlang-base=1:27.3.5-1", "erlang-ssl=1:27.3.5-1", "rabbitmq-server=4.0.9-1"]
    assert upgrades.specifications(SETTINGS, "", INSTALLED, available) == sorted(INSTALLED)
    missing = upgrades.specifications({**SETTINGS, "rabbitmq_version": "5"}, "30", INSTALLED, available)
    assert missing == ["erlang-base=30", "erlang-ssl", "rabbitmq-server=5"]


def test_the_summary_names_versions_and_counts_the_packages_of_erlang():
    planned = {
        "rabbitmq-server": "4.0.9-1",
        "erlang-base": "1:27.4-1",
        "erlang-ssl": "1:27.4-1",
        "adduser": "3",
    }
    found = upgrades.changes(INSTALLED, planned)
    assert upgrades.summary(found, "mq1") == (
        "mq1: RabbitMQ 4.0.5-8 -> 4.0.9-1; Erlang 1:27.3.4+dfsg-1 -> 1:27.4-1 (2 packages); with them adduser"
    )
    assert upgrades.changes(INSTALLED, dict(INSTALLED)) == []
    one = upgrades.changes(INSTALLED, {"erlang-ssl": "1:27.4-1"})
    assert upgrades.summary(one, "mq1") == "mq1: Erlang 1:27.3.4+dfsg-1 -> 1:27.4-1 (1 package)"


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [("3.9.1-1", "3.10.8-1", True), ("4.0.5-8", "4.0.9-1", False), ("4.0.9-1", "4.1.0-1", True)],
)
def test_another_series_needs_the_feature_flags(old, new, changes):
    found = upgrades.changes({"rabbitmq-server": old}, {"rabbitmq-server": new})
    assert upgrades.changes_series(found) is changes
    assert upgrades.changes_series(upgrades.changes(INSTALLED, {"erlang-base": "1:27.4-1"})) is False


def test_the_way_back_is_what_is_installed_while_the_repositories_hold_it():
    found = upgrades.changes(INSTALLED, {"rabbitmq-server": "4.0.9-1", "erlang-base": "1:27.4-1", "new": "1"})
    held = {name: ["9", version] for name, version in INSTALLED.items()}
    assert upgrades.way_back(found, held) == ["erlang-base=1:27.3.4+dfsg-1", "rabbitmq-server=4.0.5-8"]
    assert upgrades.no_way_back(found, held) == ""
    gone = {**held, "erlang-base": ["1:27.4-1"]}
    assert upgrades.way_back(found, gone) == []
    assert upgrades.no_way_back(found, gone).endswith("present versions of erlang-base")
    other = upgrades.changes({"rabbitmq-server": "4.0.5-8"}, {"rabbitmq-server": "4.1.0-1"})
    assert upgrades.way_back(other, held) == []
    assert "RabbitMQ 4.0 does not read what 4.1" in upgrades.no_way_back(other, held)
    assert upgrades.no_way_back([], held) == ""


def test_members_that_would_end_in_several_series_are_named():
    assert upgrades.apart({"mq1": "4.1.0-1", "mq2": "4.1.2-1"}) == upgrades.apart({}) == []
    assert "4.0 on mq1; 4.1 on mq2, mq3" in " ".join(
        upgrades.apart({"mq1": "4.0.5-8", "mq2": "4.1.0-1", "mq3": "4.1.0-1"})
    )


@pytest.mark.parametrize(
    ("down", "members", "refused"),
    [(1, 1, False), (1, 2, False), (2, 2, True), (1, 3, False), (2, 3, False), (3, 3, True), (4, 5, True)],
)
def test_a_cluster_of_which_too_many_are_down_is_started_first(down, members, refused):
    found = upgrades.nobody_to_start_with([f"mq{number}" for number in range(down)], members)
    assert bool(found) is refused
    assert not refused or "start them first (playbooks/rabbitmq_start.yml)" in found[0]


@pytest.mark.parametrize(
    ("started", "written", "older"), [(100.0, 150.0, True), (100.0, 101.0, False), (0.0, 150.0, False)]
)
def test_a_node_older_than_its_packages_runs_on_files_that_are_gone(started, written, older):
    assert upgrades.runs_older({"unit": {"started": started}, "packages_written": written}) is older


def test_flags_that_are_off_are_enabled_but_those_that_are_not_finished():
    said = json.dumps(
        [
            {"name": "quorum_queue", "state": "enabled", "stability": "required"},
            {"name": "rabbitmq_4.0.0", "state": "disabled", "stability": "stable"},
            {"name": "khepri_db", "state": "disabled", "stability": "stable"},
            {"name": "new", "state": "disabled", "stability": "experimental"},
        ]
    )
    assert upgrades.flags_off(said, store_too=False) == ["rabbitmq_4.0.0"]
    assert upgrades.flags_off(said, store_too=True) == ["khepri_db", "rabbitmq_4.0.0"]


def test_a_version_that_did_not_come_is_seen():
    found = [
        {"name": "rabbitmq-server", "from": "4.0.5-1", "to": "4.0.5-2"},
        {"name": "other", "from": "", "to": "1"},
    ]
    after = {"hostname": "mq1", "manager": "dnf", "packages": {"rabbitmq-server": "4.0.5-1"}}
    (sentence,) = upgrades.not_come(found, after)
    assert sentence.startswith("mq1: rabbitmq-server was to become 4.0.5-2") and "it is 4.0.5-1" in sentence
    assert upgrades.not_come(found, {**after, "packages": {"rabbitmq-server": "4.0.5-2"}}) == []


def test_what_dnf_holds_back_is_said():
    has = {"available": {"erlang": ["29.0-1", "27.3-2", "27.3-1"], "rabbitmq-server": ["4.0.5-1"]}}
    versions = {"erlang": "27.3-2", "rabbitmq-server": "4.0.5-1"}
    rocky = {"hostname": "mq1", "manager": "dnf"}
    (sentence,) = upgrades.held_back(rocky, has, versions, {})
    assert sentence.startswith("mq1: erlang 29.0-1 is in the repositories and 27.3-2 stays")
    assert "--assumeno install erlang-29.0-1`" in sentence
    # What a pin rules out is not waited for, and apt's candidate is another matter.
    assert upgrades.held_back(rocky, has, versions, {"erlang": "27"}) == []
    assert upgrades.held_back({**rocky, "manager": "apt"}, has, versions, {}) == []


def test_what_apt_prints_is_read():
    plan = """The following packages were automatically installed and are no longer required:
   old (1)
The following packages will be REMOVED:
   erlang-x (1:27.3-1)
The following NEW packages will be installed:
   more (2)
The following packages will be upgraded:
   erlang-base (1:27.3-1 => 1:27.4-1)
The following packages will be DOWNGRADED:
   erlang-ssl (1:27.4-1 => 1:27.3-1)
4 upgraded
"""
    assert apt.parse_plan(plan) == {"more": "2", "erlang-base": "1:27.4-1", "erlang-ssl": "1:27.3-1"}
    assert apt.parse_removed(plan) == ["erlang-x"]
    madison = """ erlang-ssl | 1:27.4-1 | http://x trixie/main amd64 Packages
erlang-base | 1:27.4-1 | http://x trixie/main amd64 Packages
erlang-base | 1:27.3-1 | http://y trixie/main amd64 Packages
erlang-base | 1:27.3-1 | http://y trixie/main Sources
"""
    assert apt.parse_available(madison) == {
        "erlang-ssl": ["1:27.4-1"],
        "erlang-base": ["1:27.4-1", "1:27.3-1"],
    }
