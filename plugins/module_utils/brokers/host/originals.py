"""Keeps the files of a broker that was set up by hand permanently, before the first of them is replaced.

They stand below `ROOT/NAME/`, each at its own path, readable by root alone: a configuration and a cookie are secrets.
The folder is complete or absent, and is never written over: what is kept again later goes beside it, to `NAME.2`.
"""

from __future__ import annotations

import contextlib
import glob
import json
import os
import shutil
import stat
from typing import Any

ROOT = "/var/lib/brokerkit/originals"
_COMMENTS = ("#", "%", ";")


def own_words(text: str) -> str:
    """Return a configuration file without comments and blank lines."""
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith(_COMMENTS))


def files_below(paths: list[str]) -> list[str]:
    """Return the regular files that the paths (patterns, folders) lead to, sorted."""
    found: set[str] = set()
    for pattern in paths:
        for path in glob.glob(pattern):
            if os.path.isdir(path) and not os.path.islink(path):
                for folder, _, names in os.walk(path):
                    found.update(os.path.join(folder, name) for name in names)
            else:
                found.add(path)
    return sorted(path for path in found if os.path.isfile(path))


class Originals:
    """What is kept of one broker."""

    def __init__(self, name: str, root: str = ROOT) -> None:
        self._base = os.path.join(root, name)

    def _folders(self) -> list[str]:
        found, number = [], 1
        while os.path.isdir(self._folder(number)):
            found.append(self._folder(number))
            number += 1
        return found

    def _folder(self, number: int) -> str:
        return self._base if number == 1 else f"{self._base}.{number}"

    def kept(self, paths: list[str]) -> str | None:
        """Return the folder that holds exactly the present files, or None."""
        now = {path: _content(path) for path in paths}
        return next((folder for folder in self._folders() if _held(folder) == now), None)

    def next(self) -> str:
        """Return the folder that the next call of `keep` creates."""
        return self._folder(len(self._folders()) + 1)

    def keep(self, paths: list[str]) -> str:
        """Copy the files, with a list of their owners and modes, into a folder that appears when it is complete."""
        target = self.next()
        partial = target + ".partial"
        os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
        os.chmod(os.path.dirname(target), 0o700)
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(partial)
        os.mkdir(partial, 0o700)
        manifest = {}
        for path in paths:
            manifest[path] = _attributes(path)
            copy = os.path.join(partial, path.lstrip("/"))
            _make_private(os.path.dirname(copy))
            _write(copy, _content(path))
        _write(os.path.join(partial, "manifest.json"), (json.dumps(manifest, indent=1) + "\n").encode())
        os.rename(partial, target)
        return target


def _make_private(folder: str) -> None:
    """Make a folder and those above it, each for root alone: makedirs gives its mode to the last one only."""
    if not os.path.isdir(folder):
        _make_private(os.path.dirname(folder))
        os.mkdir(folder, 0o700)


def _content(path: str) -> bytes:
    with open(path, "rb") as handle:
        return handle.read()


def _attributes(path: str) -> dict[str, Any]:
    found = os.stat(path)
    return {"uid": found.st_uid, "gid": found.st_gid, "mode": format(stat.S_IMODE(found.st_mode), "04o")}


def _held(folder: str) -> dict[str, bytes]:
    try:
        manifest = json.loads(_content(os.path.join(folder, "manifest.json")))
        return {path: _content(os.path.join(folder, path.lstrip("/"))) for path in manifest}
    except (OSError, ValueError):
        return {}


def _write(path: str, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
