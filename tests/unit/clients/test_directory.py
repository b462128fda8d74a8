"""The directory of applications: rights, a second run, removal, and a diff without secrets."""

from __future__ import annotations

import dataclasses
import os
import stat

import pytest
from brokers.clients.directory import Unfit, converge
from brokers.clients.formats import Application

WEB = Application(
    name="web",
    kind="rabbitmq",
    user="shop",
    password="geheim",
    home="/etc/web",
    amqp=[("mq", 5672)],
    vhost="shop",
)


@pytest.fixture
def place(tmp_path):
    return str(tmp_path / "artifacts" / "clients")


def run(place, *apps, gone=(), check=False, others=()):
    return converge(place, {app.name: app for app in apps}, gone, check, lambda name: name in others)


def modes(path):
    return {name: stat.S_IMODE(os.stat(os.path.join(path, name)).st_mode) for name in os.listdir(path)}


def test_files_are_their_owners_alone(place):
    assert run(place, WEB).written == ["web"]
    assert stat.S_IMODE(os.stat(f"{place}/web").st_mode) == 0o700
    assert set(modes(f"{place}/web").values()) == {0o600}
    assert set(modes(f"{place}/web")) == {
        ".env",
        "settings.json",
        "django_settings.py",
        "application.properties",
    }


def test_a_second_run_changes_nothing(place):
    run(place, WEB)
    again = run(place, WEB)
    assert (again.written, again.removed, again.left, again.diff) == ([], [], [], [])


def test_check_mode_says_what_would_be_done_and_does_nothing(place):
    assert run(place, WEB, check=True).written == ["web"]
    assert not os.path.exists(place)
    run(place, WEB)
    assert run(place, gone=["web"], check=True).removed == ["web"]
    assert os.path.exists(f"{place}/web/.env")


@pytest.mark.parametrize("wider", ["web", "web/.env"])
def test_rights_that_were_widened_are_put_right(place, wider):
    run(place, WEB)
    os.chmod(f"{place}/{wider}", 0o755)  # noqa: S103 - what is to be put right
    assert run(place, WEB).written == ["web"]
    assert stat.S_IMODE(os.stat(f"{place}/{wider}").st_mode) in (0o700, 0o600)


def test_certificates_go_with_tls(place):
    run(place, dataclasses.replace(WEB, tls=True, authority="CA\n"))
    assert "ca.pem" in modes(f"{place}/web")
    run(place, WEB)
    assert "ca.pem" not in modes(f"{place}/web")


def test_only_what_was_written_here_is_removed(place):
    run(place, WEB, dataclasses.replace(WEB, name="old"))
    with open(f"{place}/old/notes.txt", "w") as stream:
        stream.write("mine")
    assert run(place, WEB, gone=["old", "never"]).removed == ["old"]
    assert os.listdir(f"{place}/old") == ["notes.txt"]
    run(place, gone=["web"])
    assert not os.path.exists(f"{place}/web")


def test_directories_that_nobody_declares_any_more_are_named(place):
    run(place, WEB, dataclasses.replace(WEB, name="old"))
    os.mkdir(f"{place}/something-else")
    assert run(place, WEB).left == ["old"]
    assert os.path.exists(f"{place}/old/.env")


def test_a_diff_holds_no_secret_and_says_that_one_differs(place):
    first = run(place, WEB)
    changed = run(place, dataclasses.replace(WEB, password="anders", user="shop2"))
    for found in (first, changed, run(place, gone=["web"])):
        assert found.diff
        assert not any(word in str(found.diff) for word in ("geheim", "anders"))
    (diff,) = changed.diff
    assert 'user: "shop"' in diff["before"] and 'user: "shop2"' in diff["after"]
    assert "password: ********  (differs)" in diff["after"]


@pytest.mark.parametrize("kind", ["link", "file"])
def test_what_is_no_directory_is_refused(place, kind, tmp_path):
    os.makedirs(place)
    if kind == "link":
        os.symlink(tmp_path, f"{place}/web")
    else:
        open(f"{place}/web", "w").close()
    with pytest.raises(Unfit, match="/web is a link or a file"):
        run(place, WEB)


def test_a_settings_file_that_is_none_is_replaced(place):
    run(place, WEB)
    with open(f"{place}/web/settings.json", "w") as stream:
        stream.write("[")
    assert run(place, WEB).written == ["web"]


def test_what_another_inventory_declares_is_left_alone(place):
    run(place, dataclasses.replace(WEB, inventory="inventory/test"))
    same = dataclasses.replace(WEB, inventory="inventory/prod")
    other = dataclasses.replace(same, amqp=[("mq9", 5672)])
    with pytest.raises(Unfit, match="has the settings of inventory/test for an application of that name"):
        run(place, other, others=["inventory/test"])
    assert run(place, dataclasses.replace(other, name="x"), others=["inventory/test"]).left == []
    assert run(place, same, others=["inventory/test"]).written == ["web"], "it is the same broker"
    assert run(place, other).written == ["web"], "that inventory is not there any more"
