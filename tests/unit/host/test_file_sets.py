"""Configuration files that change as one: compared, judged, swapped, and put back; killed at any step."""

from __future__ import annotations

import grp
import json
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest
from brokers.host import file_sets as files
from brokers.host.file_sets import FileSet, FileSetError, Wanted, compare, validate
from brokers.host.meaning import changed_keys, settings

USER = pwd.getpwuid(os.getuid()).pw_name
GROUP = grp.getgrgid(os.getgid()).gr_name


class Killed(BaseException):
    """Stands for the moment in which the process is gone: nothing catches it and goes on."""


@pytest.fixture
def host(tmp_path):
    """A host with a running service: two files of its set, as it came up on them; a third is not there."""
    etc = tmp_path / "etc/broker"
    etc.mkdir(parents=True)
    for name, content in OLD.items():
        (etc / name).write_text(content)
        (etc / name).chmod(0o640)
    return tmp_path


OLD = {"broker.conf": "heartbeat = 60\nlog.level = info\n", "env.conf": "NODE=a\n"}
NEW = {"broker.conf": "heartbeat = 30\nlog.level = info\n", "env.conf": "NODE=b\n", "more.config": "[].\n"}


def wanted(host: Path, contents: dict[str, str | None], mode: int = 0o640) -> list[Wanted]:
    return [
        Wanted(str(host / "etc/broker" / name), content, USER, GROUP, mode)
        for name, content in contents.items()
    ]


def found(host: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted((host / "etc/broker").iterdir())}


def file_set(host: Path) -> FileSet:
    return FileSet("broker", str(host / "state"))


def install(host: Path, contents: dict[str, str | None]) -> FileSet:
    chosen = file_set(host)
    chosen.swap(compare(wanted(host, contents)))
    return chosen


def names(changes: list[files.Change]) -> list[str]:
    return [Path(change.file.path).name for change in changes]


# --- comparing ----------------------------------------------------------------------------------------------


def test_what_is_as_it_shall_be_is_no_change(host):
    assert compare(wanted(host, {**OLD, "more.config": None})) == []


def test_another_text_is_a_change_of_content_with_the_keys_that_differ(host):
    (change,) = compare(wanted(host, {**OLD, "broker.conf": NEW["broker.conf"]}))
    assert (change.content, change.attributes, change.keys) == (True, False, ["heartbeat"])
    assert change.before == OLD["broker.conf"]


def test_only_files_of_keys_and_values_have_keys(host):
    (change,) = compare(wanted(host, {"more.config": "key = value\n"}))
    assert change.keys == []


def test_a_file_that_is_missing_is_a_change(host):
    (change,) = compare(wanted(host, {"more.config": "[].\n"}))
    assert (change.before, change.content, change.attributes) == (None, True, True)


def test_a_file_that_is_too_much_is_a_change(host):
    (change,) = compare(wanted(host, {"env.conf": None}))
    assert (change.content, change.attributes) == (True, False)


def test_a_looser_mode_is_a_change_of_attributes_alone(host):
    (host / "etc/broker/env.conf").chmod(0o644)
    (change,) = compare(wanted(host, OLD))
    assert (Path(change.file.path).name, change.content, change.attributes) == ("env.conf", False, True)


def test_an_owner_who_is_not_there_yet_is_a_change_to_come(host):
    file = Wanted(str(host / "etc/broker/env.conf"), OLD["env.conf"], "nobody-of-that-name", GROUP, 0o640)
    (change,) = compare([file])
    assert (change.content, change.attributes) == (False, True)


def test_bytes_that_are_no_text_survive_comparison(host):
    path = host / "etc/broker/env.conf"
    path.write_bytes(b"NODE=\xff\n")
    (change,) = compare(wanted(host, OLD))
    FileSet("broker", str(host / "state")).swap([change])
    FileSet("broker", str(host / "state")).roll_back()
    assert path.read_bytes() == b"NODE=\xff\n"


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("", {}),
        ("# a = 1\n  # b = 2\n\n", {}),
        ("a = 1\nb=2\n", {"a": "1", "b": "2"}),
        ("a = b = c\n", {"a": "b = c"}),
        ("no mark\n", {}),
        ("a = 1\na = 2\n", {"a": "2"}),
    ],
)
def test_keys_and_values_are_read_from_a_file(text, read):
    assert settings(text) == read


@pytest.mark.parametrize(
    ("before", "after", "keys"),
    [
        (None, "a = 1\n", ["a"]),
        ("a = 1\n", None, ["a"]),
        ("a = 1\nb = 2\n", "# new words\nb = 2\na = 1\n", []),
        ("a = 1\nb = 2\n", "b = 3\nc = 4\n", ["a", "b", "c"]),
    ],
)
def test_changed_keys_are_those_added_removed_or_different(before, after, keys):
    assert changed_keys("/etc/broker/env.conf", before, after) == keys


# --- swapping, committing, rolling back ---------------------------------------------------------------------


def test_a_swap_writes_the_files_with_their_mode_and_owes_a_restart(host):
    chosen = install(host, NEW)
    assert found(host) == NEW
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (host / "etc/broker").iterdir()}
    assert modes == {0o640}
    pending = {Path(path).name: keys for path, keys in chosen.pending().items()}
    assert pending == {"broker.conf": ["heartbeat"], "env.conf": ["NODE"], "more.config": []}


def test_a_new_directory_is_made(host):
    file = Wanted(str(host / "etc/new/deep/file"), "x\n", USER, GROUP, 0o600)
    file_set(host).swap(compare([file]))
    assert (host / "etc/new/deep/file").read_text() == "x\n"


def test_the_second_run_changes_nothing_and_still_owes_the_restart(host):
    chosen = install(host, NEW)
    assert compare(wanted(host, NEW)) == []
    assert len(chosen.pending()) == 3


def test_a_commit_forgets_the_old_files(host):
    chosen = install(host, NEW)
    assert chosen.commit() is True
    assert chosen.pending() == {}
    assert chosen.roll_back() == []
    assert found(host) == NEW
    assert chosen.commit() is False


def test_a_rollback_puts_back_texts_modes_and_absence(host):
    (host / "etc/broker/env.conf").chmod(0o600)
    chosen = install(host, {**NEW, "env.conf": None})
    paths = [str(host / "etc/broker" / name) for name in ("broker.conf", "env.conf", "more.config")]
    assert chosen.roll_back() == paths
    assert found(host) == OLD
    assert stat.S_IMODE((host / "etc/broker/env.conf").stat().st_mode) == 0o600
    assert chosen.pending() == {}


def test_a_second_change_before_the_restart_keeps_the_first_good_files(host):
    install(host, NEW)
    chosen = install(host, {"broker.conf": "heartbeat = 30\nlog.level = debug\n"})
    assert chosen.pending()[str(host / "etc/broker/broker.conf")] == ["heartbeat", "log.level"]
    chosen.roll_back()
    assert found(host) == OLD


def test_a_change_taken_back_by_hand_is_pending_all_the_same(host):
    """The running node may have read the files in between: nobody knows that it did not."""
    install(host, NEW)
    chosen = install(host, {**OLD, "more.config": None})
    assert found(host) == OLD
    assert len(chosen.pending()) == 3


def test_attributes_alone_owe_no_restart(host):
    (host / "etc/broker/env.conf").chmod(0o666)
    chosen = install(host, OLD)
    assert stat.S_IMODE((host / "etc/broker/env.conf").stat().st_mode) == 0o640
    assert chosen.pending() == {}
    assert chosen.roll_back() == []


def test_a_set_that_no_service_comes_up_on_leaves_no_state(host):
    file_set(host).swap(compare(wanted(host, NEW)), keep=False)
    assert found(host) == NEW
    assert not (host / "state").exists()


def test_two_sets_do_not_know_of_each_other(host):
    install(host, NEW)
    assert FileSet("another", str(host / "state")).pending() == {}


def test_an_owner_who_does_not_exist_is_refused_by_name(host):
    file = Wanted(str(host / "etc/broker/env.conf"), "x\n", "nobody-of-that-name", GROUP, 0o640)
    with pytest.raises(
        FileSetError, match=r"env\.conf: user 'nobody-of-that-name' or group .* does not exist"
    ):
        file_set(host).swap(compare([file]))
    assert found(host) == OLD


def test_kept_copies_and_state_are_closed_to_others(host):
    install(host, NEW)
    state = host / "state/broker"
    for path in [state, *(path for path in state.rglob("*") if path.is_file())]:
        assert path.stat().st_mode & 0o077 == 0, path
    assert json.loads((state / "pending.json").read_text())


# --- interruption -------------------------------------------------------------------------------------------

# Everything the library does to a disk goes through one of these; the process can be gone before each.
STEPS = [(os, name) for name in ("rename", "unlink", "link", "mkdir", "rmdir", "chmod", "fchmod")]


def kill_before_step(monkeypatch, number: int) -> None:
    """Have the process die before its step `number`, counted from 0."""
    left = [number]

    def guard(real):
        def step(*arguments, **options):
            if left[0] == 0:
                raise Killed
            left[0] -= 1
            return real(*arguments, **options)

        return step

    for module, name in STEPS:
        monkeypatch.setattr(module, name, guard(getattr(module, name)))


def killed(action, number: int) -> bool:
    """Run `action`, killed before its step `number`; return whether it got that far."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        kill_before_step(monkeypatch, number)
        try:
            action()
        except Killed:
            return True
    return False


def kills(host: Path, action):
    """Yield for each step of `action`, the host being as before, killed there."""
    saved = host.with_name(host.name + "-saved")
    shutil.copytree(host, saved)
    for number in range(200):
        if not killed(action, number):
            assert number > 3, "an action without steps proves nothing"
            return
        yield number
        shutil.rmtree(host)
        shutil.copytree(saved, host)
    raise AssertionError("the action does not end")


def stage_two(host: Path) -> None:
    """Bring the host to where a change waits for its restart."""
    install(host, NEW)


def test_a_swap_killed_anywhere_is_finished_by_the_next_run_and_owes_its_restart(host):
    for number in kills(host, lambda: install(host, NEW)):
        touched = {name: found(host).get(name) for name in NEW} != {**OLD, "more.config": None}
        assert not touched or file_set(host).pending(), f"step {number}: a restart was forgotten"
        chosen = install(host, NEW)
        assert {name: found(host)[name] for name in NEW} == NEW, f"step {number}"
        assert len(chosen.pending()) == 3, f"step {number}"
        chosen.roll_back()
        assert {name: found(host).get(name) for name in NEW} == {**OLD, "more.config": None}, f"step {number}"


def test_a_swap_killed_anywhere_can_be_rolled_back_at_once(host):
    for number in kills(host, lambda: install(host, NEW)):
        file_set(host).roll_back()
        assert {name: found(host).get(name) for name in NEW} == {**OLD, "more.config": None}, f"step {number}"


def test_a_rollback_killed_anywhere_is_finished_by_the_next(host):
    stage_two(host)
    for number in kills(host, lambda: file_set(host).roll_back()):
        if file_set(host).pending():
            file_set(host).roll_back()
        assert {name: found(host).get(name) for name in NEW} == {**OLD, "more.config": None}, f"step {number}"
        assert file_set(host).pending() == {}, f"step {number}"


def test_a_commit_killed_anywhere_never_leads_back_to_half_of_the_old_files(host):
    stage_two(host)
    for number in kills(host, lambda: file_set(host).commit()):
        file_set(host).roll_back()
        now = {name: found(host).get(name) for name in NEW}
        assert now in (NEW, {**OLD, "more.config": None}), f"step {number}: {now}"


def test_after_a_killed_commit_the_next_change_is_rolled_back_to_the_files_before_it(host):
    stage_two(host)
    third = {**NEW, "env.conf": "NODE=c\n", "broker.conf": "heartbeat = 10\n"}
    for number in kills(host, lambda: file_set(host).commit()):
        chosen = install(host, third)
        chosen.roll_back()
        now = {name: found(host).get(name) for name in NEW}
        assert now in (NEW, {**OLD, "more.config": None}), f"step {number}: {now}"


def dies(action) -> None:
    """Run `action` in a process that the kernel ends when it comes to `os.rename` or starts a program."""
    child = os.fork()
    if child == 0:
        os.rename = subprocess.Popen = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
        action()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL


def test_the_next_run_removes_the_copies_that_a_killed_one_left(host, monkeypatch):
    directory = host / "etc/broker"
    dies(lambda: file_set(host).swap(compare(wanted(host, NEW)), keep=False))
    assert list(directory.glob(".brokerkit-*"))
    # It had got the owner of the file that it was to be, who is not the user of the next run.
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    other = directory / f".brokerkit-{os.getpid()}-alive"
    other.touch()
    state = Path(file_set(host).directory)
    state.mkdir(parents=True)
    (state / ".brokerkit-999999999-pending").touch()
    file_set(host).sweep(wanted(host, NEW))
    assert list(directory.glob(".brokerkit-*")) == [other]
    assert not list(state.iterdir())


def test_the_next_check_removes_the_set_that_a_killed_one_left(host, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    others = [tmp_path / f"brokerkit-{os.getpid()}-mine", tmp_path / "brokerkit-notes"]
    for other in others:
        other.mkdir()
    dies(lambda: validate(wanted(host, NEW), "#!/bin/sh\n", [], timeout=10))
    assert len(list(tmp_path.glob("brokerkit-*"))) == 3
    validate(wanted(host, NEW), "#!/bin/sh\n", [], timeout=10)
    assert sorted(tmp_path.glob("brokerkit-*")) == sorted(others)


# --- judging ------------------------------------------------------------------------------------------------


def test_a_validator_sees_the_whole_set_in_private(host):
    script = (
        "#!/bin/sh\n"
        f'cat "$1{host}/etc/broker/broker.conf" "$1{host}/etc/broker/env.conf" | grep -c = >"{host}/count"\n'
        f'find "$1" -maxdepth 0 -perm /077 -o -type f -perm /077 >"{host}/open"\n'
        f'printf %s "$2" >"{host}/argument"\n'
    )
    validate(wanted(host, {**NEW, "more.config": None}), script, ["strict"], timeout=10)
    assert (host / "count").read_text() == "3\n"
    assert (host / "open").read_text() == ""
    assert (host / "argument").read_text() == "strict"
    assert found(host) == OLD


def test_an_objection_is_the_validators_words_without_the_private_path(host):
    script = '#!/bin/sh\necho "$1/etc/broker/broker.conf: line 3"; echo "and more" >&2; exit 1\n'
    with pytest.raises(FileSetError) as refused:
        validate(wanted(host, NEW), script, [], timeout=10)
    assert str(refused.value) == "/etc/broker/broker.conf: line 3\nand more"


def test_a_validator_without_words_is_reported_by_its_code(host):
    with pytest.raises(FileSetError, match="ended with code 7 and no words"):
        validate(wanted(host, NEW), "#!/bin/sh\nexit 7\n", [], timeout=10)


def test_a_validator_that_hangs_is_ended(host):
    with pytest.raises(FileSetError, match=r"did not end within 0\.3 s"):
        validate(wanted(host, NEW), "#!/bin/sh\nexec sleep 60\n", [], timeout=0.3)
