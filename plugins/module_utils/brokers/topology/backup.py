"""Backs up the broker's definitions before a run: time-stamped, gzipped, readable only by their owner."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..host import exchange

SUFFIX = ".json.gz"
STAMPED = r"\d{8}T\d{6}Z-[^-]*" + re.escape(SUFFIX)


class BackupFailed(Exception):
    """The backup could not be written, so nothing else was; the text is a sentence with a remedy."""


def load(path: str) -> dict[str, Any]:
    """The definitions in a file: one of this module's, or one that the broker exported.

    :raises BackupFailed: when it is not that.
    """
    try:
        content = Path(path).read_bytes()
        definitions = json.loads(gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content)
    except (OSError, EOFError, ValueError) as error:
        raise BackupFailed(
            f"{path} is not a file of definitions ({error}); name one that a backup wrote"
        ) from None
    if not isinstance(definitions, dict) or not isinstance(definitions.get("vhosts"), list):
        raise BackupFailed(f"{path} holds no definitions of a whole broker; name one that a backup wrote")
    return definitions


def name_of(url: str) -> str:
    """The broker's name in a folder of backups: its address, with the path of a proxy that has several behind it."""
    parts = urlsplit(url)
    return parts.netloc + parts.path.rstrip("/")


@dataclass(frozen=True)
class Store:
    """A folder of backups, of which the newest ``count`` of the broker ``name`` stay.

    ``option``: what the operator sets to have another one.
    """

    folder: str
    count: int
    name: str
    option: str = "backup_dir"

    def keep(self, definitions: Mapping[str, Any], version: str) -> str:
        """Writes one backup and removes what is too old.

        :returns: the path of the file.
        :raises BackupFailed: when the folder cannot be written.
        """
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        path = Path(self.folder) / f"{self._prefix}{stamp}-{version}{SUFFIX}"
        content = gzip.compress(json.dumps(definitions, ensure_ascii=False).encode(), mtime=0)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._write(path, content)
            for old in self._all()[: -max(self.count, 1)]:
                old.unlink()
        except OSError as error:
            raise BackupFailed(self._why(error, path, len(content))) from None
        return str(path)

    def _why(self, error: OSError, path: Path, size: int) -> str:
        if error.errno in exchange.NO_ROOM:
            error.filename = str(path)
            return (
                f"{self.option}: {exchange.sentence(error, size=size)}, or name another folder. Nothing was changed on "
                "the broker, because its definitions could not be kept before"
            )
        return (
            f"{self.option}: {path} cannot be written ({error.strerror or error}); nothing was changed on the "
            f"broker. Name a folder that the login of this host can write, or leave {self.option} empty"
        )

    def _write(self, path: Path, content: bytes) -> None:
        """The file appears complete or not at all, and is never readable by others."""
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as raw:
                raw.write(content)
                raw.flush()
                os.fsync(raw.fileno())
            draft.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                draft.unlink()
            raise

    def _all(self) -> list[Path]:
        return sorted(path for path in Path(self.folder).iterdir() if self._is_one(path.name))

    def _is_one(self, name: str) -> bool:
        """Whether a file is of this broker, and not of one whose name goes on."""
        return re.fullmatch(re.escape(self._prefix) + STAMPED, name) is not None

    @property
    def _prefix(self) -> str:
        """Several brokers may share a folder; a character that a file name should not have becomes a hyphen."""
        return "definitions-" + re.sub(r"[^A-Za-z0-9.]+", "-", self.name).strip("-") + "-"
