"""A backup of the definitions: whole or not there, and where it cannot be kept, why and what to do."""

from __future__ import annotations

import errno
import os

import pytest
from brokers.topology import backup

DEFINITIONS = {"vhosts": [{"name": "/"}]}
OPTION = "rabbitmq_topology_backup_dir"


def failing(number):
    """A call that fails with an error of the system."""

    def fail(*_given, **_named):
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_disk_that_is_full_or_fails_keeps_the_backups_of_before_and_no_draft(monkeypatch, tmp_path, number):
    store = backup.Store(str(tmp_path), 1, "broker:15672", OPTION)
    before = store.keep(DEFINITIONS, "3.10.8")
    monkeypatch.setattr(os, "fsync", failing(number))
    with pytest.raises(backup.BackupFailed) as caught:
        store.keep(DEFINITIONS, "4.0.5")
    assert [str(path) for path in tmp_path.iterdir()] == [before]
    said = str(caught.value)
    assert said.startswith(f"{OPTION}: {tmp_path}/definitions-broker-15672-")
    assert os.strerror(number) in said and "othing was changed on the broker" in said


def test_a_full_disk_is_named_with_what_is_free_there(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "fsync", failing(errno.ENOSPC))
    with pytest.raises(backup.BackupFailed) as caught:
        backup.Store(str(tmp_path), 1, "broker", OPTION).keep(DEFINITIONS, "4.0.5")
    assert "make room there, or name another folder" in str(caught.value)
    assert "free and" in str(caught.value)


def test_a_folder_that_cannot_be_made_is_named_with_the_option(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(
        backup.BackupFailed, match=f"^{OPTION}: .*/file/below/.*; nothing was changed"
    ) as caught:
        backup.Store(str(tmp_path / "file" / "below"), 1, "broker", OPTION).keep(DEFINITIONS, "4.0.5")
    assert f"or leave {OPTION} empty" in str(caught.value)
