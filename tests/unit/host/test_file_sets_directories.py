"""Directories that a set of files needs: made, put right, and refused where something else is."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from pathlib import Path

import pytest
from brokers.host.file_sets import Directory, FileSetError, compare_directories, make

USER = pwd.getpwuid(os.getuid()).pw_name
GROUP = grp.getgrgid(os.getgid()).gr_name


def directory(path: Path, mode: int = 0o750, owner: str = USER) -> Directory:
    return Directory(str(path), owner, GROUP, mode)


def test_directories_are_made_in_order_with_their_modes_and_then_differ_no_more(tmp_path):
    chosen = [directory(tmp_path / "lib/broker"), directory(tmp_path / "lib/broker/store", 0o700)]
    assert compare_directories(chosen) == chosen
    for one in chosen:
        make(one)
    assert [
        stat.S_IMODE((tmp_path / path).stat().st_mode) for path in ("lib/broker", "lib/broker/store")
    ] == [
        0o750,
        0o700,
    ]
    assert compare_directories(chosen) == []


def test_a_directory_of_another_mode_is_put_right_and_keeps_what_is_in_it(tmp_path):
    (tmp_path / "lib").mkdir(mode=0o755)
    (tmp_path / "lib/store").write_text("messages")
    (one,) = compare_directories([directory(tmp_path / "lib")])
    make(one)
    assert stat.S_IMODE((tmp_path / "lib").stat().st_mode) == 0o750
    assert (tmp_path / "lib/store").read_text() == "messages"


def test_a_directory_behind_a_link_is_the_one_that_is_meant(tmp_path):
    (tmp_path / "elsewhere").mkdir(mode=0o750)
    (tmp_path / "lib").symlink_to(tmp_path / "elsewhere")
    assert compare_directories([directory(tmp_path / "lib")]) == []


def test_something_else_in_a_directorys_place_is_refused(tmp_path):
    (tmp_path / "lib").write_text("no directory")
    with pytest.raises(FileSetError, match="lib: a directory has to be here"):
        compare_directories([directory(tmp_path / "lib")])


def test_a_directory_of_an_owner_who_does_not_exist_is_a_change_that_is_refused_by_name(tmp_path):
    (one,) = compare_directories([directory(tmp_path / "lib", owner="nobody-of-that-name")])
    with pytest.raises(FileSetError, match="lib: user 'nobody-of-that-name'"):
        make(one)
    assert not (tmp_path / "lib").exists()
