"""Replaces several files as one: all are written beside their destinations before the first is moved into place.

What can run out - blocks, inodes, a quota - runs out while nothing is in place yet; what is left then are renames. If
one of them fails all the same, those before it are taken back, for which no room is needed: the old files are still
there under a second name.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

# Errors that freeing space or remounting the file system can fix.
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
_RESERVE = 64 * 1024  # reserve for what the service itself writes right afterwards


def prefix() -> str:
    """Return how the names of unfinished copies begin: their maker's process id tells whether it lives."""
    return f".brokerkit-{os.getpid()}-"


@dataclass(frozen=True)
class Piece:
    """One file to be replaced; without `content` and `source` it is removed.

    `source`: a file that becomes this one, without room for a copy where both are on one file system. `state`: a note
    about the others, put in place before them and taken back only when they all were.
    """

    path: str
    content: str | None = None
    mode: int = 0o600
    ids: tuple[int, int] | None = None
    source: str | None = None
    state: bool = False

    @property
    def removed(self) -> bool:
        """Whether the file is to be absent."""
        return self.content is None and self.source is None


@dataclass(frozen=True)
class Folder:
    """A directory, and whose it is."""

    path: str
    mode: int
    ids: tuple[int, int] | None = None

    def apply(self) -> None:
        """Give the directory its owner, group and mode."""
        if self.ids is not None:
            os.chown(self.path, *self.ids)
        os.chmod(self.path, self.mode)


class ExchangeFailed(OSError):
    """`in_place` names the files that could not be taken back; none, and everything is as it was."""

    def __init__(self, error: OSError, in_place: Sequence[str]) -> None:
        super().__init__(error.errno, error.strerror, error.filename)
        self.in_place = list(in_place)


@contextlib.contextmanager
def _named(path: str) -> Iterator[None]:
    """Make an error name the file; those of a write do not."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = path
        raise


def write(path: str, content: str, mode: int, ids: tuple[int, int] | None) -> None:
    """Replace one file atomically: whoever reads it sees the old file or the new one, never half of one."""
    draft = _draft(Piece(path, content, mode, ids))
    try:
        os.rename(draft, path)
    except BaseException:
        _remove([draft])
        raise


def _draft(piece: Piece) -> str:
    """Write the new file beside its place, with its owner and mode, down to the disk; return its path."""
    if piece.source is not None:
        return _second_name(piece.source, piece.path, piece)
    handle, draft = tempfile.mkstemp(prefix=prefix(), dir=os.path.dirname(piece.path))
    try:
        with (
            _named(piece.path),
            os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape") as stream,
        ):
            if piece.ids is not None:
                os.fchown(stream.fileno(), *piece.ids)
            os.fchmod(stream.fileno(), piece.mode)
            stream.write(piece.content or "")
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException:
        _remove([draft])
        raise
    return draft


def _second_name(path: str, place: str, piece: Piece | None = None) -> str:
    """Give the file at `path` a second name beside `place`, or a copy where it cannot have one; return that."""
    name = os.path.join(os.path.dirname(place), prefix() + secrets.token_hex(6))
    try:
        with _named(place):
            _link(path, name)
            if piece is not None and piece.ids is not None:
                os.chown(name, *piece.ids)
            if piece is not None:
                os.chmod(name, piece.mode)
    except BaseException:
        _remove([name])
        raise
    return name


def _link(path: str, name: str) -> None:
    try:
        os.link(path, name, follow_symlinks=False)
    except OSError as error:
        if error.errno in NO_ROOM:
            raise
        # Another file system, or one without such names.
        found = os.lstat(path)
        shutil.copy2(path, name, follow_symlinks=False)
        os.chown(name, found.st_uid, found.st_gid, follow_symlinks=False)


def _remove(paths: Iterable[str]) -> None:
    for path in paths:
        with contextlib.suppress(OSError):
            os.unlink(path)


@dataclass
class _Exchange:
    """What has been done so far, so that it can be undone."""

    made: list[str] = field(default_factory=list)
    altered: list[Folder] = field(default_factory=list)
    drafts: dict[str, str] = field(default_factory=dict)
    spares: dict[str, str] = field(default_factory=dict)
    placed: list[Piece] = field(default_factory=list)

    def make(self, path: str, mode: int = 0o755) -> None:
        """Make a directory and what is missing above it."""
        missing = []
        while path and not os.path.isdir(path):
            missing.append(path)
            path = os.path.dirname(path)
        for number, directory in enumerate(reversed(missing), 1):
            os.mkdir(directory, mode if number == len(missing) else 0o755)
            self.made.append(directory)

    def furnish(self, folder: Folder) -> None:
        """Make a directory, or give one that is there its owner, group and mode."""
        if os.path.isdir(folder.path):
            found = os.stat(folder.path)
            was = Folder(folder.path, stat.S_IMODE(found.st_mode), (found.st_uid, found.st_gid))
            self.altered.append(was)
        self.make(folder.path, 0o700)
        folder.apply()

    def stage(self, pieces: Sequence[Piece]) -> None:
        """Write everything, and give the present files a second name."""
        for piece in pieces:
            if not piece.removed:
                self.make(os.path.dirname(piece.path))
                self.drafts[piece.path] = _draft(piece)
        for piece in pieces:
            if os.path.lexists(piece.path):
                self.spares[piece.path] = _second_name(piece.path, piece.path)

    def place(self, pieces: Sequence[Piece]) -> None:
        """Put the new files into their places."""
        for piece in pieces:
            if not piece.removed:
                os.rename(self.drafts[piece.path], piece.path)
                del self.drafts[piece.path]
            elif piece.path in self.spares:
                os.unlink(piece.path)
            self.placed.append(piece)

    def take_back(self) -> list[str]:
        """Put the old files back; return those for which that failed."""
        stuck: list[str] = []
        for piece in reversed(self.placed):
            if stuck and piece.state:
                continue  # it says the truth: the files are not those that the service came up on
            try:
                if piece.path in self.spares:
                    os.rename(self.spares[piece.path], piece.path)
                    del self.spares[piece.path]
                elif not piece.removed:
                    os.unlink(piece.path)
            except OSError:
                if not piece.state:
                    stuck.append(piece.path)
        return stuck

    def tidy(self) -> None:
        """Remove temporary files."""
        _remove([*self.drafts.values(), *self.spares.values()])

    def abandon(self) -> list[str]:
        """Undo everything; return the files for which that failed."""
        stuck = self.take_back()
        self.tidy()
        for folder in reversed(self.altered):
            with contextlib.suppress(OSError):
                folder.apply()
        for directory in reversed(self.made):
            with contextlib.suppress(OSError):  # directories in use stay
                os.rmdir(directory)
        return stuck


def exchange(pieces: Sequence[Piece], folders: Sequence[Folder] = ()) -> None:
    """Move every piece into place, in the order given, or change nothing; `folders` are made before.

    :raises ExchangeFailed: when something could not be done; it says whether anything is in place.
    """
    work = _Exchange()
    try:
        for folder in folders:
            work.furnish(folder)
        work.stage(pieces)
        work.place(pieces)
    except BaseException as error:
        stuck = work.abandon()
        if isinstance(error, OSError):
            raise ExchangeFailed(error, stuck) from error
        raise
    work.tidy()


# --- room ---------------------------------------------------------------------------------------------------


@dataclass
class Room:
    """Free space on the file system that holds a path. `inodes` None: it does not count them."""

    mount: str
    device: int
    block: int
    free: int
    inodes: int | None
    read_only: bool


def room(path: str) -> Room:
    """Look at the file system of `path`, which need not be there yet."""
    while not os.path.exists(path):
        path = os.path.dirname(path)
    found, device = os.statvfs(path), os.stat(path).st_dev
    mount = os.path.realpath(path)
    while not os.path.ismount(mount):
        mount = os.path.dirname(mount)
    # root may use reserved blocks.
    free = found.f_bfree if os.geteuid() == 0 else found.f_bavail
    inodes = found.f_ffree if found.f_files else None
    read_only = bool(found.f_flag & os.ST_RDONLY)
    return Room(mount, device, found.f_frsize, free * found.f_frsize, inodes, read_only)


def _size(piece: Piece) -> int:
    return len((piece.content or "").encode(errors="surrogateescape"))


@dataclass
class Need:
    """What the pieces need on one file system, and the first of their paths there."""

    room: Room
    path: str
    size: int = 0
    files: int = 0

    @property
    def lacking(self) -> bool:
        """Whether they need more than is free."""
        inodes = self.room.inodes
        short = self.size + _RESERVE > self.room.free or (inodes is not None and self.files >= inodes)
        return short or self.room.read_only


def needs(pieces: Iterable[Piece]) -> list[Need]:
    """Return what the pieces need, by file system."""
    found: dict[int, Need] = {}
    for piece in pieces:
        if piece.removed:
            continue
        there = room(os.path.dirname(piece.path))
        need = found.setdefault(there.device, Need(there, piece.path))
        need.size += -(-_size(piece) // there.block) * there.block
        need.files += 1
    return list(found.values())


def amount(size: int) -> str:
    """Return a number of bytes as people read it."""
    for unit, factor in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} bytes"


def sentence(error: OSError, pieces: Sequence[Piece] = (), size: int = 0) -> str:
    """Return what an operator has to know of an error: the file, the file system, what is free there and needed.

    `size`: of a file that is none of the pieces.
    """
    path = str(error.filename or "")
    said = f"{path}: {error.strerror}" if path else str(error.strerror)
    if error.errno not in NO_ROOM or not path.startswith("/"):
        return said
    there = room(path)
    if there.read_only or error.errno == errno.EROFS:
        return f"{said}: {there.mount} is mounted read-only; mount it for writing, if its disk is sound"
    need = next((one for one in needs(pieces) if one.room.device == there.device), Need(there, path, size))
    free, wanted = amount(there.free), amount(need.size + _RESERVE)
    if there.inodes is not None and there.inodes <= need.files:
        free, wanted = f"{there.inodes} inodes", str(need.files + 1)
    quota = ", or raise the quota" if error.errno == errno.EDQUOT else ""
    return f"{said}: {there.mount} has {free} free and {wanted} are needed; make room there{quota}"
