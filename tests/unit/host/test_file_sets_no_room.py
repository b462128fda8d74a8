"""A set of files that meets a full disk, or any other error: whole or untouched, and what is pending is the truth."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from brokers.host import exchange, file_sets as files
from brokers.host.file_sets import Directory, FileSet, FileSetError, Wanted, compare, validate

OLD = {"broker.conf": "heartbeat = 60\n", "env.conf": "NODE=a\n", "gone.config": "[].\n"}
NEW = {
    "broker.conf": "heartbeat = 30\n",
    "env.conf": "NODE=b\n",
    "gone.config": None,
    "deep/new.conf": "a = 1\n",
}
PATHS = list(NEW)
# Everything that the library asks of a disk.
CALLS = [
    *((os, name) for name in ("rename", "unlink", "link", "mkdir", "rmdir", "chmod", "chown")),
    *((os, name) for name in ("fchmod", "fchown", "fsync")),
    (tempfile, "mkstemp"),
]


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody pulls the plug here: hundreds of swaps need not wait for the disk."""
    monkeypatch.setattr(os, "fsync", lambda _handle: None)


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A host with a running service and three files of its set; nothing is pending."""
    where = tmp_path / "host"
    (where / "etc").mkdir(parents=True)
    for name, content in OLD.items():
        (where / "etc" / name).write_text(content)
        (where / "etc" / name).chmod(0o640)
    return where


def file_set(host: Path) -> FileSet:
    return FileSet("broker", str(host / "state"))


def wanted(host: Path, contents: dict[str, str | None]) -> list[Wanted]:
    return [Wanted(str(host / "etc" / name), content, "", "", 0o600) for name, content in contents.items()]


def install(host: Path, contents: dict[str, str | None] | None = None) -> None:
    store = Directory(str(host / "lib/store"), "", "", 0o750)
    file_set(host).swap(compare(wanted(host, contents or NEW)), directories=[store])


def seen(host: Path) -> dict[str, tuple[int, bytes]]:
    """Every file and directory of the host but its state, by path: mode, and content."""
    found = {}
    for path in sorted(host.rglob("*")):
        if host / "state" not in (path, *path.parents):
            mode = stat.S_IMODE(path.stat().st_mode)
            found[str(path.relative_to(host))] = (mode, b"" if path.is_dir() else path.read_bytes())
    return found


@contextmanager
def failing(number: int, code: int, for_good: bool) -> Iterator[list[int]]:
    """Have the call `number` to the disk fail, counted from 0; `for_good`: and every one after it."""
    count = [0]

    def guard(real: Callable) -> Callable:
        def call(*arguments, **options):
            count[0] += 1
            if count[0] == number + 1 or (for_good and count[0] > number):
                raise OSError(code, os.strerror(code))
            return real(*arguments, **options)

        return call

    with pytest.MonkeyPatch.context() as monkeypatch:
        for module, name in CALLS:
            monkeypatch.setattr(module, name, guard(getattr(module, name)))
        yield count


def failures(
    host: Path, action: Callable[[], None], code: int, for_good: bool
) -> Iterator[FileSetError | OSError]:
    """Yield the error of `action` for each call that can fail, the host being as before each time."""
    saved = host.with_name("saved")
    shutil.copytree(host, saved, symlinks=True)
    for number in range(300):
        with failing(number, code, for_good) as count:
            try:
                action()
                error = None
            except (FileSetError, OSError) as met:
                error = met
        if count[0] <= number:
            assert number > 5, "an action that asks nothing of the disk proves nothing"
            return
        if error is not None:
            yield error
        shutil.rmtree(host)
        shutil.copytree(saved, host, symlinks=True)
    raise AssertionError("the action does not end")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
@pytest.mark.parametrize("pending", [False, True])
def test_a_swap_that_fails_anywhere_leaves_every_file_and_directory_as_it_was(host, code, pending):
    if pending:
        install(host, {"broker.conf": "heartbeat = 45\n"})
    before, owed = seen(host), file_set(host).pending()
    for error in failures(host, lambda: install(host), code, for_good=False):
        assert seen(host) == before, error
        assert file_set(host).pending() == owed, error
        assert "No file of the set was changed" in str(error)
        install(host)
        file_set(host).roll_back()
        assert {name: (host / "etc" / name).read_text() for name in OLD} == OLD


def test_on_a_disk_that_takes_nothing_any_more_what_is_in_place_is_named_and_pending(host):
    for error in failures(host, lambda: install(host), errno.EROFS, for_good=True):
        now = {name: read(host, name) for name in PATHS}
        changed = [str(host / "etc" / name) for name in PATHS if now[name] != OLD.get(name)]
        assert all(path in str(error) for path in changed), error
        assert set(changed) <= set(file_set(host).pending()), error
        assert changed or "No file of the set was changed" in str(error)


def read(host: Path, name: str) -> str | None:
    return files.read(str(host / "etc" / name))


@pytest.mark.parametrize("for_good", [False, True])
def test_a_rollback_that_fails_anywhere_is_finished_by_the_next(host, for_good):
    install(host)
    for error in failures(host, lambda: file_set(host).roll_back() and None, errno.ENOSPC, for_good):
        if file_set(host).pending():
            file_set(host).roll_back()
        assert {name: read(host, name) for name in PATHS} == {**OLD, "deep/new.conf": None}, error


def test_a_rollback_needs_no_room_for_the_files(host, monkeypatch):
    install(host)

    def full(*_arguments, **_options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile, "mkstemp", full)
    file_set(host).roll_back()
    assert {name: read(host, name) for name in OLD} == OLD
    assert file_set(host).pending() == {}


def test_where_a_file_cannot_have_a_second_name_a_copy_does(host, monkeypatch):
    def never(*_arguments, **_options):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", never)
    before = seen(host)
    for error in failures(host, lambda: install(host), errno.EIO, for_good=False):
        assert seen(host) == before, error
    install(host)
    file_set(host).roll_back()
    assert {name: read(host, name) for name in OLD} == OLD


def test_a_link_in_a_files_place_comes_back_as_a_link(host):
    (host / "elsewhere").write_text("heartbeat = 61\n")
    (host / "etc/broker.conf").unlink()
    (host / "etc/broker.conf").symlink_to(host / "elsewhere")
    for error in failures(host, lambda: install(host), errno.EIO, for_good=False):
        assert os.readlink(host / "etc/broker.conf") == str(host / "elsewhere"), error


def small(monkeypatch, free: int, inodes: int | None = 1000, read_only: bool = False) -> None:
    room = exchange.Room("/srv", 1, 4096, free, inodes, read_only)
    monkeypatch.setattr(exchange, "room", lambda _path: room)


@pytest.mark.parametrize(
    ("room", "words"),
    [
        (
            {"free": 70_000},
            "broker.conf: No space left on device: /srv has 68.4 KiB free and 96.0 KiB are ",
        ),
        (
            {"free": 10**9, "inodes": 3},
            "on device: /srv has 3 inodes free and 9 are needed; make room there. ",
        ),
        ({"free": 10**9, "read_only": True}, "Read-only file system: /srv is mounted read-only; mount it"),
    ],
)
def test_room_is_looked_for_before_anything_is_written(room, words, host, monkeypatch):
    small(monkeypatch, **room)
    with pytest.raises(FileSetError) as refused:
        file_set(host).check_room(compare(wanted(host, NEW)))
    assert words in str(refused.value) and str(refused.value).endswith("No file of the set was changed")


@pytest.mark.parametrize("inodes", [1000, None])
def test_where_there_is_room_nothing_is_said_and_nothing_is_written(inodes, host, monkeypatch):
    before = seen(host)
    file_set(host).check_room(compare(wanted(host, NEW)))
    small(monkeypatch, 10**7, inodes)
    file_set(host).check_room(compare(wanted(host, NEW)))
    file_set(host).check_room([])
    assert seen(host) == before and not (host / "state").exists()


def test_a_disk_without_room_for_the_check_is_named(host, monkeypatch):
    def full(*_arguments, **_options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileSetError, match=r"broker\.conf: No space left on device: .* free"):
        validate(wanted(host, NEW), "#!/bin/sh\n", [], timeout=10)


def test_a_quota_is_named(host):
    for error in failures(host, lambda: install(host), errno.EDQUOT, for_good=True):
        assert "quota" in str(error)
