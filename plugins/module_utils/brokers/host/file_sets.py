"""A set of files that change together: staged, checked, swapped, and put back if the service does not come up.

State lives in one directory per set, readable by root only:

    pending.json     what has changed since the service last came up on these files; absent when nothing has
    last-good/       the files as they were then, with a manifest; kept while something is pending

A run that is killed between the swap and the restart therefore leaves `pending.json` behind, and the next run
knows that a restart is still pending. Nothing is inferred from timestamps.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import grp
import json
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from .exchange import Folder, Piece, exchange, needs, sentence, write
from .meaning import changed_keys, same

_MISSING = "absent"


class FileSetError(Exception):
    """The set was refused; the message is for the operator, and nothing was changed."""


@dataclass(frozen=True)
class Wanted:
    """One file of the set. `content` None: the file must be absent. An empty owner or group is that of this process."""

    path: str
    content: str | None
    owner: str
    group: str
    mode: int
    secret: bool = False


@dataclass(frozen=True)
class Directory:
    """A directory that the files, or their service, need. It is not rolled back with them."""

    path: str
    owner: str
    group: str
    mode: int


@dataclass
class Change:
    """What differs for one file: its text, its owner, group and mode, or both.

    `meaning`: the text says something else to the broker.
    """

    file: Wanted
    before: str | None
    content: bool
    attributes: bool
    meaning: bool
    keys: list[str] = field(default_factory=list)


def read(path: str) -> str | None:
    """Return the text of `path`, or None where there is no such file."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as handle:
            return handle.read()
    except FileNotFoundError:
        return None


def _attributes(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)


def _ids(file: Wanted | Directory) -> tuple[int, int] | None:
    """Return the numeric owner and group, or None while the package that brings them is not installed."""
    try:
        return (
            pwd.getpwnam(file.owner).pw_uid if file.owner else os.geteuid(),
            grp.getgrnam(file.group).gr_gid if file.group else os.getegid(),
        )
    except KeyError:
        return None


def _found_ids(file: Wanted | Directory) -> tuple[int, int]:
    ids = _ids(file)
    if ids is None:
        missing = f"user '{file.owner}' or group '{file.group}'"
        raise FileSetError(f"{file.path}: {missing} does not exist on this host")
    return ids


def compare(files: list[Wanted]) -> list[Change]:
    """Return the differences between `files` and the host, in the order given."""
    changes = []
    for file in files:
        before, ids, current = read(file.path), _ids(file), _attributes(file.path)
        content = before != file.content
        attributes = file.content is not None and (ids is None or current != (*ids, file.mode))
        if content or attributes:
            keys = changed_keys(file.path, before, file.content) if file.path.endswith(".conf") else []
            meaning = content and not same(file.path, before, file.content)
            changes.append(Change(file, before, content, attributes, meaning, keys))
    return changes


def compare_directories(directories: list[Directory]) -> list[Directory]:
    """Return those that are missing, or differ in owner, group or mode; FileSetError for what is no directory."""
    differing = []
    for directory in directories:
        if os.path.lexists(directory.path) and not os.path.isdir(directory.path):
            raise FileSetError(f"{directory.path}: a directory has to be here, and something else is")
        ids = _ids(directory)
        if ids is None or _attributes(directory.path) != (*ids, directory.mode):
            differing.append(directory)
    return differing


def _folder(directory: Directory) -> Folder:
    return Folder(directory.path, directory.mode, _found_ids(directory))


def make(directory: Directory) -> None:
    """Make a directory, and those above it, or give one that is there its owner, group and mode."""
    exchange([], [_folder(directory)])


@contextlib.contextmanager
def _explained(pieces: Sequence[Piece]) -> Iterator[None]:
    """Turn an error of the system into a sentence that says what is in place now."""
    try:
        yield
    except OSError as error:
        left = getattr(error, "in_place", [])
        outcome = f"{', '.join(left)} could not be taken back" if left else "No file of the set was changed"
        raise FileSetError(f"{sentence(error, pieces)}. {outcome}") from error


def stage(files: list[Wanted], directory: str) -> None:
    """Write the whole set below `directory`, each file at its own path; root only: some hold secrets."""
    for file in files:
        if file.content is None:
            continue
        target = os.path.join(directory, file.path.lstrip("/"))
        os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
        write(target, file.content, 0o600, None)


def validate(files: list[Wanted], script: str, arguments: list[str], timeout: float) -> None:
    """Run `script` with the staging directory and `arguments`; raise FileSetError with its objections."""
    _sweep(tempfile.gettempdir(), "brokerkit-")
    with (
        _explained([]),
        tempfile.TemporaryDirectory(prefix=f"brokerkit-{os.getpid()}-") as directory,
    ):
        stage(files, directory)
        program = os.path.join(directory, ".validate")
        write(program, script, 0o700, None)
        try:
            done = subprocess.run(
                [program, directory, *arguments],
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise FileSetError(f"the check of the new files did not end within {timeout:g} s") from None
        if done.returncode != 0:
            said = (done.stdout + done.stderr).replace(directory, "").strip()
            silence = f"the check of the new files ended with code {done.returncode} and no words"
            raise FileSetError(said or silence)


def _sweep(directory: str, prefix: str) -> None:
    """Remove the leftovers in one directory.

    Their names hold the process id of their maker: what belongs to a process that lives is left alone. A copy may
    have got its owner already, which need not be this process's user.
    """
    for path in glob.glob(os.path.join(glob.escape(directory), f"{prefix}[0-9]*-*")):
        maker = os.path.basename(path)[len(prefix) :].partition("-")[0]
        with contextlib.suppress(OSError):
            if os.path.exists(f"/proc/{maker}"):
                continue
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path, ignore_errors=True)
            else:
                os.unlink(path)


def _piece(file: Wanted) -> Piece:
    ids = None if file.content is None else _found_ids(file)
    return Piece(file.path, file.content, file.mode, ids)


class FileSet:
    """The named set on this host. `root` is where every set keeps its state."""

    def __init__(self, name: str, root: str = "/var/lib/brokerkit") -> None:
        self.directory = os.path.join(root, name)
        self._pending = os.path.join(self.directory, "pending.json")
        self._good = os.path.join(self.directory, "last-good")

    def pending(self) -> dict[str, list[str]]:
        """Return what has changed since the last commit: path -> names of the keys that differ (or none)."""
        text = read(self._pending)
        found: dict[str, list[str]] = json.loads(text) if text else {}
        return found

    def sweep(self, files: list[Wanted]) -> None:
        """Remove the copies that killed runs have left beside the files; some hold secrets."""
        for directory in sorted({self.directory, *(os.path.dirname(file.path) for file in files)}):
            _sweep(directory, ".brokerkit-")

    def swap(self, changes: list[Change], keep: bool = True, directories: Sequence[Directory] = ()) -> None:
        """Keep the present files as last good (unless something is pending), then write the new ones: all or none.

        :raises FileSetError: when that was not possible, with what is in the way.
        """
        files = [_piece(change.file) for change in changes]
        folders = [_folder(directory) for directory in directories]
        keep = keep and bool(changes)
        with _explained(self._written(changes, keep)):
            state = self._remembered(changes) if keep else []
            if keep:
                folders.insert(0, Folder(self.directory, 0o700))
            # The notes first: a run killed before the first file leads to a restart too many, never to a forgotten one.
            exchange([*state, *files], folders)

    def check_room(self, changes: list[Change], keep: bool = True) -> None:
        """Raise FileSetError if a file system has no room for the changes and the copies."""
        pieces = self._written(changes, keep and bool(changes))
        for need in needs(pieces):
            if need.lacking:
                code = errno.EROFS if need.room.read_only else errno.ENOSPC
                with _explained(pieces):
                    raise OSError(code, os.strerror(code), need.path)

    def _written(self, changes: list[Change], keep: bool) -> list[Piece]:
        """Everything that a swap writes."""
        pieces = [Piece(change.file.path, change.file.content) for change in changes]
        if keep:
            pieces += [Piece(self._copy(change.file.path), change.before) for change in changes]
            pieces += [Piece(path, "{}") for path in (self._manifest_path, self._pending)]
        return pieces

    def _remembered(self, changes: list[Change]) -> list[Piece]:
        """Copy the present files; return the notes on them and on what is pending, to be put in place."""
        pending = self.pending()
        if not pending:
            shutil.rmtree(self._good, ignore_errors=True)
        manifest = self._manifest()
        for change in changes:
            path = change.file.path
            if path not in manifest:
                manifest[path] = self._keep(path)
            if change.meaning:
                pending[path] = sorted({*pending.get(path, []), *change.keys})
        # Without a pending change the copies are ignored.
        notes = {self._manifest_path: manifest, self._pending: pending}
        return [Piece(path, _json(note), state=True) for path, note in notes.items() if note]

    def commit(self) -> bool:
        """The service came up on these files; forget the old ones. Returns whether anything was pending."""
        had = bool(self.pending())
        # In this order: if nothing is pending, the old files are ignored, even half removed.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._pending)
        shutil.rmtree(self._good, ignore_errors=True)
        return had

    def roll_back(self) -> list[str]:
        """Put the last good files back and return their paths; an empty list where nothing is pending."""
        manifest = self._manifest() if self.pending() else {}
        pieces = []
        for path, entry in manifest.items():
            if entry == _MISSING:
                pieces.append(Piece(path))
            elif os.path.exists(self._copy(path)):
                ids = (entry["uid"], entry["gid"])
                pieces.append(Piece(path, None, entry["mode"], ids, source=self._copy(path)))
        if manifest:
            with _explained(pieces):
                exchange(pieces)
            self.commit()
        return sorted(manifest)

    @property
    def _manifest_path(self) -> str:
        return os.path.join(self._good, "manifest.json")

    def _copy(self, path: str) -> str:
        return os.path.join(self._good, path.lstrip("/"))

    def _manifest(self) -> dict[str, Any]:
        text = read(self._manifest_path)
        found: dict[str, Any] = json.loads(text) if text else {}
        return found

    def _keep(self, path: str) -> Any:
        """Copy one present file; return its entry of the manifest."""
        current, content = _attributes(path), read(path)
        if current is None or content is None:
            return _MISSING
        exchange([Piece(self._copy(path), content)], [Folder(self.directory, 0o700)])
        return dict(zip(("uid", "gid", "mode"), current))


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, sort_keys=True) + "\n"
